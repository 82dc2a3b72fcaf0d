//! Tables that SQL makes of a node's own files: served like any other, made again when a source changes,
//! and never at the wish of a peer.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Node, World, eventually};

const SOURCES: &str = "[source.customers]\npath = \"customers.csv\"\n\
                       [source.orders]\npath = \"orders\"\n";

/// Customers who ordered and did not return, with what they spent.
const BUYERS: &str = "
SELECT c.email, SUM(o.amount) AS spend
FROM customers AS c JOIN orders AS o ON o.customer = c.id
WHERE o.status <> 'returned'
GROUP BY c.email
";

const RULES: &str = "minimum = 2\n\
                     [table.buyers.aggregate.spend]\nfunctions = [\"sum\"]\ndecimals = 2\n\
                     [[table.buyers.key]]\ncolumns = [\"email\"]\nkinds = [\"email\"]\n";

const ASKED: &str = "SELECT COUNT(DISTINCT a.mail), SUM(b.spend) FROM anna.mails AS a JOIN bert.buyers AS b \
                     ON a.mail = b.email";

fn buyers(sql: &str) -> String {
    format!("{SOURCES}[table.buyers]\nsql = '''{sql}'''\n{RULES}")
}

fn world() -> World {
    let mails = "[table.mails]\nsource = \"mails.csv\"\nminimum = 2\n\
                 [[table.mails.key]]\ncolumns = [\"mail\"]\nkinds = [\"email\"]\nunique = true\n";
    let world = World::new(mails, &buyers(BUYERS));
    let lines = |range: std::ops::Range<u32>| range.map(|n| format!("p{n}@example.org\n"));
    world.a.write(
        "mails.csv",
        &format!("mail\n{}", lines(0..8).collect::<String>()),
    );
    let customers = (4..12).map(|n| format!("{n},p{n}@example.org\n"));
    world.b.write(
        "customers.csv",
        &format!("id,email\n{}", customers.collect::<String>()),
    );
    fs::create_dir(world.b.dir.join("orders")).unwrap();
    world.b.write(
        "orders/2024.csv",
        "customer,status,amount\n4,sent,1.10\n4,sent,2.20\n5,returned,100.00\n6,sent,0.30\n",
    );
    world.b.write(
        "orders/2025.csv",
        "customer,status,amount\n11,sent,7.00\n6,sent,4.00\n",
    );
    world
}

/// The files that SQL made, and what lies beside them.
fn made(node: &Node) -> Vec<String> {
    let entries = fs::read_dir(node.dir.join("state/made-by-sql"))
        .into_iter()
        .flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "spill").collect();
    names.sort();
    names
}

#[test]
fn a_table_made_by_sql_is_served_and_follows_its_sources() {
    let mut world = world();
    world.serve();
    let answer = world.a.query(ASKED).expect(0).json();
    // Of p0 to p7 these ordered and kept: p4 (3.30) and p6 (4.30).
    assert_eq!(
        answer["rows"][0],
        serde_json::json!([2, "7.60"]),
        "{answer}"
    );
    let first = made(&world.b);
    assert_eq!(first.len(), 1, "{first:?}");
    let file = world.b.dir.join("state/made-by-sql").join(&first[0]);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // A file more: the table follows, and the copy of the old rows goes.
    world
        .b
        .write("orders/2026.csv", "customer,status,amount\n7,sent,0.40\n");
    eventually("the new order counts", || {
        let ran = world.a.query(ASKED);
        ran.code == 0 && ran.json()["rows"][0] == serde_json::json!([3, "8.00"])
    });
    eventually("only the new file is there", || {
        made(&world.b).len() == 1 && made(&world.b) != first
    });

    // A restart runs nothing: the file is found.
    let before = made(&world.b);
    let runs = |world: &World| world.b.log().matches("SQL makes the table's rows").count();
    let run = runs(&world);
    assert!(run >= 2, "{}", world.b.log());
    world.b.kill();
    world.b.serve();
    world.a.query(ASKED).expect(0);
    assert_eq!(made(&world.b), before);
    assert_eq!(runs(&world), run);

    // A column that is gone takes the table out of service; the peer hears nothing but that.
    world
        .b
        .write("orders/2025.csv", "customer,status\n11,sent\n");
    eventually("the table is not served", || {
        let ran = world.a.query(ASKED);
        ran.code == 5 && ran.json()["reason"] == "unavailable"
    });
    eventually("the owner is told why", || {
        world.b.log().contains("another header")
    });
    assert!(!world.a.log().contains("another header"));
    eventually("no copy of rows stays", || made(&world.b).is_empty());
    world
        .b
        .write("orders/2025.csv", "customer,status,amount\n11,sent,7.00\n");
    eventually("the table is back", || {
        let ran = world.a.query(ASKED);
        ran.code == 0 && ran.json()["rows"][0] == serde_json::json!([3, "4.00"])
    });
}

#[test]
fn sql_that_is_refused_is_shown_to_its_owner_with_line_and_caret() {
    let world = world();
    let ran = world.b.run(&["check"]).expect(0);
    for shown in ["Table buyers: served", "1 file, 3 rows", "spend", "email"] {
        assert!(ran.stdout.contains(shown), "{shown}: {}", ran.stdout);
    }
    // What was made for the look is gone.
    let left = fs::read_dir(world.b.dir.join("state/jobs"))
        .into_iter()
        .flatten();
    assert_eq!(left.count(), 0);

    for (from, to, lines) in [
        (
            "SUM(o.amount)",
            "SUM(o.amont)",
            "line 1, column 21: there is no column \"o.amont\"; did you mean \"amount\"?\n  \
             SELECT c.email, SUM(o.amont) AS spend\n                      ^\n",
        ),
        (
            "'returned'",
            "CAST(random() AS VARCHAR)",
            "line 3, column 24: random gives another value at another time\n  \
             WHERE o.status <> CAST(random() AS VARCHAR)\n                         ^\n",
        ),
    ] {
        world.b.configure("", &buyers(&BUYERS.replace(from, to)));
        let ran = world.b.run(&["check"]).expect(2);
        assert!(ran.stdout.contains(lines), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("table.buyers.sql: line"),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains("help: "), "{}", ran.stdout);
    }
    world
        .b
        .configure("", "[table.t]\nsql = \"SELECT 1\"\nsource = \"a.csv\"\n");
    let ran = world.b.run(&["check"]).expect(2);
    assert!(
        ran.stderr.contains("table.t.sql: the table has both"),
        "{}",
        ran.stderr
    );
}
