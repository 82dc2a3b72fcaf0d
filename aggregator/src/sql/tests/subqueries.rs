//! Semi-joins: what is accepted, the one text that both ways of writing have, and what is refused.

use super::{canonical, refused};
use crate::sql::ast::{Form, Side};
use crate::sql::parse::{self, Author};

const CANONICAL: &str =
    "SELECT COUNT(*) FROM a.t WHERE EXISTS (SELECT 1 FROM b.u WHERE a.t.k = b.u.k)";

fn filtered(condition: &str) -> String {
    format!("SELECT COUNT(*)\nFROM a.t AS t\nWHERE {condition}")
}

fn exists(condition: &str) -> String {
    filtered(&format!(
        "EXISTS (SELECT 1 FROM b.u AS u WHERE {condition})"
    ))
}

#[test]
fn exists_and_in_are_one_query() {
    for sql in [
        "SELECT COUNT(*) FROM a.t WHERE EXISTS (SELECT 1 FROM b.u WHERE b.u.k = a.t.k)",
        "SELECT COUNT(*) FROM a.t t WHERE (EXISTS (SELECT * FROM b.u AS u WHERE (t.k) = u.k));",
        "SELECT COUNT(*) FROM a.t AS t WHERE t.k IN (SELECT u.k FROM b.u AS u)",
        "SELECT COUNT(*) FROM a.t AS t WHERE t.k IN (SELECT DISTINCT b.u.k FROM b.u)",
        CANONICAL,
    ] {
        assert_eq!(
            canonical(sql, Side::First),
            (CANONICAL.to_owned(), 0),
            "{sql}"
        );
    }
}

#[test]
fn the_subquerys_conditions_come_first_and_each_sides_constants_are_hidden_alone() {
    let sql = "SELECT t.g, SUM(t.x) AS sum FROM a.t AS t \
               WHERE t.y > 1 AND t.k IN (SELECT u.k FROM b.u AS u \
               WHERE u.z = 2 AND u.l = t.l AND (u.w IN (3, 4) OR u.v IS NULL)) AND t.q < 5 \
               GROUP BY t.g HAVING COUNT(DISTINCT t.l, t.k) > 6 ORDER BY sum DESC LIMIT 7";
    let text = |z: &str, w: &str, y: &str, q: &str| {
        format!(
            "SELECT a.t.g, SUM(a.t.x) AS sum FROM a.t WHERE EXISTS (SELECT 1 FROM b.u \
             WHERE a.t.k = b.u.k AND a.t.l = b.u.l AND b.u.z = {z} \
             AND (b.u.w IN ({w}) OR b.u.v IS NULL)) AND a.t.y > {y} AND a.t.q < {q} \
             GROUP BY a.t.g HAVING COUNT(DISTINCT a.t.l, a.t.k) > 6 \
             ORDER BY 2 DESC NULLS FIRST LIMIT 7"
        )
    };
    assert_eq!(
        canonical(sql, Side::First),
        (text("2", "3, 4", "$1", "$2"), 2)
    );
    assert_eq!(
        canonical(sql, Side::Second),
        (text("$1", "$2, $3", "1", "5"), 3)
    );
}

#[test]
fn the_canonical_text_of_a_peer_is_read_as_it_was_written() {
    for text in [
        CANONICAL,
        "SELECT COUNT(DISTINCT a.t.k) FROM a.t WHERE EXISTS (SELECT 1 FROM b.u \
         WHERE a.t.k = b.u.k AND NOT (b.u.x = $1)) AND (a.t.y = 1 OR a.t.z = 2)",
    ] {
        let query = parse::read(text, Author::Peer).unwrap();
        assert_eq!(query.form, Form::Semi);
        assert_eq!(query.inner(), Some(Side::Second));
        assert_eq!(crate::sql::canonical::print(&query, Side::Second).0, text);
    }
}

#[test]
fn what_is_outside_of_the_subset_is_named_with_its_place() {
    let one_table = "a query over one table";
    for (sql, what, place) in [
        ("SELECT COUNT(*) FROM a.t".to_owned(), one_table, (1, 22)),
        (filtered("t.x = 1"), one_table, (2, 6)),
        (
            filtered("NOT EXISTS (SELECT 1 FROM b.u AS u WHERE u.k = t.k)"),
            "NOT EXISTS",
            (3, 11),
        ),
        (
            filtered("NOT (EXISTS (SELECT 1 FROM b.u AS u WHERE u.k = t.k))"),
            "a subquery inside OR or NOT",
            (3, 12),
        ),
        (
            filtered("t.x = 1 OR EXISTS (SELECT 1 FROM b.u AS u WHERE u.k = t.k)"),
            "a subquery inside OR or NOT",
            (3, 18),
        ),
        (
            filtered("t.k NOT IN (SELECT u.k FROM b.u AS u)"),
            "NOT IN (SELECT …)",
            (3, 11),
        ),
        (
            filtered("t.k IN (SELECT u.k FROM b.u AS u) AND t.l IN (SELECT u.l FROM b.u AS u)"),
            "a second subquery",
            (3, 49),
        ),
        (
            exists("u.k = t.k AND EXISTS (SELECT 1 FROM a.v AS v WHERE v.k = u.k)"),
            "EXISTS",
            (3, 58),
        ),
        (
            exists("u.k = t.k AND t.x = 1"),
            "a condition on the outer table inside the subquery",
            (3, 58),
        ),
        (
            exists("u.k = t.k AND u.x < t.x"),
            "a comparison between the two sides' columns in WHERE",
            (3, 64),
        ),
        (
            exists("u.k = t.k OR u.l = t.l"),
            "OR across the two sides",
            (3, 50),
        ),
        (
            exists("u.x = 1"),
            "a subquery that compares no column of its table with one of the outer table",
            (3, 7),
        ),
        (
            filtered("EXISTS (SELECT u.k FROM b.u AS u WHERE u.k = t.k)"),
            "EXISTS of anything but SELECT 1",
            (3, 22),
        ),
        (
            filtered("EXISTS (SELECT 1 FROM a.u AS u WHERE u.k = t.k)"),
            "a join of two tables of one member",
            (3, 29),
        ),
        (
            filtered("t.k IN (SELECT t.k FROM b.u AS u)"),
            "a subquery that selects a column of the outer table",
            (3, 22),
        ),
        (
            "SELECT SUM(u.x) FROM a.t AS t WHERE t.k IN (SELECT u.k FROM b.u AS u)".to_owned(),
            "a column of the subquery's table, u.x,",
            (1, 12),
        ),
        (
            "SELECT t.k FROM a.t AS t WHERE t.k IN (SELECT u.k FROM b.u AS u)".to_owned(),
            "a list with a subquery",
            (1, 1),
        ),
        (
            exists("u.k = t.k GROUP BY u.k"),
            "GROUP BY in this place",
            (3, 54),
        ),
    ] {
        assert_eq!(refused(&sql), (what.to_owned(), place), "{sql}");
    }
}

#[test]
fn nesting_inside_a_subquery_is_bounded() {
    let deep = exists(&format!(
        "u.k = t.k AND {}u.x = 1{}",
        "(".repeat(60),
        ")".repeat(60)
    ));
    assert_eq!(refused(&deep).0, "deep nesting");
}

#[test]
fn a_name_with_a_hyphen_says_how_it_is_written() {
    let sql = "SELECT COUNT(*) FROM a.t AS t JOIN b.u AS u ON t.E-Mail = u.email";
    let error = parse::read(sql, Author::Own).map(drop).unwrap_err();
    assert!(error.remedy().contains("in double quotes"), "{error}");
}
