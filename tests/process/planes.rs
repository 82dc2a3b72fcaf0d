//! Questions about aircraft and their departures, over the sample in `testdata/planes-flights`:
//! anna has planes in a CSV file, bert flights in a Parquet file and a summary in CSV. Answers are
//! compared with a plain evaluation of the same files.

use serde_json::{Value, json};

use crate::aircraft::{
    CROSS, Flight, Plane, csv, flights, flights_table, join, planes, planes_table, sample,
};
use crate::harness::World;
use crate::plain::{Joined, Output, Question};

/// The default of a table.
const MINIMUM: usize = 10;
const MANUFACTURERS: [&str; 5] = ["AIRBUS", "AIRBUS INDUSTRIE", "BOEING", "CESSNA", "EMBRAER"];
const CARRIERS: [&str; 5] = ["B6", "DL", "EV", "UA", "US"];

fn labels(values: &[&str]) -> Vec<Value> {
    values.iter().map(|value| json!(value)).collect()
}

fn months() -> Vec<Value> {
    (1..=6).map(Value::from).collect()
}

fn world() -> World {
    let summary = format!(
        "[table.summary]\nsource = '{}'\nowner_may_receive = true\n\
         dimension = {{ carrier = {CARRIERS:?}, \"month(last_flight)\" = [9, 12] }}\n\
         [[table.summary.key]]\ncolumns = [\"tailnum\"]\nkinds = [\"text\"]\nunique = true\n\
         [table.summary.aggregate.flights]\nfunctions = [\"sum\", \"avg\"]\n",
        sample().join("flights_by_aircraft.csv").display()
    );
    let flights = sample().join("flights.parquet");
    let flights = flights_table(&flights, &CARRIERS, "month(date)", "date");
    let planes = planes_table(&sample().join("planes.csv"), &MANUFACTURERS);
    let mut world = World::new(&planes, &format!("{flights}{summary}"));
    world.serve();
    world
}

fn sample_planes() -> Vec<Plane> {
    planes(&sample().join("planes.csv"))
}

fn sample_flights() -> Vec<Flight> {
    flights(&sample().join("flights.parquet"))
}

/// The cells of each line of a table.
fn cells(table: &str) -> Vec<Vec<String>> {
    let of_line = |line: &str| {
        let cells = line.split("  ").map(str::trim);
        let filled = cells.filter(|cell| !cell.is_empty());
        filled.map(str::to_owned).collect()
    };
    table.lines().map(of_line).collect()
}

#[test]
fn manufacturers_and_carriers_make_a_cross_table_for_either_requester() {
    let world = world();
    let joined = join(
        &sample_planes(),
        &sample_flights(),
        |plane, flight| vec![plane.manufacturer.clone(), json!(flight.carrier)],
        |_, flight| vec![flight.arr_delay],
    );
    let question = Question {
        domains: &[labels(&MANUFACTURERS), labels(&CARRIERS)],
        outputs: &[
            Output::Group(0),
            Output::Group(1),
            Output::Rows,
            Output::Identities,
            Output::Average(0),
        ],
        minimum: MINIMUM,
    };
    let rows = question.answer(&joined);
    let suppressed = rows.iter().filter(|row| row.suppressed).count();
    assert_eq!((rows.len(), suppressed), (36, 26));
    // Bert, who owns the delays, may ask, because anna's table lets him.
    for node in [&world.a, &world.b] {
        let document = node.query(CROSS).expect(0).json();
        question.expect(&rows, &document, CROSS);
    }
    // As people read it: a square for each figure, in which a suppressed pair is the word.
    let text = world.a.run(&["query", "--collab", "test", CROSS]).expect(0);
    let squares: Vec<Vec<Vec<String>>> = text.stdout.split("\n\n").map(cells).collect();
    let pair = |square: usize, plane: &str, carrier: &str| {
        let lines = &squares[square];
        let column = lines[1].iter().position(|cell| cell == carrier).unwrap();
        let line = lines.iter().find(|line| line[0] == plane).unwrap();
        line[column].clone()
    };
    assert_eq!(pair(0, "BOEING", "UA"), "829", "{}", text.stdout);
    assert_eq!(pair(1, "BOEING", "UA"), "40", "{}", text.stdout);
    for square in 0..3 {
        assert_eq!(pair(square, "CESSNA", "UA"), "suppressed");
    }
    world.agreed_log();
}

#[test]
fn months_have_spreads_and_having_order_and_limit_choose_among_them() {
    let world = world();
    let joined = join(
        &sample_planes(),
        &sample_flights(),
        |_, flight| vec![json!(flight.month)],
        |_, flight| vec![flight.arr_delay, Some(flight.distance)],
    );
    let question = Question {
        domains: &[months()],
        outputs: &[
            Output::Group(0),
            Output::StddevSamp(0),
            Output::VarPop(0),
            Output::VarSamp(0),
            Output::StddevPop(0),
            Output::Known(0),
            Output::Sum(1),
        ],
        minimum: MINIMUM,
    };
    let sql = "SELECT month(f.date), STDDEV(f.arr_delay) AS spread, VAR_POP(f.arr_delay), \
               VAR_SAMP(f.arr_delay), STDDEV_POP(f.arr_delay), COUNT(f.arr_delay), \
               SUM(f.distance) FROM anna.planes AS p JOIN bert.flights AS f \
               ON p.tailnum = f.tailnum GROUP BY month(f.date)";
    let mut rows = question.answer(&joined);
    let document = world.a.query(sql).expect(0).json();
    question.expect(&rows, &document, sql);
    // The best three of those with enough flights; `other` is the second half of the year.
    let sql = format!("{sql} HAVING COUNT(*) > 400 ORDER BY spread DESC NULLS LAST LIMIT 3");
    rows.retain(|row| row.rows > 400);
    let enough = rows.len();
    Question::sort_descending(&mut rows, 1);
    rows.truncate(3);
    assert!(enough > 3 && enough < 7, "{enough}");
    for node in [&world.a, &world.b] {
        let document = node.query(&sql).expect(0).json();
        question.expect(&rows, &document, &sql);
    }
}

#[test]
fn columns_of_both_sides_by_groups_of_both_take_two_matches() {
    let world = world();
    let planes = sample_planes();
    let summary = csv(
        &sample().join("flights_by_aircraft.csv"),
        ["tailnum", "carrier", "last_month", "flights"],
    );
    let joined = summary
        .iter()
        .filter_map(|[tailnum, carrier, month, flights]| {
            let plane = planes.iter().find(|plane| plane.tailnum == *tailnum)?;
            let month: u32 = month.parse().unwrap();
            Some(Joined {
                id: tailnum.clone(),
                groups: vec![plane.manufacturer.clone(), json!(carrier), json!(month)],
                values: vec![plane.seats, flights.parse().ok()],
            })
        });
    let mut joined: Vec<Joined> = joined.collect();
    let outputs = |groups: usize| -> Vec<Output> {
        let own = [
            Output::Rows,
            Output::Sum(0),
            Output::Sum(1),
            Output::Average(1),
        ];
        (0..groups).map(Output::Group).chain(own).collect()
    };
    let ask = |groups: &str| {
        format!(
            "SELECT {groups}, COUNT(*) AS aircraft, SUM(p.seats) AS seats, \
             SUM(s.flights) AS flights, AVG(s.flights) AS each FROM anna.planes AS p \
             JOIN bert.summary AS s ON p.tailnum = s.tailnum GROUP BY {groups}"
        )
    };
    let question = Question {
        domains: &[
            labels(&MANUFACTURERS),
            labels(&CARRIERS),
            vec![json!(9), json!(12)],
        ],
        outputs: &outputs(3),
        minimum: MINIMUM,
    };
    let sql = ask("p.manufacturer, s.carrier, month(s.last_flight)");
    let rows = question.answer(&joined);
    let released = rows.iter().filter(|row| !row.suppressed).count();
    assert!(released > 3, "{released}");
    for node in [&world.a, &world.b] {
        let document = node.query(&sql).expect(0).json();
        question.expect(&rows, &document, &sql);
    }
    // By manufacturers alone, whose small groups are left out of both matches.
    for row in &mut joined {
        row.groups.truncate(1);
    }
    let question = Question {
        domains: &[labels(&MANUFACTURERS)],
        outputs: &outputs(1),
        minimum: MINIMUM,
    };
    let sql = ask("p.manufacturer");
    let document = world.b.query(&sql).expect(0).json();
    question.expect(&question.answer(&joined), &document, &sql);
    let log = world.agreed_log();
    let opened = log.lines().filter(|line| line.contains("\"opened\""));
    assert_eq!(opened.count(), 3, "each question is one receipt: {log}");
}
