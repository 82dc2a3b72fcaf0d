//! What becomes of tables whose files change while a node runs.

use crate::harness::{COUNT, World, eventually, people, people_csv, people_table};

#[test]
fn a_half_written_export_is_refused_and_named_and_the_whole_one_is_served_without_a_restart() {
    let table = people_table("text", 60, 1, "filter = [\"name\"]\n");
    let mut world = World::new(&table, &table);
    for node in [&world.a, &world.b] {
        node.write("people.csv", &people_csv(&people(0..40)));
    }
    world.serve();
    // The constant is on the asker's side, so bert sees a placeholder of it.
    let sql = format!("{COUNT} WHERE a.name <> 'x'");
    world.a.query(&sql).expect(0);

    let half = people_csv(&people(0..20)) + "person-20,person";
    world.b.write("people.csv", &half);
    eventually("bert says why", || {
        let log = world.b.log();
        log.contains("ERROR") && log.contains("line 22 has another number of values")
    });
    // The earlier load does not answer in place of a broken file.
    world.a.query(&sql).expect(5);
    let check = world.b.run(&["check", "--format", "json"]).expect(2);
    let shown = &check.json()["tables"][0];
    assert_eq!(
        (&shown["served"], &shown["running_node_serves"]),
        (&false.into(), &false.into())
    );
    assert!(world.b.node_info().contains("line 22"), "the local API");

    world.b.write("people.csv", &people_csv(&people(0..30)));
    eventually("bert serves the new file without being asked", || {
        !world.b.node_info().contains("line 22")
    });
    let check = world.b.run(&["check", "--format", "json"]).expect(0);
    assert_eq!(check.json()["tables"][0]["running_node_serves"], true);
    let answer = world.a.query(&sql).expect(0).json();
    assert_eq!(answer["rows"][0][0], 30, "{answer}");
}

const SHOPPERS: &str = "[table.people]\nsource = \"people.csv\"\nminimum = 1\n\
                        filter = [\"last\"]\n\
                        [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\n\
                        unique = true\nidentities = 60\n";

/// Twenty people, of whom the latter half bought something later.
fn shoppers(odd: Option<&str>) -> String {
    let date = |number: usize| match odd {
        Some(odd) if number == 7 => odd.to_owned(),
        _ if number < 10 => "2024-05-01".to_owned(),
        _ => "2025-05-01".to_owned(),
    };
    let lines = (0..20).map(|number| format!("person-{number},{}\n", date(number)));
    std::iter::once("name,last\n".to_owned())
        .chain(lines)
        .collect()
}

#[test]
fn a_column_stays_what_it_was_over_a_restart_and_an_odd_value_is_named_by_its_row() {
    let mut world = World::new(SHOPPERS, SHOPPERS);
    for node in [&world.a, &world.b] {
        node.write("people.csv", &shoppers(None));
    }
    world.serve();
    let sql = format!("{COUNT} WHERE b.last >= '2025-01-01'");
    let count = |world: &World| world.a.query(&sql).expect(0).json()["rows"][0][0].clone();
    assert_eq!(count(&world), 10);

    // As text, `unknown` is after every date, and would count.
    world.b.kill();
    world.b.write("people.csv", &shoppers(Some("unknown")));
    let check = world.b.run(&["check"]).expect(2).stdout;
    for says in [
        "\"last\" had values that are dates",
        "row 9 of",
        "people.csv",
    ] {
        assert!(check.contains(says), "{check}");
    }
    // The word is in the proposal to list it, which is ready to paste, and nowhere else.
    let proposed = "null = [\"\", \"unknown\"]";
    assert!(check.contains(proposed), "{check}");
    let hints = check.matches("unknown").count();
    assert_eq!(hints, 2, "{check}");
    world.b.serve();
    world.a.query(&sql).expect(5);
    let log = world.b.log();
    assert!(log.contains("ERROR") && log.contains("row 9 of"), "{log}");
    assert!(!log.contains("unknown"), "{log}");

    // The owner says what the word means.
    world.b.kill();
    let settings = "peer_timeout_s = 10\nconnect_timeout_s = 20\n";
    let table = SHOPPERS.replace("minimum = 1\n", "minimum = 1\nnull = [\"\", \"unknown\"]\n");
    world.b.configure(settings, &table);
    world.b.run(&["check"]).expect(0);
    world.b.serve();
    assert_eq!(count(&world), 10);
}
