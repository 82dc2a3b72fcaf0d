//! A curious analyst: questions that once told, by their ending, whether a row exists.
//!
//! Spec 10 §3.4 and §4. Each pair of questions differs in the person alone: one of them is in the
//! other member's table, with a row on which a data engine would stumble, and one is nobody.

use std::fmt::Write as _;

use crate::harness::World;

/// The pattern that no engine compiles, and comparisons that overflow in a cast.
const TRAPS: [&str; 6] = [
    "b.note LIKE 'PATTERN'",
    "b.amount > 99999999999999999999999999999999999999",
    "b.amount = b.weight",
    "b.seen > '9999-12-31 23:59:59.999999999'",
    "b.seen >= b.day",
    "NOT (b.weight <> b.count)",
];

const TABLE: &str = "[table.people]\nsource = \"people.csv\"\nminimum = 10\n\
    filter = [\"mail\", \"note\", \"amount\", \"weight\", \"count\", \"seen\", \"day\"]\n\
    [[table.people.key]]\ncolumns = [\"mail\"]\nkinds = [\"email\"]\nunique = true\n";

#[test]
fn no_ending_and_no_log_entry_tells_whether_a_person_is_in_the_table() {
    let mut world = World::new(TABLE, TABLE);
    let mut csv = String::from("mail,note,amount,weight,count,seen,day\n");
    for n in 0..40 {
        let note = "x".repeat(n);
        let _ = writeln!(
            csv,
            "p{n}@example.com,{note},{n}.25,{n}.5,{n},2025-01-{:02} 10:00:00,2025-01-01",
            1 + n % 28
        );
    }
    // The person who is looked for, with values at the ends of every type.
    let _ = writeln!(
        csv,
        "found@example.com,{},99999999999999999999999999999999999.25,1e300,9223372036854775807,\
         9999-12-31 23:59:59.999999999,9999-12-31",
        "y".repeat(12_000)
    );
    world.a.write("people.csv", &csv);
    world.b.write("people.csv", &csv);
    world.serve();
    let underscores = "_".repeat(11_000);
    for trap in TRAPS {
        let trap = trap.replace("PATTERN", &underscores);
        let ask = |person: &str| {
            let sql = format!(
                "SELECT COUNT(*) FROM anna.people AS a JOIN bert.people AS b ON a.mail = b.mail \
                 WHERE b.mail = '{person}' AND {trap}"
            );
            let ran = world.a.query(&sql);
            let document = ran.json();
            (
                ran.code,
                document["status"].clone(),
                document["reason"].clone(),
            )
        };
        let shown: String = trap.chars().take(60).collect();
        assert_eq!(
            ask("found@example.com"),
            ask("nobody@example.com"),
            "{shown}"
        );
    }
    // Both logs hold the same amount about one person's question and about the other's.
    let log = world.agreed_log();
    for word in ["opened", "completed", "refused", "aborted"] {
        let entries = log
            .lines()
            .filter(|line| line.contains(&format!("\"{word}\"")));
        assert_eq!(entries.count() % 2, 0, "{word}: {log}");
    }
    assert!(!log.contains("\"aborted\""), "{log}");
}
