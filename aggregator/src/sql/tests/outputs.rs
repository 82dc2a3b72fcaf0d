//! Outputs, groups and what is done with them afterwards.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{as_told, canonical, refused};
use crate::golden;
use crate::sql::ast::Side;
use crate::sql::parse::{self, Author};

const FROM: &str = "FROM a.t AS a JOIN b.t AS b ON a.k = b.k";

/// The canonical text, without the part from FROM to the end of ON.
fn text(list: &str, rest: &str) -> String {
    let (text, hidden) = canonical(&format!("SELECT {list} {FROM} {rest}"), Side::First);
    assert_eq!(hidden, 0);
    text.replace(" FROM a.t JOIN b.t ON a.t.k = b.t.k", " …")
}

#[test]
fn outputs_have_canonical_names_and_as_few_parentheses_as_they_need() {
    for (list, expected) in [
        ("count(*), Sum(b.x)", "COUNT(*), SUM(b.t.x)"),
        (
            "SUM(b.price * b.quantity) AS revenue",
            "SUM(b.t.price * b.t.quantity) AS revenue",
        ),
        (
            "SUM(((b.x)) + (b.y - 1.50) * 2)",
            "SUM(b.t.x + (b.t.y - 1.50) * 2)",
        ),
        ("AVG(b.x - -007)", "AVG(b.t.x - -7)"),
        (
            "VAR(b.x), VARIANCE(b.x)",
            "VAR_SAMP(b.t.x), VAR_SAMP(b.t.x)",
        ),
        (
            "stddev(b.x) s, STDDEV_POP(a.y)",
            "STDDEV_SAMP(b.t.x) AS s, STDDEV_POP(a.t.y)",
        ),
        (
            "COUNT(b.x), COUNT(DISTINCT (a.k))",
            "COUNT(b.t.x), COUNT(DISTINCT a.t.k)",
        ),
        (
            "(COUNT(*) + 1) * 2 - 3 - (4 - COUNT(*))",
            "(COUNT(*) + 1) * 2 - 3 - (4 - COUNT(*))",
        ),
        (
            "1.0 * SUM(a.x) / (COUNT(*) * 2)",
            "1.0 * SUM(a.t.x) / (COUNT(*) * 2)",
        ),
        ("SUM(b.x) / SUM(a.y)", "SUM(b.t.x) / SUM(a.t.y)"),
    ] {
        assert_eq!(text(list, ""), format!("SELECT {expected} …"), "{list}");
    }
}

#[test]
fn groups_are_columns_or_parts_of_dates_each_once() {
    assert_eq!(
        text(
            "b.region, month(a.d) AS m, COUNT(*)",
            "GROUP BY b.region, EXTRACT(MONTH FROM a.d), b.region, Year(a.d)"
        ),
        "SELECT b.t.region, EXTRACT(MONTH FROM a.t.d) AS m, COUNT(*) … \
         GROUP BY b.t.region, EXTRACT(MONTH FROM a.t.d), EXTRACT(YEAR FROM a.t.d)"
    );
    // By number and by alias.
    assert_eq!(
        text("quarter(a.d) AS q, day(a.d), COUNT(*)", "GROUP BY 2, q"),
        "SELECT EXTRACT(QUARTER FROM a.t.d) AS q, EXTRACT(DAY FROM a.t.d), COUNT(*) … \
         GROUP BY EXTRACT(DAY FROM a.t.d), EXTRACT(QUARTER FROM a.t.d)"
    );
    // A quoted name is never a function or a keyword.
    assert_eq!(
        text("b.\"month\", COUNT(*)", "GROUP BY b.month"),
        "SELECT b.t.month, COUNT(*) … GROUP BY b.t.month"
    );
}

#[test]
fn conditions_on_aggregates_are_printed_like_those_on_columns() {
    for (having, expected) in [
        ("COUNT(*) > 10", "COUNT(*) > 10"),
        ("10 < COUNT(*)", "10 < COUNT(*)"),
        (
            "(SUM(b.x) + 1) * 2 >= AVG(b.x)",
            "(SUM(b.t.x) + 1) * 2 >= AVG(b.t.x)",
        ),
        (
            "NOT COUNT(*) != 1 AND (SUM(b.x) IS NULL OR (COUNT(*) NOT BETWEEN 1 AND 2 + 3))",
            "NOT (COUNT(*) <> 1) AND (SUM(b.t.x) IS NULL OR COUNT(*) NOT BETWEEN 1 AND 2 + 3)",
        ),
        ("((SUM(a.x))) IS NOT NULL", "SUM(a.t.x) IS NOT NULL"),
    ] {
        assert_eq!(
            text("COUNT(*)", &format!("HAVING {having}")),
            format!("SELECT COUNT(*) … HAVING {expected}")
        );
    }
}

#[test]
fn the_order_names_outputs_by_number_with_direction_and_place_of_null() {
    let list = "b.region AS r, SUM(b.x) AS s, COUNT(*)";
    for (order, expected) in [
        ("r", "1 ASC NULLS LAST"),
        ("2 DESC", "2 DESC NULLS FIRST"),
        (
            "s desc nulls last, 1 asc nulls first",
            "2 DESC NULLS LAST, 1 ASC NULLS FIRST",
        ),
        (
            "COUNT(*), SUM(b.x), b.region",
            "3 ASC NULLS LAST, 2 ASC NULLS LAST, 1 ASC NULLS LAST",
        ),
        ("r, 1 DESC", "1 ASC NULLS LAST"),
    ] {
        let text = text(
            list,
            &format!("GROUP BY b.region ORDER BY {order} LIMIT 05"),
        );
        assert!(
            text.ends_with(&format!(" ORDER BY {expected} LIMIT 5")),
            "{text}"
        );
    }
}

#[test]
fn what_is_outside_the_subset_of_outputs_is_refused_by_name_with_its_place() {
    let list = |list: &str| format!("SELECT {list} {FROM}");
    let rest = |rest: &str| format!("SELECT COUNT(*) {FROM}\n{rest}");
    let group = |list: &str| format!("SELECT {list} {FROM}\nGROUP BY b.r");
    let mut wrong = Vec::new();
    let mut texts = String::new();
    for (sql, name, line, column) in [
        (list("MIN(b.x)"), "the aggregate MIN", 1, 8),
        (list("SUM(DISTINCT b.x)"), "SUM(DISTINCT", 1, 12),
        (list("AVG(ALL b.x)"), "AVG(ALL", 1, 12),
        (list("SUM(*)"), "SUM(*)", 1, 8),
        (list("SUM()"), "SUM without an argument", 1, 8),
        (list("SUM(5)"), "SUM of a constant", 1, 8),
        (list("SUM(a.x + b.y)"), "columns of both sides", 1, 18),
        (
            list("SUM(a.x / 2)"),
            "a division inside an aggregate",
            1,
            16,
        ),
        (list("SUM(ABS(a.x))"), "the function ABS", 1, 12),
        (list("SUM(a.x % 2)"), "the operator %", 1, 16),
        (list("SUM(-a.x)"), "a sign before an expression", 1, 12),
        (list("SUM(COUNT(*))"), "the function COUNT", 1, 12),
        (list("SUM('5')"), "a column or a literal", 1, 12),
        (list("SUM(a.x) FILTER (WHERE a.x > 1)"), "FILTER", 1, 17),
        (list("AVG(a.x) OVER ()"), "a window function", 1, 17),
        (list("b.r"), "GROUP BY does not list", 1, 8),
        (list("5"), "a constant in the SELECT list", 1, 8),
        (list("COUNT(*), 'x'"), "anything but aggregates", 1, 18),
        (list("COUNT(*), *"), "SELECT *", 1, 18),
        (list("COUNT(*),"), "anything but aggregates", 1, 18),
        (list("COUNT(*), (SELECT 1)"), "a subquery", 1, 18),
        (list("MONTH(a.d)"), "GROUP BY does not list", 1, 8),
        (list("WEEK(a.d)"), "the function WEEK", 1, 8),
        (
            list("EXTRACT(WEEK FROM a.d)"),
            "EXTRACT of this part",
            1,
            16,
        ),
        (list("MONTH(a.d + 1)"), "the operator +", 1, 18),
        (group("b.r"), "a query without an aggregate", 1, 8),
        (
            group("b.r + 1, COUNT(*)"),
            "a group column in arithmetic",
            1,
            8,
        ),
        (rest("GROUP BY a.x + 1"), "the operator +", 2, 14),
        (rest("GROUP BY ROLLUP(a.x)"), "the function ROLLUP", 2, 10),
        (rest("GROUP BY 1"), "an aggregate in GROUP BY", 2, 10),
        (rest("GROUP BY 2"), "no output with this number", 2, 10),
        (rest("GROUP BY x"), "which table", 2, 10),
        (rest("GROUP a.x"), "BY was expected", 2, 7),
        (rest("HAVING a.x > 1"), "a column in HAVING", 2, 8),
        (rest("HAVING n > 1"), "an alias in HAVING", 2, 8),
        (
            rest("HAVING month(a.d) > 1"),
            "a group column in HAVING",
            2,
            8,
        ),
        (rest("HAVING 1 = 1"), "without an aggregate", 2, 8),
        (rest("HAVING COUNT(*)"), "a bare value", 2, 8),
        (rest("HAVING COUNT(*) IN (1, 2)"), "IN in HAVING", 2, 17),
        (
            rest("HAVING COUNT(*) > 'a'"),
            "an aggregate or a number",
            2,
            19,
        ),
        (
            rest("HAVING (COUNT(*) > 1) + 1 > 2"),
            "with a condition",
            2,
            23,
        ),
        (rest("HAVING COUNT(*) > (SELECT 1)"), "a subquery", 2, 19),
        (rest("ORDER BY SUM(a.x)"), "not an output", 2, 10),
        (rest("ORDER BY n"), "no output is called n", 2, 10),
        (rest("ORDER BY 0"), "no output with this number", 2, 10),
        (rest("ORDER BY 1 NULLS"), "FIRST or LAST", 2, 12),
        (rest("LIMIT ALL"), "LIMIT without a plain number", 2, 7),
        (rest("LIMIT 0"), "LIMIT 0", 2, 7),
        (rest("LIMIT 1.5"), "LIMIT without a plain number", 2, 7),
        (rest("LIMIT -1"), "LIMIT without a plain number", 2, 7),
        (rest("LIMIT 1 OFFSET 2"), "OFFSET", 2, 9),
        (rest("LIMIT 1 ORDER BY 1"), "ORDER BY in this place", 2, 9),
        (
            rest("ORDER BY 1 HAVING COUNT(*) > 1"),
            "HAVING in this place",
            2,
            12,
        ),
        (
            rest("GROUP BY a.x WHERE a.x = 1"),
            "WHERE in this place",
            2,
            14,
        ),
    ] {
        let (what, place) = refused(&sql);
        texts += &as_told(&sql);
        if !what.contains(name) || place != (line, column) {
            wrong.push(format!("{sql}\n  said at {place:?}: {what}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    golden::check("refusals-sql-outputs.txt", &texts);
}

#[test]
fn long_and_deep_outputs_end_in_a_message() {
    let list = |list: String| format!("SELECT {list} {FROM}");
    let deep = format!("{}COUNT(*){}", "(".repeat(2000), ")".repeat(2000));
    let chain = vec!["COUNT(*)"; 300].join(" + ");
    let values = format!("SUM({})", vec!["a.x"; 300].join(" * "));
    let many = vec!["COUNT(*)"; 65].join(", ");
    let signs = format!("SUM({}1)", "- ".repeat(3000));
    for text in [deep, chain, values, many, signs] {
        refused(&list(text));
    }
    let having = |having: String| format!("SELECT COUNT(*) {FROM} HAVING {having}");
    let nots = format!("{}COUNT(*) > 1", "NOT ".repeat(3000));
    let opened = "(".repeat(3000);
    let long = format!("COUNT(*) > {}", vec!["1"; 300].join(" + "));
    for text in [nots, opened, long] {
        refused(&having(text));
    }
    let groups: Vec<String> = (0..9).map(|n| format!("a.c{n}")).collect();
    refused(&format!(
        "SELECT COUNT(*) {FROM} GROUP BY {}",
        groups.join(", ")
    ));
    // What is long but within the bounds is accepted and read again.
    let chain = vec!["COUNT(*)"; 250].join(" + ");
    let (text, _) = canonical(&list(chain), Side::First);
    parse::read(&text, Author::Peer).unwrap();
}

#[test]
fn a_placeholder_stands_for_no_number_of_an_output() {
    for sql in [
        format!("SELECT SUM(b.x + $1) {FROM}"),
        format!("SELECT COUNT(*) + $1 {FROM}"),
        format!("SELECT COUNT(*) {FROM} HAVING COUNT(*) > $1"),
        format!("SELECT COUNT(*) {FROM} LIMIT $1"),
    ] {
        assert!(parse::read(&sql, Author::Peer).is_err(), "{sql}");
    }
}

fn column() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["b.x", "b.y", "b.\"Z z\"", "b.month"]).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof!["-?[0-9]{1,4}", "-?[0-9]{1,3}\\.[0-9]{1,3}"]
}

fn arithmetic(leaf: BoxedStrategy<String>, ops: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![3 => leaf, 1 => number()]
        .prop_recursive(3, 8, 2, move |inner| {
            (
                inner.clone(),
                prop::sample::select(ops.to_vec()),
                inner,
                any::<bool>(),
            )
                .prop_map(|(a, op, b, parentheses)| {
                    if parentheses {
                        format!("({a} {op} {b})")
                    } else {
                        format!("{a} {op} {b}")
                    }
                })
        })
        .boxed()
}

fn aggregate() -> BoxedStrategy<String> {
    let functions = vec![
        "SUM",
        "avg",
        "COUNT",
        "Var_Pop",
        "VARIANCE",
        "stddev",
        "STDDEV_POP",
    ];
    let value = arithmetic(column().boxed(), &["+", "-", "*"]).prop_map(|v| format!("b.x + {v}"));
    prop_oneof![
        1 => Just("COUNT(*)".to_owned()),
        1 => Just("count(distinct a.k)".to_owned()),
        4 => (prop::sample::select(functions), value).prop_map(|(f, v)| format!("{f}({v})")),
    ]
    .boxed()
}

fn formula() -> BoxedStrategy<String> {
    arithmetic(aggregate(), &["+", "-", "*", "/"])
        .prop_map(|text| format!("COUNT(*) + {text}"))
        .boxed()
}

fn having() -> BoxedStrategy<String> {
    let op = prop::sample::select(vec!["=", "<>", "<", ">="]);
    let leaf = (formula(), op, formula(), 0..4_u8).prop_map(|(a, op, b, form)| match form {
        0 => format!("{a} BETWEEN {b} AND 5"),
        1 => format!("{a} IS NOT NULL"),
        _ => format!("{a} {op} {b}"),
    });
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..3)
                .prop_map(|parts| format!("({})", parts.join(" AND "))),
            prop::collection::vec(inner.clone(), 2..3)
                .prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.prop_map(|part| format!("NOT {part}")),
        ]
    })
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_canonical_text_of_outputs_prints_itself_again(
        outputs in prop::collection::vec(formula(), 1..4),
        having in prop::option::of(having()),
        order in prop::collection::vec((1..4_usize, any::<bool>(), any::<bool>()), 0..3),
        limit in prop::option::of(1..100_u32),
    ) {
        let mut sql = format!(
            "SELECT EXTRACT(MONTH FROM a.d), {} {FROM} GROUP BY a.r, 1", outputs.join(", "));
        if let Some(having) = having {
            write!(sql, " HAVING {having}").unwrap();
        }
        for (i, (output, descending, first)) in order.iter().enumerate() {
            let output = (*output).min(outputs.len() + 1);
            sql.push_str(if i == 0 { " ORDER BY " } else { ", " });
            write!(sql, "{output} {} NULLS {}",
                if *descending { "DESC" } else { "ASC" }, if *first { "FIRST" } else { "LAST" }).unwrap();
        }
        if let Some(limit) = limit {
            write!(sql, " LIMIT {limit}").unwrap();
        }
        let (text, _) = canonical(&sql, Side::First);
        let again = parse::read(&text, Author::Peer)
            .map_err(|err| TestCaseError::fail(format!("{text}\n{err}")))?;
        prop_assert_eq!(crate::sql::canonical::print(&again, Side::First).0, text);
    }

    #[test]
    fn no_damaged_output_makes_the_reader_panic(
        cut in 0..200_usize, paste in "[()'\"$,.*/+<>=a-z0-9 \n-]{0,12}", skip in 0..60_usize,
    ) {
        let sql = format!(
            "SELECT b.r, EXTRACT(MONTH FROM a.d) AS m, SUM(b.x * (b.y + 1)) / COUNT(*) {FROM} \
             GROUP BY b.r, 2 HAVING NOT (SUM(b.x) > 5 AND COUNT(*) BETWEEN 1 AND 2) \
             ORDER BY m DESC NULLS LAST, 3 LIMIT 10");
        let text: String = sql.chars().take(cut).chain(paste.chars())
            .chain(sql.chars().skip(cut + skip)).collect();
        if let Err(err) = parse::read(&text, Author::Peer) {
            let place = err.told().unwrap().at;
            prop_assert!(place.line > 0 && place.column > 0, "{err}");
        }
    }
}
