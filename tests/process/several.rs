//! Several questions in one file, and answers grouped by columns of both members.

use serde_json::{Value, json};

use crate::harness::{COUNT, World};

/// People of two tiers and two regions; `other` is the rest of each.
fn table(dimension: &str) -> String {
    format!(
        "[table.people]\nsource = \"people.csv\"\nminimum = 1\nowner_may_receive = true\n\
         dimension = {{ {dimension} }}\n\
         [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nunique = true\n"
    )
}

fn world() -> World {
    let world = World::new(
        &table("tier = [\"gold\"]"),
        &table("region = [\"north\", \"south\"]"),
    );
    // Sixty people here; the last forty of them and twenty more there.
    let rows = |from: u32, to: u32, of: &dyn Fn(u32) -> &'static str| {
        let rows = (from..to).map(|n| format!("person-{n},{}\n", of(n)));
        rows.collect::<String>()
    };
    let tier = |n: u32| if n.is_multiple_of(4) { "gold" } else { "blue" };
    let region = |n: u32| ["north", "south", "west"][n as usize % 3];
    world
        .a
        .write("people.csv", &format!("name,tier\n{}", rows(0, 60, &tier)));
    world.b.write(
        "people.csv",
        &format!("name,region\n{}", rows(20, 80, &region)),
    );
    world
}

const SQUARE: &str = "SELECT a.tier, b.region, COUNT(*) FROM anna.people a \
                      JOIN bert.people b ON a.name = b.name GROUP BY a.tier, b.region";

#[test]
fn questions_of_a_file_are_answered_one_after_the_other_and_a_refusal_stops_none() {
    let mut world = world();
    world.serve();
    let refused = "SELECT COUNT(*) FROM anna.people a JOIN bert.people b ON a.name = b.name \
                   WHERE b.region = 'north'";
    let a = &world.a;
    a.write(
        "monday.sql",
        &format!("-- for Monday; all of it\n{COUNT};\n\n{refused};\nSELECT ;\n{SQUARE};\n"),
    );
    let file = a.dir.join("monday.sql");
    let file = file.to_str().unwrap();
    let ask = |format: &str| {
        let ran = a.run(&[
            "query", "--collab", "test", "--file", file, "--format", format,
        ]);
        // The first question without an answer.
        ran.expect(5)
    };
    let json = ask("json");
    let lines: Vec<Value> = json
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |field: &str| -> Vec<Value> { lines.iter().map(|line| line[field].clone()).collect() };
    assert_eq!(of("question"), [1, 2, 3, 4]);
    assert_eq!(of("line"), [2, 4, 5, 6]);
    assert_eq!(of("exit"), [0, 5, 2, 0]);
    assert_eq!(of("query")[0], COUNT);
    assert_eq!(lines[0]["result"]["rows"], json!([[40]]));
    assert_eq!(lines[1]["result"]["status"], "refused");
    assert_eq!(
        lines[3]["result"]["matrix"]["figures"][0]["values"],
        json!([[3, 3, 4], [10, 10, 10]])
    );

    let table = ask("table");
    let expected = format!("-- 1 of 4, line 2: {}…\ncount(*)\n40\n", &COUNT[..60]);
    assert!(table.stdout.starts_with(&expected), "{}", table.stdout);
    let square = "count(*) by tier and region\n\
                  tier   north  south  other\n\
                  gold       3      3      4\n\
                  other     10     10     10\n";
    assert!(table.stdout.ends_with(square), "{}", table.stdout);
    for (format, more) in [("csv", ""), ("json", "x.csv")] {
        let mut all = vec![
            "query", "--collab", "test", "--file", file, "--format", format,
        ];
        if !more.is_empty() {
            all.extend(["--output", more]);
        }
        let refused = a.run(&all).expect(2);
        let said = refused.stdout + &refused.stderr;
        assert!(said.contains("there are several"), "{said}");
    }
}

#[test]
fn questions_stop_where_the_other_node_is_gone() {
    let mut world = world();
    world.serve();
    world.b.kill();
    let a = &world.a;
    let two = format!("{COUNT}; {COUNT}");
    let ran = a.run(&["query", "--collab", "test", &two]).expect(6);
    assert!(
        ran.stderr.contains("1 question was not asked"),
        "{}",
        ran.stderr
    );
}
