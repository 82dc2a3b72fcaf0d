//! The reference against DuckDB, where the specification says what DuckDB does.
//!
//! Spec 10 §3.4. Random conditions over the Parquet tables of [`super`], run on demand by Python
//! with its package `duckdb`:
//!
//! ```console
//! GLOVEBOX_DUCKDB=python3 cargo test -p aggregator -- --ignored duckdb --nocapture
//! ```
//!
//! `GLOVEBOX_CONDITIONS` sets the number of conditions, `GLOVEBOX_CONDITIONS_SEED` the first seed.
//! Columns with a zone are left out, because DuckDB needs an extension for them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use super::generate::condition;
use super::moments::{self, Moment};
use super::parquet::{Reach, parquet};
use super::reference::truth;
use super::tables::Table;
use super::tree::{Dialect, Tree};
use super::values::Form;
use super::{ROWS, Random, number, row_of};
use crate::testing::Folder;

const PAIRS: u64 = 14_000;
/// Conditions over one table.
const CONDITIONS: u64 = 1_000;

const DUCKDB: Dialect = Dialect {
    prefix: "",
    escape: " ESCAPE '\\'",
    // In quotes, digits are cut to the type of the column.
    number: |digits| Some(digits.to_owned()),
    moment: |moment| Some(literal(moment)),
};

/// A literal with its type: a text alone DuckDB reads in the type of the column, and cuts it.
///
/// A difference that is meant: DuckDB drops the offset of a literal for a column without zone, and
/// Spec 10 §3.4 subtracts it. The text that DuckDB gets has it subtracted.
fn literal(moment: &Moment) -> String {
    let nanos = moment.instant(None);
    if moment.text.len() == 10 {
        return format!("DATE '{}'", moment.text);
    }
    let word = if nanos % 1000 == 0 {
        "TIMESTAMP"
    } else {
        "TIMESTAMP_NS"
    };
    format!("{word} '{}'", moments::utc(nanos))
}

/// The columns that DuckDB reads as what they are.
fn columns(table: &mut Table) {
    table.columns.retain(|column| {
        let zone = matches!(column.form, Form::Instant { zone: Some(_) });
        // Writers have no annotation for seconds and for milliseconds that are days.
        !zone && !["s", "day64"].contains(&column.name.as_str())
    });
}

/// What to select, so that each column is of its form.
fn select(table: &Table) -> String {
    let column = |name: &str| match name {
        "f16" | "f32" => format!("CAST({name} AS DOUBLE) AS {name}"),
        "bytes" => "decode(bytes) AS bytes".to_owned(),
        name => name.to_owned(),
    };
    let names = table.columns.iter().map(|c| column(&c.name));
    let names: Vec<String> = std::iter::once("id".to_owned()).chain(names).collect();
    names.join(", ")
}

/// What DuckDB answers to all conditions of all tables.
fn ask(python: &std::ffi::OsStr, questions: &[Json]) -> Vec<Json> {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/tests/conditions/run_duckdb.py"
    );
    let mut process = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    let lines: Vec<String> = questions.iter().map(|q| format!("{q}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.concat().as_bytes()));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
#[ignore = "needs Python with DuckDB; see the head of this file"]
fn duckdb_selects_what_the_reference_selects() {
    let python = std::env::var_os("GLOVEBOX_DUCKDB");
    let python = python.expect("GLOVEBOX_DUCKDB names a Python that has the package duckdb");
    let first = number("GLOVEBOX_CONDITIONS_SEED").unwrap_or_default();
    let tables = number("GLOVEBOX_CONDITIONS")
        .unwrap_or(PAIRS)
        .div_ceil(CONDITIONS);
    let mut asked: Vec<(u64, Table, Vec<Tree>, Folder)> = Vec::new();
    let mut questions = Vec::new();
    for seed in first..first + tables {
        let random = &mut Random::new(seed);
        let folder = Folder::new();
        let mut table = parquet(random, ROWS, Reach::Calendar, &folder);
        columns(&mut table);
        let trees: Vec<Tree> = (0..CONDITIONS).map(|_| condition(random, &table)).collect();
        let texts: Vec<String> = trees.iter().map(|t| t.print(&table, &DUCKDB)).collect();
        let file = folder.path("t.parquet");
        questions.push(json!({ "file": file, "select": select(&table), "conditions": texts }));
        asked.push((seed, table, trees, folder));
    }
    let mut seen = Seen::default();
    for ((seed, table, trees, _folder), answers) in asked.iter().zip(ask(&python, &questions)) {
        for (tree, answer) in trees.iter().zip(answers.as_array().unwrap()) {
            seen.judge(*seed, table, tree, answer);
        }
    }
    // Spec 10 §3.4 has no errors, which is meant; DuckDB stops where a common type of both sides
    // cannot hold a value.
    for (error, count) in &seen.errors {
        println!("{count:>6}  {error}");
    }
    let (same, wrong) = (seen.same, seen.wrong);
    println!(
        "{same} conditions select the same rows, {} others, {} are errors in DuckDB",
        wrong.len(),
        seen.errors.values().sum::<usize>()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What became of the conditions.
#[derive(Default)]
struct Seen {
    same: usize,
    wrong: Vec<String>,
    /// How often DuckDB gave an error, without the values in it.
    errors: BTreeMap<String, usize>,
}

impl Seen {
    fn judge(&mut self, seed: u64, table: &Table, tree: &Tree, answer: &Json) {
        if let Some(error) = answer.as_str() {
            let error = error.lines().next().unwrap_or_default();
            assert!(error.starts_with("Conversion Error"), "{error}");
            let error = error.replace(|c: char| c.is_ascii_digit(), "");
            *self.errors.entry(error).or_default() += 1;
            return;
        }
        let found: Vec<usize> = serde_json::from_value(answer.clone()).unwrap();
        let wanted = truth(tree, table);
        let differs = |row: &usize| found.contains(row) != (wanted[*row] == Some(true));
        match (0..table.rows).find(differs) {
            None => self.same += 1,
            Some(row) => {
                let sql = tree.print(table, &DUCKDB);
                let cells = row_of(table, &sql, DUCKDB.prefix, row);
                self.wrong.push(format!(
                    "seed {seed}: {sql}\nrow {row}: {:?}\n{cells}",
                    wanted[row]
                ));
            }
        }
    }
}
