//! Mode `dp` between two nodes: answers within what their noise can be, budgets charged once on
//! both sides, and what is refused, by code, before anything is opened.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{COUNT, Node, Ran, World, eventually, people, people_csv, people_table};
use crate::shop::reason;

/// Persons that both sides have, and those of anna's alone.
const COMMON: u32 = 450;
const PERSONS: u32 = 500;
const REGIONS: [&str; 3] = ["north", "south", "other"];

/// What a table of a job with noise declares.
const PRIVATE: &str = "population = \"persons\"\nepsilon_max = 1.0\ndelta_max = 1e-6\n";

fn budget(epsilon: &str) -> String {
    format!("[population.persons]\nepsilon = {epsilon}\ndelta = 1e-6\n")
}

/// Anna's table of persons.
fn persons(more: &str) -> String {
    people_table("text", u64::from(PERSONS), 1, more)
}

/// Bert's table of one order for each person, with a region and an amount from 0 to 99.
fn orders(more: &str, clamp: &str) -> String {
    format!(
        "[table.orders]\nsource = \"orders.csv\"\nminimum = 20\n{more}\n\
         dimension = {{ region = [\"north\", \"south\"] }}\n\
         group_identities = {{ region = {{ north = 250, south = 250, other = 250 }} }}\n\
         [[table.orders.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nunique = true\n\
         identities = 600\n\
         [table.orders.aggregate.amount]\nfunctions = [\"count\", \"sum\", \"avg\", \"stddev\"]\n{clamp}\n"
    )
}

/// Region and amount of the order of each of bert's persons.
fn order(number: u32) -> (usize, u32) {
    let region = if number < 10 { 2 } else { number as usize % 2 };
    (region, number % 100)
}

fn write_orders(node: &Node) {
    let mut text = String::from("name,region,amount\n");
    for number in 0..COMMON {
        let (region, amount) = order(number);
        let region = ["north", "south", "east"][region];
        writeln!(text, "person-{number},{region},{amount}").unwrap();
    }
    node.write("orders.csv", &text);
}

/// Two nodes in mode `dp`; neither runs yet. Bert has orders, and the same persons as people.
fn world(at_anna: &str, at_bert: &str) -> World {
    let dir = TempDir::new().unwrap();
    let a = Node::init(dir.path(), "anna", at_anna);
    let b = Node::init(dir.path(), "bert", at_bert);
    let world = World { a, b, dir };
    world.collaborate(&["--mode", "dp"]);
    world
        .a
        .write("people.csv", &people_csv(&people(0..PERSONS)));
    world.b.write("people.csv", &people_csv(&people(0..COMMON)));
    write_orders(&world.b);
    world
}

/// Both sides with budgets, and both may receive.
fn both(epsilon_at_anna: &str, epsilon_at_bert: &str) -> World {
    let more = format!("{PRIVATE}result = \"both\"\n");
    let clamp = "clamp = [0, 100]";
    world(
        &format!("{}{}", persons(&more), budget(epsilon_at_anna)),
        &format!(
            "{}{}{}",
            persons(&more),
            orders(&more, clamp),
            budget(epsilon_at_bert)
        ),
    )
}

fn ask(node: &Node, more: &[&str], sql: &str) -> Ran {
    let query = ["query", "--collab", "test", "--format", "json", sql];
    node.run(&[&query[..], more].concat())
}

/// What the population of a node has spent: epsilon in millionths.
fn spent(node: &Node) -> u64 {
    let ran = node.run(&["budget", "show", "--format", "json"]).expect(0);
    micros(&ran.json()["populations"][0]["spent"]["epsilon"])
}

fn micros(text: &Value) -> u64 {
    let value: f64 = text.as_str().unwrap().parse().unwrap();
    format!("{:.0}", value * 1e6).parse().unwrap()
}

/// The opened entries of a node's log.
fn opened(node: &Node) -> usize {
    let log = node.export();
    log.lines()
        .filter(|line| line.contains("\"opened\""))
        .count()
}

fn number(value: &Value) -> f64 {
    let text = value.as_str().map(str::to_owned);
    text.unwrap_or_else(|| value.to_string()).parse().unwrap()
}

#[test]
fn a_count_is_within_its_noise_and_charged_once_on_both_sides() {
    let mut world = both("3.0", "2.5");
    world.serve();
    let more = [
        "--epsilon",
        "0.5",
        "--delta",
        "1e-9",
        "--recipients",
        "both",
    ];
    let ran = ask(&world.a, &more, COUNT).expect(0);
    let document = ran.json();
    assert_eq!(document["mode"], "dp");
    let privacy = &document["privacy"];
    assert_eq!(
        (&privacy["epsilon"], &privacy["delta"]),
        (&json!("0.5"), &json!("1e-9"))
    );
    // The Receiver's node adds noise of its own to what it reports, so each side is charged.
    for side in ["own", "peer"] {
        assert_eq!(privacy["charged"][side]["epsilon"], "0.5", "{privacy}");
    }
    let noise = &privacy["noise"][0];
    assert_eq!(noise["direct"], json!(true), "{privacy}");
    let of = &noise["numbers"][0];
    let (std_dev, half) = (number(&of["std_dev"]), number(&of["half_width_95"]));
    assert!(std_dev > 2.0 && std_dev < half && half < 40.0, "{of}");
    let count = number(&document["rows"][0][0]);
    // Thirty standard deviations: less likely than e^-40.
    assert!(
        (count - f64::from(COMMON)).abs() < 30.0 * std_dev,
        "{count}"
    );
    let interval = &privacy["intervals_95"][0][0];
    assert!(
        (number(&interval[0]) - (count - half)).abs() < 1e-9,
        "{privacy}"
    );
    assert!(
        (number(&interval[1]) - (count + half)).abs() < 1e-9,
        "{privacy}"
    );

    assert_eq!((spent(&world.a), spent(&world.b)), (500_000, 500_000));
    // Both hold the same number.
    let kept = world.b.newest_job().unwrap()["result"].clone();
    assert_eq!(kept["rows"], document["rows"]);
    assert_eq!(kept["privacy"]["noise"], privacy["noise"]);
    let log = world.agreed_log();
    // The receipt holds each side's charge, and the parameters of the noise.
    let opened = log
        .lines()
        .find(|line| line.contains("\"opened\""))
        .unwrap();
    let entry: Value = serde_json::from_str(opened).unwrap();
    for side in ["requester", "responder"] {
        let charge = &entry["says"]["charges"][side]["epsilon_micro"];
        assert_eq!(*charge, json!(500_000), "{opened}");
    }
    assert_eq!(
        entry["says"]["job"]["privacy"]["dummies"],
        json!(78),
        "{opened}"
    );

    // The Sender's peer alone receives: the Receiver's own population loses nothing.
    let more = ["--epsilon", "0.5"];
    let document = ask(&world.a, &more, COUNT).expect(0).json();
    assert_eq!(document["privacy"]["charged"]["own"]["epsilon"], "0");
    assert_eq!((spent(&world.a), spent(&world.b)), (500_000, 1_000_000));
    let text = world.a.run(&["query", "--collab", "test", COUNT]).expect(0);
    // What was not said is the default, and what is printed says so.
    assert!(text.stderr.contains("epsilon 0.1"), "{}", text.stderr);
    assert!(text.stderr.contains("95 of 100"), "{}", text.stderr);

    // Seven equal answers with this noise are less likely than one in a million: without noise
    // there would be nothing else.
    let answers: BTreeSet<String> = (0..7)
        .map(|_| ask(&world.a, &[], COUNT).expect(0).json()["rows"].to_string())
        .collect();
    assert!(answers.len() > 1, "{answers:?}");
}

#[test]
fn grouped_sums_are_within_their_noise_and_small_groups_hidden_by_it() {
    let mut world = both("3.0", "3.0");
    world.serve();
    let sql = "SELECT o.region, COUNT(*) AS n, SUM(o.amount) AS total, AVG(o.amount) AS average \
               FROM anna.people AS a JOIN bert.orders AS o ON a.name = o.name GROUP BY o.region";
    let document = ask(&world.a, &["--epsilon", "1"], sql).expect(0).json();
    let noise = document["privacy"]["noise"].as_array().unwrap();
    assert_eq!(noise[0]["numbers"], json!([]));
    assert_eq!(noise[3]["direct"], json!(false));
    let parts: Vec<&Value> = noise[3]["numbers"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&parts[0]["of"], &parts[1]["of"]),
        (&json!("sum"), &json!("count"))
    );
    let std_dev = |column: usize| number(&noise[column]["numbers"][0]["std_dev"]);
    let rows = document["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for (row, (region, name)) in rows.iter().zip(REGIONS.iter().enumerate()) {
        assert_eq!(row[0], json!(name));
        let of_region = (0..COMMON).map(order).filter(|(of, _)| *of == region);
        let amounts: Vec<u32> = of_region.map(|(_, amount)| amount).collect();
        if row[1].is_null() {
            // The noisy number decides; ten persons are far below a minimum of twenty.
            assert_eq!(*name, "other", "{rows:?}");
            continue;
        }
        let count = f64::from(u32::try_from(amounts.len()).unwrap());
        let total = f64::from(amounts.iter().sum::<u32>());
        // Thirty standard deviations: less likely than e^-40.
        let off = [number(&row[1]) - count, number(&row[2]) - total];
        assert!(off[0].abs() < 30.0 * std_dev(1), "{row}");
        assert!(off[1].abs() < 30.0 * std_dev(2), "{row}");
    }
    assert_eq!(spent(&world.a), 0);
    assert!(spent(&world.b) <= 1_000_000 && spent(&world.b) > 900_000);
}

#[test]
fn a_budget_that_is_used_up_refuses_on_either_side_and_nothing_is_exchanged() {
    let mut world = both("0.7", "1.2");
    world.serve();
    let more = ["--epsilon", "0.6", "--recipients", "both"];
    ask(&world.a, &more, COUNT).expect(0);
    let before = (spent(&world.a), spent(&world.b));
    assert_eq!(before, (600_000, 600_000));
    // Anna's own budget does not bear a second one, and hers is asked before she signs.
    let ran = ask(&world.a, &more, COUNT).expect(4);
    assert_eq!(reason(&ran), "budget_exhausted");
    assert!(ran.stdout.contains("0.1 of 0.7"), "{}", ran.stdout);
    eventually("bert's reservation is given back", || {
        let debits = world.b.run(&["budget", "history", "--format", "json"]);
        !debits.expect(0).stdout.contains("reserved")
    });
    // Bert's bears one more, and not two.
    ask(&world.a, &["--epsilon", "0.6"], COUNT).expect(0);
    let ran = ask(&world.a, &["--epsilon", "0.6"], COUNT).expect(5);
    assert_eq!(reason(&ran), "budget_exhausted");
    let detail = ran.json()["detail"].to_string();
    assert!(!detail.contains("1.2"), "no figure of bert's: {detail}");
    assert_eq!((spent(&world.a), spent(&world.b)), (600_000, 1_200_000));
    assert_eq!((opened(&world.a), opened(&world.b)), (2, 2));
    // Both logs hold what bert refused; they do not hold what anna refused herself.
    let log = world.agreed_log();
    assert_eq!(log.matches("budget_exhausted").count(), 1, "{log}");
}

#[test]
fn a_budget_that_is_used_up_is_refused_by_explain_as_by_the_query_and_explaining_charges_nothing() {
    let mut world = both("0.7", "3.0");
    world.serve();
    let explain = |node: &Node, more: &[&str], epsilon: &str| {
        let asked = ["explain", "--collab", "test", "--recipients", "both"];
        let spend = ["--epsilon", epsilon, "--format", "json", COUNT];
        node.run(&[&asked[..], more, &spend].concat())
    };
    // What is only supposed of bert's table decides nothing, but the answer says that it would not fit.
    let seen = explain(&world.a, &[], "0.8").expect(0).json();
    assert_eq!(seen["peer"]["facts"], "supposed");
    assert_eq!(seen["job"]["budget"]["epsilon_left_after"], Value::Null);
    for _ in 0..3 {
        explain(&world.a, &["--with-peer"], "0.6").expect(0);
    }
    assert_eq!((spent(&world.a), spent(&world.b)), (0, 0));
    let more = ["--epsilon", "0.6", "--recipients", "both"];
    ask(&world.a, &more, COUNT).expect(0);
    let ran = ask(&world.a, &more, COUNT).expect(4);
    assert_eq!(reason(&ran), "budget_exhausted");
    // Asked just now, or known from the receipt of the job.
    for more in [&["--with-peer"][..], &[]] {
        let ran = explain(&world.a, more, "0.6").expect(4);
        assert!(ran.stderr.contains("budget_exhausted"), "{}", ran.stderr);
    }
    explain(&world.a, &["--with-peer"], "0.05").expect(0);
    assert_eq!((spent(&world.a), spent(&world.b)), (600_000, 600_000));
}

#[test]
fn a_preview_says_what_a_query_would_cost_and_costs_nothing() {
    let mut world = both("3.0", "3.0");
    world.serve();
    let preview = |epsilon: &str| {
        let arguments = [
            "policy",
            "preview",
            "--collab",
            "test",
            "--recipients",
            "both",
        ];
        let more = ["--epsilon", epsilon, "--format", "json", COUNT];
        world.a.run(&[&arguments[..], &more].concat())
    };
    let seen = preview("0.5").expect(0).json();
    assert_eq!(seen["matches"][0]["dummies"], json!(78), "{seen}");
    assert_eq!(seen["budget"]["epsilon_left"], "3");
    assert_eq!(seen["budget"]["epsilon_left_after"], "2.5");
    let half = |seen: &Value| number(&seen["privacy"]["noise"][0]["numbers"][0]["half_width_95"]);
    let wide = preview("0.05").expect(0).json();
    assert!(half(&wide) > 5.0 * half(&seen), "{wide}");
    assert_eq!((spent(&world.a), spent(&world.b)), (0, 0));
    assert_eq!((opened(&world.a), opened(&world.b)), (0, 0));
    let ran = preview("1.5").expect(4);
    assert!(ran.stderr.contains("epsilon"), "{}", ran.stderr);

    let more = ["--epsilon", "0.5", "--recipients", "both"];
    let document = ask(&world.a, &more, COUNT).expect(0).json();
    assert_eq!(document["privacy"]["noise"], seen["privacy"]["noise"]);
    assert_eq!(document["privacy"]["charged"], seen["privacy"]["charged"]);
    let size = &seen["matches"][0]["receiver_size"];
    assert_eq!(&document["stats"]["receiver_size"], size);
    let words = world
        .a
        .run(&["policy", "preview", "--collab", "test", COUNT])
        .expect(0);
    assert!(
        words.stdout.contains("dummies in each part"),
        "{}",
        words.stdout
    );
}

#[test]
fn what_has_no_noise_is_refused_by_its_code() {
    let clamped = |more: &str| orders(&format!("{PRIVATE}{more}"), "clamp = [0, 100]");
    let sum = |of: &str| {
        format!("SELECT {of} FROM anna.people AS a JOIN bert.orders AS o ON a.name = o.name")
    };
    let budgets = budget("9.0");
    let mut refused = Vec::new();
    let mut world = world(
        &format!("{}{budgets}", persons(PRIVATE)),
        &format!("{}{budgets}", clamped("")),
    );
    world.serve();
    let mut see = |world: &World, code: i32, more: &[&str], sql: &str| {
        let ran = ask(&world.a, more, sql).expect(code);
        refused.push(reason(&ran));
    };
    // More than this node's table allows, and more than is served at all.
    see(&world, 4, &["--epsilon", "1.1"], &sum("COUNT(*)"));
    see(&world, 4, &["--delta", "1e-3"], &sum("COUNT(*)"));
    see(&world, 2, &["--epsilon", "17"], &sum("COUNT(*)"));
    see(&world, 2, &["--epsilon=-1"], &sum("COUNT(*)"));
    // Less than `epsilon_min`: a count would need thousands of dummies for an answer that says little.
    see(&world, 4, &["--epsilon", "0.0499"], &sum("COUNT(*)"));
    let refusals_at = |world: &mut World, table: &str, sql: &str| {
        world.b.kill();
        let settings = "peer_timeout_s = 10\nconnect_timeout_s = 20\n";
        world.b.configure(settings, table);
        world.b.serve();
        let ran = ask(&world.a, &["--epsilon", "0.5"], sql).expect(5);
        reason(&ran)
    };
    let stricter = clamped("").replace("epsilon_max = 1.0", "epsilon_max = 0.4");
    let derived = clamped("").replace("identities = 600", "");
    let of_groups = clamped("").replace(", other = 250", "");
    let unclamped = orders(PRIVATE, "");
    let exact_only = orders("population = \"persons\"\n", "clamp = [0, 100]");
    let without = orders("epsilon_max = 1.0\ndelta_max = 1e-6\n", "clamp = [0, 100]");
    let by_region = format!("{} GROUP BY o.region", sum("o.region, COUNT(*)"));
    for (table, sql, code) in [
        (&stricter, sum("COUNT(*)"), "epsilon_not_allowed"),
        (&exact_only, sum("COUNT(*)"), "epsilon_not_allowed"),
        (&derived, sum("COUNT(*)"), "size_not_configured"),
        (&of_groups, by_region, "size_not_configured"),
        (&unclamped, sum("SUM(o.amount)"), "clamp_required"),
        (&without, sum("COUNT(*)"), "budget_exhausted"),
    ] {
        let seen = refusals_at(&mut world, &format!("{table}{budgets}"), &sql);
        assert_eq!(seen, code, "{sql}\n{table}");
    }
    // A variance of a clamped column is refused in either mode, and without a clamp in this one.
    let seen = refusals_at(
        &mut world,
        &format!("{unclamped}{budgets}"),
        &sum("STDDEV(o.amount)"),
    );
    assert_eq!(seen, "clamp_required");
    assert_eq!(
        refused,
        [
            "epsilon_not_allowed",
            "epsilon_not_allowed",
            "bad_input",
            "",
            "epsilon_not_allowed"
        ]
    );
    assert_eq!(
        (opened(&world.a), spent(&world.a), spent(&world.b)),
        (0, 0, 0)
    );
}

#[test]
fn an_exact_collaboration_spends_no_epsilon_and_a_revision_to_dp_does() {
    let mut world = World::new(
        &format!("{}{}", persons(PRIVATE), budget("2.0")),
        &format!("{}{}", persons(PRIVATE), budget("2.0")),
    );
    for node in [&world.a, &world.b] {
        node.write("people.csv", &people_csv(&people(0..COMMON)));
    }
    world.serve();
    let ran = ask(&world.a, &["--epsilon", "0.5"], COUNT).expect(2);
    assert!(ran.stdout.contains("mode"), "{}", ran.stdout);
    let document = ask(&world.a, &[], COUNT).expect(0).json();
    assert_eq!(document["rows"], json!([[COMMON]]));
    assert_eq!(document.get("privacy"), None);

    let file = world.revise(|text| text.replace("mode = \"exact\"", "mode = \"dp\""));
    for node in [&world.a, &world.b] {
        node.run(&["collab", "join", &file]).expect(0);
    }
    let document = ask(&world.a, &["--epsilon", "0.5"], COUNT).expect(0).json();
    assert_eq!(document["mode"], "dp");
    assert_eq!(spent(&world.b), 500_000);
}

#[test]
fn a_killed_node_is_charged_once_for_each_job_that_it_does_not_know_the_end_of() {
    let mut world = both("9.0", "9.0");
    world.serve();
    let more = ["--epsilon", "0.2", "--recipients", "both"];
    for after in [0, 200] {
        let job = world.a.query_in_background_with(&more, COUNT);
        eventually("the job is there", || world.b.newest_job().is_some());
        std::thread::sleep(Duration::from_millis(after));
        world.b.kill();
        job.wait();
        world.b.serve();
        eventually("the job is over", || {
            let job = world.a.newest_job();
            job.is_some_and(|job| job["state"] != json!("running"))
        });
    }
    ask(&world.a, &more, COUNT).expect(0);
    world.agreed_log();
    let jobs = opened(&world.a) as u64;
    let history = ["budget", "history", "--format", "json"];
    let charged = |node: &Node| {
        let debits = node.run(&history).expect(0).json();
        let debits = debits.as_array().unwrap().iter();
        let charged = debits.filter(|debit| debit["state"] != "returned").count() as u64;
        assert_eq!(spent(node), charged * 200_000);
        charged
    };
    // What the other one did not hand over it knows, and takes back.
    let (at_anna, at_bert) = (charged(&world.a), charged(&world.b));
    assert!((1..=jobs).contains(&at_anna), "{at_anna} of {jobs}");
    assert!((jobs..=3).contains(&at_bert), "{at_bert} of {jobs}");
}
