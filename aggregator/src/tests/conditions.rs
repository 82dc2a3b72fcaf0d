//! Random conditions over random tables: the rows that they select, against a reference that works
//! row by row over plain values.
//!
//! Spec 10 §3.4, §2.2 and §2.3. Tables and conditions come from numbered seeds, and a failure
//! prints its own: `GLOVEBOX_CONDITIONS_SEED` starts there, `GLOVEBOX_CONDITIONS` sets how many
//! pairs of condition and table a run makes of each format.

mod cases;
mod csv;
mod duckdb;
mod generate;
mod moments;
mod parquet;
mod reference;
mod tables;
mod tree;
mod values;

use self::generate::condition;
use self::parquet::Reach;
use self::reference::truth;
use self::tables::Table;
use self::tree::SUBSET;
use crate::Catalog;
use crate::testing::{Folder, Rows, digests, expected};
use psi_core::identifier::IdentifierKind;

/// Pairs of an ordinary run, for each format, and of those the ones that go through a freezing.
const PAIRS: u64 = 52_000;
const FROZEN: u64 = 160;
/// Conditions over one table.
const CONDITIONS: u64 = 1_300;
const ROWS: usize = 48;

/// Numbers from a seed, in the same order for ever (`SplitMix64`).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Self(seed);
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(count).unwrap()).unwrap()
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Parquet,
    Csv,
}

pub(super) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

/// Compares `count` conditions over the table of a seed; `frozen` of them, spread evenly, go
/// through a freezing.
async fn run_seed(seed: u64, format: Format, count: u64, frozen: u64) {
    let random = &mut Random::new(seed);
    let folder = Folder::new();
    let (table, catalog) = match format {
        Format::Parquet => {
            let table = parquet::parquet(random, ROWS, Reach::Types, &folder);
            let catalog = folder.load(&table.toml("t.parquet", "")).await;
            (table, catalog)
        }
        Format::Csv => {
            let (table, settings) = csv::csv(random, ROWS, &folder);
            let catalog = folder.load(&table.toml("t.csv", settings)).await;
            (table, catalog)
        }
    };
    let rows = Rows::of(&catalog);
    let every = count.checked_div(frozen).unwrap_or(u64::MAX).max(1);
    for at in 0..count {
        let tree = condition(random, &table);
        let sql = tree.print(&table, &SUBSET);
        let place = format!("GLOVEBOX_CONDITIONS_SEED={seed}, {format:?}, condition {at}: {sql}");
        let wanted: Vec<bool> = truth(&tree, &table)
            .into_iter()
            .map(|value| value == Some(true))
            .collect();
        let found = rows.selected(&sql);
        assert_eq!(found.len(), table.rows, "{place}");
        if let Some(row) = (0..table.rows).find(|row| found[*row] != wanted[*row]) {
            panic!(
                "{place}\nrow {row} is {}selected, against the specification:\n{}",
                if found[row] { "" } else { "not " },
                row_of(&table, &sql, SUBSET.prefix, row)
            );
        }
        if at % every == 0 {
            compare_frozen(&catalog, &sql, &wanted, &place).await;
        }
    }
}

/// The cells of the columns that a condition names.
fn row_of(table: &Table, sql: &str, prefix: &str, row: usize) -> String {
    let words: Vec<&str> = sql
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
        .collect();
    let named = |name: &str| words.contains(&format!("{prefix}{name}").as_str());
    let columns = table.columns.iter().filter(|column| named(&column.name));
    let cells: Vec<String> = columns
        .map(|column| format!("{} = {:?}", column.name, column.values[row]))
        .collect();
    cells.join("\n")
}

async fn compare_frozen(catalog: &Catalog, sql: &str, wanted: &[bool], place: &str) {
    let rows = wanted.iter().enumerate().filter(|(_, is)| **is);
    let ids: Vec<String> = rows.map(|(row, _)| row.to_string()).collect();
    let digests = digests(catalog, sql).await;
    assert_eq!(digests, expected(IdentifierKind::Int, &ids), "{place}");
}

fn run(format: Format) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let first = number("GLOVEBOX_CONDITIONS_SEED").unwrap_or_default();
    let mut left = number("GLOVEBOX_CONDITIONS").unwrap_or(PAIRS);
    for seed in first.. {
        let count = left.min(CONDITIONS);
        let frozen = (count * FROZEN).div_ceil(PAIRS);
        runtime.block_on(run_seed(seed, format, count, frozen));
        left -= count;
        if left == 0 {
            break;
        }
    }
}

#[test]
fn conditions_over_parquet_select_what_the_specification_says() {
    run(Format::Parquet);
}

#[test]
fn conditions_over_csv_select_what_the_specification_says() {
    run(Format::Csv);
}
