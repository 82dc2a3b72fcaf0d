//! What is checked when a table is loaded, and what happens when files change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{ArrayRef, BooleanArray, Date32Array, StringArray};
use psi_core::Code;
use psi_core::identifier::IdentifierKind;
use psi_core::progress::{Progress, Silent, Stage};

use crate::testing::{Folder, MEMBERS, digests, expected, freeze, freeze_plan, identities, query};
use crate::{FreezeError, QueryError};

const KEY: &str = "[[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\n";

fn table(settings: &str, key: &str) -> String {
    format!("[table.t]\nsource = 't.csv'\n{settings}\n{key}")
}

#[tokio::test]
async fn the_documented_sample_loads_and_answers() {
    let folder = Folder::new();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "email_hash",
            Arc::new(StringArray::from(vec!["aa", "BB", "cc", "not hex"])),
        ),
        (
            "last_purchase",
            Arc::new(Date32Array::from(vec![20_000, 20_200, 20_300, 20_300])),
        ),
        (
            "consent",
            Arc::new(BooleanArray::from(vec![true, true, false, true])),
        ),
    ];
    folder.parquet("customers.parquet", &columns);
    let toml = r#"
        [table.customers]
        source = "customers.parquet"
        filter = ["last_purchase"]
        row_filter = "consent = true"
        minimum = 10
        [[table.customers.key]]
        columns = ["email_hash"]
        kinds = ["hex"]
        unique = true
        identities = 5000
    "#;
    let (catalog, report) = folder.try_load(toml).await.unwrap();
    assert!(report.is_clean(), "{report:#?}");
    let found = &report.tables[0];
    assert_eq!((found.rows, found.rows_allowed), (4, 3));
    let key = &found.keys[0];
    assert_eq!(
        (key.distinct, key.nulls, key.identities, key.derived),
        (3, 1, 5000, false)
    );
    assert_eq!(catalog.tables()[0].keys[0].identities, 5000);

    let sql = "SELECT COUNT(*) FROM snowy.customers AS s JOIN brand.customers AS b \
               ON s.email_hash = b.email_hash WHERE b.last_purchase > '2025-01-01'";
    let plan = catalog.plan_request(sql, MEMBERS).unwrap();
    assert!(plan.facts.key_unique);
    assert_eq!((plan.facts.identities, plan.facts.minimum), (5000, 10));
    let frozen = freeze_plan(&catalog, &plan, Arc::new(Silent))
        .await
        .unwrap();
    assert_eq!(
        (frozen.rows_scanned, frozen.rows_selected, frozen.nulls),
        (4, 2, 1)
    );
    assert_eq!(identities(&frozen).len(), 1);
}

#[tokio::test]
async fn a_table_with_a_problem_is_not_served_and_the_others_are() {
    let folder = Folder::new();
    folder.write("t.csv", "id,name,Name,x\n1,a,b,0.5\n2,c,d,1\n2,e,f,7\n");
    folder.write("good.csv", "id\n1\n");
    let key = |extra: &str| format!("{KEY}{extra}\n");
    for (settings, key, place, says) in [
        (
            "",
            key("unique = true"),
            "table.t.key[1].unique",
            "1 rows repeat",
        ),
        (
            "",
            key("identities = 1"),
            "table.t.key[1].identities",
            "2 distinct identities",
        ),
        (
            "filter = ['y']",
            key(""),
            "table.t.filter",
            "no column \"y\"",
        ),
        (
            "filter = ['NAME']",
            key(""),
            "table.t.filter",
            "upper and lower case",
        ),
        (
            "",
            KEY.replace("'id'", "'idd'"),
            "table.t.key[1]",
            "no column \"idd\"",
        ),
        ("", String::new(), "table.t.key", "no join key"),
        (
            "row_filter = 'y = 1'",
            key(""),
            "table.t.row_filter",
            "no column y",
        ),
        (
            "row_filter = 'x'",
            key(""),
            "table.t.row_filter",
            "a bare column as a condition",
        ),
        (
            "row_filter = 'x >'",
            key(""),
            "table.t.row_filter",
            "the end",
        ),
        (
            "row_filter = 'x > 1; DROP'",
            key(""),
            "table.t.row_filter",
            "the end of the condition",
        ),
        (
            "row_filter = 'x > (SELECT 1)'",
            key(""),
            "table.t.row_filter",
            "a subquery",
        ),
        (
            "row_filter = 'SUM(x) > 1'",
            key(""),
            "table.t.row_filter",
            "the aggregate SUM",
        ),
        (
            "row_filter = 'x > $1'",
            key(""),
            "table.t.row_filter",
            "placeholder",
        ),
        (
            "row_filter = \"uuid() > 'a'\"",
            key(""),
            "table.t.row_filter",
            "the function UUID",
        ),
        (
            "row_filter = 'x < name'",
            key(""),
            "table.t.row_filter",
            "cannot be compared",
        ),
        (
            "row_filter = 'CAST(name AS INT) = 1'",
            key(""),
            "table.t.row_filter",
            "CAST",
        ),
        (
            "row_filter = 'x > 1 x'",
            key(""),
            "table.t.row_filter",
            "the end of the condition",
        ),
        (
            "row_filter = 't.x > 1'",
            key(""),
            "table.t.row_filter",
            "which is not needed",
        ),
    ] {
        let good = "[table.good]\nsource = 'good.csv'\n\
                    [[table.good.key]]\ncolumns = ['id']\nkinds = ['int']\n";
        let toml = format!("{}\n{good}", table(settings, &key));
        let (catalog, report) = folder.try_load(&toml).await.unwrap();
        let found = report.tables.iter().find(|t| t.name == "t").unwrap();
        let problem = found
            .problems
            .first()
            .unwrap_or_else(|| panic!("{settings} {key}: served"));
        assert_eq!(problem.place, place, "{problem}");
        assert!(problem.what.contains(says), "{problem}");
        assert!(!problem.remedy.is_empty());
        let served: Vec<String> = catalog.tables().into_iter().map(|t| t.name).collect();
        assert_eq!(served, ["good"]);
        match catalog.plan_request(&query(""), MEMBERS) {
            Err(QueryError::Refused(refusal)) => assert_eq!(refusal.code, Code::Unavailable),
            _ => panic!("a table with a problem was planned"),
        }
        assert!(catalog.refresh("t").await.is_err());
    }
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named() {
    let folder = Folder::new();
    folder.write("ragged.csv", "id,x\n1\n");
    folder.write("empty.csv", "");
    folder.write("twice.csv", "id, id \n1,2\n");
    folder.write("broken.parquet", "PAR1");
    folder.write("table.txt", "id\n1\n");
    folder.write("mixed/a.csv", "id\n1\n");
    folder.write("mixed/b.parquet", "");
    folder.write("headers/a.csv", "id,x\n1,2\n");
    folder.write("headers/b.csv", "x,id\n1,2\n");
    folder.write("none/readme.txt", "");
    for (source, says) in [
        ("missing.csv", "cannot be read"),
        ("ragged.csv", "as CSV"),
        ("empty.csv", "empty"),
        ("twice.csv", "two columns are called \"id\""),
        ("broken.parquet", "as Parquet"),
        ("table.txt", "neither .csv, .tsv nor .parquet"),
        ("mixed", "both .csv and .parquet"),
        ("headers", "another header"),
        ("none", "no .csv, .tsv or .parquet"),
    ] {
        let toml = table("", KEY).replace("t.csv", source);
        let (_, report) = folder.try_load(&toml).await.unwrap();
        let problem = &report.tables[0].problems[0];
        assert!(problem.what.contains(says), "{problem}");
        assert_eq!(problem.place, "table.t.source");
    }
}

#[tokio::test]
async fn sizes_that_are_left_out_are_derived_from_the_whole_table() {
    let folder = Folder::new();
    let rows: Vec<String> = (0..1234).map(|i| format!("{i},{}", i % 2)).collect();
    folder.write("t.csv", &format!("id,x\n{}\n", rows.join("\n")));
    let (_, report) = folder
        .try_load(&table("row_filter = 'x = 1'", KEY))
        .await
        .unwrap();
    let key = &report.tables[0].keys[0];
    assert_eq!(
        (key.distinct, key.identities, key.derived),
        (1234, 1300, true)
    );
    assert_eq!(report.tables[0].rows_allowed, 617);
}

#[tokio::test]
async fn composite_keys_are_null_if_one_part_is() {
    let folder = Folder::new();
    folder.write("t.csv", "first,last\nAnn,1\nann,01\nBob,\n,3\n");
    let key = "[[table.t.key]]\ncolumns = ['first', 'last']\nkinds = ['lower', 'int']\n";
    let (catalog, report) = folder.try_load(&table("", key)).await.unwrap();
    let found = &report.tables[0].keys[0];
    assert_eq!((found.distinct, found.nulls), (1, 2));
    let sql = "SELECT COUNT(DISTINCT b.last, b.first) FROM snowy.p AS s JOIN brand.t AS b \
               ON s.l = b.last AND s.f = b.first";
    let plan = catalog.plan_request(sql, MEMBERS).unwrap();
    assert_eq!(plan.facts.key_columns, ["last", "first"]);
    assert_eq!(
        plan.facts.key_kinds,
        [IdentifierKind::Int, IdentifierKind::Lower]
    );
    assert_eq!(plan.peer_key_columns, ["l", "f"]);
    assert_eq!(plan.output.columns, ["count(distinct last, first)"]);
}

#[tokio::test]
async fn files_that_change_after_load_are_noticed_and_loaded_again() {
    let folder = Folder::new();
    folder.write("t.csv", "id,x\n1,1\n2,2\n");
    let catalog = folder
        .load(&table("filter = ['x']", &format!("{KEY}unique = true")))
        .await;
    assert_eq!(digests(&catalog, "b.x > 1").await.len(), 1);

    // Same length, other content, and a new inode as after a rename.
    let before = std::fs::metadata(folder.path("t.csv"))
        .unwrap()
        .modified()
        .unwrap();
    folder.write("new.csv", "id,x\n3,3\n4,4\n");
    std::fs::rename(folder.path("new.csv"), folder.path("t.csv")).unwrap();
    let file = std::fs::File::options()
        .write(true)
        .open(folder.path("t.csv"))
        .unwrap();
    file.set_modified(before).unwrap();
    match freeze(&catalog, &query("")).await {
        Err(err @ FreezeError::Unavailable(_)) => assert_eq!(err.code(), Code::Unavailable),
        _ => panic!("a changed file was frozen"),
    }
    catalog.refresh("T").await.unwrap();
    assert_eq!(
        digests(&catalog, "").await,
        expected(IdentifierKind::Int, &["3", "4"])
    );

    // A change that breaks a promise takes the table out of service until it is corrected.
    folder.write("t.csv", "id,x\n3,3\n3,4\n5,5\n");
    let reason = catalog.refresh("t").await.unwrap_err();
    assert!(reason.what.contains("repeat"), "{reason}");
    assert!(catalog.tables().is_empty());
    folder.write("t.csv", "id,x\n3,3\n5,5\n");
    catalog.refresh("t").await.unwrap();
    assert_eq!(
        digests(&catalog, "").await,
        expected(IdentifierKind::Int, &["3", "5"])
    );
    std::fs::remove_file(folder.path("t.csv")).unwrap();
    assert!(catalog.refresh("t").await.is_err());
    assert!(catalog.refresh("unknown").await.is_err());
}

#[tokio::test]
async fn a_plan_whose_literals_no_longer_fit_the_reloaded_table_does_not_freeze() {
    let folder = Folder::new();
    folder.write("t.csv", "id,x\n1,1\n");
    let catalog = folder.load(&table("filter = ['x']", KEY)).await;
    let plan = catalog.plan_request(&query("b.x > 0"), MEMBERS).unwrap();
    folder.write("t.csv", "id,x\n1,one\n");
    catalog.refresh("t").await.unwrap();
    let frozen = freeze_plan(&catalog, &plan, Arc::new(Silent)).await;
    assert!(matches!(frozen, Err(FreezeError::Unavailable(_))));
}

struct StopAfter(AtomicU64);

impl Progress for StopAfter {
    fn report(&self, stage: Stage, done: u64, total: u64) -> Result<(), psi_core::Error> {
        assert_eq!(stage, Stage::Freeze);
        assert!(done <= total);
        match self.0.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(psi_core::Error::Cancelled),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn freezing_reports_progress_and_stops_when_asked() {
    let folder = Folder::new();
    let rows: Vec<String> = (0..50_000).map(|i| i.to_string()).collect();
    folder.write("t.csv", &format!("id\n{}\n", rows.join("\n")));
    let catalog = folder.load(&table("", KEY)).await;
    let plan = catalog.plan_request(&query(""), MEMBERS).unwrap();
    let stop = Arc::new(StopAfter(AtomicU64::new(2)));
    match freeze_plan(&catalog, &plan, stop).await {
        Err(err @ FreezeError::Cancelled) => assert_eq!(err.code(), Code::Cancelled),
        _ => panic!("it went on"),
    }
    let patient = Arc::new(StopAfter(AtomicU64::new(1_000_000)));
    let frozen = freeze_plan(&catalog, &plan, patient).await.unwrap();
    assert_eq!(identities(&frozen).len(), 50_000);
}
