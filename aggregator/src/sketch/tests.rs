//! Sections from files as people export them.

use std::fmt::Write as _;

use super::sketch;
use crate::testing::Folder;
use crate::{TableConfig, TableConfigs, golden};

#[derive(serde::Deserialize)]
struct Config {
    table: TableConfigs,
}

/// The section of a file, and what it says when it is read.
async fn section(folder: &Folder, file: &str) -> (String, TableConfig) {
    let sketched = sketch("customers", &folder.path(file), file).await.unwrap();
    assert!(sketched.has_key);
    let text = sketched.text;
    let config: Config = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let table = config.table["customers"].clone();
    // Nobody may ask, and the node takes it as it is.
    assert_eq!(
        table
            .allowed_requesters
            .as_ref()
            .map(std::collections::BTreeSet::len),
        Some(0)
    );
    let (_, report) = folder.try_load(&text).await.unwrap();
    assert!(report.is_clean(), "{report:#?}\n{text}");
    (text, table)
}

/// Customers of a German shop, as a spreadsheet exports them.
fn german() -> Vec<u8> {
    let mut text = String::from("Kundennr_id;E-Mail;Telefon;Umsatz;Letzter Kauf;Ort\r\n");
    for number in 0..200 {
        let mail = match number % 20 {
            0 => "n/a".to_owned(),
            _ => format!("kunde{number}@example.com"),
        };
        let day = number % 28 + 1;
        let _ = write!(
            text,
            "{number:05};{mail};0171 {};{number},5;{day:02}.03.2025;Köln\r\n",
            1_000_000 + number
        );
    }
    encoding_rs::WINDOWS_1252.encode(&text).0.into_owned()
}

#[tokio::test]
async fn a_spreadsheets_export_becomes_a_section_with_all_that_is_needed_to_read_it() {
    let folder = Folder::new();
    std::fs::write(folder.path("kunden.csv"), german()).unwrap();
    let (text, table) = section(&folder, "kunden.csv").await;
    golden::check("section-of-an-export.txt", &text);
    assert_eq!(table.csv.delimiter, Some(';'));
    assert_eq!(table.key.len(), 1, "the likeliest");
    assert!(table.key[0].unique);
    // No value of a person is in it.
    assert!(!text.contains("kunde1") && !text.contains("0171"), "{text}");
}

#[tokio::test]
async fn each_line_that_lets_more_be_asked_works_as_it_is_without_its_mark() {
    let folder = Folder::new();
    std::fs::write(folder.path("kunden.csv"), german()).unwrap();
    let (text, _) = section(&folder, "kunden.csv").await;
    let marked = ["# catalogue", "# filter", "# dimension", "# aggregate"];
    let used = text.lines().map(|line| {
        let is_marked = marked.iter().any(|mark| line.starts_with(mark));
        line.strip_prefix("# ")
            .filter(|_| is_marked)
            .unwrap_or(line)
    });
    let used: Vec<&str> = used.collect();
    assert_ne!(used.join("\n"), text.trim_end());
    let (_, report) = folder.try_load(&used.join("\n")).await.unwrap();
    assert!(report.is_clean(), "{report:#?}");
    let table = &report.tables[0];
    let groups: Vec<&str> = table.dimensions.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(groups, ["Ort", "month(Letzter Kauf)"]);
    assert_eq!(table.aggregates[0].column, "Umsatz");
    assert_eq!(
        table.columns.iter().filter(|column| column.filter).count(),
        3
    );
}

#[tokio::test]
async fn a_plain_file_needs_no_word_about_how_it_is_written() {
    let folder = Folder::new();
    let rows = (0..100)
        .map(|number| format!("{number:064x},{},2025-01-0{}\n", number % 7, number % 9 + 1));
    let text: String = std::iter::once("email_hash,items,since\n".to_owned())
        .chain(rows)
        .collect();
    folder.write("t.csv", &text);
    let (text, table) = section(&folder, "t.csv").await;
    assert_eq!(table.csv, crate::CsvConfig::default());
    assert_eq!(
        table.key[0].kinds,
        [psi_core::identifier::IdentifierKind::Hex]
    );
    assert!(text.contains("\"since\" = \"date\""), "{text}");
}

#[tokio::test]
async fn a_file_with_neither_keys_nor_rows_says_so() {
    let folder = Folder::new();
    folder.write("t.csv", "a \"b\",c\n");
    let sketched = sketch("customers", &folder.path("t.csv"), "t.csv")
        .await
        .unwrap();
    assert!(!sketched.has_key);
    let text = sketched.text;
    assert!(text.contains("No column looks like"), "{text}");
    toml::from_str::<Config>(&text).unwrap();
    let error = sketch("customers", &folder.path("gone.csv"), "gone.csv")
        .await
        .unwrap_err();
    assert!(!error.remedy.is_empty());
}
