//! Sums, averages and groups between two processes, against answers computed from the same rows in
//! this file; who may receive them, and what stays on either node.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use psi_core::receipt::output_commitment;
use psi_node::state::State;
use serde_json::{Value, json};

use crate::harness::{Node, Ran, World, psi_node};

const MINIMUM: usize = 5;
/// What anna lists of her customers' tiers; `bronze` is not listed, `platinum` has few.
const TIERS: [&str; 3] = ["gold", "silver", "platinum"];
/// What bert lists of his orders' regions; `east` is not listed, in `void` no amount is known.
const REGIONS: [&str; 3] = ["north", "south", "void"];

/// A customer of anna's.
struct Customer {
    id: u32,
    tier: &'static str,
    spend: u32,
}

/// An order at bert's.
struct Order {
    id: u32,
    region: &'static str,
    cents: Option<i64>,
}

fn customers() -> Vec<Customer> {
    let tier = |id: u32| match id {
        40..43 => "platinum",
        id => ["gold", "silver", "bronze"][id as usize % 3],
    };
    let customer = |id| Customer {
        id,
        tier: tier(id),
        spend: id * 7 % 90,
    };
    (0..120).map(customer).collect()
}

/// None to three orders for each of bert's customers.
fn orders() -> Vec<Order> {
    let of = |id: u32| {
        (0..id % 4).map(move |number| {
            let region = ["north", "south", "east", "void"][((id + number * 3) % 4) as usize];
            let cents = i64::from(id * 37 + number * 1_111) % 20_000 - 900;
            let known = region != "void" && !(id + number).is_multiple_of(7);
            Order {
                id,
                region,
                cents: known.then_some(cents),
            }
        })
    };
    (30..220).flat_map(of).collect()
}

fn customers_table(more: &str) -> String {
    format!(
        "[table.customers]\nsource = \"customers.csv\"\nminimum = {MINIMUM}\n\
         dimension = {{ tier = [\"gold\", \"silver\", \"platinum\"] }}\n{more}\n\
         [[table.customers.key]]\ncolumns = [\"id\"]\nkinds = [\"int\"]\nunique = true\n\
         identities = 130\n\
         [table.customers.aggregate.spend]\nfunctions = [\"sum\", \"avg\"]\n"
    )
}

fn orders_table(more: &str) -> String {
    format!(
        "[table.orders]\nsource = \"orders.csv\"\nminimum = 1\n\
         dimension = {{ region = [\"north\", \"south\", \"void\"] }}\n{more}\n\
         [[table.orders.key]]\ncolumns = [\"id\"]\nkinds = [\"int\"]\nidentities = 200\n\
         [table.orders.aggregate.amount]\nfunctions = [\"count\", \"sum\", \"avg\", \"stddev\"]\n\
         decimals = 2\n"
    )
}

fn write_customers(node: &Node) {
    let mut text = String::from("id,tier,spend\n");
    for Customer { id, tier, spend } in customers() {
        writeln!(text, "{id},{tier},{spend}").unwrap();
    }
    node.write("customers.csv", &text);
}

fn write_orders(node: &Node) {
    let mut text = String::from("id,region,amount\n");
    for Order { id, region, cents } in orders() {
        let amount = cents.map(money).unwrap_or_default();
        writeln!(text, "{id},{region},{amount}").unwrap();
    }
    node.write("orders.csv", &text);
}

/// Anna has customers, bert orders. More settings of either table.
fn world(customers: &str, orders: &str) -> World {
    let world = World::new(&customers_table(customers), &orders_table(orders));
    write_customers(&world.a);
    write_orders(&world.b);
    world
}

/// Cents as an amount.
fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

/// A quotient with at most 16 decimals, halves away from zero.
fn quotient(top: i64, bottom: i64) -> String {
    let scaled = i128::from(top).abs() * 10_i128.pow(16);
    let bottom = i128::from(bottom);
    let rounded = (2 * scaled + bottom) / (2 * bottom);
    let (whole, fraction) = (rounded / 10_i128.pow(16), rounded % 10_i128.pow(16));
    let sign = if top < 0 { "-" } else { "" };
    let digits = format!("{sign}{whole}.{fraction:016}");
    digits
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// Which groups a query asks for.
#[derive(Clone, Copy)]
struct By {
    tier: bool,
    region: bool,
}

impl By {
    fn sql(self) -> String {
        let groups = [(self.tier, "c.tier"), (self.region, "o.region")];
        let groups: Vec<&str> = groups.iter().filter(|g| g.0).map(|g| g.1).collect();
        let mut select = groups.clone();
        select.extend([
            "COUNT(*) AS orders",
            "COUNT(DISTINCT c.id) AS people",
            "COUNT(o.amount) AS known",
            "SUM(o.amount) AS total",
            "AVG(o.amount) AS average",
        ]);
        let mut sql = format!(
            "SELECT {} FROM anna.customers AS c JOIN bert.orders AS o ON c.id = o.id",
            select.join(", ")
        );
        if !groups.is_empty() {
            write!(sql, " GROUP BY {}", groups.join(", ")).unwrap();
        }
        sql
    }

    /// Rows and their status, as plain SQL over the joined rows has them.
    fn expected(self) -> (Vec<Value>, Vec<&'static str>) {
        let labels = |asked: bool, listed: [&'static str; 3]| -> Vec<Option<&'static str>> {
            if asked {
                listed
                    .into_iter()
                    .map(Some)
                    .chain([Some("other")])
                    .collect()
            } else {
                vec![None]
            }
        };
        let fits = |label: Option<&str>, value: &str, listed: [&str; 3]| match label {
            None => true,
            Some("other") => !listed.contains(&value),
            Some(label) => label == value,
        };
        let (customers, orders) = (customers(), orders());
        let (mut rows, mut status) = (Vec::new(), Vec::new());
        for tier in labels(self.tier, TIERS) {
            for region in labels(self.region, REGIONS) {
                let joined: Vec<&Order> = customers
                    .iter()
                    .filter(|customer| fits(tier, customer.tier, TIERS))
                    .flat_map(|customer| orders.iter().filter(|order| order.id == customer.id))
                    .filter(|order| fits(region, order.region, REGIONS))
                    .collect();
                let people: BTreeSet<u32> = joined.iter().map(|order| order.id).collect();
                let mut row: Vec<Value> = tier.into_iter().chain(region).map(Value::from).collect();
                if people.len() < MINIMUM {
                    status.push("suppressed");
                    row.extend(vec![Value::Null; 5]);
                } else {
                    let known: Vec<i64> = joined.iter().filter_map(|order| order.cents).collect();
                    let (count, sum) = (known.len(), known.iter().sum::<i64>());
                    let bottom = i64::try_from(count).unwrap() * 100;
                    let some = |text: String| (count > 0).then_some(text);
                    status.push("released");
                    row.extend([json!(joined.len()), json!(people.len()), json!(count)]);
                    row.push(json!(some(money(sum))));
                    row.push(if count > 0 {
                        json!(quotient(sum, bottom))
                    } else {
                        Value::Null
                    });
                }
                rows.push(Value::from(row));
            }
        }
        (rows, status)
    }
}

const ALL: By = By {
    tier: false,
    region: false,
};

#[track_caller]
fn reason(ran: &Ran) -> String {
    ran.json()["reason"].as_str().unwrap_or_default().to_owned()
}

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
fn a_result_for_both_is_kept_by_both_and_nothing_is_kept_by_a_side_that_is_no_recipient() {
    let both = "result = \"both\"";
    let mut world = world(&format!("{both}\nowner_may_receive = true"), both);
    world.serve();
    let by = By {
        tier: true,
        region: true,
    };
    let (rows, status) = by.expected();
    let config = world.a.config();
    let sql = by.sql();
    let arguments = [
        "query",
        "--collab",
        "test",
        "--format",
        "json",
        "--recipients",
        "both",
        &sql,
        "--config",
        &config,
    ];
    let asked = psi_node(&arguments).expect(0).json();
    assert_eq!(asked["rows"], Value::from(rows.clone()));
    world.agreed_log();
    let kept = world.b.newest_job().unwrap();
    assert_eq!(kept["role"], "responder");
    assert_eq!(kept["state"], "released");
    assert_eq!(kept["result"]["rows"], Value::from(rows));
    assert_eq!(kept["result"]["row_status"], json!(status));
    let shown = world.b.run(&["jobs", "show", kept["id"].as_str().unwrap()]);
    assert!(shown.expect(0).stdout.contains("gold"));

    // The next one is for anna alone.
    world.a.query(&sql).expect(0);
    world.agreed_log();
    let kept = world.b.newest_job().unwrap();
    assert_eq!(kept["state"], "completed");
    assert_eq!(kept["result"], Value::Null);
}

#[test]
fn a_result_for_both_needs_both_tables_and_the_collaboration() {
    let ask = |world: &World| {
        let arguments = ["query", "--collab", "test", "--format", "json"];
        let config = world.a.config();
        let sql = ALL.sql();
        let more = ["--recipients", "both", &sql, "--config", &config];
        psi_node(&[&arguments[..], &more[..]].concat())
    };
    let both = "result = \"both\"\nowner_may_receive = true";
    let mut theirs = world(both, "");
    theirs.serve();
    assert_eq!(reason(&ask(&theirs).expect(5)), "recipient_not_allowed");
    let mut ours = world("", "result = \"both\"");
    ours.serve();
    assert_eq!(reason(&ask(&ours).expect(4)), "recipient_not_allowed");
}

#[test]
fn a_sum_of_own_columns_needs_the_other_sides_consent() {
    let mut world = world("", "");
    world.serve();
    let ran = world.b.query(&ALL.sql()).expect(5);
    assert_eq!(reason(&ran), "owner_not_allowed");
    let remedy = ran.json()["remedy"].as_str().unwrap().to_owned();
    assert!(remedy.contains("owner_may_receive"), "{remedy}");
    // An aggregate of anna's column needs bert's key unique, whoever asks.
    let sql = "SELECT SUM(c.spend) FROM anna.customers AS c JOIN bert.orders AS o ON c.id = o.id";
    assert_eq!(reason(&world.b.query(sql).expect(5)), "key_not_unique");
    // A function that its owner does not list.
    let sql =
        "SELECT STDDEV(c.spend) FROM anna.customers AS c JOIN bert.orders AS o ON c.id = o.id";
    assert_eq!(
        reason(&world.a.query(sql).expect(4)),
        "function_not_allowed"
    );
    assert_eq!(
        reason(&world.b.query(sql).expect(5)),
        "function_not_allowed"
    );
    // Nothing was opened.
    assert!(!world.agreed_log().contains("\"opened\""));
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

/// What a recipient holds opens the commitment on the receipt.
#[test]
fn the_recipient_keeps_salt_and_cells_of_the_commitment_on_the_receipt() {
    let mut world = world("", "");
    world.serve();
    let by = By {
        tier: true,
        region: true,
    };
    let document = world.a.query(&by.sql()).expect(0).json();
    let log = world.agreed_log();
    let closed = log
        .lines()
        .find(|line| line.contains("\"closed\""))
        .unwrap();
    let closed: Value = serde_json::from_str(closed).unwrap();
    let job_id = hex::decode(document["job_id"].as_str().unwrap()).unwrap();
    let job_id: [u8; 64] = job_id.try_into().unwrap();
    let state = |node: &Node| State::open(&node.dir.join("state")).unwrap();
    let kept = state(&world.a).output(&job_id).unwrap().unwrap();
    let commitment = output_commitment(&kept.salt, &kept.cells);
    assert_eq!(
        closed["says"]["output_commitment"],
        json!(hex::encode(commitment))
    );
    // Sixteen cells of identities, rows, known amounts and their sum.
    assert_eq!(kept.cells.len(), 16 * 4);
    let (rows, status) = by.expected();
    for ((row, status), cells) in rows.iter().zip(status).zip(kept.cells.chunks(4)) {
        if status == "suppressed" {
            assert_eq!(cells, [None; 4]);
        } else {
            assert_eq!(json!(cells[0]), row[3], "{row}");
            assert_eq!(json!(cells[1]), row[2], "{row}");
        }
    }
    // Bert is no recipient.
    assert_eq!(state(&world.b).output(&job_id).unwrap(), None);
}
