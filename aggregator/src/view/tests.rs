//! Tables that SQL makes, from the configuration to the file.

mod oracle;
mod persons;
mod refused;
mod results;

use std::fs::File;
use std::path::PathBuf;

use arrow_cast::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::testing::{Folder, MADE};

/// The settings of a table `t` of this text, with a key.
fn table(sql: &str, key: &str) -> String {
    format!("[table.t]\nsql = {sql:?}\n[[table.t.key]]\ncolumns = [{key:?}]\nkinds = [\"text\"]\n")
}

/// The files that SQL made.
fn made(folder: &Folder) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.path(MADE).as_path());
    let entries = entries.into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// The rows of the one file that SQL made, as text, in their order as text. NULL is empty.
fn rows(folder: &Folder) -> Vec<Vec<String>> {
    let files = made(folder);
    assert_eq!(files.len(), 1, "{files:?}");
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&files[0]).unwrap());
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in reader.unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| c.value(row).to_string()).collect());
        }
    }
    rows.sort();
    rows
}

/// Loads a table of this text over `sources` and gives its rows.
async fn rows_of(folder: &Folder, sources: &str, sql: &str, key: &str) -> Vec<Vec<String>> {
    let _catalog = folder.load(&format!("{sources}{}", table(sql, key))).await;
    rows(folder)
}
