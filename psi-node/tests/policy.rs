//! `psi-node policy` and templates as their users meet them: a process, its output, its exit code.
//!
//! No daemon runs here; policies are read from the configuration alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const POLICY: &str = r#"
[table.orders]
source = "orders.csv"
filter = ["order_date"]
minimum = 5
runs = {}

[[table.orders.key]]
columns = ["email"]
kinds = ["email"]

[table.orders.template.since]
sql = """
SELECT COUNT(DISTINCT o.email) FROM brand.orders o JOIN snowy.p p ON o.email = p.email
WHERE o.order_date >= :since
"""
parameters = { since = "DATE" }
"#;

/// A node `brand` with the policy, in a folder of its own.
fn node() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(
        folder.path(),
        &[
            "init",
            "brand",
            "--name",
            "brand",
            "--listen",
            "127.0.0.1:7402",
        ],
    );
    let config = folder.path().join("brand/node.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + POLICY).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_psi-node"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn policy(folder: &Path, arguments: &str) -> (i32, String, String) {
    let arguments = format!("policy {arguments}");
    run(folder, &arguments.split_whitespace().collect::<Vec<_>>())
}

const NODE: &str = "--config brand/node.toml";

#[test]
fn check_gives_advice_and_the_digests_of_templates() {
    let node = node();
    let (code, out, err) = policy(node.path(), &format!("check {NODE}"));
    assert_eq!((code, err.as_str()), (0, ""));
    for word in [
        "table.orders.minimum: wide: ",
        "table.orders.runs: wide: ",
        "table.orders.template.since: not approved\n  sha512:",
        "remarks on 1 table.",
    ] {
        assert!(out.contains(word), "{word}\n{out}");
    }
    let (_, json, _) = policy(node.path(), &format!("check {NODE} --format json"));
    let json: Value = serde_json::from_str(&json).unwrap();
    let places = json["advice"].as_array().unwrap().iter();
    assert!(
        places
            .into_iter()
            .any(|a| a["place"] == "table.orders.minimum")
    );
}

#[test]
fn explain_says_the_rules_in_words_and_as_json() {
    let node = node();
    let (code, out, _) = policy(node.path(), &format!("explain orders {NODE}"));
    assert_eq!(code, 0);
    for word in [
        "Table brand.orders",
        "Who may ask",
        "at least 5 distinct identities",
    ] {
        assert!(out.contains(word), "{word}\n{out}");
    }
    let (_, json, _) = policy(node.path(), &format!("explain orders {NODE} --format json"));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["table"], "brand.orders");
    assert!(json["topics"].as_array().unwrap().len() > 5);
    let (code, _, err) = policy(node.path(), &format!("explain nothing {NODE}"));
    assert_eq!(code, 2);
    assert!(err.contains("its tables are orders"), "{err}");
}

#[test]
fn a_mistake_in_a_policy_is_told_with_line_and_column() {
    let node = node();
    let config = node.path().join("brand/node.toml");
    let sound = fs::read_to_string(&config).unwrap();
    for (from, to, says) in [
        (
            "minimum = 5",
            "minimum = 5\nrule = \"free\"",
            "unknown word `free`",
        ),
        (
            "minimum = 5",
            "minimum = 5\njoin_required = false",
            "join_required cannot be false",
        ),
        (
            "filter = [\"order_date\"]",
            "filter = { order_date = { operators = [\"~\"] } }",
            "unknown word `~`",
        ),
        ("\"DATE\"", "\"DAY\"", "unknown word `DAY`"),
    ] {
        assert!(sound.contains(from));
        let text = sound.replacen(from, to, 1);
        let bad = to.lines().last().unwrap();
        let line = 1 + text.lines().position(|line| line.contains(bad)).unwrap();
        fs::write(&config, &text).unwrap();
        let (code, _, err) = policy(node.path(), &format!("check {NODE}"));
        assert_eq!(code, 2);
        let place = format!("brand/node.toml:{line}:");
        assert!(
            err.contains(&place) && err.contains(says),
            "{place} {says}\n{err}"
        );
    }
}

#[test]
fn an_analysis_rule_is_imported_and_a_broken_one_is_refused_with_its_place() {
    let node = node();
    let rule = include_str!("../../aggregator/testdata/aws/aggregation.json");
    fs::write(node.path().join("rule.json"), rule).unwrap();
    let (code, out, err) = policy(node.path(), "import-aws rule.json --table sales");
    assert_eq!(code, 0);
    assert!(
        out.contains("[table.sales]\nsource = \"sales.parquet\""),
        "{out}"
    );
    assert!(err.contains("note: analysisRule.policy.v1.aggregation.scalarFunctions[1]: TRUNC"));
    // What was printed is a section that the node reads.
    let config = node.path().join("brand/node.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + &out).unwrap();
    let (code, out, err) = policy(node.path(), &format!("check {NODE}"));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("table.sales."), "{out}");

    fs::write(node.path().join("rule.json"), &rule[..200]).unwrap();
    let (code, out, err) = policy(node.path(), "import-aws rule.json --table sales");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("rule.json: line 4") && err.contains("help: "),
        "{err}"
    );
}

#[test]
fn a_template_has_one_digest_in_the_configuration_and_in_a_file() {
    let node = node();
    let section = POLICY
        .split("[table.orders.template.since]\n")
        .nth(1)
        .unwrap();
    fs::write(node.path().join("since.toml"), section).unwrap();
    let (code, out, _) = policy(node.path(), "template-digest since.toml");
    assert_eq!(code, 0);
    let digest = out.lines().next().unwrap();
    assert!(
        out.ends_with("brand.orders.order_date >= :since\n:since DATE\n"),
        "{out}"
    );
    let (_, checked, _) = policy(node.path(), &format!("check {NODE}"));
    assert!(checked.contains(digest));
}

#[test]
fn values_for_a_template_are_checked_before_anything_is_asked() {
    let node = node();
    let query = |rest: &[&str]| {
        let fixed = ["query", "--config", "brand/node.toml", "--collab", "summer"];
        run(node.path(), &[&fixed[..], rest].concat())
    };
    let (code, _, err) = query(&["--template", "since", "--param", "since=2025-01-01"]);
    // The values fit; what is missing is a daemon.
    assert_eq!(code, 9, "{err}");
    for (arguments, says) in [
        (
            &["--template", "until"][..],
            "its templates are orders.since",
        ),
        (&["--template", "since"], "--param since="),
        (
            &["--template", "since", "--param", "since"],
            "--param name=value",
        ),
        (
            &[
                "--template",
                "orders.since",
                "--param",
                "since=2025-01-01' OR '",
            ],
            "not of type DATE",
        ),
        (
            &[
                "--template",
                "since",
                "--param",
                "since=2025-01-01",
                "--param",
                "x=1",
            ],
            "no parameter",
        ),
        (&["--param", "since=2025-01-01", "SELECT 1"], "--template"),
        (&["--template", "since", "SELECT 1"], "cannot be used with"),
        (&[], "required"),
    ] {
        let (code, _, err) = query(arguments);
        assert_eq!(code, 2, "{arguments:?}\n{err}");
        assert!(err.contains(says), "{says}\n{err}");
        // A value may be hidden from the peer, so it occurs in no message.
        assert!(!err.contains("OR '"), "{err}");
    }
}
