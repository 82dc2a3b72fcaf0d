//! Revisions of a collaboration between two running nodes: the old job ends under its own, the next
//! one needs both members on the new one.

use serde_json::{Value, json};

use crate::harness::{COUNT, Ran, World, eventually, free_address, people};

#[track_caller]
fn reason(ran: &Ran) -> String {
    ran.json()["reason"].as_str().unwrap_or_default().to_owned()
}

/// The revisions that the opened jobs of a log name, oldest first.
fn revisions(log: &str) -> Vec<String> {
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["says"]["kind"] == "opened")
        .map(|line| line["says"]["job"]["revision"].as_str().unwrap().to_owned())
        .collect()
}

fn forbid_bert(text: &str) -> String {
    // Members are in the order of their ids.
    let bert = text.find("\"bert\"").unwrap();
    let (before, after) = text.split_at(bert);
    before.to_owned() + &after.replacen("may_query = true", "may_query = false", 1)
}

#[test]
fn a_running_job_keeps_its_revision_and_the_next_job_has_the_new_one() {
    // Enough that the job lasts while commands run beside it.
    let all = people(0..60_000);
    let mut world = World::with_people(&all, &all, 1);
    let file = world.revise(|text| forbid_bert(&text));
    world.serve();
    // Bert may ask under the first revision, and not under the second.
    let sql = "SELECT COUNT(*) FROM bert.people b JOIN anna.people a ON b.name = a.name";
    let job = world.b.query_in_background(sql);
    eventually("the job is agreed on", || {
        world
            .a
            .newest_job()
            .is_some_and(|job| job["state"] == "running" && !job["job_id"].is_null())
    });
    for node in [&world.a, &world.b] {
        let joined = node.run(&["collab", "join", &file]).expect(0);
        assert!(joined.stdout.contains("revision 2"), "{}", joined.stdout);
    }
    let state = world.a.newest_job().unwrap()["state"].clone();
    assert_eq!(state, "running", "the job must outlast the joining");
    assert_eq!(job.wait().expect(0).json()["rows"], json!([[60_000]]));
    assert_eq!(
        reason(&world.b.query(sql).expect(4)),
        "requester_not_allowed"
    );
    world.a.query(COUNT).expect(0);

    let log = world.agreed_log();
    let named = revisions(&log);
    assert_eq!(named.len(), 2);
    assert_ne!(named[0], named[1]);
    let show = |number: &str| {
        let arguments = [
            "collab",
            "show",
            "test",
            "--revision",
            number,
            "--format",
            "json",
        ];
        world.a.run(&arguments).expect(0).json()
    };
    assert_eq!(show("1")["revision_hash"], named[0].as_str());
    assert_eq!(show("2")["revision_hash"], named[1].as_str());
    assert_eq!(show("1")["id"], show("2")["id"]);
}

#[test]
fn a_member_that_has_not_joined_the_revision_is_refused_in_both_directions() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    world.a.query(COUNT).expect(0);
    let address = world.b.address.clone();
    let moved = free_address();
    let file = world.revise(|text| text.replace(&address, &moved));
    world.b.run(&["collab", "join", &file]).expect(0);

    let ran = world.a.query(COUNT).expect(5);
    assert_eq!(reason(&ran), "revision_differs");
    assert!(ran.stdout.contains("collab join"), "{}", ran.stdout);
    let sql = "SELECT COUNT(*) FROM bert.people b JOIN anna.people a ON b.name = a.name";
    assert_eq!(reason(&world.b.query(sql).expect(5)), "revision_differs");

    // Anna joins, and bert is reached at the address that the revision says.
    world.a.run(&["collab", "join", &file]).expect(0);
    world.b.kill();
    world.b.address = moved;
    world.b.configure(
        "peer_timeout_s = 10\n",
        &crate::harness::people_table("text", 30, 1, ""),
    );
    world.b.serve();
    world.a.query(COUNT).expect(0);
    assert_eq!(revisions(&world.agreed_log()).len(), 2);
}

#[test]
fn only_the_next_revision_can_be_joined_and_mode_dp_needs_tables_that_say_so() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    let first = world.collab_file();
    let second = world.revise(|text| text.replace("mode = \"exact\"", "mode = \"dp\""));
    world.a.run(&["collab", "join", &second]).expect(0);
    let third = world.revise(|text| text.replace("mode = \"dp\"", "mode = \"exact\""));

    let ran = world.b.run(&["collab", "join", &third]).expect(2);
    assert!(
        ran.stderr.contains("join revision 2 first"),
        "{}",
        ran.stderr
    );
    let ran = world.a.run(&["collab", "join", &first]).expect(2);
    assert!(ran.stderr.contains("older than"), "{}", ran.stderr);
    world.a.run(&["collab", "join", &second]).expect(0);

    // A member that lost the file gets it from the other.
    let document = world
        .a
        .run(&["collab", "show", "test", "--document"])
        .expect(0);
    assert_eq!(document.stdout.matches("[[signature]]").count(), 2);
    world.b.write("from-anna.toml", &document.stdout);
    let copy = world.b.dir.join("from-anna.toml");
    world
        .b
        .run(&["collab", "join", copy.to_str().unwrap()])
        .expect(0);

    world.serve();
    let ran = world.a.query(COUNT).expect(4);
    assert_eq!(reason(&ran), "epsilon_not_allowed");
    for node in [&world.a, &world.b] {
        node.run(&["collab", "join", &third]).expect(0);
    }
    world.a.query(COUNT).expect(0);
}
