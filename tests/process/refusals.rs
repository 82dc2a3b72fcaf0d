//! Questions that are refused, and peers that are not there: each with its exit code, and the node
//! goes on.

use crate::harness::{COUNT, Ran, World, free_address, people, people_csv, people_table, psi_node};

#[track_caller]
fn reason(ran: &Ran) -> String {
    ran.json()["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn own_and_peer_policy_refuse_with_their_own_exit_codes() {
    let table = "[table.people]\nsource = \"people.csv\"\nminimum = 1\nfilter = [\"age\"]\n\
                 [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nidentities = 60\n";
    let mut world = World::new(table, table);
    for node in [&world.a, &world.b] {
        let rows = (0..50).map(|n| format!("person-{n},{n},x"));
        let lines: Vec<String> = std::iter::once("name,age,mail".to_owned())
            .chain(rows)
            .collect();
        node.write("people.csv", &lines.join("\n"));
    }
    world.serve();
    let from = "FROM anna.people a JOIN bert.people b";
    let ask = |rest: &str| {
        world
            .a
            .query(&format!("SELECT COUNT(DISTINCT a.name) {from} {rest}"))
    };

    // A filter column that is not listed: by own policy, then by the peer's.
    assert_eq!(
        reason(&ask("ON a.name = b.name WHERE a.mail = 'x'").expect(4)),
        "filter_not_allowed"
    );
    assert_eq!(
        reason(&ask("ON a.name = b.name WHERE b.mail = 'x'").expect(5)),
        "filter_not_allowed"
    );
    // A key that is not listed.
    assert_eq!(
        reason(&ask("ON a.name = b.mail").expect(5)),
        "key_not_allowed"
    );
    let sql = format!("SELECT COUNT(DISTINCT b.name) {from} ON a.mail = b.name");
    assert_eq!(reason(&world.a.query(&sql).expect(4)), "key_not_allowed");
    // A table that is not offered.
    let sql =
        "SELECT COUNT(DISTINCT a.name) FROM anna.people a JOIN bert.staff b ON a.name = b.name";
    assert_eq!(reason(&world.a.query(sql).expect(5)), "table_not_offered");
    // COUNT(*) over a key that is not declared unique.
    let ran = world.a.query(COUNT);
    assert!([4, 5].contains(&ran.code), "{} {}", ran.code, ran.stdout);
    assert_eq!(reason(&ran), "key_not_unique");
    // The node is well.
    ask("ON a.name = b.name WHERE a.age < 40 AND b.age < 30").expect(0);
    // Nothing that was refused is on the countersigned log; own refusals are on the local one.
    let log = world.agreed_log();
    assert_eq!(
        log.lines()
            .filter(|line| line.contains("\"opened\""))
            .count(),
        1,
        "{log}"
    );
    let local = world
        .a
        .run(&["receipts", "list", "--local", "--format", "json"])
        .expect(0);
    assert!(local.stdout.contains("refused"), "{}", local.stdout);
}

#[test]
fn a_date_that_the_peer_cannot_compare_is_named_with_the_form_that_is_expected() {
    let table = "[table.people]\nsource = \"people.csv\"\nminimum = 1\nfilter = [\"since\"]\n\
                 [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nidentities = 60\n";
    let mut world = World::new(table, table);
    for node in [&world.a, &world.b] {
        let rows = (0..50).map(|n| format!("person-{n},2026-05-{:02}", n % 28 + 1));
        let lines: Vec<String> = std::iter::once("name,since".to_owned())
            .chain(rows)
            .collect();
        node.write("people.csv", &lines.join("\n"));
    }
    world.serve();
    let sql = "SELECT COUNT(DISTINCT a.name) FROM anna.people a JOIN bert.people b\n\
               ON a.name = b.name WHERE b.since >= ";
    let refused = world.a.query(&format!("{sql}'01.05.2026'")).expect(5);
    assert_eq!(reason(&refused), "query_not_accepted");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    for part in [
        "line 2, column 37: '01.05.2026'",
        "\"since\"",
        "'2026-05-01'",
    ] {
        assert!(detail.contains(part), "{detail}");
    }
    world.a.query(&format!("{sql}'2026-05-01'")).expect(0);
}

#[test]
fn bad_input_says_where_and_what_to_do() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    for (sql, place) in [
        ("SELEC COUNT(*)", "line 1"),
        (
            "SELECT COUNT(*)\nFROM anna.people a\nLEFT JOIN bert.people b ON a.name = b.name",
            "line 3",
        ),
        (
            "SELECT MAX(a.name) FROM anna.people a JOIN bert.people b ON a.name = b.name",
            "line 1",
        ),
    ] {
        let ran = world.a.run(&["query", "--collab", "test", sql]).expect(2);
        assert!(ran.stderr.contains(place), "{sql}: {}", ran.stderr);
        assert!(ran.stderr.contains("help:"), "{sql}: {}", ran.stderr);
    }
    let ran = world
        .a
        .run(&["query", "--collab", "nowhere", COUNT])
        .expect(2);
    assert!(ran.stderr.contains("nowhere"), "{}", ran.stderr);
    world.a.query(COUNT).expect(0);
}

#[test]
fn a_peer_that_is_not_there_and_a_daemon_that_does_not_run_have_their_codes() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.a.query(COUNT).expect(9);
    world
        .a
        .configure("connect_timeout_s = 2\n", &people_table("text", 30, 1, ""));
    world.a.serve();
    world.a.query(COUNT).expect(6);
    world.b.serve();
    world.a.query(COUNT).expect(0);
}

#[test]
fn a_node_with_another_key_is_refused_in_both_directions() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    // Bert loses his key and makes a new one; the collaboration still names the old.
    std::fs::remove_file(world.b.dir.join("node.key")).unwrap();
    let other = world.dir.path().join("other");
    let path = other.to_str().unwrap();
    psi_node(&["init", path, "--name", "bert", "--listen", &free_address()]).expect(0);
    std::fs::copy(other.join("node.key"), world.b.dir.join("node.key")).unwrap();
    for node in [&world.a, &world.b] {
        node.configure("connect_timeout_s = 3\n", &people_table("text", 30, 1, ""));
    }
    world.serve();
    let ran = world.a.query(COUNT).expect(6);
    assert_eq!(reason(&ran), "peer_unreachable");
    assert!(ran.stdout.contains("is not"), "{}", ran.stdout);
    let ran = world.b.query(COUNT);
    assert!([2, 6].contains(&ran.code), "{} {}", ran.code, ran.stdout);
    assert!(world.a.is_running() && world.b.is_running());
}

#[test]
fn members_who_may_not_query_or_receive_are_held_to_it() {
    let mut world = World::with_people(&people(0..40), &people(0..30), 1);
    let text = std::fs::read_to_string(world.collab_file()).unwrap();
    assert!(text.contains("may_query"), "{text}");
    // A new collaboration in which bert may neither ask nor receive.
    let file = world.dir.path().join("narrow.toml");
    let file = file.to_str().unwrap();
    let member =
        |node: &crate::harness::Node| format!("{}={}@{}", node.name, node.id(), node.address);
    let (a, b) = (member(&world.a), member(&world.b));
    let new = [
        "collab", "new", "--name", "narrow", "--member", &a, "--member", &b, "-o", file,
    ];
    psi_node(&[&new[..], &["--no-query", "bert", "--no-receive", "bert"]].concat()).expect(0);
    for node in [&world.a, &world.b] {
        node.run(&["collab", "sign", file]).expect(0);
    }
    for node in [&world.a, &world.b] {
        node.run(&["collab", "join", file]).expect(0);
    }
    world.serve();
    let ask = |node: &crate::harness::Node| {
        node.run(&["query", "--collab", "narrow", "--format", "json", COUNT])
    };
    assert_eq!(reason(&ask(&world.b).expect(4)), "requester_not_allowed");
    let document = ask(&world.a).expect(0).json();
    // Bert's list is smaller, but he may not receive, so anna is Receiver.
    assert_eq!(document["stats"]["receiver_size"], 40 + 64);
    assert_eq!(document["stats"]["sender_size"], 30);
}

#[test]
fn a_table_that_breaks_its_declaration_is_not_served() {
    let table = people_table("text", 100, 1, "");
    let mut world = World::new(&table, &table);
    world.a.write("people.csv", &people_csv(&people(0..30)));
    // A key that is declared unique and repeats.
    world
        .b
        .write("people.csv", &(people_csv(&people(0..30)) + "person-3\n"));
    let ran = world.b.run(&["check"]).expect(2);
    assert!((ran.stdout + &ran.stderr).contains("people"));
    world.a.serve();
    world.b.serve();
    let ran = world.a.query(COUNT).expect(5);
    assert!(
        ["table_not_offered", "unavailable"].contains(&reason(&ran).as_str()),
        "{}",
        ran.stdout
    );
    // The peer is not told why.
    assert!(
        !ran.stdout.contains("repeat") && !ran.stdout.contains("unique"),
        "{}",
        ran.stdout
    );
}
