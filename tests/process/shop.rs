//! Customers of anna's and their orders at bert's, and the answers of a plain join over the same
//! rows: for [`crate::sums`] and [`crate::recipients`].

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::{Node, Ran, World};

pub(crate) const MINIMUM: usize = 5;
/// What anna lists of her customers' tiers; `bronze` is not listed, `platinum` has few.
const TIERS: [&str; 3] = ["gold", "silver", "platinum"];
/// What bert lists of his orders' regions; `east` is not listed, in `void` no amount is known.
const REGIONS: [&str; 3] = ["north", "south", "void"];

/// A customer of anna's.
pub(crate) struct Customer {
    pub(crate) id: u32,
    pub(crate) tier: &'static str,
    pub(crate) spend: u32,
}

/// An order at bert's.
pub(crate) struct Order {
    pub(crate) id: u32,
    region: &'static str,
    pub(crate) cents: Option<i64>,
}

pub(crate) fn customers() -> Vec<Customer> {
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
pub(crate) fn orders() -> Vec<Order> {
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

pub(crate) fn customers_table(more: &str) -> String {
    format!(
        "[table.customers]\nsource = \"customers.csv\"\nminimum = {MINIMUM}\n\
         dimension = {{ tier = [\"gold\", \"silver\", \"platinum\"] }}\n{more}\n\
         [[table.customers.key]]\ncolumns = [\"id\"]\nkinds = [\"int\"]\nunique = true\n\
         identities = 130\n\
         [table.customers.aggregate.spend]\nfunctions = [\"sum\", \"avg\"]\n"
    )
}

pub(crate) fn orders_table(more: &str) -> String {
    format!(
        "[table.orders]\nsource = \"orders.csv\"\nminimum = 1\n\
         dimension = {{ region = [\"north\", \"south\", \"void\"] }}\n{more}\n\
         [[table.orders.key]]\ncolumns = [\"id\"]\nkinds = [\"int\"]\nidentities = 200\n\
         [table.orders.aggregate.amount]\nfunctions = [\"count\", \"sum\", \"avg\", \"stddev\"]\n\
         decimals = 2\n"
    )
}

pub(crate) fn write_customers(node: &Node) {
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
pub(crate) fn world(customers: &str, orders: &str) -> World {
    let world = World::new(&customers_table(customers), &orders_table(orders));
    write_customers(&world.a);
    write_orders(&world.b);
    world
}

/// Cents as an amount.
pub(crate) fn money(cents: i64) -> String {
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
pub(crate) struct By {
    pub(crate) tier: bool,
    pub(crate) region: bool,
}

impl By {
    pub(crate) fn sql(self) -> String {
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
    pub(crate) fn expected(self) -> (Vec<Value>, Vec<&'static str>) {
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

pub(crate) const ALL: By = By {
    tier: false,
    region: false,
};

/// The code of a refusal.
#[track_caller]
pub(crate) fn reason(ran: &Ran) -> String {
    ran.json()["reason"].as_str().unwrap_or_default().to_owned()
}
