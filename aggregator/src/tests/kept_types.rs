//! The types of columns of text files are kept from the load that was first served.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow_array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, NullArray, StringArray,
};
use psi_core::store::MemoryStore;

use crate::report::TableReport;
use crate::testing::{Folder, load_with};
use crate::{AgreedTypes, ColumnTypes};

/// Keeps types as psi-node does, for as long as a test.
#[derive(Default)]
pub(crate) struct Kept(Mutex<BTreeMap<String, ColumnTypes>>);

impl AgreedTypes for Kept {
    fn of(&self, table: &str) -> Result<ColumnTypes, String> {
        Ok(self
            .0
            .lock()
            .unwrap()
            .get(table)
            .cloned()
            .unwrap_or_default())
    }

    fn keep(&self, table: &str, types: &ColumnTypes) -> Result<(), String> {
        self.0.lock().unwrap().insert(table.into(), types.clone());
        Ok(())
    }
}

/// State that fails.
struct Broken;

impl AgreedTypes for Broken {
    fn of(&self, _table: &str) -> Result<ColumnTypes, String> {
        Ok(ColumnTypes::new())
    }

    fn keep(&self, _table: &str, _types: &ColumnTypes) -> Result<(), String> {
        Err("the disk is full".into())
    }
}

fn toml(settings: &str) -> String {
    format!(
        "[table.t]\nsource = 't.csv'\nminimum = 1\n{settings}\n\
         [[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\n"
    )
}

/// Loads a day's file.
async fn day(folder: &Folder, kept: &Arc<Kept>, settings: &str, csv: &str) -> TableReport {
    folder.write("t.csv", csv);
    let agreed = Arc::clone(kept) as Arc<dyn AgreedTypes>;
    let store = Arc::new(MemoryStore);
    let loaded = load_with(&folder.path(""), &toml(settings), store, agreed).await;
    loaded.unwrap().1.tables.remove(0)
}

fn kind_of<'a>(report: &'a TableReport, column: &str) -> &'a str {
    let mut columns = report.columns.iter();
    &columns.find(|found| found.name == column).unwrap().kind
}

#[tokio::test]
async fn an_odd_value_is_a_problem_with_its_place_and_without_the_value() {
    let (folder, kept) = (Folder::new(), Arc::new(Kept::default()));
    let settings = "filter = ['since']";
    let good = "id,since,note\n1,2025-01-01,a\n2,2025-01-02,b\n";
    assert!(day(&folder, &kept, settings, good).await.is_served());
    assert_eq!(
        kept.of("t").unwrap(),
        ColumnTypes::from([("since".into(), "date".into())])
    );
    // Before, the column became text, and conditions on it meant something else.
    let odd = "id,since,note\n1,2025-01-01,a\n2,2025-01-02,b\n3,secret,c\n4,secret,d\n";
    let report = day(&folder, &kept, settings, odd).await;
    let [problem] = report.problems.as_slice() else {
        panic!("{report:#?}");
    };
    assert_eq!(problem.place, "table.t.types.since");
    assert!(
        problem.what.contains("\"since\" had values that are dates")
            && problem.what.contains("now 2 are not")
            && problem.what.contains("row 4 of")
            && problem.what.contains("t.csv"),
        "{problem}"
    );
    assert!(!format!("{report:?}").contains("secret"));
    // A time of day is not a date either, which only the types of all values would notice.
    let times = "id,since,note\n1,2025-01-01,a\n2,2025-01-02 10:00,b\n";
    assert!(!day(&folder, &kept, settings, times).await.is_served());
    // Any of the three ways out.
    let words = "filter = ['since']\nnull = ['', 'secret']";
    assert!(day(&folder, &kept, words, odd).await.is_served());
    assert!(day(&folder, &kept, settings, good).await.is_served());
    let declared = "filter = ['since']\ntypes = { since = 'text' }";
    assert!(day(&folder, &kept, declared, odd).await.is_served());
    // What was declared is what holds from then on.
    let report = day(&folder, &kept, settings, good).await;
    assert_eq!(kind_of(&report, "since"), "text");
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("all its values are dates"))
    );
}

#[tokio::test]
async fn a_column_without_a_value_today_has_the_type_that_it_had() {
    let (folder, kept) = (Folder::new(), Arc::new(Kept::default()));
    let settings = "filter = ['since', 'n']";
    day(&folder, &kept, settings, "id,since,n\n1,2025-01-01,\n").await;
    let report = day(&folder, &kept, settings, "id,since,n\n1,,5\n").await;
    assert!(report.is_served(), "{report:#?}");
    assert_eq!(kind_of(&report, "since"), "date");
    let words = ["date", "integer"].map(String::from);
    assert_eq!(
        kept.of("t").unwrap(),
        BTreeMap::from([
            ("since".into(), words[0].clone()),
            ("n".into(), words[1].clone())
        ])
    );
}

#[tokio::test]
async fn numbers_stay_what_they_are_unless_a_scale_is_declared_of_them() {
    let (folder, kept) = (Folder::new(), Arc::new(Kept::default()));
    let settings = "filter = ['n', 'long']\n[table.t.aggregate.amount]\n\
                    functions = ['sum']\ndecimals = 2";
    let whole = "id,n,long,amount\n1,5,1.5,10\n";
    assert!(day(&folder, &kept, settings, whole).await.is_served());
    assert_eq!(kept.of("t").unwrap()["amount"], "amount");
    for (csv, column) in [
        ("id,n,long,amount\n1,5.5,1.5,10\n", "n"),
        // A double would round it.
        ("id,n,long,amount\n1,5,90071992547409931,10\n", "long"),
        ("id,n,long,amount\n1,5,1.5,ten\n", "amount"),
    ] {
        let report = day(&folder, &kept, settings, csv).await;
        let problem = &report.problems.first().unwrap_or_else(|| panic!("{csv}"));
        assert_eq!(problem.place, format!("table.t.types.{column}"), "{csv}");
    }
    let cents = "id,n,long,amount\n1,5,2,10.25\n";
    let report = day(&folder, &kept, settings, cents).await;
    assert!(report.is_served(), "{report:#?}");
    assert!(day(&folder, &kept, settings, whole).await.is_served());
}

#[tokio::test]
async fn with_differential_privacy_an_odd_value_is_null_and_the_column_stays() {
    let (folder, kept) = (Folder::new(), Arc::new(Kept::default()));
    let settings = "filter = ['since']\nepsilon_max = 1";
    day(&folder, &kept, settings, "id,since\n1,2025-01-01\n").await;
    let report = day(&folder, &kept, settings, "id,since\n1,2025-01-01\n2,odd\n").await;
    assert!(report.is_served(), "{report:#?}");
    assert_eq!(kind_of(&report, "since"), "date");
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("1 values of \"since\""))
    );
}

/// Loads a day's Parquet file with an id and one more column.
async fn parquet_day(
    folder: &Folder,
    kept: &Arc<Kept>,
    settings: &str,
    since: ArrayRef,
) -> TableReport {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0_i64..).take(since.len())));
    folder.parquet("t.parquet", &[("id", ids), ("since", since)]);
    let agreed = Arc::clone(kept) as Arc<dyn AgreedTypes>;
    let text = toml(settings).replace("t.csv", "t.parquet");
    let loaded = load_with(&folder.path(""), &text, Arc::new(MemoryStore), agreed).await;
    loaded.unwrap().1.tables.remove(0)
}

#[tokio::test]
async fn columns_of_parquet_files_are_held_to_what_they_stored_first() {
    let (folder, kept) = (Folder::new(), Arc::new(Kept::default()));
    let settings = "filter = ['since']";
    let dates = || Arc::new(Date32Array::from(vec![20_000, 20_001])) as ArrayRef;
    let texts = || Arc::new(StringArray::from(vec!["2025-01-01", "n/a"])) as ArrayRef;
    let first = parquet_day(&folder, &kept, settings, dates()).await;
    assert!(first.is_served(), "{first:#?}");
    assert_eq!(kept.of("t").unwrap()["since"], "date");
    let report = parquet_day(&folder, &kept, settings, texts()).await;
    let [problem] = report.problems.as_slice() else {
        panic!("{report:#?}");
    };
    assert_eq!(problem.place, "table.t.types.since");
    assert!(
        problem.what.ends_with("the files now store text"),
        "{problem}"
    );
    // The way out that is named.
    let declared = "filter = ['since']\ntypes = { \"since\" = \"text\" }";
    assert!(
        problem.remedy.contains("types = { \"since\" = \"text\" }"),
        "{}",
        problem.remedy
    );
    assert!(
        parquet_day(&folder, &kept, declared, texts())
            .await
            .is_served()
    );
    assert!(
        parquet_day(&folder, &kept, settings, texts())
            .await
            .is_served()
    );
    // A declaration that the files do not keep is a problem of its own.
    let report = parquet_day(&folder, &kept, declared, dates()).await;
    assert!(
        report.problems[0]
            .what
            .contains("is date in the Parquet files"),
        "{report:#?}"
    );
    // Without a value a column keeps the type that it had.
    let nothing: ArrayRef = Arc::new(NullArray::new(2));
    assert!(
        parquet_day(&folder, &kept, settings, nothing)
            .await
            .is_served()
    );
    assert_eq!(kept.of("t").unwrap()["since"], "text");
}

#[tokio::test]
async fn numbers_of_parquet_files_may_be_stored_in_another_width_or_with_a_scale() {
    let (folder, kept) = (Folder::new(), Arc::new(Kept::default()));
    let settings = "filter = ['since']";
    let columns: [ArrayRef; 3] = [
        Arc::new(Int64Array::from(vec![1, 2])),
        Arc::new(Float64Array::from(vec![1.5, 2.0])),
        Arc::new(Int32Array::from(vec![1, 2])),
    ];
    for column in columns {
        let report = parquet_day(&folder, &kept, settings, column).await;
        assert!(report.is_served(), "{report:#?}");
    }
}

#[tokio::test]
async fn a_table_whose_types_cannot_be_kept_is_not_served_yet() {
    let folder = Folder::new();
    folder.write("t.csv", "id,since\n1,2025-01-01\n");
    let store = Arc::new(MemoryStore);
    let toml = toml("filter = ['since']");
    let loaded = load_with(&folder.path(""), &toml, store, Arc::new(Broken)).await;
    let (catalog, report) = loaded.unwrap();
    assert!(
        report.tables[0].problems[0]
            .what
            .contains("the disk is full")
    );
    assert!(catalog.look("t").await.unwrap().may_pass);
}

#[tokio::test]
async fn dates_in_another_form_are_still_noted_at_the_second_load() {
    let (folder, kept) = (Folder::new(), Arc::new(Kept::default()));
    let csv = "id,since\n1,01/31/2025\n2,02/28/2025\n";
    for load in ["first", "second"] {
        let report = day(&folder, &kept, "filter = ['since']", csv).await;
        let notes = report.notes.iter();
        assert_eq!(
            notes.filter(|note| note.contains("another form")).count(),
            1,
            "{load}"
        );
    }
}
