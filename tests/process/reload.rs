//! `node.toml` read again by a running node: at SIGHUP and by `psi-node reload`.

use crate::harness::{
    Background, COUNT, Node, World, eventually, people, people_csv, people_table,
};

const SETTINGS: &str = "peer_timeout_s = 3600\nconnect_timeout_s = 20\n";

fn reason_of(asker: &Node, sql: &str, exit: i32) -> String {
    let document = asker.query(sql).expect(exit).json();
    document["reason"].as_str().unwrap_or_default().to_owned()
}

/// The digests of the policies under which `side` agreed to its jobs, in their order.
fn policies_of(side: &str, log: &str) -> Vec<String> {
    let opened = log.lines().filter(|line| line.contains("\"opened\""));
    let policy = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["says"]["policies"][side].as_str().unwrap().to_owned()
    };
    opened.map(policy).collect()
}

#[test]
fn a_changed_file_is_taken_over_without_a_restart_and_a_broken_one_changes_nothing() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    let more = "SELECT COUNT(*) FROM anna.people AS a JOIN bert.more AS b ON a.name = b.name";
    assert_eq!(reason_of(&world.a, more, 5), "table_not_offered");
    assert!(world.a.query(COUNT).expect(0).stdout.contains("30"));

    // Another table, another rule, and a setting that needs a restart.
    world.b.write("more.csv", &people_csv(&people(0..20)));
    let tables = people_table("text", 30, 40, "");
    let more_table = people_table("text", 30, 1, "").replace("people", "more");
    world
        .b
        .configure("jobs_max = 5\n", &(tables.clone() + &more_table));
    let ran = world.b.run(&["reload", "--format", "json"]).expect(0);
    let done = ran.json();
    assert_eq!(
        done["loaded"],
        serde_json::json!(["more", "people"]),
        "{done}"
    );
    let restart = done["needs_restart"].as_array().unwrap();
    assert!(restart.contains(&"jobs_max".into()), "{done}");
    assert!(restart.contains(&"peer_timeout_s".into()), "{done}");
    world.a.query(more).expect(0);
    // Fewer than the new minimum.
    world.a.query(COUNT).expect(3);

    // The receipts name another policy of bert's from then on, and the same one of anna's.
    let log = world.agreed_log();
    let of_bert = policies_of("responder", &log);
    assert_eq!(of_bert.len(), 3, "{log}");
    assert_ne!(of_bert[0], of_bert[2]);
    let of_anna = policies_of("requester", &log);
    assert_eq!(of_anna[0], of_anna[2]);

    // A file that is not right: place, remedy, and the settings from before.
    world.b.configure("jobs_mix = 5\n", &tables);
    let ran = world.b.run(&["reload"]).expect(2);
    assert!(ran.stderr.contains("node.toml") && ran.stderr.contains("jobs_mix"));
    assert!(ran.stderr.contains("help:"), "{}", ran.stderr);
    world.b.signal("HUP");
    eventually("the log says what is wrong", || {
        let log = world.b.log();
        log.contains("was not taken over") && log.contains("jobs_mix")
    });
    world.a.query(more).expect(0);

    // A table that the file does not have any more.
    world.b.configure("", &tables);
    world.b.signal("HUP");
    eventually("the table is not served", || world.a.query(more).code == 5);
    assert!(world.b.is_running());
}

#[test]
fn a_reload_that_stops_a_table_says_which_and_why_and_ends_with_2() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    let wrong = people_table("text", 30, 1, "filter = [\"agee\"]");
    world.b.configure("", &wrong);
    // The running node has read another section than the one that is checked.
    let check = world.b.run(&["check"]).expect(2);
    assert!(
        check.stdout.contains("as an earlier section describes it"),
        "{}",
        check.stdout
    );
    let ran = world.b.run(&["reload"]).expect(2);
    for part in [
        "table people: NOT SERVED ANY MORE",
        "table.people.filter: there is no column \"agee\"",
        "help:",
    ] {
        assert!(ran.stdout.contains(part), "{}", ran.stdout);
    }
    assert_eq!(reason_of(&world.a, COUNT, 5), "unavailable");
    let ran = world.b.run(&["reload", "--format", "json"]).expect(2);
    let done = ran.json();
    assert_eq!(done["stopped"], serde_json::json!([]), "{done}");
    assert_eq!(done["problems"][0]["name"], "people", "{done}");
    let tables = world
        .b
        .run(&["tables", "list", "--format", "json"])
        .expect(0);
    let table = &tables.json()["tables"][0];
    assert_eq!(
        (&table["name"], &table["served"]),
        (&"people".into(), &false.into())
    );
    assert_eq!(table["problems"][0]["place"], "table.people.filter");
    world.b.configure("", &people_table("text", 30, 1, ""));
    world.b.run(&["reload"]).expect(0);
    world.a.query(COUNT).expect(0);
}

#[test]
fn commands_that_only_talk_to_the_daemon_work_beside_a_file_that_does_not_read() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    world.a.query(COUNT).expect(0);
    for broken in ["jobs_mix = 5\n", "memory_limit = lots\n", "= [\n"] {
        world.a.configure(broken, "");
        for (command, code) in [
            (&["query", "--collab", "test", COUNT][..], 0),
            (&["explain", "--collab", "test", COUNT], 0),
            (&["jobs", "list"], 0),
            (&["jobs", "cancel", "0123"], 2),
            (&["tables", "list"], 0),
        ] {
            let ran = world.a.run(command).expect(code);
            assert!(
                ran.stderr.contains("node.toml") && ran.stderr.contains("goes on with"),
                "{command:?}: {}",
                ran.stderr
            );
        }
        world.a.run(&["check"]).expect(2);
    }
    // Without a daemon, what is wrong with the file is what to know.
    world.a.kill();
    let ran = world.a.run(&["query", "--collab", "test", COUNT]).expect(2);
    assert!(ran.stderr.contains("node.toml:"), "{}", ran.stderr);
}

#[test]
fn a_running_job_keeps_the_rules_under_which_it_began() {
    let table = people_table("text", 400_000, 1, "");
    let mut world = World::new(&table, &table);
    for node in [&world.a, &world.b] {
        node.configure(SETTINGS, &table);
        node.write("people.csv", &people_csv(&people(0..400_000)));
    }
    world.serve();
    let running: Background = world.a.query_in_background(COUNT);
    eventually("the job runs on both", || {
        let runs = |node: &Node| {
            node.newest_job()
                .is_some_and(|job| job["state"] == "running")
        };
        runs(&world.a) && runs(&world.b)
    });
    for node in [&world.a, &world.b] {
        node.configure(SETTINGS, "");
        let done = node.run(&["reload", "--format", "json"]).expect(0).json();
        assert_eq!(done["removed"], serde_json::json!(["people"]), "{done}");
    }
    let document = running.wait_patiently().expect(0).json();
    assert_eq!(document["rows"][0][0], 400_000, "{document}");
    let code = world.a.query(COUNT).code;
    assert!([2, 4].contains(&code), "{code}: the table is gone");
    world.agreed_log();
}

#[test]
fn a_node_without_a_place_says_busy_and_a_question_can_wait_for_one() {
    let table = people_table("text", 400_000, 1, "");
    let mut world = World::new(&table, &table);
    for (node, more) in [(&world.a, "jobs_max = 2\n"), (&world.b, "")] {
        node.configure(&format!("{SETTINGS}{more}"), &table);
        node.write("people.csv", &people_csv(&people(0..400_000)));
    }
    world.serve();
    let job = || world.a.query_in_background(COUNT);
    let running = [job(), job()];
    let runs = |node: &Node| {
        let jobs = node.run(&["jobs", "list", "--format", "json"]).json();
        let jobs = jobs.as_array().unwrap().clone();
        jobs.iter().filter(|job| job["state"] == "running").count()
    };
    eventually("both places are taken", || runs(&world.a) == 2);
    let busy = world.a.query(COUNT).expect(11);
    assert!(busy.stdout.contains("\"busy\""), "{}", busy.stdout);
    // Waits for one second, and says the same.
    let short = [
        "query", "--collab", "test", "--wait", "1s", "--format", "json", COUNT,
    ];
    let waited = world.a.run(&short).expect(11);
    assert!(
        waited.stderr.contains("waiting for a place"),
        "{}",
        waited.stderr
    );
    let waiting = world.a.query_in_background_with(&["--wait", "1h"], COUNT);
    for job in running {
        job.wait_patiently().expect(0);
    }
    waiting.wait_patiently().expect(0);
}
