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
