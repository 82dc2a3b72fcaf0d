//! Texts that are refused, each at its place and with what to write instead.

use crate::error::Problem;
use crate::testing::Folder;

use super::table;

const SOURCES: &str = "[source.orders]\npath = \"orders.csv\"\n\
                       [source.people]\npath = \"people.csv\"\n";

async fn problem_of(sql: &str, more: &str) -> Problem {
    let folder = Folder::new();
    folder.write("orders.csv", "id,Item,price,word\na,x,0.5,7\nb,y,1.5,z\n");
    folder.write("people.csv", "id,city\na,rome\n");
    let text = format!("{SOURCES}{}{more}", table(sql, "id"));
    let (_, mut report) = folder.try_load(&text).await.unwrap();
    let problems = &mut report.tables[0].problems;
    assert_eq!(problems.len(), 1, "{sql}: {problems:?}");
    problems.remove(0)
}

#[tokio::test]
async fn what_would_not_give_the_same_rows_twice_is_refused_by_its_name() {
    for (sql, place, what) in [
        (
            "SELECT id, random() AS r FROM orders",
            "line 1, column 12",
            "random",
        ),
        (
            "SELECT id,\n  now() AS t FROM orders",
            "line 2, column 3",
            "now",
        ),
        (
            "SELECT id FROM orders WHERE current_date > '2020-01-01'",
            "line 1, column 29",
            "current_date",
        ),
        (
            "SELECT id FROM orders LIMIT 3",
            "line 1, column 23",
            "LIMIT without ORDER BY",
        ),
        (
            "SELECT DISTINCT ON (id) id, Item FROM orders",
            "line 1, column 8",
            "DISTINCT ON",
        ),
        (
            "SELECT id, row_number() OVER (PARTITION BY Item) AS n FROM orders",
            "line 1, column 12",
            "row_number depends on the order",
        ),
        (
            "SELECT id, last_value(Item) OVER (ORDER BY price) AS n FROM orders",
            "line 1, column 12",
            "last_value of a window that ends at the current row",
        ),
        (
            "SELECT Item AS id, array_agg(id) AS all_of FROM orders GROUP BY Item",
            "line 1, column 20",
            "array_agg depends on the order",
        ),
        (
            "SELECT Item AS id, SUM(CAST(price AS DOUBLE)) AS s FROM orders GROUP BY Item",
            "line 1, column 20",
            "sum of binary fractions",
        ),
        (
            "SELECT Item AS id, AVG(1) AS s FROM orders GROUP BY Item",
            "line 1, column 20",
            "avg of whole numbers",
        ),
        (
            "SELECT Item AS id, approx_distinct(id) AS s FROM orders GROUP BY Item",
            "line 1, column 20",
            "approx_distinct is not exact",
        ),
        (
            "SELECT Item AS id, stddev(price) AS s FROM orders GROUP BY Item",
            "line 1, column 20",
            "stddev is not exact",
        ),
        (
            "WITH RECURSIVE r AS (SELECT id FROM orders UNION ALL SELECT id FROM r) SELECT id FROM r",
            "line 1, column 6",
            "WITH RECURSIVE",
        ),
        (
            "SELECT id FROM orders WHERE id IN (SELECT id FROM people WHERE random() < 1)",
            "line 1, column 64",
            "random",
        ),
    ] {
        let problem = problem_of(sql, "").await;
        assert_eq!(problem.place, "table.t.sql");
        assert!(
            problem.what.starts_with(place) && problem.what.contains(what),
            "{sql}: {problem}"
        );
    }
}

#[tokio::test]
async fn what_is_not_one_select_over_sources_is_refused_at_its_place() {
    for (sql, place, what) in [
        ("SELEC id FROM orders", "line 1, column 1", "SELEC"),
        ("SELECT id FROM orders WHERE", "line 1, column", "EOF"),
        ("DROP TABLE orders", "line 1, column 1", "DROP"),
        ("COPY orders TO 'x.csv'", "line 1, column 1", "COPY"),
        ("CREATE TABLE x AS SELECT 1", "line 1, column 1", "CREATE"),
        (
            "INSERT INTO orders VALUES (1)",
            "line 1, column 1",
            "INSERT",
        ),
        (
            "EXPLAIN SELECT id FROM orders",
            "line 1, column 1",
            "EXPLAIN",
        ),
        ("SET x = 1", "line 1, column 1", "SET"),
        ("SELECT 1; SELECT 2", "the text is not one statement", ""),
        (
            "SELECT id FROM ordres",
            "line 1, column 16",
            "did you mean \"orders\"?",
        ),
        ("SELECT id FROM t", "line 1, column 16", "no source"),
        ("SELECT id FROM information_schema.tables", "", "no source"),
        ("SELECT id FROM 'orders.csv'", "", "no source"),
        ("SELECT id FROM '/etc/passwd'", "", "no source"),
        ("SELECT value AS id FROM generate_series(1, 3)", "", ""),
        ("SELECT id FROM orders WHERE id = $1", "", "parameter"),
        (
            "SELECT id, item FROM orders",
            "line 1, column 12",
            "did you mean \"Item\"?",
        ),
        (
            "SELECT o.id, o.\"a b\" FROM orders AS o",
            "line 1, column 14",
            "no column",
        ),
        (
            "SELECT id FROM orders JOIN people ON orders.id = people.id",
            "line 1, column 8",
            "a column of several sources",
        ),
        (
            "SELECT o.id, p.id FROM orders AS o JOIN people AS p ON o.id = p.id",
            "line 1, column 10",
            "two columns of the result are called \"id\"",
        ),
        (
            "SELECT id, nosuch(id) AS x FROM orders",
            "line 1, column 12",
            "nosuch",
        ),
        (
            "SELECT Item AS id, array_agg(id ORDER BY id) AS all_of FROM orders GROUP BY Item",
            "line 1, column",
            "which a table cannot hold",
        ),
    ] {
        let problem = problem_of(sql, "").await;
        assert_eq!(problem.place, "table.t.sql", "{sql}");
        assert!(
            problem.what.starts_with(place) && problem.what.contains(what),
            "{sql}: {problem}"
        );
    }
}

#[tokio::test]
async fn the_place_is_shown_below_the_line() {
    let problem = problem_of("SELECT id,\n\t item FROM orders", "").await;
    assert_eq!(
        problem.what,
        "line 2, column 3: there is no column \"item\"; did you mean \"Item\"?\n    item FROM orders\n    ^"
    );
}

#[tokio::test]
async fn what_fails_on_a_row_names_no_value() {
    for (sql, what, secret) in [
        (
            "SELECT id, CAST(word AS INT) AS n FROM orders",
            "cannot be cast",
            "z",
        ),
        (
            "SELECT id, 1 / (CAST(price * 10 AS INT) - 5) AS n FROM orders",
            "divides by zero",
            "0.5",
        ),
    ] {
        let problem = problem_of(sql, "").await;
        assert!(problem.what.contains(what), "{sql}: {problem}");
        let words = problem
            .what
            .split(|c: char| !c.is_alphanumeric() && c != '.');
        assert!(words.into_iter().all(|word| word != secret), "{problem}");
    }
    let lost = problem_of(
        "SELECT id, word FROM orders",
        "[source.orders.types]\nword = \"integer\"\n",
    )
    .await;
    assert!(
        lost.what.contains("source orders: values of \"word\""),
        "{lost}"
    );
}
