//! Where the lists of a node's jobs are kept: in memory while it lasts, then on disk.
//!
//! Spec 04 §6 and 09 §4. One budget of memory and one of disk for the whole node, one folder for
//! each job. Made by the daemon; the job runner asks for a store per job, the catalog for one to
//! count identities with.

use std::path::PathBuf;
use std::sync::Arc;

use psi_core::store::{BackgroundStore, ExternalStore, MemoryBudget, RecordStore, StoreError};

use crate::config::NodeConfig;
use crate::memory::MemoryShares;
use crate::runs::{DiskRuns, DiskSpace};

/// The folder of lists on disk, in the state folder.
pub const JOBS_FOLDER: &str = "jobs";

/// The memory and the disk that the lists of a node share. Clones share them too.
#[derive(Clone)]
pub struct Lists {
    budget: MemoryBudget,
    space: DiskSpace,
    jobs_dir: PathBuf,
}

impl Lists {
    /// Under the limits of a configuration. Makes nothing on disk.
    #[must_use]
    pub fn new(config: &NodeConfig) -> Self {
        let share = MemoryShares::of(config.memory_limit).list_bytes;
        let wanted = config.list_memory.map_or(share, |wanted| wanted.as_u64());
        let bytes = share.min(wanted);
        Self {
            budget: MemoryBudget::new(usize::try_from(bytes).unwrap_or(usize::MAX)),
            space: DiskSpace::new(config.disk_limit.map(|limit| limit.as_u64())),
            jobs_dir: config.state_dir().join(JOBS_FOLDER),
        }
    }

    /// A store whose lists live in the folder `job`, which goes with the last of them.
    ///
    /// # Errors
    /// [`StoreError`] if the folder cannot be made, or exists.
    pub fn store(&self, job: &str) -> Result<Arc<dyn RecordStore>, StoreError> {
        let runs = DiskRuns::create(&self.jobs_dir, job, self.space.clone())?;
        let lists = ExternalStore::new(Arc::new(runs), self.budget.clone());
        Ok(Arc::new(BackgroundStore::new(lists, self.budget.clone())))
    }
}
