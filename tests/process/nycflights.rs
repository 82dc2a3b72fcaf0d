//! The whole of nycflights13 between two processes: 3,322 planes in CSV, 336,776 flights in
//! Parquet. Run on demand, because the data is not in the repository:
//!
//! ```console
//! GLOVEBOX_NYCFLIGHTS=/folder/with/data cargo test -p psi-tests -- --ignored nycflights --nocapture
//! ```
//!
//! The folder holds `planes.csv` and `flights.parquet` as nycflights13 has them.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};

use crate::aircraft::{CROSS, flights, flights_table, join, planes, planes_table};
use crate::harness::{Node, World};
use crate::plain::{Output, Question};

const CARRIERS: [&str; 15] = [
    "9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "UA", "US", "VX", "WN", "YV",
];

/// Answers of an ordinary SQL engine: flights, aircraft and miles of `UA` by manufacturer.
const OF_UNITED: [(&str, u64, u64, u64); 3] = [
    ("BOEING", 40_785, 446, 67_142_254),
    ("AIRBUS INDUSTRIE", 14_549, 137, 17_652_864),
    ("AIRBUS", 1_638, 15, 2_012_909),
];
/// Aircraft that departed in the second half of the year, of the same engine.
const SECOND_HALF: u64 = 3_173;
/// Manufacturers in the file, and those with fewer aircraft than the minimum.
const MANUFACTURERS: (usize, usize) = (35, 27);

fn ask(node: &Node, sql: &str) -> Value {
    let start = Instant::now();
    let document = node.query(sql).expect(0).json();
    let stats = &document["stats"];
    println!(
        "{}: {} rows, {} bytes sent, {} received, {} s of processor time, {:.1} s\n  {sql}",
        node.name,
        document["rows"].as_array().unwrap().len(),
        stats["bytes_sent"],
        stats["bytes_received"],
        stats["cpu_seconds"],
        start.elapsed().as_secs_f64(),
    );
    document
}

#[test]
#[ignore = "needs a folder with nycflights13; see the head of this file"]
fn nycflights_answers_are_those_of_a_plain_engine() {
    let folder = std::env::var_os("GLOVEBOX_NYCFLIGHTS");
    let folder = PathBuf::from(folder.expect("GLOVEBOX_NYCFLIGHTS names the folder of the data"));
    let files = [folder.join("planes.csv"), folder.join("flights.parquet")];
    let (planes, flights) = (planes(&files[0]), flights(&files[1]));
    let mut listed: Vec<&str> = planes
        .iter()
        .filter_map(|p| p.manufacturer.as_str())
        .collect();
    listed.sort_unstable();
    let small = listed
        .chunk_by(|a, b| a == b)
        .filter(|group| group.len() < 10);
    let small = small.count();
    listed.dedup();
    assert_eq!((listed.len(), small), MANUFACTURERS);
    let mut world = World::new(
        &planes_table(&files[0], &listed),
        &flights_table(&files[1], &CARRIERS, "month", "month"),
    );
    world.serve();
    let nodes = [&world.a, &world.b];

    let from = "FROM anna.planes AS p JOIN bert.flights AS f ON p.tailnum = f.tailnum";
    let sql = format!("SELECT COUNT(DISTINCT p.tailnum) {from} WHERE f.month >= 7");
    for node in nodes {
        assert_eq!(ask(node, &sql)["rows"], json!([[SECOND_HALF]]));
    }

    let sql = format!(
        "SELECT p.manufacturer, COUNT(*), COUNT(DISTINCT p.tailnum), SUM(f.distance) {from} \
         WHERE f.carrier = 'UA' GROUP BY p.manufacturer"
    );
    for node in nodes {
        let document = ask(node, &sql);
        for (manufacturer, flights, aircraft, miles) in OF_UNITED {
            let row = json!([manufacturer, flights, aircraft, miles]);
            assert!(
                document["rows"].as_array().unwrap().contains(&row),
                "{document}"
            );
        }
        let released = document["row_status"].as_array().unwrap();
        let released = released.iter().filter(|status| *status == "released");
        assert_eq!(released.count(), OF_UNITED.len(), "{document}");
    }

    let joined = join(
        &planes,
        &flights,
        |plane, flight| vec![plane.manufacturer.clone(), json!(flight.carrier)],
        |_, flight| vec![flight.arr_delay],
    );
    let domains = [&listed[..], &CARRIERS[..]].map(|domain| {
        let labels = domain.iter().map(|label| json!(label));
        labels.collect::<Vec<Value>>()
    });
    let question = Question {
        domains: &domains,
        outputs: &[
            Output::Group(0),
            Output::Group(1),
            Output::Rows,
            Output::Identities,
            Output::Average(0),
        ],
        minimum: 10,
    };
    let rows = question.answer(&joined);
    let released = rows.iter().filter(|row| !row.suppressed).count();
    println!("{} cells, {released} released", rows.len());
    for node in nodes {
        let document = ask(node, CROSS);
        question.expect(&rows, &document, CROSS);
        for (row, status) in document["rows"]
            .as_array()
            .unwrap()
            .iter()
            .zip(document["row_status"].as_array().unwrap())
        {
            if status == "released" && node.name == "anna" {
                println!("  {row}");
            }
        }
    }
    world.agreed_log();
}
