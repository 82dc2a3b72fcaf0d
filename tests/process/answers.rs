//! The count that two processes find is that of a plain join, for either requester.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::harness::{COUNT, Ran, World, people, people_csv, people_table};

#[test]
fn either_side_asks_and_both_hold_the_same_countersigned_log() {
    let mut world = World::with_people(&people(0..300), &people(200..700), 10);
    world.serve();
    for node in [&world.a, &world.b] {
        let document = node.query(COUNT).expect(0).json();
        assert_eq!(document["status"], "released");
        assert_eq!(document["mode"], "exact");
        assert_eq!(document["rows"], json!([[100]]));
        assert_eq!(document["columns"].as_array().map(Vec::len), Some(1));
        assert_eq!(document["job_id"].as_str().map(str::len), Some(128));
        let stats = &document["stats"];
        // 300 identities and as many canaries; the other list as it is registered.
        assert_eq!(stats["receiver_size"], 600);
        assert_eq!(stats["sender_size"], 500);
        for direction in ["sent", "received"] {
            let stream = stats[format!("bytes_{direction}")].as_u64();
            let udp = stats[format!("udp_bytes_{direction}")].as_u64();
            assert!(stream > Some(0) && udp > stream, "{stats}");
        }
    }
    // Two jobs, each opened and closed.
    let log = world.agreed_log();
    assert_eq!(
        log.lines()
            .filter(|line| line.contains("\"opened\""))
            .count(),
        2,
        "{log}"
    );
    assert_eq!(
        log.lines()
            .filter(|line| line.contains("\"completed\""))
            .count(),
        2,
        "{log}"
    );
}

#[test]
fn a_count_below_the_minimum_is_neither_shown_nor_written_anywhere() {
    // 4,321 shared people of a minimum of 5,000: a number that nothing else here produces.
    let mut world = World::with_people(&people(0..6000), &people(1679..7679), 5000);
    world.serve();
    let ran = world.a.query(COUNT).expect(3);
    let document = ran.json();
    assert_eq!(document["status"], "suppressed");
    assert_eq!(document["rows"], json!([]));
    let table = world.a.run(&["query", "--collab", "test", COUNT]).expect(3);
    assert!(table.stdout.contains("suppressed"), "{}", table.stdout);
    for (name, text) in [
        ("query", &ran.stdout),
        ("log a", &world.a.log()),
        ("log b", &world.b.log()),
    ] {
        assert!(!text.contains("4321"), "{name} shows the count: {text}");
    }
    let log = world.agreed_log();
    assert!(
        !log.contains("suppressed"),
        "the receipt tells an auditor what came out: {log}"
    );
}

#[test]
fn filters_on_both_sides_and_composite_keys_count_like_a_join() {
    let table = |unique| {
        format!(
            "[table.visits]\nsource = \"visits.csv\"\nminimum = 1\nfilter = [\"day\", \"spent\"]\n\
             row_filter = \"consent = 'yes'\"\n[[table.visits.key]]\ncolumns = [\"mail\", \"shop\"]\n\
             kinds = [\"email\", \"int\"]\nunique = {unique}\nidentities = 400\n"
        )
    };
    let mut world = World::new(&table(true), &table(false));
    let mut a = String::from("mail,shop,day,spent,consent\n");
    let mut b = a.clone();
    let mut expected = 0;
    for n in 0..300u32 {
        let (spent_a, spent_b) = (n % 50, n % 7);
        let (day_a, day_b) = (1 + n % 28, 1 + (n * 5) % 28);
        let consent = if n % 11 == 0 { "no" } else { "yes" };
        let shop = n % 9;
        writeln!(
            a,
            "P{n}@Shop.example,{shop:03},2025-02-{day_a:02},{spent_a},yes"
        )
        .unwrap();
        // The same key twice on one side still counts once.
        for _ in 0..2 {
            let row = format!("\" p{n}@shop.example\",{},2025-02-{day_b:02}", n % 9);
            writeln!(b, "{row},{spent_b},{consent}").unwrap();
        }
        let passes = spent_a >= 10 && (day_b > 14 || spent_b == 3) && consent == "yes";
        expected += u32::from(passes);
    }
    world.a.write("visits.csv", &a);
    world.b.write("visits.csv", &b);
    world.serve();
    let sql = "SELECT COUNT(DISTINCT a.mail, a.shop) AS shared FROM anna.visits a JOIN bert.visits b \
               ON a.mail = b.mail AND a.shop = b.shop \
               WHERE a.spent >= 10 AND (b.day > '2025-02-14' OR b.spent = 3)";
    for node in [&world.a, &world.b] {
        let document = node.query(sql).expect(0).json();
        assert_eq!(document["rows"], json!([[expected]]));
        assert_eq!(document["columns"], json!(["shared"]));
    }
}

/// Anna's answer once bert has loaded his table again: what she asks never makes him wait for that.
fn asked_until_current(world: &World) -> Ran {
    let mut ran = world.a.query(COUNT);
    crate::harness::eventually("bert serves his table as it is now", || {
        let is_current = ran.json()["reason"] != "unavailable";
        if !is_current {
            ran = world.a.query(COUNT);
        }
        is_current
    });
    ran
}

#[test]
fn tables_that_change_between_jobs_are_read_again() {
    let table = people_table("text", 80, 1, "");
    let mut world = World::new(&table, &table);
    world.a.write("people.csv", &people_csv(&people(0..50)));
    world.b.write("people.csv", &people_csv(&people(0..50)));
    world.serve();
    // A small property test in which every case is a real job between two processes.
    let sets = prop::collection::btree_set(0u32..60, 0..60);
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    });
    let world = &world;
    runner
        .run(&(sets.clone(), sets), |(a, b)| {
            let names = |set: &BTreeSet<u32>| -> Vec<String> {
                set.iter().map(|n| format!("person-{n}")).collect()
            };
            world.a.write("people.csv", &people_csv(&names(&a)));
            world.b.write("people.csv", &people_csv(&names(&b)));
            let plain = a.intersection(&b).count();
            let ran = asked_until_current(world);
            let document = ran.json();
            if plain == 0 {
                prop_assert_eq!(&document["status"], "suppressed", "{}", ran.stderr);
            } else {
                prop_assert_eq!(&document["rows"], &json!([[plain]]), "{}", ran.stdout);
            }
            Ok(())
        })
        .unwrap();
    world.agreed_log();
}

#[test]
fn start_order_does_not_matter() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.a.serve();
    let waiting = world.a.query_in_background(COUNT);
    std::thread::sleep(std::time::Duration::from_secs(2));
    world.b.serve();
    assert_eq!(waiting.wait().expect(0).json()["rows"], json!([[30]]));
}

#[test]
fn several_jobs_at_once_all_end_with_the_right_count() {
    let mut world = World::with_people(&people(0..2000), &people(1000..3000), 1);
    world.serve();
    let jobs: Vec<_> = (0..3)
        .map(|n| if n % 2 == 0 { &world.a } else { &world.b })
        .map(|node| node.query_in_background(COUNT))
        .collect();
    for job in jobs {
        assert_eq!(job.wait().expect(0).json()["rows"], json!([[1000]]));
    }
    world.agreed_log();
}

#[test]
fn an_own_query_is_planned_against_the_files_as_they_are_now() {
    let table = people_table("trim", 100, 1, "filter = [\"zip\"]");
    let mut world = World::new(&table, &table);
    let csv = |zips: &str| {
        let zips = zips.split(' ').enumerate();
        zips.fold(String::from("name,zip\n"), |mut csv, (n, zip)| {
            let _ = writeln!(csv, "person {n},{zip}");
            csv
        })
    };
    for node in [&world.a, &world.b] {
        node.write("people.csv", &csv("02139 10115 80331 00001"));
    }
    world.serve();
    let ask = |condition: &str| {
        let sql = format!("{COUNT} WHERE a.zip {condition}");
        world.a.query(&sql)
    };
    assert_eq!(ask("> 9999").expect(0).json()["rows"], json!([[2]]));
    world.a.write("people.csv", &csv("02139 10115 80331 54321"));
    assert_eq!(ask("> 9999").expect(0).json()["rows"], json!([[3]]));
    // One odd value does not make the column text: the file is refused, and the row is named.
    world.a.write("people.csv", &csv("02139 n/a 80331 00001"));
    let ran = ask("> 9999").expect(4);
    assert_eq!(ran.json()["reason"], "unavailable");
    assert!(ran.stdout.contains("row 3 of"), "{}", ran.stdout);
    // A table that fails its checks is served again as soon as its file is right.
    world.a.write("people.csv", "name,town\nperson 1,Ulm\n");
    ask("> 9999").expect(4);
    world.a.write("people.csv", &csv("02139 10115 80331 00001"));
    assert_eq!(ask("> 9999").expect(0).json()["rows"], json!([[2]]));
}
