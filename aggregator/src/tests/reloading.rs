//! What the input of a job is made of: the table that was agreed, and rows that have an identity.

use std::sync::Arc;

use psi_core::progress::Silent;

use super::pipeline::agree;
use crate::testing::{Folder, MEMBERS, freeze_plan};
use crate::{Catalog, FreezeError, RequestPlan};

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
