//! What commands print with `--format json`, compared with the page that lists their fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{COUNT, Node, World, eventually, people, people_csv};

/// The page.
const PAGE: &str = "docs/operating/json.md";

/// Commands that are not run here: each needs what is not at hand, or prints lines of an export, whose
/// fields are those of Spec 07 §9.
const ELSEWHERE: [&str; 4] = [
    "audit replay",
    "audit show",
    "policy preview",
    "receipts show",
];

/// Objects whose keys are names that somebody chose.
const BY_NAME: [&str; 1] = ["sizes"];

fn workspace(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap()
}

/// The fields of each command, by the page: rows of `command` and `field`, all in back quotes.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = workspace(PAGE);
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let quoted = |cell: &str| -> Vec<String> {
        let words = cell.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    };
    let mut all = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let fields: BTreeSet<String> = quoted(cells[1]).into_iter().collect();
        for command in quoted(cells[0]) {
            assert!(
                all.insert(command.clone(), fields.clone()).is_none(),
                "{command} is there twice"
            );
        }
    }
    all
}

/// The commands whose help has `--format`.
fn commands() -> BTreeSet<String> {
    let help = workspace("psi-node/testdata/help-psi-node.txt");
    let mut found = BTreeSet::new();
    let mut command = String::new();
    for line in help.lines() {
        if let Some(name) = line.strip_prefix("==== psi-node ") {
            name.trim_end_matches(" --help").clone_into(&mut command);
        } else if line.trim_start().starts_with("--format") {
            found.insert(command.clone());
        }
    }
    found
}

/// The names of all fields of a document.
fn fields(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
        Value::Object(object) => {
            for (name, value) in object {
                found.insert(name.clone());
                if !BY_NAME.contains(&name.as_str()) {
                    fields(value, found);
                }
            }
        }
        _ => {}
    }
}

fn world() -> World {
    let table = "[table.people]\nsource = \"people.csv\"\nminimum = 1\ncatalogue = \"full\"\n\
                 filter = [\"age\"]\ndimension = { age = [1, 2] }\nphone = { country = \"DE\" }\n\
                 APPROVAL\n\
                 [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nunique = true\n\
                 identities = 60\n\
                 [table.people.aggregate.amount]\nfunctions = [\"sum\", \"avg\"]\ndecimals = 2\n\
                 clamp = [0, 10]\n\
                 [table.broken]\nsource = \"gone.csv\"\n";
    let world = World::new(
        &table.replace("APPROVAL", ""),
        &table.replace("APPROVAL", "approval = \"manual\""),
    );
    for node in [&world.a, &world.b] {
        let rows = (0..50).map(|n| format!("person-{n},{},\"1,5\"", n % 3));
        let lines: Vec<String> = std::iter::once("name,age,amount".to_owned())
            .chain(rows)
            .collect();
        node.write("people.csv", &lines.join("\n").replace("\"1,5\"", "1.5"));
        node.write("more.csv", &people_csv(&people(0..3)));
    }
    world
}

/// Runs every command, and returns the fields of what each printed.
fn printed(world: &mut World) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut run = |node: &Node, command: &str, arguments: &[&str]| -> Value {
        let mut all: Vec<&str> = command.split(' ').collect();
        all.extend(arguments);
        all.extend(["--format", "json"]);
        let document = node.run(&all).json();
        fields(&document, found.entry(command.to_owned()).or_default());
        document
    };
    let (a, b) = (&world.a, &world.b);
    // A second collaboration of the two, by invite and reply.
    let invite = run(
        a,
        "collab invite",
        &["--name", "two", "--address", &a.address],
    );
    let paste = |node: &Node, name: &str, document: &Value| {
        node.write(name, document["text"].as_str().unwrap());
        node.dir.join(name).to_str().unwrap().to_owned()
    };
    let pasted = paste(b, "invite.txt", &invite);
    run(b, "collab accept", &[&pasted, "--show"]);
    let reply = run(
        b,
        "collab accept",
        &[&pasted, "--yes", "--address", &b.address],
    );
    let pasted = paste(a, "reply.txt", &reply);
    run(a, "collab accept", &[&pasted, "--yes"]);
    let sum = "SELECT a.age, b.age, SUM(b.amount) FROM anna.people a JOIN bert.people b \
               ON a.name = b.name GROUP BY a.age, b.age";
    run(a, "collab tables", &["test"]);
    run(a, "collab ping", &["test"]);
    run(a, "explain", &["--collab", "test", sum, "--with-peer"]);
    for decision in ["approvals approve", "approvals deny"] {
        run(a, "query", &["--collab", "test", sum]);
        let waiting = run(b, "approvals list", &[]);
        let id = waiting[0]["id"]
            .as_str()
            .or_else(|| waiting["approvals"][0]["id"].as_str());
        let id = id.unwrap().to_owned();
        run(b, "approvals show", &[&id]);
        run(b, decision, &[&id]);
        run(a, "query", &["--collab", "test", sum]);
    }
    run(a, "query", &["--collab", "nowhere", COUNT]);
    run(a, "jobs list", &[]);
    let job = a.newest_job().unwrap()["id"].as_str().unwrap().to_owned();
    run(a, "jobs show", &[&job]);
    run(a, "receipts list", &["--local"]);
    for command in [
        "check",
        "reload",
        "tables list",
        "collab list",
        "policy check",
        "budget show",
        "budget history",
        "audit list",
        "audit policies",
    ] {
        run(a, command, &[]);
    }
    run(a, "collab show", &["test"]);
    run(a, "policy explain", &["people"]);
    a.write(
        "template.toml",
        "sql = \"SELECT COUNT(*) FROM anna.people a JOIN bert.people b ON a.name = \
             b.name WHERE b.age > :age\"\nparameters = { age = \"INTEGER\" }\n",
    );
    let file = |name: &str| a.dir.join(name).to_str().unwrap().to_owned();
    // These are about files, and not about a node.
    let template = file("template.toml");
    let rule = workspace("aggregator/testdata/aws/aggregation.json");
    a.write("rule.json", &rule);
    let log = a.export();
    a.write("log.jsonl", &log);
    for (command, arguments) in [
        ("receipts verify", vec![file("log.jsonl")]),
        ("audit verify", vec![file("log.jsonl")]),
        ("policy template-digest", vec![template]),
        (
            "policy import-aws",
            vec![file("rule.json"), "--table".into(), "t".into()],
        ),
    ] {
        let mut all: Vec<&str> = command.split(' ').collect();
        all.extend(arguments.iter().map(String::as_str));
        all.extend(["--format", "json"]);
        let document = crate::harness::psi_node(&all).expect(0).json();
        fields(&document, found.entry(command.to_owned()).or_default());
    }
    // A job that does not end by itself: the other node is gone.
    world.b.kill();
    let asked = world.a.query_in_background(sum);
    let newest = || {
        world.a.newest_job().unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    eventually("the question is a job", || newest() != job);
    let ran = world
        .a
        .run(&["jobs", "cancel", &newest(), "--format", "json"]);
    fields(
        &ran.json(),
        found.entry("jobs cancel".to_owned()).or_default(),
    );
    asked.wait();
    found
}

#[test]
fn every_field_that_a_command_prints_is_on_the_page_about_json() {
    let page = documented();
    assert_eq!(
        page.keys().cloned().collect::<BTreeSet<_>>(),
        commands(),
        "commands of {PAGE}"
    );
    let mut world = world();
    world.serve();
    let printed = printed(&mut world);
    let missing = printed.iter().map(|(command, fields)| {
        let unknown: Vec<&String> = fields.difference(&page[command]).collect();
        (command, unknown)
    });
    let missing: Vec<_> = missing.filter(|(_, unknown)| !unknown.is_empty()).collect();
    assert!(
        missing.is_empty(),
        "fields that {PAGE} does not list: {missing:#?}"
    );
    let compared: BTreeSet<&str> = printed.keys().map(String::as_str).collect();
    let all = commands();
    let left: BTreeSet<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|c| !compared.contains(c))
        .collect();
    assert_eq!(
        left,
        BTreeSet::from(ELSEWHERE),
        "commands that nobody runs here"
    );
}
