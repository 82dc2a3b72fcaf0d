//! A node without a daemon, for tests: everything a job works with, and no peer.

use std::path::Path;

use aggregator::{Catalog, ReadOptions};
use psi_core::kernel::portable::Portable;
use psi_core::store::MemoryStore;

use super::*;
use crate::net::NetLimits;
use crate::places::Places;

/// A node whose `node.toml` in `folder` says `text`, and whose key is `key`.
pub(crate) async fn context(folder: &Path, text: &str, key: NodeKey) -> Arc<JobContext> {
    let config = NodeConfig::parse(text, &folder.join("node.toml")).unwrap();
    let key = Arc::new(key);
    let state = State::open(&config.state_dir()).unwrap();
    let kernel: Arc<dyn Kernel> = Arc::new(Portable);
    let options = ReadOptions {
        threads: 1,
        kernel: Arc::clone(&kernel),
        sql: None,
    };
    let store = Arc::new(MemoryStore);
    let loaded = Catalog::load(
        folder,
        &config.table,
        options,
        store,
        Arc::new(state.clone()),
    )
    .await;
    let known = Known::default();
    let limits = NetLimits::default();
    let endpoint = Endpoint::bind(config.listen, &key, known.clone(), limits).unwrap();
    Arc::new(JobContext {
        registry: Registry::new(Places::new(config.jobs_max)),
        notes: Arc::new(Notes::new(state.clone(), Arc::clone(&key))),
        looks: Arc::default(),
        doors: Arc::default(),
        settle_doors: Arc::default(),
        turns: Turns::default(),
        audit_room: Arc::default(),
        known,
        key,
        state,
        catalog: loaded.unwrap().0,
        lists: Lists::new(&config),
        engine: EngineThreads::start(1).unwrap(),
        endpoint,
        kernel,
        chains: Arc::new(ChainLocks::default()),
        live: LiveJobs::default(),
        settling: Arc::default(),
        config: Arc::new(config),
    })
}
