//! Limits on how often a table is used hold on both sides, across restarts, crashes and a restore
//! from a backup.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{COUNT, Node, World, eventually, people, people_csv, people_table};
use crate::receipts::{copy_state, restore_state};

/// The same question, with the table's name as SQL may also write it.
const COUNT_SHOUTED: &str =
    "SELECT COUNT(*) FROM anna.people AS a JOIN bert.PEOPLE AS b ON a.name = b.name";

/// Two nodes over the same persons; `limits` are lines of bert's table, `more` of its configuration.
fn world(persons: u32, limits: &str, more: &str) -> World {
    let all = people(0..persons);
    let table = |more| people_table("text", u64::from(persons), 1, more);
    let world = World::new(&table(""), &format!("{}{more}", table(limits)));
    for node in [&world.a, &world.b] {
        node.write("people.csv", &people_csv(&all));
    }
    world
}

fn shown(node: &Node) -> Value {
    node.run(&["budget", "show", "--format", "json"])
        .expect(0)
        .json()
}

/// How often a node's table was used in all.
fn used(node: &Node) -> u64 {
    shown(node)["runs"][0]["lifetime"]["used"].as_u64().unwrap()
}

/// The states of all debits of a node, the newest first.
fn debits(node: &Node) -> Vec<String> {
    let ran = node
        .run(&["budget", "history", "--format", "json"])
        .expect(0);
    let debits = ran.json();
    let states = debits.as_array().unwrap().iter();
    states
        .map(|debit| debit["state"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_table_that_was_used_as_often_as_allowed_is_refused_until_the_next_period() {
    let limits = "population = \"persons\"\nruns = { day = 2, lifetime = 9 }";
    let section = "[population.persons]\nepsilon = 10.0\ndelta = 1e-6\nrefresh = \"month\"\n\
                   per_peer = { anna = { epsilon = 2.0 } }\n";
    let mut world = world(20, limits, section);
    world.serve();
    world.a.query(COUNT).expect(0);
    world.a.query(COUNT_SHOUTED).expect(0);
    for sql in [COUNT, COUNT_SHOUTED] {
        let ran = world.a.query(sql).expect(5);
        assert_eq!(ran.json()["reason"], json!("runs_exhausted"));
        // The other side learns the code, and no figure.
        assert!(!ran.stdout.contains("2 of 2"), "{}", ran.stdout);
    }
    // The owner is told which limit it was, and until when.
    let ran = world.b.query(COUNT).expect(4);
    let detail = ran.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("2 of 2") && detail.contains("anna") && detail.contains("begins 2"),
        "{detail}"
    );
    let log = world.b.run(&["receipts", "list", "--local"]).expect(0);
    assert!(
        log.stdout.contains("table.people.runs.day"),
        "{}",
        log.stdout
    );

    world.b.kill();
    world.b.serve();
    world.a.query(COUNT).expect(5);
    let account = shown(&world.b);
    let runs = &account["runs"][0];
    assert_eq!(
        (&runs["peer"], &runs["day"]["limit"]),
        (&json!("anna"), &json!(2))
    );
    assert_eq!((used(&world.b), used(&world.a)), (2, 2));
    let persons = &account["populations"][0];
    assert_eq!(persons["limit"]["epsilon"], json!("10"));
    assert_eq!(persons["spent"]["epsilon"], json!("0"), "{persons}");
    assert_eq!(persons["peers"][0]["left"]["epsilon"], json!("2"));
    assert_eq!(debits(&world.b), ["committed", "committed"]);
    let text = world.b.run(&["budget", "show"]).expect(0).stdout;
    assert!(text.contains("2 of 2") && text.contains("2 of 9"), "{text}");
}

#[test]
fn two_jobs_at_once_do_not_share_the_last_run() {
    let mut world = world(2000, "runs = { lifetime = 1 }", "");
    world.serve();
    let jobs = [(); 3].map(|()| world.a.query_in_background(COUNT));
    let codes = jobs.map(|job| job.wait().code);
    assert_eq!(
        codes.iter().filter(|&&code| code == 0).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|&&code| code == 5).count(),
        2,
        "{codes:?}"
    );
    assert_eq!((used(&world.a), used(&world.b)), (1, 1));
    // Refused there, so nothing is held here.
    eventually("reservations of refused jobs are given back", || {
        !debits(&world.a).contains(&"reserved".to_owned())
    });
}

#[test]
fn a_killed_node_counts_the_jobs_that_read_rows_and_those_that_its_log_holds_are_among_them() {
    let mut world = world(100_000, "", "");
    world.serve();
    for after in [0, 100, 300] {
        let job = world.a.query_in_background(COUNT);
        eventually("the job is there", || {
            let job = world.b.newest_job();
            job.is_some_and(|job| job["state"] == json!("running"))
        });
        std::thread::sleep(Duration::from_millis(after));
        world.b.kill();
        job.wait();
        world.b.serve();
        eventually("the job is over", || {
            let job = world.a.newest_job();
            job.is_some_and(|job| job["state"] != json!("running"))
        });
    }
    world.a.query(COUNT).expect(0);
    let log = world.agreed_log();
    let opened = log
        .lines()
        .filter(|line| line.contains("\"opened\""))
        .count() as u64;
    for node in [&world.a, &world.b] {
        let used = used(node);
        assert!((opened..=4).contains(&used), "{used}: {log}");
        assert!(!debits(node).contains(&"reserved".to_owned()));
        let own = node.run(&["receipts", "list", "--local"]).expect(0);
        let noted = own.stdout.matches("begins to read its rows").count();
        assert_eq!(noted as u64, used, "{}", own.stdout);
    }
}

#[test]
fn a_ledger_restored_from_a_backup_serves_nothing_until_its_owner_repairs_it() {
    let mut world = world(30, "runs = { lifetime = 9 }", "");
    world.serve();
    world.a.query(COUNT).expect(0);
    world.a.kill();
    world.b.kill();
    let backup = world.dir.path().join("backup");
    copy_state(&world.b, &backup);
    world.serve();
    world.a.query(COUNT).expect(0);
    world.a.kill();
    world.b.kill();
    restore_state(&world.b, &backup);
    assert_eq!(used(&world.b), 1, "the second job was forgotten");
    world.serve();

    let refused = |world: &World| {
        let ran = world.a.query(COUNT);
        assert!([5, 10].contains(&ran.code), "{}: {}", ran.code, ran.stdout);
        assert_eq!(ran.json()["reason"], json!("receipts_disagree"));
    };
    refused(&world);
    assert_eq!(shown(&world.b)["doubt"]["unsettled"], json!(["test"]));
    let nothing = ["budget", "repair", "--statement", "nothing"];
    world.a.run(&nothing).expect(2);

    // A statement about the one log brings the entry back, but the ledger waits for its own.
    let why = "restored from last night's backup";
    world
        .b
        .run(&["receipts", "repair", "--statement", why])
        .expect(0);
    refused(&world);
    assert_eq!(used(&world.b), 2, "the lost debit was taken back");
    world
        .b
        .run(&["budget", "repair", "--statement", why])
        .expect(0);
    assert_eq!(shown(&world.b)["doubt"], Value::Null);
    world.a.query(COUNT).expect(0);
    assert_eq!((used(&world.a), used(&world.b)), (3, 3));
    let log = world.b.run(&["receipts", "list", "--local"]).expect(0);
    assert!(log.stdout.contains(why), "{}", log.stdout);
    world.agreed_log();
}
