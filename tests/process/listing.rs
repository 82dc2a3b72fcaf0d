//! Lists between two nodes: the asker's own identifiers that match, in a file, and nothing where a
//! rule does not allow it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use psi_core::Code;
use psi_core::dp::{Delta, Epsilon};
use psi_core::facts::PrivacyFacts;
use psi_core::messages::{Control, Proposal};
use psi_core::spec::{AskedMode, Loss, Shape};
use serde_json::json;

use tempfile::TempDir;

use crate::harness::{Node, Ran, World};
use crate::stage::{Asking, Stage, control, ending};

const LIST: &str = "SELECT a.name FROM anna.people a JOIN bert.people b ON a.name = b.name \
                    WHERE b.age > 10";

fn table(rule: &str, minimum: u64) -> String {
    format!(
        "[table.people]\nsource = \"people.csv\"\nrule = \"{rule}\"\nminimum = {minimum}\n\
         filter = [\"age\"]\n[[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"lower\"]\n\
         identities = 80\n"
    )
}

fn world(rules: [&str; 2], minimum: u64) -> World {
    let mut world = World::new(&table(rules[0], minimum), &table(rules[1], 1));
    let csv = |names: Vec<String>| {
        let rows = (0..).zip(names).map(|(age, name)| format!("{name},{age}"));
        let lines: Vec<String> = std::iter::once("name,age".to_owned()).chain(rows).collect();
        lines.join("\n")
    };
    // Anna's names are written in capitals, and each twice.
    let own = (0..60).map(|n| format!("PERSON-{}", n % 30));
    let theirs = (0..40).map(|n| format!("person-{n}"));
    world.a.write("people.csv", &csv(own.collect()));
    world.b.write("people.csv", &csv(theirs.collect()));
    world.serve();
    world
}

fn ask(world: &World, file: &Path, more: &[&str]) -> Ran {
    let file = file.to_str().unwrap();
    let arguments = ["query", "--collab", "test", "--format", "json"];
    let output = ["--output", file, LIST];
    world.a.run(&[&arguments[..], more, &output].concat())
}

/// Persons 11 to 29 are in both tables, as anna writes them.
fn expected() -> BTreeSet<String> {
    (11..30).map(|n| format!("PERSON-{n}")).collect()
}

#[test]
fn a_list_is_that_of_a_plain_join_in_csv_and_in_parquet_and_receipts_say_so() {
    let world = world(["list", "list"], 2);
    let csv = world.dir.path().join("matches.csv");
    let document = ask(&world, &csv, &[]).expect(0).json();
    assert_eq!(document["status"], "released");
    assert_eq!(
        document["list"],
        json!({"count": 19, "file": csv.to_str().unwrap(), "format": "csv"})
    );
    assert_eq!(document["rows"], json!([]));
    let text = fs::read_to_string(&csv).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("name"));
    let rows: Vec<String> = lines.map(str::to_owned).collect();
    assert_eq!(rows.len(), 19, "each identifier once: {text}");
    assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), expected());
    let mode = fs::metadata(&csv).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // A file is replaced only if that is asked for; without one nothing is asked of the peer.
    ask(&world, &csv, &[]).expect(2);
    ask(&world, &csv, &["--force"]).expect(0);
    assert_eq!(fs::read_to_string(&csv).unwrap(), text);
    let ran = world.a.query(LIST).expect(2).json();
    assert!(
        ran["remedy"].as_str().unwrap().contains("--output"),
        "{ran}"
    );

    let parquet = world.dir.path().join("matches.parquet");
    ask(&world, &parquet, &[]).expect(0);
    let reader = SerializedFileReader::new(File::open(&parquet).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let names: Vec<String> = rows
        .map(|row| row.unwrap().get_string(0).unwrap().clone())
        .collect();
    assert_eq!(names.len(), 19);
    assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), expected());

    let receipts = world.b.run(&["receipts", "list"]).expect(0).stdout;
    assert_eq!(receipts.matches("LIST SELECT").count(), 3, "{receipts}");
    let log = world.agreed_log();
    assert!(log.contains("LIST: the requester learns which"), "{log}");
    let explained = world
        .a
        .run(&["explain", "--collab", "test", "--with-peer", LIST])
        .expect(0)
        .stdout;
    assert!(
        explained.contains("WHICH of its own identifiers"),
        "{explained}"
    );
}

#[test]
fn a_list_below_the_minimum_is_suppressed_and_leaves_no_file() {
    let world = world(["list", "list"], 20);
    let file = world.dir.path().join("matches.csv");
    let document = ask(&world, &file, &[]).expect(3).json();
    assert_eq!(document["status"], "suppressed");
    assert!(document["list"].is_null() && !file.exists(), "{document}");
}

#[test]
fn a_list_needs_the_rule_list_in_both_tables() {
    for (rules, exit) in [(["list", "aggregation"], 5), (["aggregation", "list"], 4)] {
        let world = world(rules, 2);
        let file = world.dir.path().join("matches.csv");
        let document = ask(&world, &file, &[]).expect(exit).json();
        assert_eq!(document["reason"], "form_not_allowed");
        assert!(!file.exists());
    }
}

/// What bert proposes by hand, and a table that may take part in jobs of either mode.
const OF_BERT: &str = "SELECT bert.people.name FROM bert.people JOIN anna.people ON bert.people.name = anna.people.name";
const EITHER_MODE: &str = "[table.people]\nsource = \"people.csv\"\nrule = \"list\"\n\
     population = \"persons\"\nepsilon_max = 1.0\ndelta_max = 1e-6\n\
     [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nunique = true\n\
     identities = 100\n[population.persons]\nepsilon = 3.0\ndelta = 1e-5\n";

fn stage(mode: &str) -> Stage {
    let dir = TempDir::new().unwrap();
    let a = Node::init(dir.path(), "anna", EITHER_MODE);
    let b = Node::init(dir.path(), "bert", EITHER_MODE);
    let world = World { a, b, dir };
    world.collaborate(&["--mode", mode]);
    Stage::of(world, EITHER_MODE, "name\nperson-1\n")
}

/// The proposal asks for noise, and its half brings what that needs.
fn with_noise(proposal: &mut Proposal) {
    proposal.mode = AskedMode::Dp(Loss {
        epsilon: Epsilon::from_micros(500_000).unwrap(),
        delta: Delta::one_in(1_000_000_000),
    });
    proposal.half.facts.privacy = Some(PrivacyFacts {
        sizes_configured: true,
        max_rows_per_identity: None,
        max_groups_per_identity: 1,
        epsilon_max: 1_000_000,
        delta_max: u64::MAX,
    });
}

#[test]
fn a_list_is_refused_in_mode_dp_by_the_askers_node_and_by_one_that_a_hostile_peer_asks() {
    for (mode, with_noise_code, without_code) in [
        ("dp", Some(Code::FormNotAllowed), Some(Code::SpecMismatch)),
        ("exact", Some(Code::SpecMismatch), None),
    ] {
        let mut stage = stage(mode);
        let bert = stage.bert_asking(Asking::new(OF_BERT, Shape::list()));
        stage.runtime.block_on(async {
            for (noise, refused) in [(true, with_noise_code), (false, without_code)] {
                let (mut send, mut receive) = bert.open().await;
                let mut proposal = bert.proposal();
                if noise {
                    with_noise(&mut proposal);
                }
                send.control(&Control::Propose(proposal)).await.unwrap();
                let Some(code) = refused else {
                    // The same question is one that anna answers.
                    let answer = control(&mut receive).await.unwrap();
                    assert!(matches!(answer, Control::Accept { .. }), "{answer:?}");
                    continue;
                };
                assert_eq!(ending(&mut receive).await, code, "{mode}, noise: {noise}");
            }
        });
        assert!(stage.world.a.is_running());
        if mode == "dp" {
            // This node knows before the peer, who is not there, is asked.
            let file = stage.world.dir.path().join("matches.csv");
            let sql = "SELECT a.name FROM anna.people a JOIN bert.people b ON a.name = b.name";
            let file_name = file.to_str().unwrap();
            let query = ["query", "--collab", "test", "--format", "json", "--output"];
            let ran = stage.world.a.run(&[&query[..], &[file_name, sql]].concat());
            let document = ran.expect(4).json();
            assert_eq!(document["reason"], "form_not_allowed");
            assert!(!file.exists());
        }
    }
}
