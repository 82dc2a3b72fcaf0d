//! Random queries for [`super`]: as a node takes them, and as plain SQL over the joined tables.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::tables::Table;

/// A group expression: as asked, and as plain SQL that gives NULL for `other`.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) asked: String,
    plain: String,
    /// Values with a group of their own, and `other`.
    size: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Query {
    /// The outer table of a semi-join, if the query is one.
    pub(super) outer: Option<&'static str>,
    pub(super) groups: Vec<Group>,
    pub(super) formulas: Vec<String>,
    pub(super) conditions: Vec<String>,
    pub(super) having: Option<String>,
    /// Output number, descending, nulls first.
    pub(super) order: Vec<(usize, bool, bool)>,
    pub(super) limit: Option<usize>,
    /// Whether the group columns come before the formulas.
    groups_first: bool,
}

impl Query {
    /// The outputs as they are asked, in order.
    pub(super) fn outputs(&self) -> Vec<String> {
        self.in_order(|group| &group.asked)
    }

    fn in_order(&self, text: impl Fn(&Group) -> &String) -> Vec<String> {
        let groups = self.groups.iter().map(|group| text(group).clone());
        let formulas = self.formulas.iter().cloned();
        if self.groups_first {
            groups.chain(formulas).collect()
        } else {
            formulas.chain(groups).collect()
        }
    }

    /// How many combinations of groups there are.
    pub(super) fn cells(&self) -> usize {
        self.groups.iter().map(|group| group.size).product()
    }

    /// The query as a node takes it.
    pub(super) fn asked(&self) -> String {
        let groups = self.groups.iter().map(|group| group.asked.as_str());
        let tables = ["brand.t AS a", "snowy.t AS b"].map(str::to_owned);
        let mut sql = self.head(&self.outputs(), tables, groups);
        if let Some(having) = &self.having {
            let _ = write!(sql, " HAVING {having}");
        }
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
        sql
    }

    /// The query as plain SQL over the tables `ta` and `tb`, with the minimum as a condition and
    /// without ORDER BY and LIMIT.
    pub(super) fn plain(&self, minimum: u64, a: &Table, b: &Table) -> String {
        let sides = [("a", a), ("b", b)].map(|(side, table)| self.source(side, table));
        let groups = self.groups.iter().map(|group| group.plain.as_str());
        let clamped = |text: &str| {
            let sides = [("a", a), ("b", b)].into_iter();
            let sides = sides.filter(|(_, table)| table.clamp.is_some());
            sides.fold(text.to_owned(), |text, (side, _)| clamped_sums(&text, side))
        };
        let outputs = self.in_order(|group| &group.plain);
        let exactly = |text: &str| exact(&clamped(text));
        let outputs: Vec<String> = outputs.iter().map(|text| exactly(text)).collect();
        let mut sql = self.head(&outputs, sides, groups);
        let having = exactly(self.having.as_deref().unwrap_or("TRUE"));
        let enough = format!(
            "COUNT(DISTINCT {}.id) >= {minimum}",
            self.outer.unwrap_or("a")
        );
        let _ = write!(sql, " HAVING ({having}) AND {enough}");
        sql
    }

    fn head<'a>(
        &self,
        outputs: &[String],
        [a, b]: [String; 2],
        groups: impl Iterator<Item = &'a str>,
    ) -> String {
        // Outputs that are the same have different names.
        let outputs = outputs.iter().enumerate();
        let outputs: Vec<String> = outputs.map(|(n, text)| format!("{text} AS o{n}")).collect();
        let mut sql = format!("SELECT {} FROM ", outputs.join(", "));
        match self.outer {
            None => {
                let _ = write!(sql, "{a} JOIN {b} ON a.id = b.id");
                for (i, condition) in self.conditions.iter().enumerate() {
                    let word = if i == 0 { "WHERE" } else { "AND" };
                    let _ = write!(sql, " {word} {condition}");
                }
            }
            Some(outer) => {
                let (outer_table, inner_table) = if outer == "a" { (a, b) } else { (b, a) };
                let is_outer = |condition: &&String| condition.starts_with(&format!("{outer}."));
                let (outside, inside): (Vec<_>, Vec<_>) =
                    self.conditions.iter().partition(is_outer);
                let _ = write!(sql, "{outer_table} WHERE ");
                for condition in outside {
                    let _ = write!(sql, "{condition} AND ");
                }
                let _ = write!(sql, "EXISTS (SELECT 1 FROM {inner_table} WHERE a.id = b.id");
                for condition in inside {
                    let _ = write!(sql, " AND {condition}");
                }
                sql.push(')');
            }
        }
        for (i, group) in groups.enumerate() {
            let _ = write!(sql, "{}{group}", if i == 0 { " GROUP BY " } else { ", " });
        }
        sql
    }

    /// One side's table. If its `x` is clamped, with a further column `cx`: in one row of each
    /// identity and group the clamped sum of `x`, and 0 in the others.
    fn source(&self, side: &str, table: &Table) -> String {
        let Some((low, high)) = table.clamp else {
            return format!("t{side} AS {side}");
        };
        let own = format!("{side}.");
        let mut within = format!("PARTITION BY {side}.id");
        for group in self.groups.iter().filter(|g| g.asked.contains(&own)) {
            let _ = write!(within, ", {}", group.plain);
        }
        let mut conditions = String::from("TRUE");
        for condition in self.conditions.iter().filter(|c| c.starts_with(&own)) {
            let _ = write!(conditions, " AND {condition}");
        }
        let sum = format!("SUM({side}.x) OVER ({within})");
        format!(
            "(SELECT {side}.*, CASE WHEN ROW_NUMBER() OVER ({within}) > 1 THEN 0 \
             WHEN {sum} < {low} THEN {low} WHEN {sum} > {high} THEN {high} ELSE {sum} END AS cx \
             FROM t{side} AS {side} WHERE {conditions}) AS {side}"
        )
    }

    /// Whether the policy has to refuse the query because `side` clamps its column `x`: a variance
    /// of it, or a sum of an expression with it.
    pub(super) fn defies_clamp(&self, side: &str) -> bool {
        let column = format!("{side}.x");
        let texts = self.formulas.iter().chain(&self.having);
        texts.into_iter().any(|text| {
            ["SUM(", "AVG(", "_SAMP(", "_POP("]
                .into_iter()
                .any(|function| {
                    text.match_indices(function).any(|(at, _)| {
                        let argument = argument(&text[at + function.len()..]);
                        let varies = function.starts_with('_');
                        argument.contains(&column) && (varies || argument != column)
                    })
                })
        })
    }
}

/// The same with sums and averages that do not depend on how doubles are rounded.
fn exact(text: &str) -> String {
    text.replace("SUM(", "EXACT_SUM(")
        .replace("AVG(", "EXACT_AVG(")
}

/// Sums of the clamped column, over what identities contribute.
fn clamped_sums(text: &str, side: &str) -> String {
    let known = format!("CASE WHEN COUNT({side}.x) > 0 THEN");
    text.replace(
        &format!("SUM({side}.x)"),
        &format!("({known} SUM({side}.cx) END)"),
    )
    .replace(
        &format!("AVG({side}.x)"),
        &format!("({known} CAST(SUM({side}.cx) AS DOUBLE) / COUNT({side}.x) END)"),
    )
}

/// Up to the parenthesis that ends the argument.
fn argument(text: &str) -> &str {
    let mut depth = 0_u32;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return &text[..at],
            ')' => depth -= 1,
            _ => {}
        }
    }
    text
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let one = (prop::sample::select(vec!["a", "b"]), 0..4_u8).prop_map(|(side, which)| {
        let (column, domain, size) = match which {
            0 => (format!("{side}.r"), "'x', 'y'", 3),
            1 => (format!("{side}.n"), "0, 1, 7", 4),
            2 => (format!("EXTRACT(MONTH FROM {side}.d)"), "1, 2", 3),
            _ => (format!("{side}.p"), "true", 2),
        };
        // SQLite has dates as text, and no EXTRACT.
        let plain = match which {
            2 => format!("CAST(strftime('%m', {side}.d) AS INTEGER)"),
            _ => column.clone(),
        };
        Group {
            plain: format!("CASE WHEN {plain} IN ({domain}) THEN {plain} END"),
            asked: column,
            size,
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
    let column = prop::sample::select(vec!["x", "y", "y", "m", "m", "f", "f"]);
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
    // The side whose key is counted makes no difference, unless only one side may be used.
    let key_of = sides.last().copied().unwrap_or("b");
    let of = prop::sample::select(sides.clone()).prop_flat_map(value);
    // Tables may clamp `x`, and then allow little else of it.
    let sum = (
        prop::sample::select(vec!["SUM", "AVG"]),
        prop::sample::select(sides),
    )
        .prop_map(|(function, side)| format!("{function}({side}.x)"));
    prop_oneof![
        2 => sum,
        1 => Just("COUNT(*)".to_owned()),
        1 => Just(format!("COUNT(DISTINCT {key_of}.id)")),
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

pub(super) fn query() -> impl Strategy<Value = Query> {
    let sides = prop_oneof![
        3 => Just((vec!["a"], None)),
        3 => Just((vec!["b"], None)),
        3 => Just((vec!["a", "b"], None)),
        2 => Just((vec!["a"], Some("a"))),
        2 => Just((vec!["b"], Some("b"))),
    ];
    let condition = prop::sample::select(vec![
        "a.y > 0",
        "b.y < 3",
        "a.r = 'x'",
        "b.f IS NOT NULL",
        "a.d >= '2025-02-01'",
        "b.n IN (0, 1)",
    ]);
    sides.prop_flat_map(move |(sides, outer)| {
        let own = sides.clone();
        let groups = groups().prop_map(move |mut groups| {
            let is_outer = |group: &Group| {
                own.iter()
                    .any(|side| group.asked.contains(&format!("{side}.")))
            };
            groups.retain(|group| outer.is_none() || is_outer(group));
            groups
        });
        (
            groups,
            prop::collection::vec(formula(sides.clone()), 1..4),
            prop::collection::vec(condition.clone().prop_map(str::to_owned), 0..2),
            prop::option::weighted(0.3, having(sides)),
            prop::collection::vec(
                (any::<prop::sample::Index>(), any::<bool>(), any::<bool>()),
                0..3,
            ),
            prop::option::weighted(0.2, 1..4_usize),
            any::<bool>(),
        )
            .prop_map(
                move |(groups, formulas, conditions, having, order, limit, groups_first)| {
                    let outputs = groups.len() + formulas.len();
                    Query {
                        outer,
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
