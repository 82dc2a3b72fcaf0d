//! Sample data of two shops: invented customers and orders, the same on every machine.
//!
//! Customers have numbers. Each shop knows a range of them and the ranges overlap; a customer's
//! e-mail address is invented from the number, and every date, region and amount follows from a
//! hash of the number and the shop. Nothing here knows what any query finds; [`plain_count`] and
//! [`plain_totals`] find it the ordinary way.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};

/// The label all dates are drawn under. Another label gives other dates and other answers.
const DATES: &str = "glovebox sample dates 47";
/// 2023-01-01 as days since 1970, and the days of the three years from there.
const FIRST_DAY: u64 = 19_358;
const DAYS: u64 = 1_096;
/// Of a thousand customers, those who never gave an e-mail address.
const WITHOUT_EMAIL_PER_MILLE: u64 = 5;

/// Orders of one customer, at most.
const ORDERS_MAX: u64 = 4;
/// Where orders go, and how many of a thousand customers live there. The last region has so few
/// that its row is suppressed in a demo of ordinary size.
const REGIONS: [(&str, u64); 4] = [
    ("north", 420),
    ("south", 350),
    ("west", 226),
    ("islands", 4),
];
/// An order's amount in cents: the least, and how many there are.
const CENTS: (u64, u64) = (500, 24_500);
/// Fewest customers that an answer may rest on, in both shops.
pub(super) const MINIMUM: u64 = 10;

/// One shop's customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shop {
    /// The member's name.
    pub(super) name: &'static str,
    /// The first customer it knows, and how many.
    pub(super) first: u64,
    /// How many customers it knows.
    pub(super) customers: u64,
}

/// The shop that asks in the demo, `snowy`, and the one that answers, `brand`, with about
/// `customers` each, a quarter of them in common.
pub(super) fn shops(customers: u64) -> [Shop; 2] {
    let asking = customers * 9 / 10;
    let shared = customers / 4;
    [
        Shop {
            name: "snowy",
            first: 0,
            customers: asking,
        },
        Shop {
            name: "brand",
            first: asking - shared,
            customers,
        },
    ]
}

/// The registered number of identities: the customers, rounded up to two digits, so that the
/// public size says little about the true one.
pub(super) fn registered(customers: u64) -> u64 {
    let digits = customers.max(1).ilog10();
    let step = 10_u64.pow(digits.saturating_sub(1));
    customers
        .div_ceil(step)
        .saturating_mul(step)
        .saturating_add(step)
}

/// The shop's table as CSV.
pub(super) fn csv(shop: &Shop) -> String {
    let mut rows: Vec<([u8; 32], String)> = (shop.first..shop.first + shop.customers)
        .map(|number| {
            let order = draw("row order", shop.name, number);
            let missing = word(&draw("e-mail", shop.name, number)) % 1000 < WITHOUT_EMAIL_PER_MILLE;
            let hash = if missing {
                String::new()
            } else {
                email_hash(number)
            };
            let day = word(&draw(DATES, shop.name, number)) % DAYS;
            (order, format!("{hash},{}\n", date(FIRST_DAY + day)))
        })
        .collect();
    // A shop's file is in no order that another shop's file shares.
    rows.sort_unstable();
    let mut text = String::from("email_hash,last_purchase\n");
    for (_, row) in rows {
        text.push_str(&row);
    }
    text
}

/// The orders of a shop's customers as CSV: none or several for each.
pub(super) fn orders_csv(shop: &Shop) -> String {
    let mut rows: Vec<([u8; 32], String)> = Vec::new();
    for number in shop.first..shop.first + shop.customers {
        let hash = email_hash(number);
        let region = region(word(&draw("region", shop.name, number)) % 1000);
        let orders = word(&draw("orders", shop.name, number)) % (ORDERS_MAX + 1);
        for order in 0..orders {
            let drawn = draw(&format!("order {order}"), shop.name, number);
            let cents = CENTS.0 + word(&drawn) % CENTS.1;
            rows.push((
                drawn,
                format!("{hash},{region},{}.{:02}\n", cents / 100, cents % 100),
            ));
        }
    }
    rows.sort_unstable();
    let mut text = String::from("email_hash,region,amount\n");
    for (_, row) in rows {
        text.push_str(&row);
    }
    text
}

fn region(of_thousand: u64) -> &'static str {
    let mut below = 0;
    for (region, share) in REGIONS {
        below += share;
        if of_thousand < below {
            return region;
        }
    }
    REGIONS[0].0
}

/// What a plain join finds of one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegionTotal {
    pub(super) region: &'static str,
    /// Different customers.
    pub(super) customers: u64,
    pub(super) orders: u64,
    pub(super) cents: u64,
}

/// What a plain join of `snowy`'s customers with `brand`'s orders finds of each region.
pub(super) fn plain_totals(snowy: &str, orders: &str) -> Vec<RegionTotal> {
    let known: HashSet<&str> = rows(snowy).map(|(hash, _)| hash).collect();
    let of_region = |(region, _): (&'static str, u64)| {
        let mut customers = HashSet::new();
        let mut total = RegionTotal {
            region,
            customers: 0,
            orders: 0,
            cents: 0,
        };
        for (hash, rest) in rows(orders).filter(|(hash, _)| known.contains(hash)) {
            let Some((place, amount)) = rest.split_once(',') else {
                continue;
            };
            if place == region {
                customers.insert(hash);
                total.orders += 1;
                total.cents += amount.replace('.', "").parse::<u64>().unwrap_or(0);
            }
        }
        total.customers = customers.len() as u64;
        total
    };
    REGIONS.map(of_region).to_vec()
}

/// What a plain join of the two files answers: e-mail hashes in both, with a last purchase in
/// `brand` after `after`. Needs both files in one place, which is what the nodes avoid.
pub(super) fn plain_count(snowy: &str, brand: &str, after: &str) -> u64 {
    let mut known: HashMap<&str, u64> = HashMap::new();
    for (hash, _) in rows(snowy) {
        *known.entry(hash).or_default() += 1;
    }
    // ISO dates are ordered like their text.
    let matching = rows(brand).filter(|(_, last_purchase)| *last_purchase > after);
    matching.filter_map(|(hash, _)| known.get(hash)).sum()
}

/// The rows of a sample file that have an e-mail hash.
fn rows(csv: &str) -> impl Iterator<Item = (&str, &str)> {
    csv.lines()
        .skip(1)
        .filter_map(|line| line.split_once(','))
        .filter(|(hash, _)| !hash.is_empty())
}

/// SHA-256, in hexadecimal, of an invented address under a name that is reserved for examples.
fn email_hash(number: u64) -> String {
    hex::encode(Sha256::digest(format!("customer{number}@mail.example")))
}

fn draw(purpose: &str, shop: &str, number: u64) -> [u8; 32] {
    Sha256::digest(format!("{purpose}/{shop}/{number}")).into()
}

fn word(bytes: &[u8; 32]) -> u64 {
    let first = bytes.iter().take(8);
    first.fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// A day since 1970 as an ISO date; only for the years of the sample.
fn date(day: u64) -> String {
    let mut text = crate::cli::output::utc(i64::try_from(day).unwrap_or(0).saturating_mul(86_400));
    text.truncate(10);
    text
}

/// The section of `node.toml` that serves the sample file.
pub(super) fn table_section(shop: &Shop) -> String {
    format!(
        r#"
[table.customers]
source = "customers.csv"
filter = ["last_purchase"]
minimum = {MINIMUM}
population = "customers"
epsilon_max = 1.0
delta_max = 1e-6

[[table.customers.key]]
columns = ["email_hash"]
kinds = ["hex"]
unique = true
identities = {}

[population.customers]
epsilon = 2.0
delta = 1e-6
refresh = "month"
"#,
        registered(shop.customers)
    )
}

/// The section that serves a shop's orders: what may be summed, and by which groups.
pub(super) fn orders_section(shop: &Shop) -> String {
    let regions: Vec<String> = REGIONS.iter().map(|(r, _)| format!("\"{r}\"")).collect();
    format!(
        r#"
[table.orders]
source = "orders.csv"
minimum = {MINIMUM}
dimension = {{ region = [{}] }}

[[table.orders.key]]
columns = ["email_hash"]
kinds = ["hex"]
identities = {}

[table.orders.aggregate.amount]
functions = ["sum", "avg"]
decimals = 2
"#,
        regions.join(", "),
        registered(shop.customers)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_answers_the_query_of_the_readme_as_documented() {
        let [snowy, brand] = shops(super::super::CUSTOMERS_DEFAULT);
        assert_eq!(plain_count(&csv(&snowy), &csv(&brand), "2025-01-01"), 318);
    }

    #[test]
    fn the_files_are_the_same_each_time_and_identifiers_do_not_repeat() {
        let [snowy, _] = shops(1000);
        let text = csv(&snowy);
        assert_eq!(text, csv(&snowy));
        let mut hashes: Vec<_> = rows(&text).map(|(hash, _)| hash).collect();
        let all = hashes.len();
        assert!(all < 900, "some customers have no e-mail address");
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), all);
        assert!(rows(&text).all(|(_, date)| date.len() == 10 && date.starts_with("202")));
    }

    #[test]
    fn orders_repeat_their_customers_and_one_region_has_too_few_to_be_shown() {
        let [snowy, brand] = shops(super::super::CUSTOMERS_DEFAULT);
        let orders = orders_csv(&brand);
        assert_eq!(orders, orders_csv(&brand));
        let totals = plain_totals(&csv(&snowy), &orders);
        let (last, shown) = totals.split_last().unwrap();
        assert!(last.customers < MINIMUM, "{last:?}");
        for total in shown {
            assert!(total.customers >= MINIMUM, "{total:?}");
            assert!(total.orders > total.customers, "{total:?}");
            let average = total.cents / total.orders;
            assert!((CENTS.0..CENTS.0 + CENTS.1).contains(&average), "{total:?}");
        }
    }

    #[test]
    fn a_registered_size_holds_all_customers() {
        for customers in [10, 99, 100, 3600, 4000, 1_000_000] {
            let size = registered(customers);
            assert!(
                size > customers && size <= customers * 2,
                "{customers}: {size}"
            );
        }
    }
}
