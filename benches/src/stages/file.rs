//! What reading a table costs: a Parquet file of identifiers, as a job reads it, without the lists.

use std::path::Path;
use std::sync::Arc;

use aggregator::{Catalog, MemberNames, NoTypes, ReadOptions, RequestPlan, TableConfigs};
use psi_core::kernel::Kernel;
use psi_core::progress::Silent;
use psi_core::spec::{
    Agreement, AskedMode, CollabId, Half, JobSpec, NodeId, Nonce, Party, Recipients, RevisionHash,
};
use psi_core::store::{MemoryStore, RecordList, RecordStore, RecordWriter, StoreError};
use serde_json::json;

use crate::data::{IdKind, Source, write_table};

/// Rows of the file: sixteen row groups, each of which one thread reads.
pub(crate) const ROWS: usize = 1 << 20;

/// A table on disk, and a count that reads it.
pub(crate) struct Table {
    catalog: Catalog,
    plan: RequestPlan,
    spec: JobSpec,
    _folder: tempfile::TempDir,
}

impl Table {
    /// Makes the file and loads the table. One thread reads.
    pub(crate) async fn make(kernel: &Arc<dyn Kernel>) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("ids.parquet");
        let kind = IdKind::Hex;
        write_table(&file, Source::Parquet, kind, 0..ROWS as u64, None)
            .expect("the file can be written");
        let catalog = load(folder.path(), kind, kernel).await;
        let sql = "SELECT COUNT(*) FROM other.ids AS s JOIN own.ids AS b ON s.id = b.id";
        let names = MemberNames {
            own: "own",
            peer: "other",
        };
        let plan = catalog
            .plan_request_for(sql, names, Recipients::Requester)
            .expect("the count can be planned");
        let spec = job(&plan);
        Self {
            catalog,
            plan,
            spec,
            _folder: folder,
        }
    }

    /// Reads all rows once, and digests their identifiers.
    pub(crate) async fn read(&self) {
        let store = Arc::new(Nowhere);
        let input = self.catalog.freeze_job(
            &self.plan.side,
            &self.spec,
            Party::Requester,
            None,
            store,
            Arc::new(Silent),
        );
        let input = input.await.expect("the table can be read");
        assert_eq!(input.rows_scanned, ROWS as u64);
    }
}

async fn load(folder: &Path, kind: IdKind, kernel: &Arc<dyn Kernel>) -> Catalog {
    let tables = json!({ "ids": {
        "source": "ids.parquet",
        "minimum": 1,
        "key": [{ "columns": ["id"], "kinds": [kind.name()], "unique": true, "identities": ROWS }],
    }});
    let tables: TableConfigs = serde_json::from_value(tables).expect("a table's section");
    let options = ReadOptions {
        threads: 1,
        kernel: Arc::clone(kernel),
        sql: None,
    };
    let (store, types) = (Arc::new(MemoryStore), Arc::new(NoTypes));
    let loaded = Catalog::load(folder, &tables, options, store, types).await;
    let (catalog, report) = loaded.expect("the section makes sense");
    assert!(report.is_clean(), "{report:#?}");
    catalog
}

/// A job of the plan against itself, in which this side is Receiver.
fn job(plan: &RequestPlan) -> JobSpec {
    let half = |node: u8, prefer_receiver| {
        let mut facts = plan.facts.clone();
        facts.prefer_receiver = prefer_receiver;
        Half {
            node_id: NodeId([node; 32]),
            nonce: Nonce([node; 32]),
            facts,
        }
    };
    let agreement = Agreement {
        collab_id: CollabId([1; 32]),
        revision: RevisionHash([1; 32]),
        query: plan.canonical.clone(),
        hidden: Vec::new(),
        shape: plan.output.shape.clone(),
        recipients: Recipients::Requester,
        mode: AskedMode::Exact,
        requester_may_receive: true,
        responder_may_receive: true,
    };
    JobSpec::assemble(agreement, half(1, true), half(2, false)).expect("a job of two halves")
}

/// Keeps no record.
struct Nowhere;

struct Dropped(usize);

impl RecordStore for Nowhere {
    fn unsorted(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        Ok(Box::new(Dropped(width)))
    }

    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        self.unsorted(width)
    }
}

impl RecordWriter for Dropped {
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError> {
        std::hint::black_box(records);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        MemoryStore.in_order(self.0)?.finish()
    }

    fn finish_distinct(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        self.finish()
    }
}
