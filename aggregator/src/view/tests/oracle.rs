//! The rows that SQL makes, against `SQLite` over the same values.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRng;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::rows_of;
use crate::testing::Folder;

const SOURCES: &str = "[source.people]\npath = \"people.csv\"\n\
                       [source.orders]\npath = \"orders\"\n\
                       [source.orders.types]\ncity = \"text\"\n";

/// Texts that both engines understand alike; the first column is the key.
const TEXTS: [&str; 12] = [
    "SELECT id, city, spend FROM people",
    "SELECT p.id, o.item, o.price FROM people AS p JOIN orders AS o ON p.id = o.id",
    "SELECT p.id, o.item FROM people AS p LEFT JOIN orders AS o ON p.id = o.id AND o.price > 2",
    "SELECT id, COUNT(*) AS n, SUM(price) AS total, MIN(item) AS first, COUNT(price) AS m \
     FROM orders GROUP BY id",
    "SELECT id, city FROM people UNION SELECT id, city FROM orders",
    "SELECT id, city FROM people UNION ALL SELECT id, city FROM orders",
    "WITH rich AS (SELECT id FROM people WHERE spend > 3) SELECT o.id, o.item FROM orders AS o \
     WHERE o.id IN (SELECT id FROM rich)",
    "SELECT id, CASE WHEN spend > 5 THEN 'much' WHEN spend IS NULL THEN 'none' ELSE 'little' END AS c \
     FROM people",
    "SELECT id, item, RANK() OVER (PARTITION BY city ORDER BY price NULLS LAST) AS r FROM orders",
    "SELECT id, SUM(price) OVER (PARTITION BY city) AS of_city FROM orders",
    "SELECT DISTINCT o.id, UPPER(o.city) AS city FROM orders AS o WHERE NOT EXISTS \
     (SELECT 1 FROM people AS p WHERE p.id = o.id)",
    "SELECT id, city FROM orders EXCEPT SELECT id, city FROM people",
];

/// A value of each column; `None` is NULL.
type Row = (Option<u8>, Option<u8>, Option<u8>, u8);

fn row() -> impl Strategy<Value = Row> {
    let small = || proptest::option::weighted(0.85, 0..8_u8);
    (small(), small(), small(), 0..4_u8)
}

fn csv(header: &str, rows: &[Row]) -> String {
    let mut text = format!("{header}\n");
    for (id, city, amount, item) in rows {
        let word = |value: &Option<u8>, of: &str| {
            value.map_or_else(String::new, |value| format!("{of}{value}"))
        };
        let (id, city) = (word(id, "k"), word(city, "c"));
        let _ = writeln!(text, "{id},{city},{},i{item}", word(amount, ""));
    }
    text
}

fn sqlite(people: &[Row], orders: &[Row]) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    database
        .execute_batch(
            "CREATE TABLE people (id TEXT, city TEXT, spend INTEGER, item TEXT);
             CREATE TABLE orders (id TEXT, city TEXT, price INTEGER, item TEXT);",
        )
        .unwrap();
    for (table, rows) in [("people", people), ("orders", orders)] {
        for (id, city, amount, item) in rows {
            let sql = format!("INSERT INTO {table} VALUES (?1, ?2, ?3, ?4)");
            let word = |value: &Option<u8>, of: &str| value.map(|value| format!("{of}{value}"));
            let values = (word(id, "k"), word(city, "c"), amount, format!("i{item}"));
            database.execute(&sql, values).unwrap();
        }
    }
    database
}

fn expected(database: &Connection, sql: &str) -> Vec<Vec<String>> {
    let mut statement = database.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns)
            .map(|column| {
                Ok(match row.get(column)? {
                    Value::Null => String::new(),
                    Value::Integer(number) => number.to_string(),
                    Value::Text(text) => text,
                    other => panic!("{other:?}"),
                })
            })
            .collect()
    });
    let mut rows: Vec<Vec<String>> = rows.unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn rows_are_those_of_another_engine() {
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let tables = (
        proptest::collection::vec(row(), 1..40),
        proptest::collection::vec(row(), 1..40),
    );
    for round in 0..6 {
        let (people, orders) = tables.new_tree(&mut runner).unwrap().current();
        let database = sqlite(&people, &orders);
        let half = orders.len() / 2;
        for sql in TEXTS {
            let folder = Folder::new();
            folder.write("people.csv", &csv("id,city,spend,item", &people));
            // Several files of one source.
            folder.write("orders/1.csv", &csv("id,city,price,item", &orders[..half]));
            folder.write("orders/2.csv", &csv("id,city,price,item", &orders[half..]));
            let found = rows_of(&folder, SOURCES, sql, "id").await;
            assert_eq!(found, expected(&database, sql), "round {round}: {sql}");
        }
    }
}

#[tokio::test]
async fn ties_are_broken_in_the_same_way_in_any_order_of_the_rows() {
    let sqls = [
        "SELECT id, row_number() OVER (PARTITION BY city ORDER BY price) AS n FROM orders",
        "SELECT id, lag(item) OVER (ORDER BY city) AS before FROM orders",
        "SELECT id, SUM(price) OVER (ORDER BY city ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s \
         FROM orders",
        "SELECT id, first_value(item) OVER (PARTITION BY city ORDER BY price ROWS BETWEEN UNBOUNDED \
         PRECEDING AND CURRENT ROW) AS f FROM orders",
        "SELECT id, item FROM orders ORDER BY price DESC LIMIT 3",
        "SELECT city AS id, string_agg(item, '+' ORDER BY price) AS items FROM orders GROUP BY city",
        "SELECT city AS id, first_value(item ORDER BY price) AS item FROM orders GROUP BY city",
    ];
    let lines = [
        "a,x,1,i", "b,x,1,j", "c,x,1,k", "d,y,1,i", "e,y,2,j", "f,y,2,m",
    ];
    for sql in sqls {
        let mut seen = Vec::new();
        for turn in 0..4 {
            let mut lines = lines.to_vec();
            lines.rotate_left(turn);
            if turn % 2 == 1 {
                lines.reverse();
            }
            let folder = Folder::new();
            let (first, second) = lines.split_at(turn + 1);
            for (name, part) in [("1", first), ("2", second)] {
                let text = format!("id,city,price,item\n{}\n", part.join("\n"));
                folder.write(&format!("orders/{name}.csv"), &text);
            }
            let source = "[source.orders]\npath = \"orders\"\n";
            seen.push(rows_of(&folder, source, sql, "id").await);
        }
        assert!(seen.iter().all(|rows| *rows == seen[0]), "{sql}: {seen:?}");
    }
}

#[tokio::test]
async fn zeros_and_cents_of_text_files_are_kept() {
    let folder = Folder::new();
    folder.write(
        "people.csv",
        "zip,spend,long,since\n01067,0.10,12345678901234567890,2025-01-31\n80331,0.20,1,\n",
    );
    let source = "[source.people]\npath = \"people.csv\"\n";
    let sql = "SELECT zip, spend * 3 AS thrice, long, since FROM people";
    let found = rows_of(&folder, source, sql, "zip").await;
    assert_eq!(
        found,
        [
            ["01067", "0.3", "12345678901234567890", "2025-01-31"],
            ["80331", "0.6", "1", ""],
        ]
    );
    let sql = "SELECT 'all' AS zip, SUM(spend) AS spend FROM people";
    let folder_two = Folder::new();
    folder_two.write("people.csv", "zip,spend\n1,0.10\n2,0.20\n");
    let found = rows_of(&folder_two, source, sql, "zip").await;
    assert_eq!(found, [["all", "0.3"]]);
}
