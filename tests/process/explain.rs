//! `explain` against the job that it explains, and what it leaves behind: nothing.

use serde_json::{Value, json};

use crate::harness::{COUNT, Node, Ran, World, people, people_csv, people_table};

fn explain(node: &Node, more: &[&str], sql: &str) -> Ran {
    let arguments = ["explain", "--collab", "test", "--format", "json", sql];
    node.run(&[&arguments[..], more].concat())
}

fn world(more_a: &str, more_b: &str) -> World {
    let world = World::new(
        &people_table("text", 3000, 1, more_a),
        &people_table("text", 2000, 7, more_b),
    );
    world.a.write("people.csv", &people_csv(&people(0..2500)));
    world.b.write("people.csv", &people_csv(&people(500..1500)));
    world
}

/// Fails unless `estimate` is within a twentieth of `measured`, or 8 KiB of control messages.
#[track_caller]
fn close(estimate: &Value, measured: &Value) {
    let (estimate, measured) = (estimate.as_u64().unwrap(), measured.as_u64().unwrap());
    let allowed = measured / 20 + 8192;
    assert!(
        estimate.abs_diff(measured) < allowed,
        "{estimate} {measured}"
    );
}

#[test]
fn with_the_peer_it_says_the_sizes_and_bytes_of_the_job() {
    let mut world = world("filter = [\"name\"]", "approval = \"auto\"");
    world.serve();
    let sql = format!("{COUNT} WHERE a.name != 'person-7'");
    let explained = explain(&world.a, &["--with-peer"], &sql).expect(0).json();
    assert_eq!(explained["peer"]["facts"], "asked");
    assert_eq!(explained["peer"]["approval"], false);
    assert_eq!(explained["hidden_literals"], 1);
    assert!(!explained["query"].as_str().unwrap().contains("person-7"));
    let outline = &explained["job"];
    assert_eq!(outline["minimum"], 7);

    let document = world.a.query(&sql).expect(0).json();
    let stats = &document["stats"];
    assert_eq!(
        outline["matches"][0]["receiver_size"],
        stats["receiver_size"]
    );
    assert_eq!(outline["matches"][0]["sender_size"], stats["sender_size"]);
    close(&outline["cost"]["bytes_sent"], &stats["bytes_sent"]);
    close(&outline["cost"]["bytes_received"], &stats["bytes_received"]);

    // The receipts know of one job, bert's log of one inquiry.
    let log = world.agreed_log();
    assert_eq!(log.matches("\"opened\"").count(), 1, "{log}");
    let local = ["receipts", "list", "--local", "--format", "json"];
    let local = world.b.run(&local).expect(0).stdout;
    assert_eq!(local.matches("what this would be").count(), 1, "{local}");
    let jobs = world.b.run(&["jobs", "list", "--format", "json"]).expect(0);
    assert_eq!(jobs.json().as_array().unwrap().len(), 1);
    // Now the facts are known without asking.
    let explained = explain(&world.a, &[], COUNT).expect(0).json();
    assert_eq!(explained["peer"]["facts"], "earlier_job");
    assert_eq!(explained["job"]["matches"], outline["matches"]);
}

#[test]
fn alone_it_says_what_is_supposed_and_needs_no_peer() {
    let mut world = world("", "");
    world.a.serve();
    let explained = explain(&world.a, &[], COUNT).expect(0).json();
    assert_eq!(explained["peer"]["facts"], "supposed");
    assert_eq!(explained["peer"]["allowed"], json!(null));
    assert_eq!(explained["job"]["matches"][0]["sender_size"], 3000);
    let text = world
        .a
        .run(&["explain", "--collab", "test", COUNT])
        .expect(0);
    for words in [
        "supposes",
        "table.people.key[1]",
        "multiplications",
        "The analyst of bert learns",
    ] {
        assert!(text.stdout.contains(words), "{words}: {}", text.stdout);
    }
    let columns = "SELECT SUM(b.amount) FROM anna.people a JOIN bert.people b ON a.name = b.name";
    let explained = explain(&world.a, &[], columns).expect(0).json();
    assert_eq!(explained["peer"]["facts"], "unknown");
    assert_eq!(explained["job"], json!(null));
}

#[test]
fn a_size_that_the_other_member_has_told_is_used_and_a_literal_that_is_nearly_a_group_is_noted() {
    let more = "catalogue = \"full\"\nfilter = [\"region\"]\n\
                dimension = { region = [\"north\", \"south\"] }";
    let mut world = World::new(
        &people_table("text", 3000, 1, ""),
        &people_table("text", 7000, 1, more),
    );
    world.a.write("people.csv", &people_csv(&people(0..30)));
    world.b.write("people.csv", "name,region\nperson-1,north\n");
    world.serve();
    world.a.run(&["collab", "tables", "test"]).expect(0);
    let sql = format!("{COUNT} WHERE b.region = 'nort'");
    let explained = world
        .a
        .run(&["explain", "--collab", "test", "--format", "json", &sql])
        .expect(0)
        .json();
    assert_eq!(explained["peer"]["facts"], "told");
    assert_eq!(explained["peer"]["identities"], 7000);
    let ran = world
        .a
        .run(&["explain", "--collab", "test", &sql])
        .expect(0);
    assert!(
        ran.stdout.contains("is what bert said of its tables"),
        "{}",
        ran.stdout
    );
    let ran = world.a.run(&["query", "--collab", "test", &sql]);
    for noted in [explained["slips"][0].as_str().unwrap(), &ran.stderr] {
        assert!(noted.contains("did you mean \"north\"?"), "{noted}");
    }
}

#[test]
fn what_a_policy_refuses_is_refused_by_explain_and_a_manual_table_says_so() {
    let mut world = world("", "approval = \"manual\"");
    world.serve();
    let filtered = format!("{COUNT} WHERE b.name != 'x'");
    let ran = explain(&world.a, &["--with-peer"], &filtered).expect(5);
    assert!(ran.stderr.contains("filter_not_allowed"), "{}", ran.stderr);
    let own = format!("{COUNT} WHERE a.name != 'x'");
    explain(&world.a, &["--with-peer"], &own).expect(4);
    let explained = explain(&world.a, &["--with-peer"], COUNT).expect(0).json();
    assert_eq!(explained["peer"]["approval"], true);
    // To explain is not to ask: nothing waits for bert.
    let requests = world
        .b
        .run(&["approvals", "list", "--format", "json"])
        .expect(0);
    assert_eq!(requests.json(), json!([]));
}

#[test]
fn the_question_is_read_from_a_file_or_from_standard_input_with_its_comments() {
    let mut world = world("filter = [\"name\"]", "");
    world.a.serve();
    let sql = format!("-- Ours, for May\n\n/* not\nbert's */\n{COUNT}\nWHERE a.name != 'person-7'");
    world.a.write("may.sql", &sql);
    let file = world.a.dir.join("may.sql");
    let explained = |ran: Ran| ran.expect(0).json()["query"].as_str().unwrap().to_owned();
    let written = explained(explain(
        &world.a,
        &[],
        &format!("{COUNT} WHERE a.name != 'x'"),
    ));
    let named = ["--file", file.to_str().unwrap()];
    let arguments = ["explain", "--collab", "test", "--format", "json"];
    let of_file = world.a.run(&[&arguments[..], &named].concat());
    assert_eq!(explained(of_file), written);
    let piped = world
        .a
        .run_with_input(&[&arguments[..], &["-"]].concat(), &sql);
    assert_eq!(explained(piped), written);

    // An error names the place in the original text.
    let wrong = sql.replace("WHERE", "WHERE\n  nothing");
    let ran = world
        .a
        .run_with_input(&["query", "--collab", "test", "-"], &wrong);
    let error = ran.expect(2).stderr;
    assert!(error.contains("line 7"), "{error}");
}

/// Fails unless the query is refused with this exit code and reason, and an explanation too, whether
/// the peer is asked or not.
#[track_caller]
fn refused_alike(node: &Node, exit: i32, reason: &str) {
    let query = node.query(COUNT).expect(exit).json();
    assert_eq!(query["reason"], reason, "{query}");
    for more in [&[][..], &["--with-peer"]] {
        let ran = explain(node, more, COUNT).expect(exit);
        assert!(ran.stderr.contains(reason), "{more:?}: {}", ran.stderr);
    }
}

#[test]
fn a_table_without_runs_left_is_refused_by_explain_as_by_the_query() {
    let mut world = world("runs = { day = 1 }", "");
    world.serve();
    // To explain takes no run, however often.
    for _ in 0..3 {
        explain(&world.a, &["--with-peer"], COUNT).expect(0);
    }
    world.a.query(COUNT).expect(0);
    refused_alike(&world.a, 4, "runs_exhausted");
    assert_eq!(world.agreed_log().matches("\"opened\"").count(), 1);
}

#[test]
fn a_file_that_changed_is_loaded_before_it_is_explained() {
    let mut world = world("", "");
    world.serve();
    explain(&world.a, &[], COUNT).expect(0);
    world.a.write("people.csv", "other\nperson-1\n");
    for more in [&[][..], &["--with-peer"]] {
        let ran = explain(&world.a, more, COUNT).expect(4);
        assert!(ran.stderr.contains("unavailable"), "{}", ran.stderr);
    }
    refused_alike(&world.a, 4, "unavailable");
    // And the other way round: it is right again, and no query was asked meanwhile.
    world.a.write("people.csv", &people_csv(&people(0..2500)));
    explain(&world.a, &[], COUNT).expect(0);
}
