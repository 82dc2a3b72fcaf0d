//! Random queries of the whole subset over random tables: the rows that two nodes would compute,
//! against plain SQL over the joined tables, which SQLite runs.
//!
//! Tables and queries come from numbered seeds. An ordinary run takes the first of them; ten
//! thousand answered queries take minutes of processor time:
//!
//! ```console
//! cargo test -p aggregator -- --ignored oracle --nocapture
//! ```
//!
//! `GLOVEBOX_ORACLE_CASES` sets another number of answered queries, and `GLOVEBOX_ORACLE_SEED`
//! the first seed: a failure prints its own.

mod coverage;
mod plain;
mod query;
mod sqlite;
mod tables;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use psi_core::Code;
use rusqlite::Connection;

use self::coverage::Coverage;
use self::plain::{Cell, check_order, own, plain};
use self::query::{Query, query};
use self::tables::{Table, tables};
use super::pipeline::agree;
use crate::result::ResultValue;

/// Queries per pair of tables.
const QUERIES: usize = 6;
/// Seeds of an ordinary run: as many pairs of tables.
const SEEDS: u64 = 70;
/// Answered queries of a slow run.
const MANY: usize = 10_000;

/// One query, answered by both.
async fn compare(
    world: &World,
    query: &Query,
    (a, b): (&Table, &Table),
    minimum: u64,
    coverage: &mut Coverage,
) -> Result<(), TestCaseError> {
    let sql = query.asked();
    let clamps = [("a", a), ("b", b)];
    let defies_clamp = clamps
        .iter()
        .any(|(side, table)| table.clamp.is_some() && query.defies_clamp(side));
    let job = match agree(&world.asking, &world.asked, &sql).await {
        Ok(job) => job,
        Err(code) => {
            let expected = match code {
                // What is inside of a subquery cannot repeat.
                Code::KeyNotUnique | Code::GroupNotConstant => {
                    query.outer.is_none() && !(a.unique && b.unique)
                }
                Code::ColumnClamped => defies_clamp,
                _ => false,
            };
            prop_assert!(expected, "{}: {}", sql, code);
            coverage.refused += 1;
            return Ok(());
        }
    };
    prop_assert!(!defies_clamp, "{}: a clamp does not hold", sql);
    let found = job.rows();
    let (hidden, shown): (Vec<_>, Vec<_>) =
        found.rows.iter().cloned().partition(|row| row.suppressed);
    check_order(&found.rows, query)?;
    for row in &hidden {
        let suppressed = row
            .values
            .iter()
            .filter(|value| **value == ResultValue::Suppressed);
        prop_assert_eq!(suppressed.count(), query.formulas.len());
    }
    let plain_sql = query.plain(minimum, a, b);
    let expected = plain(&world.plain, &plain_sql);
    let mut left = expected.clone();
    for row in &shown {
        let cells = own(row);
        let same = |other: &Vec<Cell>| cells.iter().zip(other).all(|(a, b)| a.is_same(b));
        let Some(at) = left.iter().position(same) else {
            return Err(TestCaseError::fail(format!(
                "{sql}\n{plain_sql}\n{cells:?} is not in\n{expected:#?}"
            )));
        };
        left.swap_remove(at);
    }
    match query.limit {
        None => prop_assert!(left.is_empty(), "{}\nlacks {:?}", sql, left),
        Some(limit) => prop_assert!(
            found.rows.len() == limit || left.is_empty(),
            "{}\nlacks {:?}",
            sql,
            left
        ),
    }
    if query.having.is_none() && query.limit.is_none() {
        prop_assert_eq!(found.rows.len(), query.cells(), "{}", sql);
    }
    coverage.note(query, &job, &found, a, b);
    Ok(())
}

struct World {
    asking: crate::Catalog,
    asked: crate::Catalog,
    plain: Connection,
}

async fn world(a: &Table, b: &Table, minimum: u64) -> (World, [crate::testing::Folder; 2]) {
    let folders = [crate::testing::Folder::new(), crate::testing::Folder::new()];
    let plain = sqlite::open();
    for (folder, (table, name)) in folders.iter().zip([(a, "ta"), (b, "tb")]) {
        table.write(folder);
        table.fill(&plain, name);
    }
    let world = World {
        asking: folders[0].load(&a.toml("t.parquet", minimum)).await,
        asked: folders[1].load(&b.toml("t.csv", 1)).await,
        plain,
    };
    (world, folders)
}

/// The tables and queries of a seed; failures are shrunk.
fn run_seed(seed: u64) -> Coverage {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let config = Config {
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let strategy = (
        tables(),
        tables(),
        prop::sample::select(vec![1_u64, 1, 2, 3]),
        prop::collection::vec(query(), QUERIES),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let coverage = std::cell::RefCell::new(Coverage::default());
    let tree = strategy.new_tree(&mut runner).unwrap();
    let ran = runner.run_one(tree, |(a, b, minimum, queries)| {
        let found = runtime.block_on(async {
            let mut found = Coverage::default();
            let (world, _folders) = world(&a, &b, minimum).await;
            for query in &queries {
                compare(&world, query, (&a, &b), minimum, &mut found).await?;
            }
            Ok::<_, TestCaseError>(found)
        })?;
        coverage.borrow_mut().add(&found);
        Ok(())
    });
    if let Err(TestError::Fail(reason, _)) = &ran {
        panic!("GLOVEBOX_ORACLE_SEED={seed}: {reason}");
    }
    ran.unwrap();
    coverage.into_inner()
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
    )
}

/// One ordinary run, shared by the tests that look at it.
fn ordinary() -> &'static Coverage {
    static RUN: OnceLock<Coverage> = OnceLock::new();
    RUN.get_or_init(|| {
        let first = number("GLOVEBOX_ORACLE_SEED").unwrap_or_default();
        let mut coverage = Coverage::default();
        for seed in first..first + SEEDS {
            coverage.add(&run_seed(seed));
        }
        coverage
    })
}

#[test]
fn rows_equal_plain_sql_over_the_joined_tables() {
    let Coverage {
        answered, refused, ..
    } = ordinary();
    println!("{answered} queries answered, {refused} refused");
    assert!(*answered >= 200, "{answered} answered, {refused} refused");
}

#[test]
fn the_queries_of_an_ordinary_run_reach_every_part_of_the_subset() {
    let lost = ordinary().lost();
    assert!(lost.is_empty(), "too seldom: {lost:?}");
}

#[test]
#[ignore = "ten thousand queries take minutes; CONTRIBUTING.md has the command"]
fn oracle_of_ten_thousand_queries() {
    let wanted = number("GLOVEBOX_ORACLE_CASES").map_or(MANY, |n| usize::try_from(n).unwrap());
    let first = number("GLOVEBOX_ORACLE_SEED").unwrap_or(SEEDS);
    let (seed, answered) = (AtomicU64::new(first), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let run = || {
        let mut coverage = Coverage::default();
        while answered.load(Ordering::Relaxed) < wanted {
            let found = run_seed(seed.fetch_add(1, Ordering::Relaxed));
            answered.fetch_add(found.answered, Ordering::Relaxed);
            coverage.add(&found);
        }
        coverage
    };
    let mut coverage = Coverage::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        for one in running {
            coverage.add(&one.join().unwrap());
        }
    });
    let next = seed.load(Ordering::Relaxed);
    println!(
        "{} queries answered as plain SQL answers them, {} refused; seeds {first} to {next}\n{coverage}",
        coverage.answered, coverage.refused
    );
    assert!(coverage.answered >= wanted);
}
