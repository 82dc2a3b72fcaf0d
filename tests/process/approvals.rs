//! Tables whose owner approves each run: what the asker and the owner see, over restarts.

use serde_json::Value;

use crate::harness::{COUNT, Node, Ran, World, people, people_csv, people_table};

const MANUAL: &str = "approval = \"manual\"\nfilter = [\"name\"]";

/// Anna and bert, with what their tables say beside their keys.
fn world(more_a: &str, more_b: &str) -> World {
    let table = |more| people_table("text", 30, 1, more);
    let world = World::new(&table(more_a), &table(more_b));
    for node in [&world.a, &world.b] {
        node.write("people.csv", &people_csv(&people(0..30)));
    }
    world
}

#[track_caller]
fn reason(ran: &Ran) -> String {
    ran.json()["reason"].as_str().unwrap_or_default().to_owned()
}

/// The requests of a node, those that wait first.
fn requests(node: &Node) -> Vec<Value> {
    let ran = node
        .run(&["approvals", "list", "--format", "json"])
        .expect(0);
    ran.json().as_array().unwrap().clone()
}

fn decide(node: &Node, arguments: &[&str], code: i32) -> Ran {
    node.run(&[&["approvals"], arguments].concat()).expect(code)
}

fn own_log(node: &Node) -> String {
    let arguments = ["receipts", "list", "--local", "--format", "json"];
    node.run(&arguments).expect(0).stdout
}

#[test]
fn a_question_waits_for_the_owner_over_restarts_and_runs_once() {
    let mut world = world("filter = [\"name\"]", MANUAL);
    world.serve();
    let sql = |literal: &str| format!("{COUNT} WHERE a.name != '{literal}'");
    let ran = world.a.query(&sql("person-1")).expect(5);
    assert_eq!(reason(&ran), "approval_pending");

    let shown = requests(&world.b).remove(0);
    assert_eq!(shown["asker"], "anna");
    assert_eq!(shown["state"], "pending");
    let query = shown["query"].as_str().unwrap();
    assert!(
        query.contains("$1") && !query.contains("person-1"),
        "{query}"
    );
    assert_eq!(shown["sizes"]["hidden_literals"], 1);
    assert_eq!(shown["sizes"]["matches"][0]["sender_size"], 30);
    assert_eq!(shown["rules"][0], "table.people.key[1]");
    let id = shown["id"].as_str().unwrap().to_owned();

    // Another salt and another literal: the same question.
    assert_eq!(
        reason(&world.a.query(&sql("person-2")).expect(5)),
        "approval_pending"
    );
    assert_eq!(requests(&world.b).len(), 1);
    world.b.kill();
    world.b.serve();
    let text = decide(&world.b, &["approve", &id[..8]], 0).stdout;
    assert!(text.contains("anna") && text.contains("one run"), "{text}");
    // Another question is another request.
    assert_eq!(reason(&world.a.query(COUNT).expect(5)), "approval_pending");
    world.b.kill();
    world.b.serve();
    world.a.query(&sql("person-3")).expect(0);
    assert_eq!(
        reason(&world.a.query(&sql("person-3")).expect(5)),
        "approval_pending"
    );

    let used = decide(&world.b, &["show", &id, "--format", "json"], 0).json();
    assert_eq!(used["state"], "used");
    assert_eq!(used["job_id"], world.b.newest_job().unwrap()["job_id"]);
    let log = own_log(&world.b);
    for word in ["approval asked", "approved", "approval used"] {
        assert!(log.contains(word), "{word}: {log}");
    }
    assert_eq!(log.matches("approval asked").count(), 3, "{log}");
    // Attempts that waited do not count as jobs of bert's.
    let jobs = world.b.run(&["jobs", "list", "--format", "json"]).expect(0);
    assert_eq!(jobs.json().as_array().unwrap().len(), 1);
}

#[test]
fn a_denied_question_is_told_as_a_code_and_the_reason_stays_with_the_owner() {
    let mut world = world("", MANUAL);
    world.serve();
    world.a.query(COUNT).expect(5);
    let id = requests(&world.b)[0]["id"].as_str().unwrap().to_owned();
    decide(&world.b, &["deny", &id, "--reason", "ask the lawyers"], 0);
    let ran = world.a.query(COUNT).expect(5);
    assert_eq!(reason(&ran), "not_approved");
    assert!(!ran.stdout.contains("lawyers"), "{}", ran.stdout);
    assert!(own_log(&world.b).contains("lawyers"));
    let ran = decide(&world.b, &["approve", &id], 2);
    assert!(ran.stderr.contains("denied"), "{}", ran.stderr);
    // `--wait` does not wait for what was decided.
    let arguments = [
        "query", "--wait", "--collab", "test", "--format", "json", COUNT,
    ];
    assert_eq!(reason(&world.a.run(&arguments).expect(5)), "not_approved");
}

#[test]
fn a_request_that_expires_is_made_again() {
    let mut world = world("", MANUAL);
    world.b.configure(
        "approval_expires = \"1s\"\n",
        &people_table("text", 30, 1, MANUAL),
    );
    world.serve();
    world.a.query(COUNT).expect(5);
    let id = requests(&world.b)[0]["id"].as_str().unwrap().to_owned();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let ran = decide(&world.b, &["approve", &id], 2);
    assert!(ran.stderr.contains("expired"), "{}", ran.stderr);
    world.a.query(COUNT).expect(5);
    assert_eq!(requests(&world.b).len(), 2);
}

#[test]
fn both_owners_are_asked_where_both_tables_want_it_and_the_asker_can_wait() {
    let mut world = world(MANUAL, MANUAL);
    world.serve();
    // This node's owner comes first; the peer hears nothing before.
    let ran = world.a.query(COUNT).expect(4);
    assert_eq!(reason(&ran), "approval_pending");
    assert!(requests(&world.b).is_empty());
    let waiting = world.a.query_in_background_with(&["--wait"], COUNT);
    let own = requests(&world.a)[0]["id"].as_str().unwrap().to_owned();
    decide(&world.a, &["approve", &own], 0);
    crate::harness::eventually("the other owner is asked", || {
        !requests(&world.b).is_empty()
    });
    let theirs = requests(&world.b)[0]["id"].as_str().unwrap().to_owned();
    // A question that waits for the other owner has not used up this owner's approval.
    assert_eq!(requests(&world.a)[0]["state"], "approved");
    decide(&world.b, &["approve", &theirs], 0);
    let ran = waiting.wait().expect(0);
    assert!(
        ran.stderr.contains("other owner's approval"),
        "{}",
        ran.stderr
    );
    for node in [&world.a, &world.b] {
        assert_eq!(requests(node)[0]["state"], "used");
    }
}

#[test]
fn an_approval_command_without_a_daemon_says_so() {
    let world = world("", MANUAL);
    decide(&world.b, &["list"], 9);
}

#[test]
fn an_owner_sees_characters_that_do_not_show_as_escapes() {
    let mut world = world("filter = [\"name\"]", MANUAL);
    world.serve();
    let literal = "a\u{202e}b\u{200b}c\u{e0041}\u{1b}[2J\u{a0}Zürich";
    let sql = format!("{COUNT} WHERE b.name != '{literal}'");
    assert_eq!(reason(&world.a.query(&sql).expect(5)), "approval_pending");

    let json = decide(&world.b, &["list", "--format", "json"], 0);
    let escapes = "'a\\u202eb\\u200bc\\udb40\\udc41\\u001b[2J\\u00a0Zürich'";
    assert!(json.stdout.contains(escapes), "{}", json.stdout);
    let request = json.json()[0].clone();
    let exact = request["query"].as_str().unwrap();
    assert!(exact.contains(literal), "{exact}");

    let shown = "'a\\u{202e}b\\u{200b}c\\u{e0041}\\u{1b}[2J\\u{a0}Zürich'";
    let id = request["id"].as_str().unwrap();
    let show = decide(&world.b, &["show", id], 0).stdout;
    assert!(show.contains(shown), "{show}");
    decide(&world.b, &["approve", id], 0);
    world.a.query(&sql).expect(0);
    let list = decide(&world.b, &["list"], 0).stdout;
    let receipts = world.b.run(&["receipts", "list"]).expect(0).stdout;
    let jobs = world.b.run(&["jobs", "list", "--format", "json"]).expect(0);
    let job = jobs.json()[0]["id"].as_str().unwrap().to_owned();
    let job = world.b.run(&["jobs", "show", &job]).expect(0).stdout;
    for text in [&receipts, &job] {
        assert!(text.contains(shown), "{text}");
    }
    let log = world.b.log();
    for text in [&show, &list, &receipts, &job, &jobs.stdout, &log] {
        for hidden in ['\u{202e}', '\u{200b}', '\u{e0041}', '\u{1b}', '\u{a0}'] {
            assert!(!text.contains(hidden), "{hidden:?} in {text}");
        }
    }
}
