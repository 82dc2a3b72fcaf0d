//! Folders as Hive and Spark leave them: columns in the names of folders, files that are not data.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use psi_core::identifier::IdentifierKind;

use crate::testing::{Folder, digests, expected};
use crate::{Catalog, LoadReport};

const KEY: &str = "[[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\n";

fn table(settings: &str) -> String {
    format!("[table.t]\nsource = 'd'\n{settings}\n{KEY}")
}

fn ids(values: &[&str]) -> Vec<[u8; 32]> {
    expected(IdentifierKind::Int, values)
}

/// Every kind of data file holds one row with this key.
fn part(folder: &Folder, name: &str, id: i64) {
    if name.ends_with(".parquet") {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![id]));
        folder.parquet(name, &[("id", column)]);
    } else {
        folder.write(name, &format!("id\n{id}\n"));
    }
}

fn kind_of(report: &LoadReport, column: &str) -> String {
    let mut columns = report.tables[0].columns.iter();
    columns
        .find(|found| found.name == column)
        .unwrap()
        .kind
        .clone()
}

async fn check(catalog: &Catalog, conditions: &[(&str, &[&str])]) {
    for (condition, selected) in conditions {
        assert_eq!(
            digests(catalog, condition).await,
            ids(selected),
            "{condition}"
        );
    }
}

#[tokio::test]
async fn names_of_folders_are_columns_of_both_formats() {
    for ending in ["csv", "parquet"] {
        let folder = Folder::new();
        for (path, id) in [
            ("year=2024/region=north%2Fwest/a", 1),
            ("year=2024/region=s%C3%BCd/b", 2),
            ("year=2025/region=__HIVE_DEFAULT_PARTITION__/c", 3),
            ("year=__HIVE_DEFAULT_PARTITION__/region=100%/d", 4),
            ("year=2025/region=a=b/e", 5),
        ] {
            part(&folder, &format!("d/{path}.{ending}"), id);
        }
        folder.write("d/_SUCCESS", "");
        folder.write("d/year=2024/._SUCCESS.crc", "");
        folder.write("d/year=2024/_temporary/0/part.csv", "id\n9\n");
        folder.write("d/year=2024/region=s%C3%BCd/.b.csv.crc", "x");
        let toml = table("filter = ['year', 'region']\ndimension = { year = [2024, 2025] }");
        let (catalog, report) = folder.try_load(&toml).await.unwrap();
        assert!(report.is_clean(), "{report:#?}");
        assert_eq!(report.tables[0].rows, 5);
        assert_eq!(kind_of(&report, "year"), "integer");
        assert_eq!(kind_of(&report, "region"), "text");
        let conditions: [(&str, &[&str]); 7] = [
            ("b.year = 2024", &["1", "2"]),
            ("b.year > 2024", &["3", "5"]),
            ("b.year IS NULL", &["4"]),
            ("b.region = 'north/west'", &["1"]),
            ("b.region IN ('süd', '100%')", &["2", "4"]),
            ("b.region IS NULL", &["3"]),
            ("b.region = 'a=b' AND b.year = 2025", &["5"]),
        ];
        check(&catalog, &conditions).await;
    }
}

#[tokio::test]
async fn a_partition_column_has_the_type_of_all_its_values_or_the_declared_one() {
    let folder = Folder::new();
    part(&folder, "d/zip=02139/day=2025-01-31/a.parquet", 1);
    part(&folder, "d/zip=2139/day=2025-02-01/a.parquet", 2);
    let (catalog, report) = folder
        .try_load(&table("filter = ['zip', 'day']"))
        .await
        .unwrap();
    assert_eq!(kind_of(&report, "zip"), "integer");
    assert_eq!(kind_of(&report, "day"), "date");
    let both: [(&str, &[&str]); 2] = [
        ("b.zip = 2139", &["1", "2"]),
        ("b.day >= '2025-02-01'", &["2"]),
    ];
    check(&catalog, &both).await;
    let toml = table("filter = ['zip']\ntypes = { zip = 'text' }\ndimension = { zip = ['02139'] }");
    let (catalog, report) = folder.try_load(&toml).await.unwrap();
    assert_eq!(kind_of(&report, "zip"), "text");
    check(&catalog, &[("b.zip = '02139'", &["1"])]).await;
    part(&folder, "d/zip=unknown/day=2025-02-01/a.parquet", 3);
    let (_, report) = folder.try_load(&table("filter = ['zip']")).await.unwrap();
    assert_eq!(kind_of(&report, "zip"), "text");
    let (_, report) = folder
        .try_load(&table("filter = ['zip']\ntypes = { zip = 'integer' }"))
        .await
        .unwrap();
    assert!(
        report.tables[0].problems[0]
            .what
            .contains("1 values of \"zip\"")
    );
    let (catalog, _) = folder
        .try_load(&table("filter = ['zip']\nnull = ['unknown']"))
        .await
        .unwrap();
    check(&catalog, &[("b.zip IS NULL", &["3"])]).await;
}

#[tokio::test]
async fn a_partition_column_can_be_the_key_and_replaces_a_column_of_the_files() {
    let folder = Folder::new();
    let id: ArrayRef = Arc::new(StringArray::from(vec!["wrong", "wrong"]));
    let x: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    for value in ["7", "8"] {
        let columns = [("id", Arc::clone(&id)), ("x", Arc::clone(&x))];
        folder.parquet(&format!("d/id={value}/a.parquet"), &columns);
    }
    let (catalog, report) = folder.try_load(&table("filter = ['x']")).await.unwrap();
    let found = &report.tables[0];
    assert_eq!((found.rows, found.keys[0].distinct), (4, 2));
    assert!(
        found.notes[0].contains("\"id\" is in the files and in the names"),
        "{found:?}"
    );
    check(&catalog, &[("", &["7", "8"]), ("b.x = 1", &["7", "8"])]).await;
}

#[tokio::test]
async fn plain_folders_are_read_and_every_file_of_them_belongs_to_the_stamp() {
    let folder = Folder::new();
    part(&folder, "d/a.csv", 1);
    part(&folder, "d/2025/01/b.csv", 2);
    part(&folder, "d/2025/02/c.csv", 3);
    let catalog = folder.load(&table("")).await;
    check(&catalog, &[("", &["1", "2", "3"])]).await;
    part(&folder, "d/2025/02/more/d.csv", 4);
    assert!(
        crate::testing::freeze(&catalog, &crate::testing::query(""))
            .await
            .is_err()
    );
    catalog.refresh("t").await.unwrap();
    check(&catalog, &[("", &["1", "2", "3", "4"])]).await;
    part(&folder, "d/2025/01/b.csv", 20);
    catalog.refresh("t").await.unwrap();
    check(&catalog, &[("", &["1", "20", "3", "4"])]).await;
    std::fs::remove_dir_all(folder.path("d/2025/02")).unwrap();
    catalog.refresh("t").await.unwrap();
    check(&catalog, &[("", &["1", "20"])]).await;
}

#[tokio::test]
async fn a_renamed_folder_of_a_key_is_noticed() {
    let folder = Folder::new();
    part(&folder, "d/year=2024/a.csv", 1);
    let catalog = folder.load(&table("filter = ['year']")).await;
    check(&catalog, &[("b.year = 2024", &["1"])]).await;
    std::fs::rename(folder.path("d/year=2024"), folder.path("d/year=2025")).unwrap();
    catalog.refresh("t").await.unwrap();
    check(&catalog, &[("b.year = 2025", &["1"])]).await;
}

#[tokio::test]
async fn folders_that_do_not_make_one_table_are_refused_by_name() {
    for (files, says) in [
        (
            ["year=2024/a.csv", "b.csv"],
            "b.csv in no folder `key=value`",
        ),
        (["year=2024/a.csv", "2025/b.csv"], "in no folder"),
        (
            ["year=2024/month=1/a.csv", "year=2025/day=1/b.csv"],
            "lies in year=…/day=…, and",
        ),
        (
            ["year=2024/month=1/a.csv", "year=2025/b.csv"],
            "b.csv lies in year=…, and",
        ),
        (["year=2024/a.csv", "Year=2025/b.csv"], "=…, and"),
        (
            ["year=2024/a.csv", "year=2024/b.parquet"],
            "both .csv and .parquet",
        ),
        (["=2024/a.csv", "=2025/a.csv"], "nothing before its `=`"),
        (["a=1/a=2/a.csv", "a=1/a=3/a.csv"], "repeats the key"),
        (["a=%FF/a.csv", "a=1/a.csv"], "does not decode to UTF-8"),
        (
            ["a=1/a.csv", "a=2/part-00000"],
            "part-00000 would be left out",
        ),
        (
            ["a=1/a.csv", "a=2/b.parquet.gz"],
            "b.parquet.gz would be left out",
        ),
        (["a=1/a.csv", "a=2/b.orc"], "b.orc would be left out"),
    ] {
        let folder = Folder::new();
        for file in files {
            part(&folder, &format!("d/{file}"), 1);
        }
        let (_, report) = folder.try_load(&table("")).await.unwrap();
        let problem = &report.tables[0].problems[0];
        assert!(problem.what.contains(says), "{says}: {problem}");
        assert_eq!(problem.place, "table.t.source");
    }
    let deep = Folder::new();
    part(&deep, &format!("d/{}a.csv", "x/".repeat(40)), 1);
    let (_, report) = deep.try_load(&table("")).await.unwrap();
    assert!(report.tables[0].problems[0].what.contains("folders deep"));
}

#[tokio::test]
async fn the_source_may_be_a_link_and_nothing_inside_it() {
    let folder = Folder::new();
    part(&folder, "2025/a.csv", 1);
    part(&folder, "elsewhere/b.csv", 2);
    symlink(folder.path("2025"), folder.path("d")).unwrap();
    let catalog = folder.load(&table("")).await;
    check(&catalog, &[("", &["1"])]).await;
    // The link shows to another folder now.
    std::fs::remove_file(folder.path("d")).unwrap();
    symlink(folder.path("elsewhere"), folder.path("d")).unwrap();
    catalog.refresh("t").await.unwrap();
    check(&catalog, &[("", &["2"])]).await;
    for (target, name) in [
        ("2025/a.csv", "elsewhere/a.csv"),
        ("2025", "elsewhere/more"),
    ] {
        symlink(folder.path(target), folder.path(name)).unwrap();
        let reason = catalog.refresh("t").await.unwrap_err();
        assert!(reason.what.contains("is a symbolic link"), "{reason}");
        std::fs::remove_file(folder.path(name)).unwrap();
    }
    symlink("/dev/null", folder.path("null.csv")).unwrap();
    let toml = table("").replace("'d'", "'null.csv'");
    let (_, report) = folder.try_load(&toml).await.unwrap();
    let problem = &report.tables[0].problems[0];
    assert!(
        problem.what.contains("neither a file nor a folder"),
        "{problem}"
    );
    symlink(folder.path("2025/a.csv"), folder.path("elsewhere/_a.csv")).unwrap();
    catalog.refresh("t").await.unwrap();
}
