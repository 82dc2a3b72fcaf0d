mod outputs;
mod subqueries;

use proptest::prelude::*;

use super::ast::Side;
use super::canonical;
use super::parse::{self, Author};
use crate::error::{QueryError, Told};
use crate::golden;

const QUERY: &str = "SELECT COUNT(*) FROM snowy.customers AS s JOIN brand.customers AS b \
                     ON s.email_hash = b.email_hash WHERE b.last_purchase > '2025-01-01'";

fn canonical(sql: &str, hide: Side) -> (String, usize) {
    let query = parse::read(sql, Author::Own).unwrap_or_else(|err| panic!("{sql}: {err}"));
    let (text, hidden) = canonical::print(&query, hide);
    (text, hidden.len())
}

/// The message for the query whose WHERE clause is `condition`.
fn refused(sql: &str) -> (String, (u64, u64)) {
    match parse::read(sql, Author::Own) {
        Ok(_) => panic!("accepted: {sql}"),
        Err(
            QueryError::NotInSubset(Told { at, what, remedy })
            | QueryError::Syntax(Told { at, what, remedy })
            | QueryError::Meaning(Told { at, what, remedy }),
        ) => {
            assert!(!remedy.is_empty());
            (what, (at.line, at.column))
        }
        Err(other) => panic!("{sql}: {other}"),
    }
}

/// A query that is refused, and what its author reads.
fn as_told(sql: &str) -> String {
    let error = parse::read(sql, Author::Own).map(drop).unwrap_err();
    format!("{sql}\n    {error}\n    {}\n\n", error.remedy())
}

#[test]
fn the_documented_query_has_the_documented_canonical_text() {
    let common = "SELECT COUNT(*) FROM snowy.customers JOIN brand.customers \
                  ON snowy.customers.email_hash = brand.customers.email_hash \
                  WHERE brand.customers.last_purchase > ";
    assert_eq!(
        canonical(QUERY, Side::First),
        (format!("{common}'2025-01-01'"), 0)
    );
    assert_eq!(canonical(QUERY, Side::Second), (format!("{common}$1"), 1));
}

#[test]
fn spelling_does_not_matter_for_the_canonical_text() {
    let same = "select count ( * ) -- a comment\n from SNOWY.Customers s inner join Brand.CUSTOMERS
                on (b.Email_Hash = s.EMAIL_HASH) where ('2025-01-01' < (b.\"last_purchase\"));";
    let same = same.replace("Brand.CUSTOMERS", "Brand.CUSTOMERS b");
    assert_eq!(canonical(&same, Side::First), canonical(QUERY, Side::First));
}

#[test]
fn a_sign_may_follow_an_operator_at_once() {
    let from = "FROM a.t AS a JOIN b.t AS b ON a.k = b.k";
    let close = format!("SELECT COUNT(*)-+1 {from} WHERE a.x>=-1 AND b.y<>-2 AND a.z>--\n-3");
    let apart =
        format!("SELECT COUNT(*) - + 1 {from} WHERE a.x >= - 1 AND b.y <> - 2 AND a.z > - 3");
    assert_eq!(
        canonical(&close, Side::First),
        canonical(&apart, Side::First)
    );
}

#[test]
fn every_kind_of_condition_is_printed_and_hidden_in_order() {
    let sql = "SELECT COUNT(DISTINCT b.k) AS n FROM a.t AS a JOIN b.t AS b ON a.k = b.k AND a.\"L\" = b.l \
               WHERE a.x BETWEEN 1 AND -2.50 AND NOT (a.y LIKE 'it''s%' OR a.z IS NULL AND a.w <> a.v) \
               AND b.x NOT IN (007, NULL, TRUE) AND b.d >= DATE '2025-01-01' \
               AND b.t < TIMESTAMP '2025-01-01 10:00:00' AND b.u NOT BETWEEN 'a' AND 'b'";
    let sql = sql.replace("COUNT(DISTINCT b.k)", "COUNT(DISTINCT b.k, b.l)");
    let (text, hidden) = canonical(&sql, Side::First);
    assert_eq!(hidden, 3);
    assert_eq!(
        text,
        "SELECT COUNT(DISTINCT b.t.k, b.t.l) AS n FROM a.t JOIN b.t \
         ON a.t.k = b.t.k AND a.t.\"L\" = b.t.l \
         WHERE a.t.x BETWEEN $1 AND $2 AND NOT (a.t.y LIKE $3 OR (a.t.z IS NULL AND a.t.w <> a.t.v)) \
         AND b.t.x NOT IN (7, NULL, TRUE) AND b.t.d >= DATE '2025-01-01' \
         AND b.t.t < TIMESTAMP '2025-01-01 10:00:00' AND b.t.u NOT BETWEEN 'a' AND 'b'"
    );
    let (clear, _) = canonical(&sql, Side::Second);
    assert!(
        clear.contains("a.t.x BETWEEN 1 AND -2.50 AND NOT (a.t.y LIKE 'it''s%'"),
        "{clear}"
    );
}

#[test]
fn join_columns_are_never_hidden() {
    let (text, hidden) = canonical(
        "SELECT COUNT(*) FROM a.t JOIN b.u ON t.k = u.k",
        Side::First,
    );
    assert_eq!(text, "SELECT COUNT(*) FROM a.t JOIN b.u ON a.t.k = b.u.k");
    assert_eq!(hidden, 0);
}

#[test]
fn what_is_outside_the_subset_is_refused_by_name_with_its_place() {
    let from = "FROM a.t AS a JOIN b.t AS b ON a.k = b.k";
    let count = format!("SELECT COUNT(*) {from}");
    let on =
        |condition: &str| format!("SELECT COUNT(*) FROM a.t AS a JOIN b.t AS b ON {condition}");
    let filter = |condition: &str| format!("{count}\nWHERE {condition}");
    let join = |join: &str| format!("SELECT COUNT(*) FROM a.t AS a {join}");
    let list = |list: &str| format!("SELECT {list} {from}");
    let mut wrong = Vec::new();
    let mut texts = String::new();
    for (sql, name, line, column) in [
        (join("LEFT JOIN b.t AS b ON a.k = b.k"), "LEFT JOIN", 1, 31),
        (
            join("RIGHT OUTER JOIN b.t AS b ON a.k = b.k"),
            "RIGHT OUTER JOIN",
            1,
            31,
        ),
        (join("FULL JOIN b.t AS b ON a.k = b.k"), "FULL JOIN", 1, 31),
        (join("CROSS JOIN b.t AS b"), "CROSS JOIN", 1, 31),
        (join("NATURAL JOIN b.t AS b"), "NATURAL JOIN", 1, 31),
        (join("JOIN b.t AS b USING (k)"), "USING", 1, 45),
        (join("JOIN b.t AS b"), "JOIN without ON", 1, 36),
        (
            join(", b.t AS b WHERE a.k = b.k"),
            "a comma between tables",
            1,
            31,
        ),
        (
            join("JOIN a.u AS b ON a.k = b.k"),
            "two tables of one member",
            1,
            36,
        ),
        (
            join("JOIN b.t AS b ON a.k = b.k JOIN b.u AS c ON a.k = c.k"),
            "more than two tables",
            1,
            58,
        ),
        (
            join("JOIN (SELECT 1) AS b ON a.k = b.k"),
            "a subquery in FROM",
            1,
            36,
        ),
        (join(""), "one table", 1, 22),
        (on("a.k < b.k"), "a join on <", 1, 52),
        (on("a.k = b.k OR a.l = b.l"), "OR in ON", 1, 58),
        (on("a.k = b.k AND a.x > 5"), "a join on >", 1, 66),
        (on("a.k = b.k AND a.x = 5"), "a constant in ON", 1, 68),
        (on("a.k = a.l"), "within one table", 1, 48),
        (on("LOWER(a.k) = b.k"), "the function LOWER in ON", 1, 48),
        (on("a.k = b.k AND a.k = b.l"), "twice in ON", 1, 62),
        (list("*"), "SELECT *", 1, 8),
        (list("a.*"), "SELECT *", 1, 8),
        (list("a.x"), "a plain column", 1, 8),
        (list("DISTINCT a.k"), "SELECT DISTINCT", 1, 8),
        (list("MAX(b.x)"), "the aggregate MAX", 1, 8),
        (list("UPPER(b.x)"), "the function UPPER", 1, 8),
        (list("COUNT(1)"), "COUNT of a constant", 1, 8),
        (
            list("COUNT(DISTINCT b.x)"),
            "anything but the join key",
            1,
            23,
        ),
        (list("COUNT(*) OVER ()"), "a window function", 1, 17),
        (list("COUNT(*) FILTER (WHERE b.x = 1)"), "FILTER", 1, 17),
        (
            list("ROW_NUMBER() OVER (ORDER BY b.x)"),
            "the window function ROW_NUMBER",
            1,
            8,
        ),
        (list("SUM(b.x) OVER w"), "a window function (OVER)", 1, 17),
        (filter("a.x = ‘y’"), "the typographic quote ‘", 2, 13),
        (filter("a.x\u{a0}= 1"), "a no-break blank (U+00A0)", 2, 10),
        (filter("a.`x` = 1"), "a name in backticks", 2, 9),
        (filter("[a].[x] = 1"), "a name in brackets", 2, 7),
        (format!("{count}\nGROUP BY ALL"), "GROUP BY ALL", 2, 10),
        (format!("{count}\nORDER BY ALL"), "ORDER BY ALL", 2, 10),
        (list("(SELECT 1)"), "a subquery", 1, 8),
        (format!("{count} UNION {count}"), "UNION", 1, 58),
        (
            format!("{count}; {count}"),
            "more than one statement",
            1,
            59,
        ),
        (format!("WITH x AS (SELECT 1) {count}"), "WITH", 1, 1),
        ("INSERT INTO a.t VALUES (1)".to_owned(), "INSERT", 1, 1),
        ("DROP TABLE a.t".to_owned(), "DROP", 1, 1),
        (
            filter("a.x = 1 OR b.y = 2"),
            "OR across the two sides",
            2,
            18,
        ),
        (filter("NOT (a.x = 1 AND b.y = 2)"), "both sides", 2, 24),
        (filter("a.x < b.y"), "between the two sides' columns", 2, 13),
        (filter("a.x = (SELECT 1)"), "a subquery", 2, 13),
        (filter("a.x IN (SELECT 1)"), "a subquery", 2, 14),
        (filter("EXISTS (SELECT 1)"), "EXISTS", 2, 7),
        (filter("UPPER(a.x) = 'A'"), "the function UPPER", 2, 7),
        (filter("a.x + 1 > 5"), "the operator +", 2, 11),
        (filter("a.x = 1 + 1"), "the operator +", 2, 15),
        (filter("a.x ILIKE 'a'"), "ILIKE", 2, 11),
        (filter("a.x LIKE 'a' ESCAPE 'b'"), "ESCAPE", 2, 20),
        (filter("CAST(a.x AS INT) = 1"), "CAST", 2, 7),
        (filter("CASE WHEN a.x = 1 THEN TRUE END"), "CASE", 2, 7),
        (filter("a.x = $1"), "the placeholder $1", 2, 13),
        (filter("a.x"), "a bare column", 2, 7),
        (filter("TRUE"), "a constant as a condition", 2, 7),
        (filter("1 = 1"), "two constants", 2, 7),
        (filter("a.x IS TRUE"), "IS TRUE", 2, 11),
        (filter("a.x = 1e5"), "this spelling of a number", 2, 13),
        (list("COUNT(*) + 1_000"), "this spelling of a number", 1, 19),
        (list("COUNT(*) + 0b10"), "this spelling of a number", 1, 19),
        (filter("a.x = E'it\\'s'"), "this kind of literal", 2, 13),
        (filter("a.x @> 1"), "the operator @>", 2, 11),
        (filter("a.x = 1 /* open"), "Unterminated comment", 2, 15),
        (
            filter("a.x = DATE '2025-02-30'"),
            "not a day of the calendar in the form DATE",
            2,
            13,
        ),
        (filter("a.x = INTERVAL '1 day'"), "INTERVAL", 2, 13),
        (filter("a.x >= 2025-01-31"), "arithmetic in WHERE", 2, 14),
        (filter("a.x = 31/01/2025"), "arithmetic in WHERE", 2, 13),
        (filter("YEAR(a.x) = 2025"), "the function YEAR", 2, 7),
        (
            filter("a.last purchase > 5"),
            "\"purchase\" behind a column",
            2,
            14,
        ),
        (filter("a.e-mail = 'x'"), "the operator -", 2, 10),
        (filter("a.'e-mail' = 'x'"), "a name in single quotes", 2, 9),
        (filter("a.x CONTAINS 'y'"), "a bare column", 2, 7),
        (filter("x = 1"), "which table", 2, 7),
        (filter("c.x = 1"), "no table c", 2, 7),
        ("SELEC 1".to_owned(), "SELECT was expected", 1, 1),
        (String::new(), "empty", 1, 1),
        (filter("a.x = 'open"), "Unterminated", 2, 13),
        ("FROM a.t".to_owned(), "FROM", 1, 1),
    ] {
        let (what, place) = refused(&sql);
        texts += &as_told(&sql);
        if !what.contains(name) || place != (line, column) {
            wrong.push(format!("{sql}\n  said at {place:?}: {what}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    golden::check("refusals-sql-conditions.txt", &texts);
}

#[test]
fn long_chains_and_deep_nesting_end_in_a_message() {
    let where_ = |condition: &str| format!("{QUERY} AND {condition}");
    let deep = format!("{}b.x = 1{}", "(".repeat(4000), ")".repeat(4000));
    let long = vec!["b.x=1"; 2000].join(" OR "); // too many words
    let nots = format!("{}b.x = 1", "NOT ".repeat(3000));
    let minus = format!("b.x = {}1", "- ".repeat(6000));
    let casts = format!("b.x{} = 1", "::int".repeat(2000));
    let nulls = format!("b.x{}", " IS NULL".repeat(1500));
    let plus = format!("b.x = 1{}", "+1".repeat(3000));
    let whens = format!("b.x = {}1", "CASE WHEN ".repeat(1500));
    let arrays = format!("b.x = {}1", "ARRAY[".repeat(2000));
    let subscripts = format!("b.x{} = 1", "[1]".repeat(2000));
    // Texts on which a parser that goes back takes time that doubles with each level.
    let not_open = "NOT (".repeat(40);
    let in_open = "b.x IN ((".repeat(20);
    let cast_open = "CAST(".repeat(40);
    let position_open = "POSITION(".repeat(40);
    let calls = "f(".repeat(40);
    let hostile = [not_open, in_open, cast_open, position_open, calls];
    let long_ones = [
        deep, long, nots, minus, casts, nulls, plus, whens, arrays, subscripts,
    ];
    for condition in long_ones.into_iter().chain(hostile) {
        refused(&where_(&condition));
        for author in [Author::Own, Author::Peer] {
            assert!(parse::read(&where_(&condition), author).is_err());
        }
    }
    let joins = format!("SELECT COUNT(*) FROM {}a.t", "(".repeat(5000));
    refused(&joins);
    let unions = vec!["SELECT 1"; 1500].join(" UNION ");
    refused(&unions);
    // What is long but flat is accepted.
    let flat = vec!["b.x=1"; 300].join(" OR ");
    assert_eq!(
        canonical(&where_(&format!("({flat})")), Side::Second).1,
        301
    );
}

/// A name that needs quotes in all kinds of ways, or none.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,6}",
        "[A-Za-z0-9 .\"'$-]{1,6}",
        prop::sample::select(vec![
            "select",
            "from",
            "table",
            "left",
            "user",
            "date",
            "timestamp",
            "not",
            "case",
            "interval",
            "order",
            "true",
            "null",
            "end",
            "year",
            "ärger",
            "cast",
            "array",
            "exists",
            "position",
            "count",
            "values",
            "with",
            "lateral",
            "only",
            "row",
            "extract",
            "trim",
        ])
        .prop_map(str::to_owned),
    ]
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,9}",
        "-?[0-9]{1,5}\\.[0-9]{1,5}",
        "'[a-zA-Z0-9 %_\\\\$.\n]{0,8}'",
        Just("'it''s'".to_owned()),
        Just("NULL".to_owned()),
        Just("true".to_owned()),
        Just("date '2025-01-01'".to_owned()),
        Just("TIMESTAMP '2025-01-01T10:00:00'".to_owned()),
    ]
}

fn condition(qualifier: &'static str) -> impl Strategy<Value = String> {
    let column = name()
        .prop_map(move |name| format!("{qualifier}.{}", quoted(&name)))
        .boxed();
    let leaf =
        (column.clone(), column, literal(), literal(), 0..9_u8).prop_map(|(a, b, x, y, form)| {
            match form {
                0 => format!("{a} = {x}"),
                1 => format!("{x} <= {a}"),
                2 => format!("{a} != {b}"),
                3 => format!("{a} BETWEEN {x} AND {y}"),
                4 => format!("{a} NOT BETWEEN {x} AND {y}"),
                5 => format!("{a} IN ({x}, {y})"),
                6 => format!("{a} NOT LIKE {x}"),
                7 => format!("{a} IS NOT NULL"),
                _ => format!("{a} NOT IN ({x})"),
            }
        });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" AND "))),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.prop_map(|part| format!("NOT {part}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_canonical_text_is_accepted_and_prints_itself_again(
        members in (name(), name()),
        tables in (name(), name()),
        keys in (name(), name()),
        alias in name(),
        conditions in prop::collection::vec(
            prop_oneof![condition("x"), condition("y")], 0..4),
    ) {
        prop_assume!(members.0.to_lowercase() != members.1.to_lowercase());
        let (m, t, k) = (members, tables, keys);
        let mut sql = format!(
            "SELECT COUNT(*) AS {} FROM {}.{} AS x JOIN {}.{} AS y ON x.{} = y.{}",
            quoted(&alias), quoted(&m.0), quoted(&t.0), quoted(&m.1), quoted(&t.1),
            quoted(&k.0), quoted(&k.1));
        for (i, condition) in conditions.iter().enumerate() {
            sql.push_str(if i == 0 { " WHERE " } else { " AND " });
            sql.push_str(condition);
        }
        for hide in [Side::First, Side::Second] {
            let (text, hidden) = canonical(&sql, hide);
            let again = parse::read(&text, Author::Peer)
                .map_err(|err| TestCaseError::fail(format!("{text}\n{err}")))?;
            let (printed, count) = canonical::print(&again, hide);
            prop_assert_eq!(printed, text);
            prop_assert_eq!(count.len(), hidden);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
        let _ = parse::read(&text, Author::Peer);
    }

    #[test]
    fn no_damaged_query_makes_the_reader_panic(
        cut in 0..120_usize, paste in "[()'\"$,.*=<>a-z0-9\\\\ \n-]{0,12}", skip in 0..40_usize,
    ) {
        let text: String = QUERY.chars().take(cut).chain(paste.chars())
            .chain(QUERY.chars().skip(cut + skip)).collect();
        if let Err(err) = parse::read(&text, Author::Peer) {
            let place = err.told().unwrap().at;
            prop_assert!(place.line > 0 && place.column > 0, "{err}");
        }
    }
}
