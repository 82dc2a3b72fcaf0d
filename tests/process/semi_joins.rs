//! Semi-joins between two nodes: keys that repeat on both sides, both ways of asking, and the rule of
//! each owner.

use serde_json::json;

use crate::harness::{Ran, World};

/// What a row of anna's holds: a person, an amount, and whether it was paid.
type Order = (u32, u32, bool);
/// What a row of bert's holds: a person and a year.
type Visit = (u32, u32);

/// Two or three orders of each of 60 persons, of which some are not paid.
fn orders() -> Vec<Order> {
    let of = |person: u32| {
        (0..2 + person % 2)
            .map(move |n| (person, 10 * person + n, n != 1 || !person.is_multiple_of(3)))
    };
    (0..60).flat_map(of).collect()
}

/// Three visits of each of 50 persons, of whom 30 have orders; one in two of 2025 at all.
fn visits() -> Vec<Visit> {
    let of = |person: u32| (0..3).map(move |n| (person, 2023 + n - person % 2));
    (30..80).flat_map(of).collect()
}

fn world(orders_say: &str, visits_say: &str) -> World {
    let table = |name: &str, filter: &str, more: &str| {
        format!(
            "[table.{name}]\nsource = \"{name}.csv\"\nminimum = 5\nfilter = [\"{filter}\"]\n{more}\n\
             [[table.{name}.key]]\ncolumns = [\"person\"]\nkinds = [\"int\"]\n"
        )
    };
    let sums = "[table.orders.aggregate.amount]\nfunctions = [\"sum\"]\n";
    let world = World::new(
        &(table("orders", "paid", orders_say) + sums),
        &table("visits", "year", visits_say),
    );
    let lines = orders()
        .iter()
        .map(|(person, amount, paid)| format!("{person},{amount},{paid}"))
        .collect::<Vec<_>>();
    world.a.write(
        "orders.csv",
        &format!("person,amount,paid\n{}\n", lines.join("\n")),
    );
    let lines = visits()
        .iter()
        .map(|(person, year)| format!("{person},{year}"))
        .collect::<Vec<_>>();
    world.b.write(
        "visits.csv",
        &format!("person,year\n{}\n", lines.join("\n")),
    );
    world
}

const SEMI: &str = "forms = [\"join\", \"semi\"]";

const SQL: &str = "SELECT COUNT(*), SUM(o.amount), COUNT(DISTINCT o.person) FROM anna.orders AS o \
                   WHERE EXISTS (SELECT 1 FROM bert.visits AS v WHERE v.person = o.person \
                   AND v.year = 2025) AND o.paid = TRUE";

fn code(ran: &Ran) -> String {
    ran.json()["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn rows_with_a_match_are_counted_once_whoever_asks() {
    let mut world = world(SEMI, &format!("{SEMI}\nowner_may_receive = true"));
    world.serve();
    let came = |person: u32| visits().contains(&(person, 2025));
    let found: Vec<Order> = orders()
        .into_iter()
        .filter(|(person, _, paid)| *paid && came(*person))
        .collect();
    let mut persons: Vec<u32> = found.iter().map(|(person, ..)| *person).collect();
    persons.dedup();
    let amount: u32 = found.iter().map(|(_, amount, _)| amount).sum();
    assert!(persons.len() > 5 && persons.len() < found.len());
    let expected = json!([[found.len(), amount, persons.len()]]);
    assert_eq!(world.b.query(SQL).expect(0).json()["rows"], expected);
    assert_eq!(world.a.query(SQL).expect(0).json()["rows"], expected);

    // The same rows counted by the other table's owner, and with IN.
    let sql = "SELECT COUNT(*) FROM bert.visits AS v WHERE v.person IN (SELECT o.person \
               FROM anna.orders AS o)";
    let met = visits().iter().filter(|(person, _)| *person < 60).count();
    assert_eq!(world.a.query(sql).expect(0).json()["rows"], json!([[met]]));

    // A join of these tables is refused, and the way out is named.
    let join = "SELECT COUNT(*) FROM anna.orders AS o JOIN bert.visits AS v ON o.person = v.person";
    let refused = world.a.query(join);
    assert_eq!(code(&refused), "key_not_unique");
    let remedy = refused.json()["remedy"].to_string();
    assert!(remedy.contains("EXISTS"), "{remedy}");
    // The receipts say what was counted.
    let log = world.agreed_log();
    assert!(log.contains("rows that have a match (EXISTS)"), "{log}");
}

#[test]
fn each_owner_decides_whether_its_table_answers_such_questions() {
    for (ours, theirs, exit) in [(SEMI, "", 5), ("", SEMI, 4)] {
        let mut world = world(ours, theirs);
        world.serve();
        // Counts of identities, which need nobody's consent to sums.
        let sql = "SELECT COUNT(DISTINCT o.person) FROM anna.orders AS o WHERE o.person IN \
                   (SELECT v.person FROM bert.visits AS v)";
        assert_eq!(code(&world.a.query(sql).expect(exit)), "form_not_allowed");
        let join = "SELECT COUNT(DISTINCT o.person) FROM anna.orders AS o JOIN bert.visits AS v \
                    ON o.person = v.person";
        assert_eq!(world.a.query(join).expect(0).json()["rows"], json!([[30]]));
    }
}
