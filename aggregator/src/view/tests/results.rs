//! When the file is made again, who can read it, and how long it stays.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use psi_core::progress::Silent;

use super::{made, rows, table};
use crate::testing::{Folder, MADE, MEMBERS, freeze, freeze_plan, query};

const SOURCE: &str = "[source.people]\npath = \"people\"\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("people/1.csv", "id,city\na,rome\nb,oslo\n");
    folder
}

fn text() -> String {
    format!(
        "{SOURCE}{}",
        table("SELECT id FROM people WHERE city = 'rome'", "id")
    )
}

#[tokio::test]
async fn a_file_is_made_once_for_the_same_text_and_files() {
    let folder = folder();
    let catalog = folder.load(&text()).await;
    let first = made(&folder);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&first[0]) & 0o777, 0o600);
    assert_eq!(mode(first[0].parent().unwrap()) & 0o777, 0o700);
    let name = first[0].file_name().unwrap().to_str().unwrap();
    assert_eq!(name.len(), 64 + ".parquet".len(), "a digest: {name}");
    let at = std::fs::metadata(&first[0]).unwrap().modified().unwrap();
    drop(catalog);
    // Another start finds it.
    let again = folder.load(&text()).await;
    assert_eq!(made(&folder), first);
    assert_eq!(
        std::fs::metadata(&first[0]).unwrap().modified().unwrap(),
        at
    );
    drop(again);
    // Another text does not, and what nobody needs goes.
    let _other = folder.load(&text().replace("rome", "oslo")).await;
    let second = made(&folder);
    assert!(second.len() == 1 && second != first);
}

#[tokio::test]
async fn a_changed_source_makes_the_table_anew_and_removes_the_old_file() {
    let folder = folder();
    let catalog = folder.load(&text()).await;
    let first = made(&folder);
    assert!(!catalog.has_changed("t").await.unwrap());
    folder.write("people/2.csv", "id,city\nc,rome\n");
    assert!(catalog.has_changed("t").await.unwrap());
    // A job that began with the old rows ends; the rows of two days are never mixed.
    let plan = catalog.plan_request(&query(""), MEMBERS).unwrap();
    assert!(
        freeze_plan(&catalog, &plan, Arc::new(Silent))
            .await
            .is_err()
    );
    catalog.refresh("t").await.unwrap();
    assert!(!catalog.has_changed("t").await.unwrap());
    drop(plan);
    catalog.sweep();
    let second = made(&folder);
    assert!(second.len() == 1 && second != first, "{second:?}");
    assert_eq!(rows(&folder), [["a"], ["c"]]);
    freeze(&catalog, &query("")).await.unwrap();
}

#[tokio::test]
async fn a_file_that_somebody_removed_is_made_again() {
    let folder = folder();
    let catalog = folder.load(&text()).await;
    std::fs::remove_file(&made(&folder)[0]).unwrap();
    assert!(catalog.has_changed("t").await.unwrap());
    catalog.refresh("t").await.unwrap();
    freeze(&catalog, &query("")).await.unwrap();
}

#[tokio::test]
async fn a_source_that_loses_a_column_takes_the_table_out_of_service_until_it_is_back() {
    let folder = folder();
    folder.write("people/2.csv", "id,city\nc,rome\n");
    let catalog = folder.load(&text()).await;
    for part in ["1", "2"] {
        folder.write(&format!("people/{part}.csv"), "id,town\nc,rome\n");
    }
    let gone = catalog.refresh("t").await.unwrap_err();
    assert!(gone.to_string().contains("\"city\""), "{gone}");
    assert!(!catalog.has_changed("t").await.unwrap(), "not tried again");
    assert!(made(&folder).is_empty(), "no copy of rows stays");
    folder.write("people/2.csv", "id,city\nc,rome\n");
    let mixed = catalog.refresh("t").await.unwrap_err();
    assert!(mixed.to_string().contains("another header"), "{mixed}");
    folder.write("people/1.csv", "id,city\nd,rome\n");
    catalog.refresh("t").await.unwrap();
    assert_eq!(rows(&folder), [["c"], ["d"]]);
}

#[tokio::test]
async fn a_column_that_changes_its_type_is_not_served_silently() {
    use crate::tests::kept_types::Kept;
    let folder = Folder::new();
    folder.write("people/1.csv", "id,since\na,2025-01-31\n");
    let text = format!("{SOURCE}{}", table("SELECT id, since FROM people", "id"))
        .replace("[[table.t.key]]", "filter = [\"since\"]\n[[table.t.key]]");
    let agreed = Arc::new(Kept::default());
    let store = || Arc::new(psi_core::store::MemoryStore);
    let load = async || {
        let path = folder.path("");
        let loaded = crate::testing::load_with(&path, &text, store(), agreed.clone());
        loaded.await.unwrap().1
    };
    assert!(load().await.is_clean());
    folder.write("people/1.csv", "id,since\na,2025-01-31\nb,soon\n");
    let report = load().await;
    let problem = &report.tables[0].problems[0];
    assert_eq!(problem.place, "table.t.types.since");
}

#[tokio::test]
async fn sorts_and_joins_that_outgrow_memory_go_to_disk() {
    use std::fmt::Write as _;
    let folder = Folder::new();
    let mut lines = "id,pad\n".to_owned();
    for row in 0..60_000 {
        let _ = writeln!(lines, "k{},{}", row * 7919 % 60_000, "x".repeat(200));
    }
    folder.write("people/1.csv", &lines);
    let sql = "SELECT a.id, a.pad, b.pad AS other FROM people AS a JOIN people AS b ON a.id = b.id";
    let text = format!("{SOURCE}{}", table(sql, "id"));
    let load = async |memory| crate::testing::load_within(&folder.path(""), &text, memory).await;
    // The two sides are 12 MB each.
    let (_, report) = load(8 << 20).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.tables[0].rows, 60_000);
    assert!(!folder.path(MADE).join("spill").join("x").exists());
    let (_, report) = load(1 << 16).await.unwrap();
    let problem = &report.tables[0].problems;
    // With more memory the file would have been found; it was made of the same.
    assert!(problem.is_empty());
    std::fs::remove_file(&made(&folder)[0]).unwrap();
    let (_, report) = load(1 << 16).await.unwrap();
    let problem = &report.tables[0].problems[0];
    assert!(problem.what.contains("needs more memory"), "{problem}");
}
