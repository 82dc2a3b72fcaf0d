//! Random queries of the whole subset over random tables: the rows that two nodes would compute,
//! against plain SQL over the joined tables.
//!
//! `GLOVEBOX_ORACLE_CASES=10000 cargo test -p aggregator joined` runs more cases than the two
//! hundred of an ordinary run.

use std::fmt::Write as _;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use psi_core::Code;

use super::joined_tables::{Table, tables};
use super::pipeline::agree;
use crate::result::{ResultRow, ResultValue};

/// Queries per pair of tables.
const QUERIES: usize = 6;

/// A group expression: as asked, and as plain SQL that gives NULL for `other`.
#[derive(Clone, Debug)]
struct Group {
    asked: String,
    plain: String,
}

#[derive(Clone, Debug)]
struct Query {
    groups: Vec<Group>,
    formulas: Vec<String>,
    conditions: Vec<String>,
    having: Option<String>,
    /// Output number, descending, nulls first.
    order: Vec<(usize, bool, bool)>,
    limit: Option<usize>,
    /// Whether the group columns stand before the formulas.
    groups_first: bool,
}

impl Query {
    fn outputs(&self, plain: bool) -> Vec<String> {
        let groups = self.groups.iter().map(|group| {
            let text = if plain { &group.plain } else { &group.asked };
            text.clone()
        });
        let formulas = self.formulas.iter().cloned();
        if self.groups_first {
            groups.chain(formulas).collect()
        } else {
            formulas.chain(groups).collect()
        }
    }

    fn text(&self, plain: bool, minimum: u64) -> String {
        let from = if plain {
            "FROM ta AS a JOIN tb AS b ON a.id = b.id"
        } else {
            "FROM brand.t AS a JOIN snowy.t AS b ON a.id = b.id"
        };
        let outputs = self.outputs(plain).into_iter().enumerate();
        // The engine wants different names for outputs that are the same.
        let outputs = outputs.map(|(number, text)| format!("{text} AS o{number}"));
        let outputs: Vec<String> = outputs.collect();
        let mut sql = format!("SELECT {} {from}", outputs.join(", "));
        for (i, condition) in self.conditions.iter().enumerate() {
            let word = if i == 0 { "WHERE" } else { "AND" };
            let _ = write!(sql, " {word} {condition}");
        }
        for (i, group) in self.groups.iter().enumerate() {
            let text = if plain { &group.plain } else { &group.asked };
            let _ = write!(sql, "{}{text}", if i == 0 { " GROUP BY " } else { ", " });
        }
        let mut having: Vec<String> = self.having.iter().map(|h| format!("({h})")).collect();
        if plain {
            having.push(format!("COUNT(DISTINCT a.id) >= {minimum}"));
        }
        if !having.is_empty() {
            let _ = write!(sql, " HAVING {}", having.join(" AND "));
        }
        if !plain {
            for (i, (output, descending, first)) in self.order.iter().enumerate() {
                let _ = write!(
                    sql,
                    "{}{output} {} NULLS {}",
                    if i == 0 { " ORDER BY " } else { ", " },
                    if *descending { "DESC" } else { "ASC" },
                    if *first { "FIRST" } else { "LAST" }
                );
            }
            if let Some(limit) = self.limit {
                let _ = write!(sql, " LIMIT {limit}");
            }
        }
        sql
    }
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let one = (prop::sample::select(vec!["a", "b"]), 0..4_u8).prop_map(|(side, which)| {
        let (column, domain) = match which {
            0 => (format!("{side}.r"), "'x', 'y'"),
            1 => (format!("{side}.n"), "0, 1, 7"),
            2 => (format!("EXTRACT(MONTH FROM {side}.d)"), "1, 2"),
            _ => (format!("{side}.p"), "true"),
        };
        Group {
            plain: format!("CASE WHEN {column} IN ({domain}) THEN {column} END"),
            asked: column,
        }
    });
    prop::collection::vec(one, 0..3).prop_map(|mut groups| {
        groups.sort_by(|a, b| a.asked.cmp(&b.asked));
        groups.dedup_by(|a, b| a.asked == b.asked);
        groups
    })
}

/// An expression over one side's numbers.
fn value(side: &'static str) -> impl Strategy<Value = String> {
    let column = prop::sample::select(vec!["x", "y", "m", "f"]);
    let column = column.prop_map(move |c| format!("{side}.{c}"));
    prop_oneof![
        4 => column.clone(),
        1 => (column.clone(), -3..4_i32).prop_map(|(c, n)| format!("{c} * {n}")),
        1 => (column.clone(), column.clone()).prop_map(|(a, b)| format!("{a} * {b}")),
        1 => (column.clone(), column).prop_map(|(a, b)| format!("({a} - {b}) * 2")),
    ]
}

/// An aggregate; sides are favoured so that most queries can be answered.
fn aggregate(sides: Vec<&'static str>) -> BoxedStrategy<String> {
    let functions = [
        "COUNT",
        "SUM",
        "SUM",
        "AVG",
        "VAR_SAMP",
        "VAR_POP",
        "STDDEV_SAMP",
        "STDDEV_POP",
    ];
    let of = prop::sample::select(sides).prop_flat_map(value);
    prop_oneof![
        1 => Just("COUNT(*)".to_owned()),
        1 => Just("COUNT(DISTINCT b.id)".to_owned()),
        5 => (prop::sample::select(functions.to_vec()), of).prop_map(|(f, v)| format!("{f}({v})")),
    ]
    .boxed()
}

fn formula(sides: Vec<&'static str>) -> BoxedStrategy<String> {
    let aggregate = aggregate(sides);
    prop_oneof![
        5 => aggregate.clone(),
        1 => (aggregate.clone(), -9..10_i32).prop_map(|(a, n)| format!("{a} + {n}")),
        1 => (aggregate.clone(), aggregate.clone()).prop_map(|(a, b)| format!("{a} - {b}")),
        1 => aggregate.clone().prop_map(|a| format!("{a} / COUNT(*)")),
        1 => aggregate.prop_map(|a| format!("({a} * 1.5) / 4")),
    ]
    .boxed()
}

/// A condition on sums and counts, whose plain answer does not depend on how doubles are rounded.
fn having(sides: Vec<&'static str>) -> BoxedStrategy<String> {
    let of = prop::sample::select(sides).prop_flat_map(|side| {
        let column = prop::sample::select(vec!["x", "y", "f"]);
        column.prop_map(move |column| format!("{side}.{column}"))
    });
    let measure = prop_oneof![
        Just("COUNT(*)".to_owned()),
        of.clone().prop_map(|v| format!("SUM({v})")),
        of.clone().prop_map(|v| format!("COUNT({v})")),
        of.prop_map(|v| format!("AVG({v})")),
    ];
    let op = prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let leaf = (measure, op, -2..6_i32, 0..4_u8).prop_map(|(m, op, n, form)| match form {
        0 => format!("{m} BETWEEN {n} AND 9"),
        1 => format!("{m} IS NULL"),
        2 => format!("{m} * 2 {op} {n}.5"),
        _ => format!("{m} {op} {n}"),
    });
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} OR NOT ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) AND {b}")),
        ]
    })
    .boxed()
}

fn query() -> impl Strategy<Value = Query> {
    let sides = prop_oneof![
        3 => Just(vec!["a"]),
        3 => Just(vec!["b"]),
        2 => Just(vec!["a", "b"]),
    ];
    let condition = prop::sample::select(vec![
        "a.y > 0",
        "b.y < 3",
        "a.r = 'x'",
        "b.f IS NOT NULL",
        "a.d >= '2025-02-01'",
        "b.n IN (0, 1)",
    ]);
    sides.prop_flat_map(move |sides| {
        (
            groups(),
            prop::collection::vec(formula(sides.clone()), 1..4),
            prop::collection::vec(condition.clone().prop_map(str::to_owned), 0..2),
            prop::option::weighted(0.3, having(sides)),
            prop::collection::vec(
                (any::<prop::sample::Index>(), any::<bool>(), any::<bool>()),
                0..3,
            ),
            prop::option::weighted(0.2, 0..4_usize),
            any::<bool>(),
        )
            .prop_map(
                |(groups, formulas, conditions, having, order, limit, groups_first)| {
                    let outputs = groups.len() + formulas.len();
                    Query {
                        groups,
                        formulas,
                        conditions,
                        having,
                        order: order
                            .into_iter()
                            .map(|(index, descending, first)| {
                                (index.index(outputs) + 1, descending, first)
                            })
                            .collect(),
                        limit,
                        groups_first,
                    }
                },
            )
    })
}

/// A value of either engine, for comparison.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Null,
    Text(String),
    /// Digits that have to be the same.
    Exact(String),
    Approximate(f64),
}

impl Cell {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(a) | Self::Text(a), Self::Exact(b) | Self::Text(b)) => a == b,
            (Self::Null, Self::Null) => true,
            (Self::Null, _) | (_, Self::Null) => false,
            (a, b) => match (a.number(), b.number()) {
                // A quotient of decimals has four decimals more than its operands in the engine.
                (Some(a), Some(b)) => (a - b).abs() <= 2e-4 + a.abs() * 1e-6,
                _ => false,
            },
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Null | Self::Text(_) => None,
            Self::Exact(digits) => digits.parse().ok(),
            Self::Approximate(number) => Some(*number),
        }
    }
}

/// Digits without superfluous zeros behind the point.
fn trimmed(digits: &str) -> String {
    match digits.split_once('.') {
        None => digits.to_owned(),
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
    }
}

fn own(row: &ResultRow) -> Vec<Cell> {
    let cell = |value: &ResultValue| match value {
        ResultValue::Null | ResultValue::Other => Cell::Null,
        ResultValue::Text(text) => Cell::Text(text.clone()),
        ResultValue::Boolean(value) => Cell::Text(value.to_string()),
        ResultValue::Integer(value) => Cell::Exact(value.to_string()),
        ResultValue::Decimal(digits) => Cell::Exact(trimmed(digits)),
        ResultValue::Suppressed => panic!("suppressed"),
    };
    row.values.iter().map(cell).collect()
}

fn plain_cell(array: &ArrayRef, row: usize, divides: bool) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Int64 => Cell::Exact(array.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::Int32 => Cell::Exact(
            array
                .as_primitive::<datafusion::arrow::datatypes::Int32Type>()
                .value(row)
                .to_string(),
        ),
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            // The sample variance of one value is NULL in SQL, and NaN here and there.
            if value.is_nan() {
                return Cell::Null;
            }
            Cell::Approximate(value)
        }
        DataType::Decimal128(..) => {
            let text = array.as_primitive::<Decimal128Type>().value_as_string(row);
            if divides {
                Cell::Approximate(text.parse().unwrap())
            } else {
                Cell::Exact(trimmed(&text))
            }
        }
        DataType::Boolean => Cell::Text(array.as_boolean().value(row).to_string()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row).to_owned()),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        other => panic!("{other}"),
    }
}

async fn plain(context: &SessionContext, query: &Query, minimum: u64) -> Vec<Vec<Cell>> {
    let sql = query.text(true, minimum);
    let frame = context.sql(&sql).await;
    let batches = frame
        .unwrap_or_else(|err| panic!("{sql}: {err}"))
        .collect()
        .await
        .unwrap_or_else(|err| panic!("{sql}: {err}"));
    let divides: Vec<bool> = query
        .outputs(true)
        .iter()
        .map(|text| text.contains('/') || text.contains("AVG"))
        .collect();
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let columns = batch.columns().iter().zip(&divides);
            rows.push(
                columns
                    .map(|(c, divides)| plain_cell(c, row, *divides))
                    .collect(),
            );
        }
    }
    rows
}

/// Whether the rows are in the order that the query asks for.
fn check_order(rows: &[ResultRow], query: &Query) -> Result<(), TestCaseError> {
    let number = |value: &ResultValue| match value {
        ResultValue::Integer(value) => value.to_string().parse().ok(),
        ResultValue::Decimal(digits) => digits.parse::<f64>().ok(),
        _ => None,
    };
    let null = |value: &ResultValue| {
        matches!(
            value,
            ResultValue::Null | ResultValue::Other | ResultValue::Suppressed
        )
    };
    for two in rows.windows(2) {
        for (output, descending, nulls_first) in &query.order {
            let (a, b) = (&two[0].values[output - 1], &two[1].values[output - 1]);
            if a == b {
                continue;
            }
            let in_order = match (null(a), null(b)) {
                (true, true) => continue,
                (a_is_null, b_is_null) if a_is_null != b_is_null => a_is_null == *nulls_first,
                _ => {
                    let smaller = match (number(a), number(b)) {
                        (Some(a), Some(b)) => a <= b,
                        _ => format!("{a:?}") < format!("{b:?}"),
                    };
                    smaller != *descending
                }
            };
            prop_assert!(in_order, "{:?} before {:?} in {:?}", a, b, query.order);
            break;
        }
    }
    Ok(())
}

/// One query, answered by both; whether it was answered at all.
async fn compare(
    world: &World,
    query: &Query,
    minimum: u64,
    (unique_a, unique_b): (bool, bool),
) -> Result<bool, TestCaseError> {
    let sql = query.text(false, minimum);
    let job = match agree(&world.asking, &world.asked, &sql).await {
        Ok(job) => job,
        Err(code) => {
            prop_assert!(
                [Code::KeyNotUnique, Code::GroupNotConstant].contains(&code),
                "{}: {}",
                sql,
                code
            );
            prop_assert!(!(unique_a && unique_b), "{}: {}", sql, code);
            return Ok(false);
        }
    };
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
    let expected = plain(&world.context, query, minimum).await;
    let mut left = expected.clone();
    for row in &shown {
        let cells = own(row);
        let same = |other: &Vec<Cell>| cells.iter().zip(other).all(|(a, b)| a.is_same(b));
        let Some(at) = left.iter().position(same) else {
            return Err(TestCaseError::fail(format!(
                "{sql}\n{cells:?} is not in\n{expected:#?}"
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
        let all: usize = job
            .output
            .rows(&job.spec, &job.opened())
            .unwrap()
            .rows
            .len();
        prop_assert_eq!(all, hidden.len() + shown.len());
    }
    Ok(true)
}

struct World {
    asking: crate::Catalog,
    asked: crate::Catalog,
    context: SessionContext,
}

async fn world(a: &Table, b: &Table, minimum: u64) -> (World, [crate::testing::Folder; 2]) {
    let folders = [crate::testing::Folder::new(), crate::testing::Folder::new()];
    let context = SessionContext::new();
    for (folder, (table, name)) in folders.iter().zip([(a, "ta"), (b, "tb")]) {
        table.write(folder);
        let path = folder.path("t.parquet");
        let options = ParquetReadOptions::default();
        let path = path.to_str().unwrap();
        context.register_parquet(name, path, options).await.unwrap();
    }
    let world = World {
        asking: folders[0].load(&a.toml("t.parquet", minimum)).await,
        asked: folders[1].load(&b.toml("t.csv", 1)).await,
        context,
    };
    (world, folders)
}

#[test]
fn rows_equal_plain_sql_over_the_joined_tables() {
    let cases = std::env::var("GLOVEBOX_ORACLE_CASES").ok();
    let cases: usize = cases.map_or(200, |cases| cases.parse().unwrap());
    let pairs = u32::try_from(cases.div_ceil(QUERIES)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (answered, refused) = (std::cell::Cell::new(0_usize), std::cell::Cell::new(0_usize));
    let mut runner = TestRunner::new(Config {
        max_shrink_iters: 200,
        ..Config::with_cases(pairs)
    });
    let strategy = (
        tables(),
        tables(),
        prop::sample::select(vec![1_u64, 1, 2, 3]),
        prop::collection::vec(query(), QUERIES),
    );
    runner
        .run(&strategy, |(a, b, minimum, queries)| {
            runtime.block_on(async {
                let (world, _folders) = world(&a, &b, minimum).await;
                for query in &queries {
                    let unique = (a.unique, b.unique);
                    let counter = if compare(&world, query, minimum, unique).await? {
                        &answered
                    } else {
                        &refused
                    };
                    counter.set(counter.get() + 1);
                }
                Ok(())
            })
        })
        .unwrap_or_else(|err| panic!("{err}"));
    let (answered, refused) = (answered.get(), refused.get());
    println!("{answered} queries answered, {refused} refused because a key repeats");
    assert!(answered > refused, "{answered} answered, {refused} refused");
}
