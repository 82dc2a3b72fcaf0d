//! Text files that are written in other ways: separators, encodings, decimal commas, dates, and
//! telephone numbers of a country.

use psi_core::identifier::IdentifierKind;

use crate::testing::{Folder, digests, expected};

const SETTINGS: &str =
    "csv = { delimiter = ';', decimal = ',', encoding = 'windows-1252', date = '%d.%m.%Y' }";

fn toml(source: &str, settings: &str) -> String {
    format!(
        "[table.t]\nsource = '{source}'\nminimum = 1\n{settings}\n\
         [[table.t.key]]\ncolumns = ['id']\nkinds = ['text']\n"
    )
}

#[tokio::test]
async fn an_export_of_a_spreadsheet_is_read_as_it_is_written() {
    let folder = Folder::new();
    let text = "id;city;amount;since\nJörg;Köln;1,5;31.01.2025\n\"a;b\";Bonn;2;1.2.2025\n";
    let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    std::fs::write(folder.path("t.csv"), bytes).unwrap();
    let columns = "filter = ['city', 'amount', 'since']";
    let catalog = folder
        .load(&toml("t.csv", &format!("{columns}\n{SETTINGS}")))
        .await;
    for (condition, ids) in [
        ("b.city = 'Köln'", &["Jörg"][..]),
        ("b.amount < 1.75", &["Jörg"]),
        ("b.since >= '2025-02-01'", &["a;b"]),
        ("b.amount >= 1.5 AND b.since = '2025-01-31'", &["Jörg"]),
    ] {
        let expected = expected(IdentifierKind::Text, ids);
        assert_eq!(digests(&catalog, condition).await, expected, "{condition}");
    }
    // Without a word about it each is named with the setting that helps.
    let (_, report) = folder.try_load(&toml("t.csv", columns)).await.unwrap();
    let problem = &report.tables[0].problems[0];
    assert!(
        problem.what.contains("semicolons, not by commas")
            && problem.remedy.contains("csv = { delimiter = ';'"),
        "{problem:?}"
    );
    let wrong = "csv = { delimiter = ';', encoding = 'utf-8' }";
    let (_, report) = folder.try_load(&toml("t.csv", wrong)).await.unwrap();
    assert!(!report.is_clean());
    let wrong = "csv = { delimiter = ';', encoding = 'euc-kr' }";
    let (_, report) = folder.try_load(&toml("t.csv", wrong)).await.unwrap();
    let problem = &report.tables[0].problems[0];
    assert!(
        problem.what.contains("declared encoding does not have"),
        "{problem:?}"
    );
}

#[tokio::test]
async fn a_point_where_a_comma_is_declared_is_no_number() {
    let folder = Folder::new();
    folder.write("t.csv", "id;amount\na;1.234\nb;5\n");
    let settings = "filter = ['amount']\ntypes = { amount = 'number' }\n\
                    csv = { delimiter = ';', decimal = ',' }";
    let (_, report) = folder.try_load(&toml("t.csv", settings)).await.unwrap();
    let problem = &report.tables[0].problems[0];
    assert!(
        problem.what.contains("1 values of \"amount\"") && problem.what.contains("row 2 of"),
        "{problem}"
    );
}

#[tokio::test]
async fn tabs_need_no_setting_where_the_name_says_them() {
    let folder = Folder::new();
    folder.write("t.tsv", "id\tn\na,b\t1\n\"c\td\"\t2\n");
    let catalog = folder.load(&toml("t.tsv", "filter = ['n']")).await;
    let all = expected(IdentifierKind::Text, &["a,b", "c\td"]);
    assert_eq!(digests(&catalog, "b.n > 0").await, all);
    // One table is of one format.
    let both = Folder::new();
    std::fs::create_dir(both.path("f")).unwrap();
    both.write("f/a.tsv", "id\n1\n");
    both.write("f/b.csv", "id\n1\n");
    let (_, report) = both.try_load(&toml("f", "")).await.unwrap();
    let what = &report.tables[0].problems[0].what;
    assert!(what.contains("both .csv and .tsv files"), "{what}");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_named() {
    let folder = Folder::new();
    folder.write("t.csv", "id\n1\n");
    for (settings, place) in [
        ("csv = { delimiter = '\"' }", "csv.delimiter"),
        ("csv = { delimiter = 'ß' }", "csv.delimiter"),
        ("csv = { decimal = ';' }", "csv.decimal"),
        ("csv = { encoding = 'ansi' }", "csv.encoding"),
        ("csv = { date = 'dd.mm.yyyy' }", "csv.date"),
        ("phone = { country = 'Germany' }", "phone.country"),
        ("phone = { country = 'de' }", "phone.country"),
        ("phone = { country = 'XX' }", "phone.country"),
    ] {
        let problem = folder
            .try_load(&toml("t.csv", settings))
            .await
            .err()
            .unwrap();
        assert_eq!(problem.place, format!("table.t.{place}"), "{settings}");
        assert!(!problem.remedy.is_empty());
    }
}

#[cfg(feature = "phonenumber")]
#[tokio::test]
async fn numbers_of_a_country_have_the_identity_of_their_international_form() {
    let folder = Folder::new();
    folder.write(
        "t.csv",
        "id\n030 123456\n(0171) 123-4567\n0049 171 1234568\n+41 44 668 18 00\n0171/1234569\n\
         n/a\n12\n0171 1234567 ext. 5\n\n",
    );
    let table = |settings: &str| toml("t.csv", settings).replace("['text']", "['phone']");
    let (catalog, report) = folder
        .try_load(&table("phone = { country = 'DE' }"))
        .await
        .unwrap();
    let international = [
        "+4930123456",
        "+491711234567",
        "+491711234568",
        "+41446681800",
        "+491711234569",
    ];
    let all = expected(IdentifierKind::Phone, &international);
    assert_eq!(digests(&catalog, "").await, all);
    let values = &report.tables[0].keys[0].values[0];
    let refused: u64 = values.refused.iter().map(|count| count.rows).sum();
    assert_eq!((values.normalised, refused), (5, 3), "{values:?}");
    // Without a country, what is not E.164 is a missing value.
    let (_, report) = folder.try_load(&table("")).await.unwrap();
    assert_eq!(report.tables[0].keys[0].values[0].normalised, 0);
}

#[tokio::test]
async fn an_address_is_no_file_and_a_header_alone_is_noted() {
    let folder = Folder::new();
    let problem = folder
        .try_load(&toml("s3://bucket/t.csv", ""))
        .await
        .err()
        .unwrap();
    assert!(problem.what.contains("(s3://…)"), "{problem}");
    assert!(
        problem.remedy.contains("copy the files"),
        "{}",
        problem.remedy
    );
    folder.write("t.csv", "id,city\n");
    let (_, report) = folder
        .try_load(&toml("t.csv", "filter = ['city']"))
        .await
        .unwrap();
    assert!(report.is_clean(), "{report:#?}");
    let notes = &report.tables[0].notes;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("a header and no row")),
        "{notes:?}"
    );
    // A slip in the configuration is answered with the column that may be meant.
    let (_, report) = folder
        .try_load(&toml("t.csv", "filter = ['ctiy']"))
        .await
        .unwrap();
    let what = &report.tables[0].problems[0].what;
    assert!(what.ends_with("did you mean \"city\"?"), "{what}");
}
