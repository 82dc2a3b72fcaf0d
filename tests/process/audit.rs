//! Refusals on both logs, records for the auditor, and their replay.

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::harness::{COUNT, Node, World, eventually, people, people_table, psi_audit, psi_node};

/// Makes a key and returns its public half and the file of the secret one.
fn auditor(folder: &Path, name: &str) -> (String, PathBuf) {
    let identity = age::x25519::Identity::generate();
    let file = folder.join(name);
    fs::write(&file, identity.to_string().expose_secret()).unwrap();
    (identity.to_public().to_string(), file)
}

fn replay(node: &Node, job: &str, key: &Path) -> crate::harness::Ran {
    let key = key.to_str().unwrap();
    node.run(&[
        "audit",
        "replay",
        job,
        "--identity",
        key,
        "--format",
        "json",
    ])
}

fn records(node: &Node) -> Vec<Value> {
    let listed = node.run(&["audit", "list", "--format", "json"]).expect(0);
    listed.json().as_array().unwrap().clone()
}

/// The only job of the log was opened under the policies that both nodes have configured.
fn assert_policies(world: &World, log: &str) {
    let entries = log.lines().map(serde_json::from_str::<Value>);
    let mut entries = entries.map(|entry| entry.unwrap()["says"].clone());
    let opened = entries.find(|says| says["kind"] == "opened").unwrap();
    for (node, side, minimum) in [(&world.a, "requester", 1), (&world.b, "responder", 5)] {
        let kept = node.run(&["audit", "policies", "--format", "json"]);
        let kept = kept.expect(0).json();
        let [policy] = kept.as_array().unwrap().as_slice() else {
            panic!("{kept}");
        };
        assert_eq!(opened["policies"][side], policy["digest"], "{side}");
        let text: Value = serde_json::from_str(policy["text"].as_str().unwrap()).unwrap();
        assert_eq!(text["minimum"], minimum, "{side}: {text}");
    }
}

/// Where `psi-audit` has its copies of what an auditor gets.
const EXPORTED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../psi-node/audit/tests/exported"
);

/// Logs, records and the key in a folder of their own: the node's command and the auditor's program
/// say the same of them. `GLOVEBOX_REGENERATE=1` makes them the files with which `psi-audit` is
/// tested.
fn without_a_node(world: &World, job: &str, key: &Path) {
    let folder = world.dir.path().join("elsewhere");
    fs::create_dir(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    for node in [&world.a, &world.b] {
        let (name, record) = (&node.name, format!("state/audit/{job}.age"));
        let (record, log) = (node.dir.join(record), node.dir.join("export.jsonl"));
        fs::copy(record, path(&format!("{name}.age"))).unwrap();
        fs::copy(log, path(&format!("{name}.jsonl"))).unwrap();
    }
    fs::copy(key, path("auditor.key")).unwrap();
    if std::env::var_os("GLOVEBOX_REGENERATE").is_some() {
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), Path::new(EXPORTED).join(file.file_name())).unwrap();
        }
    }
    let (ours, theirs, key) = (path("anna.jsonl"), path("bert.jsonl"), path("auditor.key"));
    let json = ["--format", "json"];
    let verified = psi_audit(&[&["verify", &ours, "--against", &theirs], &json[..]].concat());
    let verified = verified.expect(0).json();
    assert_eq!(
        (&verified["entries"], &verified["compared"]),
        (&json!(2), &json!(true))
    );
    for (name, side) in [("anna", "requester"), ("bert", "responder")] {
        let record = path(&format!("{name}.age"));
        let replayed = |job: &str| {
            let document = world.collab_file();
            let mut files = vec!["--identity", &key, "--record", &record, "--log", &ours];
            files.extend(["--collab-file", &document]);
            let arguments = [&["replay", job], &files[..], &json[..]].concat();
            let of_node = psi_node(&[&["audit"], &arguments[..]].concat());
            let of_auditor = psi_audit(&arguments);
            assert_eq!(of_node.code, of_auditor.code);
            assert_eq!(of_node.stdout, of_auditor.stdout);
            of_auditor
        };
        let report = replayed(&job[..8]).expect(0).json();
        assert_eq!(
            (&report["verdict"], &report["side"]),
            (&json!("verified"), &json!(side))
        );
        replayed("ffff0000").expect(2);
    }
}

#[test]
fn both_halves_of_a_job_replay_for_whoever_holds_the_auditors_key() {
    let mut world = World::with_people(&people(0..40), &people(10..60), 5);
    let (public, key) = auditor(world.dir.path(), "auditor.key");
    let (_, other) = auditor(world.dir.path(), "other.key");
    let settings = format!("retain_for_audit = \"90d\"\nauditor = \"{public}\"\n");
    world
        .a
        .configure(&settings, &people_table("text", 40, 1, ""));
    // Queries fold a name that is not quoted; the configuration's has a capital.
    let capital = people_table("text", 50, 5, "").replace("table.people", "table.People");
    world.b.configure(&settings, &capital);
    world.serve();
    let document = world.a.query(COUNT).expect(0).json();
    let job = document["job_id"].as_str().unwrap().to_owned();
    eventually("both records are complete", || {
        let complete = |node: &Node| {
            records(node)
                .iter()
                .all(|record| record["complete"] == true)
        };
        complete(&world.a) && complete(&world.b)
    });
    for (node, side, people) in [(&world.a, "requester", 40), (&world.b, "responder", 50)] {
        let listed = records(node);
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["job_id"], job);
        assert_eq!(listed[0]["input_bytes"], people * 32);
        assert!(listed[0]["received_bytes"].as_u64().unwrap() > 1000);
        let report = replay(node, &job[..12], &key).expect(0).json();
        assert_eq!(
            (&report["verdict"], &report["side"]),
            (&json!("verified"), &json!(side))
        );
        assert!(report["checks"].as_array().unwrap().len() >= 6);
        // Neither the node nor another auditor can read it.
        replay(node, &job, &other).expect(2);
        replay(node, &job, &node.dir.join("node.key")).expect(2);
        replay(node, "ffff0000ffff", &key).expect(2);
    }
    let text = world
        .a
        .run(&["audit", "replay", &job, "--identity", key.to_str().unwrap()])
        .expect(0);
    assert!(text.stdout.contains("Verified"), "{}", text.stdout);

    assert_policies(&world, &world.agreed_log());
    without_a_node(&world, &job, &key);

    // A record that was changed is not accepted.
    let file = world.a.dir.join(format!("state/audit/{job}.age"));
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    replay(&world.a, &job, &key).expect(10);
}

#[test]
fn both_halves_of_a_list_replay_and_no_file_is_written_again() {
    let mut world = World::with_people(&people(0..40), &people(10..60), 5);
    let (public, key) = auditor(world.dir.path(), "auditor.key");
    let settings = format!("retain_for_audit = \"90d\"\nauditor = \"{public}\"\n");
    let rule = "rule = \"list\"\n";
    world
        .a
        .configure(&settings, &people_table("text", 40, 1, rule));
    world
        .b
        .configure(&settings, &people_table("text", 50, 5, rule));
    world.serve();
    let file = world.dir.path().join("matches.csv");
    let sql = "SELECT a.name FROM anna.people a JOIN bert.people b ON a.name = b.name";
    let query = ["query", "--collab", "test", "--format", "json", "--output"];
    let arguments = [&query[..], &[file.to_str().unwrap(), sql]].concat();
    let document = world.a.run(&arguments).expect(0).json();
    assert_eq!(document["list"]["count"], 30);
    let job = document["job_id"].as_str().unwrap().to_owned();
    fs::remove_file(&file).unwrap();
    eventually("both records are complete", || {
        let complete = |node: &Node| {
            let listed = records(node);
            listed.len() == 1 && listed[0]["complete"] == true
        };
        complete(&world.a) && complete(&world.b)
    });
    for (node, side) in [(&world.a, "requester"), (&world.b, "responder")] {
        let report = replay(node, &job, &key).expect(0).json();
        assert_eq!(
            (&report["verdict"], &report["side"]),
            (&json!("verified"), &json!(side))
        );
    }
    // A replay computes the list and does not write it again.
    assert!(!file.exists());
}

#[test]
fn a_node_that_was_not_told_to_keeps_no_record() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    world.a.query(COUNT).expect(0);
    for node in [&world.a, &world.b] {
        assert!(records(node).is_empty());
        assert!(!node.dir.join("state/audit").exists());
    }
}

#[test]
fn refusals_stand_on_both_logs_and_a_flood_of_them_does_not() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    let asked = format!("{COUNT} WHERE b.name = 'person-3'");
    for _ in 0..18 {
        let document = world.a.query(&asked).expect(5).json();
        assert_eq!(document["reason"], "filter_not_allowed");
    }
    let log = world.agreed_log();
    let refused: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["says"]["kind"] == "refused")
        .collect();
    assert_eq!(refused.len(), 16);
    let says = &refused[0]["says"];
    assert_eq!(says["requester"], "anna");
    assert_eq!(says["responder"], "bert");
    assert_eq!(says["code"], "filter_not_allowed");
    assert!(
        refused[0]["signatures"]
            .as_object()
            .unwrap()
            .values()
            .all(Value::is_string)
    );
    // Each node's own log has all of them, with the sentence.
    for (node, kind) in [(&world.a, "refused"), (&world.b, "proposal")] {
        let local = node
            .run(&["receipts", "list", "--local", "--format", "json"])
            .expect(0)
            .json();
        let of_kind = |entry: &&Value| entry["kind"] == kind;
        assert_eq!(local.as_array().unwrap().iter().filter(of_kind).count(), 18);
    }
    // A job makes room again.
    world.a.query(COUNT).expect(0);
    world.a.query(&asked).expect(5);
    let refused = "\"kind\":\"refused\"";
    assert_eq!(world.agreed_log().matches(refused).count(), 17);
}
