//! Receipt logs that were edited, cut or rolled back are found out.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::{COUNT, Node, World, people, psi_node};

fn verify(world: &World, log: &str) -> crate::harness::Ran {
    let file = world.dir.path().join("log.jsonl");
    fs::write(&file, log).unwrap();
    psi_node(&["receipts", "verify", file.to_str().unwrap()])
}

#[test]
fn an_edited_shortened_or_reordered_log_does_not_verify_and_the_entry_is_named() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    for _ in 0..2 {
        world.a.query(COUNT).expect(0);
    }
    let log = world.agreed_log();
    verify(&world, &log).expect(0);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 6, "a header, four entries and an end: {log}");

    // One hex digit of entry 1 (line 3).
    let at = lines[2].find("\"entry\"").unwrap() + 400;
    let digit = if lines[2].as_bytes()[at] == b'0' {
        "1"
    } else {
        "0"
    };
    let edited = format!("{}{digit}{}", &lines[2][..at], &lines[2][at + 1..]);
    let changed = [lines[0], lines[1], &edited, lines[3], lines[4], lines[5]].join("\n");
    let ran = verify(&world, &changed).expect(10);
    assert!(
        (ran.stdout.clone() + &ran.stderr).contains("line 3"),
        "{} {}",
        ran.stdout,
        ran.stderr
    );

    // An entry cut out of the middle, two exchanged, the last ones cut off.
    for order in [
        vec![0, 1, 3, 4, 5],
        vec![0, 2, 1, 3, 4, 5],
        vec![0, 1, 2, 5],
        vec![0, 1, 2],
    ] {
        let changed: Vec<&str> = order.iter().map(|&n| lines[n]).collect();
        verify(&world, &changed.join("\n")).expect(10);
    }
}

pub(crate) fn copy_state(node: &Node, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(node.dir.join("state")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("state.sqlite") {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

pub(crate) fn restore_state(node: &Node, from: &Path) {
    for entry in fs::read_dir(node.dir.join("state")).unwrap() {
        let entry = entry.unwrap();
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("state.sqlite")
        {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), node.dir.join("state").join(entry.file_name())).unwrap();
    }
}

/// Every older copy of either member's log is tested in psi-core (`receipt/log/tests/rollback.rs`).
#[test]
fn a_node_restored_from_a_backup_is_refused_until_its_owner_repairs_it() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    world.a.query(COUNT).expect(0);
    world.a.kill();
    world.b.kill();
    let backup = world.dir.path().join("backup");
    copy_state(&world.a, &backup);
    world.serve();
    world.a.query(COUNT).expect(0);
    world.a.kill();
    world.b.kill();
    restore_state(&world.a, &backup);
    world.serve();

    let ran = world.a.query(COUNT);
    assert!([5, 10].contains(&ran.code), "{}: {}", ran.code, ran.stdout);
    assert_eq!(
        ran.json()["reason"],
        json!("receipts_disagree"),
        "{}",
        ran.stdout
    );

    let statement = "the disk was replaced and the state restored from last night's backup";
    world
        .a
        .run(&[
            "receipts",
            "repair",
            "--collab",
            "test",
            "--statement",
            statement,
        ])
        .expect(0);
    assert_eq!(world.a.query(COUNT).expect(0).json()["rows"], json!([[30]]));
    let log = world.agreed_log();
    assert_eq!(
        log.lines()
            .filter(|line| line.contains("\"opened\""))
            .count(),
        3,
        "{log}"
    );
    assert!(
        log.contains("last night's backup"),
        "the statement is not on the log: {log}"
    );
}
