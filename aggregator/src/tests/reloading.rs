//! What the input of a job is made of: the table that was agreed, and rows that have an identity.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use psi_core::progress::Silent;
use psi_core::store::{MemoryStore, RecordStore, RecordWriter, StoreError, StoreErrorKind};

use super::pipeline::agree;
use crate::testing::{Folder, MEMBERS, freeze_plan, load_with};
use crate::{Catalog, FreezeError, NoTypes, RequestPlan};

const SQL: &str = "SELECT SUM(c.age), COUNT(c.age) FROM brand.t AS c JOIN snowy.t AS o \
                   ON c.id = o.id";

const TABLE: &str = "
    [table.t]
    source = 't.csv'
    minimum = 1
    owner_may_receive = true
    [[table.t.key]]
    columns = ['id']
    kinds = ['int']
    unique = true
    [table.t.aggregate.age]
    functions = ['avg', 'sum', 'count']
    [table.t.aggregate.factor]
    functions = ['sum']
";

async fn frozen(catalog: &Catalog, plan: &RequestPlan) -> Result<(), FreezeError> {
    let input = freeze_plan(catalog, plan, Arc::new(Silent)).await;
    input.map(drop)
}

#[tokio::test]
async fn a_table_that_was_loaded_again_does_not_answer_for_facts_of_the_old_one() {
    let folder = Folder::new();
    folder.write("t.csv", "id,age,factor\n1,20,1\n2,30,1\n");
    let catalog = folder.load(TABLE).await;
    let plan = catalog.plan_request(SQL, MEMBERS).unwrap();
    assert!(!plan.facts.values[0].nullable);
    frozen(&catalog, &plan).await.unwrap();
    // Another job's proposal sees the new files first, and the table is served again.
    folder.write("t.csv", "id,age,factor\n1,20,1\n2,,1\n3,40,1\n");
    catalog.refresh("t").await.unwrap();
    let refused = frozen(&catalog, &plan).await.unwrap_err();
    assert!(matches!(refused, FreezeError::Unavailable(_)), "{refused}");
    let plan = catalog.plan_request(SQL, MEMBERS).unwrap();
    assert!(plan.facts.values[0].nullable);
    frozen(&catalog, &plan).await.unwrap();
}

#[tokio::test]
async fn a_row_without_identity_does_not_keep_an_expression_from_being_summed() {
    let folders = [Folder::new(), Folder::new()];
    // The product of the last row is beyond 63 bits, and nobody's.
    folders[0].write(
        "t.csv",
        "id,age,factor\n1,20,2\n2,30,3\n,4000000000000000000,4000000000000000000\n",
    );
    folders[1].write("t.csv", "id,age,factor\n1,1,1\n2,1,1\n");
    let (own, peer) = (folders[0].load(TABLE).await, folders[1].load(TABLE).await);
    let sql = SQL.replace("SUM(c.age), COUNT(c.age)", "SUM(c.age * c.factor)");
    let job = agree(&own, &peer, &sql).await.unwrap();
    let rows = job.rows().rows;
    assert_eq!(
        rows[0].values,
        [crate::result::ResultValue::Integer(20 * 2 + 30 * 3)]
    );
}

#[tokio::test]
async fn a_table_that_failed_is_tried_again_when_its_files_are_others_and_never_served_as_it_was() {
    let folder = Folder::new();
    folder.write("t.csv", "id,age,factor\n1,20,1\n");
    let catalog = folder.load(TABLE).await;
    catalog.plan_request(SQL, MEMBERS).unwrap();
    folder.write("t.csv", "id,age,factor\n1,20,1\n2,30");
    let look = catalog.look("t").await.unwrap();
    assert!(look.changed);
    let why = catalog.refresh("t").await.unwrap_err();
    assert!(why.what.contains("line 3"), "{why}");
    assert_eq!(catalog.not_served()[0].problems.len(), 1);
    assert!(catalog.tables().is_empty());
    assert!(catalog.plan_request(SQL, MEMBERS).is_err());
    // The files that failed are not read again.
    assert!(!catalog.has_changed("t").await.unwrap());
    folder.write("t.csv", "id,age,factor\n1,20,1\n2,30,1\n");
    assert_ne!(catalog.look("t").await.unwrap(), look);
    catalog.refresh("t").await.unwrap();
    assert!(catalog.not_served().is_empty());
    catalog.plan_request(SQL, MEMBERS).unwrap();
}

/// A store on a disk that is full, for a while.
#[derive(Default)]
struct Full(AtomicBool);

impl RecordStore for Full {
    fn unsorted(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(StoreError {
                kind: StoreErrorKind::DiskFull,
                what: "making a list",
                source: "no room".into(),
            });
        }
        MemoryStore.unsorted(width)
    }

    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        MemoryStore.in_order(width)
    }
}

#[tokio::test]
async fn a_table_that_found_no_room_is_tried_again_although_its_files_are_the_same() {
    let folder = Folder::new();
    folder.write("t.csv", "id,age,factor\n1,20,1\n");
    let store = Arc::new(Full::default());
    store.0.store(true, Ordering::Relaxed);
    let (catalog, report) = load_with(
        &folder.path(""),
        TABLE,
        Arc::clone(&store) as _,
        Arc::new(NoTypes),
    )
    .await
    .unwrap();
    let problem = &report.tables[0].problems[0];
    assert!(problem.what.contains("no room"), "{problem}");
    let look = catalog.look("t").await.unwrap();
    assert!(look.may_pass && !look.changed, "no peer has it loaded");
    store.0.store(false, Ordering::Relaxed);
    catalog.refresh("t").await.unwrap();
    let look = catalog.look("t").await.unwrap();
    assert!(!look.may_pass && !look.changed);
}
