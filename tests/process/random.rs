//! Random queries over random tables through two processes, against a plain evaluation of the
//! joined rows: a small brother of the oracle in the package `aggregator`, with the cryptography,
//! the wire and both policies in between.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::harness::{Node, World};
use crate::plain::{Joined, Output, Question};

const MINIMUM: usize = 2;
const QUERIES: usize = 5;
/// Whether the key of anna's table and of bert's repeats, in each pair of tables.
const REPEATS: [(bool, bool); 5] = [
    (false, true),
    (false, false),
    (true, false),
    (false, false),
    (false, true),
];

#[derive(Clone, Debug)]
struct Row {
    id: u32,
    month: u32,
    /// A whole number.
    n: Option<i32>,
    /// Hundredths.
    m: Option<i32>,
}

impl Row {
    /// Depends on the identity alone, so that it can be a group of either side.
    fn group(&self) -> &'static str {
        ["x", "y", "z", ""][self.id as usize % 4]
    }
}

fn rows(repeats: bool) -> impl Strategy<Value = Vec<Row>> {
    let some = |range: std::ops::Range<i32>| prop::option::weighted(0.8, range);
    let row = (0..30_u32, 1..4_u32, some(-9..20), some(-500..2_000));
    let row = row.prop_map(|(id, month, n, m)| Row { id, month, n, m });
    prop::collection::vec(row, 25..70).prop_map(move |mut rows| {
        if !repeats {
            rows.sort_by_key(|row| row.id);
            rows.dedup_by_key(|row| row.id);
        }
        rows
    })
}

fn table(number: usize, repeats: bool) -> String {
    let aggregate = |column: &str, more: &str| {
        format!(
            "[table.t{number}.aggregate.{column}]\n\
             functions = [\"count\", \"sum\", \"avg\", \"var\", \"stddev\"]\n{more}\n"
        )
    };
    format!(
        "[table.t{number}]\nsource = \"t{number}.csv\"\nminimum = {MINIMUM}\n\
         filter = [\"n\"]\nowner_may_receive = true\n\
         dimension = {{ g = [\"x\", \"y\"], \"month(d)\" = [1, 2] }}\n\
         [[table.t{number}.key]]\ncolumns = [\"id\"]\nkinds = [\"int\"]\nunique = {}\n\
         identities = 40\n{}{}",
        !repeats,
        aggregate("n", ""),
        aggregate("m", "decimals = 2")
    )
}

fn write(node: &Node, number: usize, rows: &[Row]) {
    // A row without a key fixes the types.
    let mut text = String::from("id,g,d,n,m\n,x,2025-01-01,0,0.5\n");
    for row in rows {
        let (id, group, month) = (row.id, row.group(), row.month);
        let n = row.n.map(|n| n.to_string()).unwrap_or_default();
        let m = row.m.map(|m| (f64::from(m) / 100.0).to_string());
        let m = m.unwrap_or_default();
        writeln!(text, "{id},{group},2025-{month:02}-11,{n},{m}").unwrap();
    }
    node.write(&format!("t{number}.csv"), &text);
}

/// What is drawn for a query: group columns as (side, month?), aggregates as (function, side,
/// expression), and the rest.
#[derive(Clone, Debug)]
struct Query {
    groups: Vec<(usize, bool)>,
    aggregates: Vec<(u8, usize, u8)>,
    filter: Option<(usize, i32)>,
    having: Option<usize>,
    order: bool,
    limit: Option<usize>,
}

/// Queries that both policies allow: aggregates are of a side whose counterpart does not repeat,
/// months of a side that is Sender or whose key does not repeat.
fn query((a_repeats, b_repeats): (bool, bool)) -> impl Strategy<Value = Query> {
    let sides = match (a_repeats, b_repeats) {
        (true, _) => vec![0],
        (_, true) => vec![1],
        _ => vec![0, 1],
    };
    let group = (0..2_usize, prop::bool::weighted(0.4));
    let aggregate = (0..9_u8, prop::sample::select(sides), 0..4_u8);
    (
        prop::collection::vec(group, 0..3),
        prop::collection::vec(aggregate, 1..4),
        prop::option::weighted(0.3, (0..2_usize, -5..10)),
        prop::option::weighted(0.3, 1..8_usize),
        any::<bool>(),
        prop::option::weighted(0.2, 1..4_usize),
    )
        .prop_map(|(mut groups, aggregates, filter, having, order, limit)| {
            groups.sort_unstable();
            groups.dedup();
            Query {
                groups,
                aggregates,
                filter,
                having,
                order,
                limit,
            }
        })
}

/// The expression of an aggregate, and its value in a row.
fn expression(side: usize, which: u8) -> (String, fn(&Row) -> Option<f64>) {
    let side = ["a", "b"][side];
    match which {
        0 => (format!("{side}.n"), |row| row.n.map(f64::from)),
        1 => (format!("{side}.m"), |row| {
            row.m.map(|m| f64::from(m) / 100.0)
        }),
        2 => (format!("{side}.n * {side}.m"), |row| {
            Some(f64::from(row.n?) * f64::from(row.m?) / 100.0)
        }),
        _ => (format!("{side}.n - 3"), |row| Some(f64::from(row.n?) - 3.0)),
    }
}

impl Query {
    fn outputs(&self) -> Vec<Output> {
        let groups = (0..self.groups.len()).map(Output::Group);
        let aggregates = self.aggregates.iter().enumerate();
        let aggregates = aggregates.map(|(at, (function, _, _))| match function {
            0 => Output::Rows,
            1 => Output::Identities,
            2 => Output::Known(at),
            3 => Output::Average(at),
            4 => Output::VarPop(at),
            5 => Output::VarSamp(at),
            6 => Output::StddevPop(at),
            7 => Output::StddevSamp(at),
            _ => Output::Sum(at),
        });
        groups.chain(aggregates).collect()
    }

    fn sql(&self, number: usize) -> String {
        let groups: Vec<String> = self.groups.iter().map(group_text).collect();
        let mut outputs = groups.clone();
        for (at, (function, side, which)) in self.aggregates.iter().enumerate() {
            let (of, _) = expression(*side, *which);
            let text = match function {
                0 => "COUNT(*)".to_owned(),
                1 => "COUNT(DISTINCT a.id)".to_owned(),
                2 => format!("COUNT({of})"),
                3 => format!("AVG({of})"),
                4 => format!("VAR_POP({of})"),
                5 => format!("VARIANCE({of})"),
                6 => format!("STDDEV_POP({of})"),
                7 => format!("STDDEV({of})"),
                _ => format!("SUM({of})"),
            };
            outputs.push(format!("{text} AS o{at}"));
        }
        let mut sql = format!(
            "SELECT {} FROM anna.t{number} AS a JOIN bert.t{number} AS b ON a.id = b.id",
            outputs.join(", ")
        );
        if let Some((side, least)) = self.filter {
            write!(sql, " WHERE {}.n >= {least}", ["a", "b"][side]).unwrap();
        }
        if !groups.is_empty() {
            write!(sql, " GROUP BY {}", groups.join(", ")).unwrap();
        }
        if let Some(least) = self.having {
            write!(sql, " HAVING COUNT(*) >= {least}").unwrap();
        }
        if self.order {
            let output = self.groups.len() + 1;
            write!(sql, " ORDER BY {output} DESC NULLS LAST").unwrap();
        }
        if let Some(limit) = self.limit {
            write!(sql, " LIMIT {limit}").unwrap();
        }
        sql
    }

    fn joined(&self, tables: &[Vec<Row>; 2]) -> Vec<Joined> {
        let [a, b] = tables;
        let pairs = a.iter().flat_map(|a| {
            let same = b.iter().filter(move |b| a.id == b.id);
            same.map(move |b| [a, b])
        });
        let passes = |pair: &[&Row; 2]| {
            let filter = self.filter;
            filter.is_none_or(|(side, least)| pair[side].n.is_some_and(|n| n >= least))
        };
        let row = |pair: [&Row; 2]| Joined {
            id: pair[0].id.to_string(),
            groups: self
                .groups
                .iter()
                .map(|&(side, month)| {
                    if month {
                        json!(pair[side].month)
                    } else {
                        json!(pair[side].group())
                    }
                })
                .collect(),
            values: self
                .aggregates
                .iter()
                .map(|(_, side, which)| expression(*side, *which).1(pair[*side]))
                .collect(),
        };
        pairs.filter(passes).map(row).collect()
    }

    /// Asks one of the nodes, and compares.
    fn ask(&self, node: &Node, number: usize, tables: &[Vec<Row>; 2]) {
        let sql = self.sql(number);
        let domain = |&(_, month): &(usize, bool)| -> Vec<Value> {
            if month {
                vec![json!(1), json!(2)]
            } else {
                vec![json!("x"), json!("y")]
            }
        };
        let domains: Vec<Vec<Value>> = self.groups.iter().map(domain).collect();
        let outputs = self.outputs();
        let question = Question {
            domains: &domains,
            outputs: &outputs,
            minimum: MINIMUM,
        };
        let mut rows = question.answer(&self.joined(tables));
        if let Some(least) = self.having {
            rows.retain(|row| !row.suppressed && row.rows >= least);
        }
        if self.order {
            Question::sort_descending(&mut rows, self.groups.len());
        }
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        let ran = node.query(&sql);
        assert!(
            [0, 3].contains(&ran.code),
            "{sql}\n{}{}",
            ran.stdout,
            ran.stderr
        );
        question.expect(&rows, &ran.json(), &sql);
    }
}

fn group_text(&(side, month): &(usize, bool)) -> String {
    let side = ["a", "b"][side];
    if month {
        format!("month({side}.d)")
    } else {
        format!("{side}.g")
    }
}

#[test]
fn random_queries_between_two_processes_are_answered_as_by_plain_evaluation() {
    let config = Config::default();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let mut draw_tables = |(a, b)| {
        let tree = (rows(a), rows(b)).new_tree(&mut runner).unwrap();
        <[Vec<Row>; 2]>::from(tree.current())
    };
    let tables: Vec<[Vec<Row>; 2]> = REPEATS.into_iter().map(&mut draw_tables).collect();
    let all = |side: fn((bool, bool)) -> bool| -> String {
        let numbered = REPEATS.into_iter().enumerate();
        numbered
            .map(|(n, repeats)| table(n, side(repeats)))
            .collect()
    };
    let mut world = World::new(&all(|repeats| repeats.0), &all(|repeats| repeats.1));
    for (number, [a, b]) in tables.iter().enumerate() {
        write(&world.a, number, a);
        write(&world.b, number, b);
    }
    world.serve();
    for (number, (repeats, tables)) in REPEATS.into_iter().zip(&tables).enumerate() {
        for turn in 0..QUERIES {
            let query = query(repeats).new_tree(&mut runner).unwrap().current();
            let node = if turn % 2 == 0 { &world.a } else { &world.b };
            query.ask(node, number, tables);
        }
    }
    world.agreed_log();
}
