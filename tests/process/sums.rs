//! Sums, averages and groups between two processes are those of a plain join.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::World;
use crate::shop::{
    ALL, By, Customer, customers, customers_table, money, orders, orders_table, reason, world,
    write_customers,
};

#[test]
fn sums_over_rows_that_repeat_their_key_are_those_of_a_plain_join() {
    let mut world = world("owner_may_receive = true", "");
    world.serve();
    let (rows, _) = ALL.expected();
    // The owner of the amounts may ask, too, because anna's table lets him.
    for node in [&world.a, &world.b] {
        let document = node.query(&ALL.sql()).expect(0).json();
        assert_eq!(document["rows"], Value::from(rows.clone()), "{document}");
        assert_eq!(document["row_status"], Value::Null);
        assert_eq!(
            document["notes"],
            json!([
                {"column": "total", "decimals": 2, "clamped": false},
                {"column": "average", "decimals": 2, "clamped": false},
            ])
        );
        // Anna does not own what is summed, so she is Receiver whoever asks.
        assert_eq!(document["stats"]["receiver_size"], 130 + 130);
    }
    world.agreed_log();
}

#[test]
fn groups_of_either_side_and_of_both_are_those_of_a_plain_join() {
    let mut world = world("", "");
    world.serve();
    for (tier, region) in [(false, true), (true, false), (true, true)] {
        let by = By { tier, region };
        let (rows, status) = by.expected();
        assert!(status.contains(&"released") && status.contains(&"suppressed"));
        let document = world.a.query(&by.sql()).expect(0).json();
        assert_eq!(document["status"], "released");
        assert_eq!(document["rows"], Value::from(rows), "{}", by.sql());
        assert_eq!(document["row_status"], json!(status), "{}", by.sql());
    }
    // A group whose amounts are all NULL has a count and no sum.
    let by_region = By {
        tier: false,
        region: true,
    };
    let (rows, _) = by_region.expected();
    let void = rows.iter().find(|row| row[0] == "void").unwrap();
    assert!(void[1].as_u64() > Some(0) && void[4].is_null(), "{void}");
    let table = world
        .a
        .run(&["query", "--collab", "test", &by_region.sql()]);
    let table = table.expect(0);
    assert!(table.stdout.contains("NULL"), "{}", table.stdout);
    assert!(table.stderr.contains("note: total"), "{}", table.stderr);
    world.agreed_log();
}

#[test]
fn a_result_of_which_every_row_is_suppressed_keeps_its_labels_and_has_its_exit_code() {
    let customers = customers_table("").replace("minimum = 5", "minimum = 119");
    let mut world = world("", "");
    world.a.configure("peer_timeout_s = 10\n", &customers);
    world.serve();
    let by = By {
        tier: true,
        region: false,
    };
    let document = world.a.query(&by.sql()).expect(3).json();
    assert_eq!(document["status"], "suppressed");
    assert_eq!(document["reason"], "below_minimum");
    assert_eq!(
        document["rows"][0],
        json!(["gold", null, null, null, null, null])
    );
    assert_eq!(document["row_status"], json!(vec!["suppressed"; 4]));
    let document = world.a.query(&ALL.sql()).expect(3).json();
    assert_eq!(document["rows"], json!([]));
}

#[test]
fn having_order_and_limit_work_on_what_was_released() {
    let mut world = world("", "");
    world.serve();
    let sql = "SELECT c.tier, SUM(o.amount) AS total, SUM(o.amount) / COUNT(*) AS per_order \
               FROM anna.customers AS c JOIN bert.orders AS o ON c.id = o.id GROUP BY c.tier \
               HAVING COUNT(*) > 0 ORDER BY total DESC LIMIT 2";
    let by = By {
        tier: true,
        region: false,
    };
    let (rows, status) = by.expected();
    let mut expected: Vec<(i64, String)> = rows
        .iter()
        .zip(status)
        .filter(|(_, status)| *status == "released")
        .map(|(row, _)| {
            let digits = row[4].as_str().unwrap().replace('.', "");
            (digits.parse().unwrap(), row[0].as_str().unwrap().to_owned())
        })
        .collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    let document = world.a.query(sql).expect(0).json();
    let shown = document["rows"].as_array().unwrap();
    assert_eq!(shown.len(), 2);
    for (row, (cents, tier)) in shown.iter().zip(&expected) {
        assert_eq!(row[0], json!(tier), "{document}");
        assert_eq!(row[1], json!(money(*cents)), "{document}");
    }
}

#[test]
fn a_query_over_columns_of_both_sides_is_two_matches_on_one_receipt() {
    let unique = |more: &str| {
        let table = customers_table(&format!("owner_may_receive = true\n{more}"));
        table.replace(
            "dimension = { tier = [\"gold\", \"silver\", \"platinum\"] }",
            "",
        )
    };
    let theirs = unique("")
        .replace("customers", "members")
        .replace("spend", "points");
    let mut world = World::new(&unique(""), &theirs);
    write_customers(&world.a);
    let mut text = String::from("id,points\n");
    let points = |id: u32| i64::from(id) * 3 - 200;
    for id in 50..150 {
        writeln!(text, "{id},{}", points(id)).unwrap();
    }
    world.b.write("members.csv", &text);
    world.serve();
    let sql = "SELECT SUM(c.spend) AS ours, SUM(m.points) AS theirs, COUNT(*) AS people \
               FROM anna.customers AS c JOIN bert.members AS m ON c.id = m.id";
    let shared: Vec<Customer> = customers().into_iter().filter(|c| c.id >= 50).collect();
    let ours: u32 = shared.iter().map(|c| c.spend).sum();
    let theirs: i64 = shared.iter().map(|c| points(c.id)).sum();
    let document = world.a.query(sql).expect(0).json();
    assert_eq!(document["rows"], json!([[ours, theirs, shared.len()]]));
    let log = world.agreed_log();
    let opened = log.lines().filter(|line| line.contains("\"opened\""));
    assert_eq!(opened.count(), 1, "{log}");
}

#[test]
fn a_clamp_bounds_what_one_identity_contributes_and_the_result_says_so() {
    let clamped = "\nclamp = [0, 60]\n";
    let mut world = world("", "");
    let orders_table =
        orders_table("").replace("decimals = 2\n", &format!("decimals = 2{clamped}"));
    world.b.configure("peer_timeout_s = 10\n", &orders_table);
    world.serve();
    let sql = "SELECT SUM(o.amount) AS total FROM anna.customers AS c JOIN bert.orders AS o \
               ON c.id = o.id";
    let mut expected = 0;
    for customer in customers() {
        let orders = orders();
        let own = orders.iter().filter(|order| order.id == customer.id);
        let known: Vec<i64> = own.filter_map(|order| order.cents).collect();
        if !known.is_empty() {
            expected += known.iter().sum::<i64>().clamp(0, 6_000);
        }
    }
    let document = world.a.query(sql).expect(0).json();
    assert_eq!(document["rows"], json!([[money(expected)]]));
    assert_eq!(
        document["notes"],
        json!([{"column": "total", "decimals": 2, "clamped": true}])
    );
    let sql = sql.replace("SUM(", "STDDEV(");
    assert_eq!(reason(&world.a.query(&sql).expect(5)), "column_clamped");
}
