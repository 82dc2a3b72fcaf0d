//! Who receives a result, what that needs from both members, and what stays on either node.

use psi_core::receipt::output_commitment;
use psi_core::spec::JobId;
use psi_node::state::State;
use serde_json::{Value, json};

use crate::harness::{Node, World, psi_node};
use crate::shop::{ALL, By, reason, world};

#[test]
fn a_result_for_both_is_kept_by_both_and_nothing_is_kept_by_a_side_that_is_no_recipient() {
    let both = "result = \"both\"";
    let mut world = world(&format!("{both}\nowner_may_receive = true"), both);
    world.serve();
    let by = By {
        tier: true,
        region: true,
    };
    let (rows, status) = by.expected();
    let config = world.a.config();
    let sql = by.sql();
    let arguments = [
        "query",
        "--collab",
        "test",
        "--format",
        "json",
        "--recipients",
        "both",
        &sql,
        "--config",
        &config,
    ];
    let asked = psi_node(&arguments).expect(0).json();
    assert_eq!(asked["rows"], Value::from(rows.clone()));
    world.agreed_log();
    let kept = world.b.newest_job().unwrap();
    assert_eq!(kept["role"], "responder");
    assert_eq!(kept["state"], "released");
    assert_eq!(kept["result"]["rows"], Value::from(rows));
    assert_eq!(kept["result"]["row_status"], json!(status));
    let shown = world.b.run(&["jobs", "show", kept["id"].as_str().unwrap()]);
    assert!(shown.expect(0).stdout.contains("gold"));

    // The next one is for anna alone.
    world.a.query(&sql).expect(0);
    world.agreed_log();
    let kept = world.b.newest_job().unwrap();
    assert_eq!(kept["state"], "completed");
    assert_eq!(kept["result"], Value::Null);
}

#[test]
fn a_result_for_both_needs_both_tables_and_the_collaboration() {
    let ask = |world: &World| {
        let arguments = ["query", "--collab", "test", "--format", "json"];
        let config = world.a.config();
        let sql = ALL.sql();
        let more = ["--recipients", "both", &sql, "--config", &config];
        psi_node(&[&arguments[..], &more[..]].concat())
    };
    let both = "result = \"both\"\nowner_may_receive = true";
    let mut theirs = world(both, "");
    theirs.serve();
    assert_eq!(reason(&ask(&theirs).expect(5)), "recipient_not_allowed");
    let mut ours = world("", "result = \"both\"");
    ours.serve();
    assert_eq!(reason(&ask(&ours).expect(4)), "recipient_not_allowed");
}

#[test]
fn a_sum_of_own_columns_needs_the_other_sides_consent() {
    let mut world = world("", "");
    world.serve();
    let ran = world.b.query(&ALL.sql()).expect(5);
    assert_eq!(reason(&ran), "owner_not_allowed");
    let remedy = ran.json()["remedy"].as_str().unwrap().to_owned();
    assert!(remedy.contains("owner_may_receive"), "{remedy}");
    // An aggregate of anna's column needs bert's key unique, whoever asks.
    let sql = "SELECT SUM(c.spend) FROM anna.customers AS c JOIN bert.orders AS o ON c.id = o.id";
    assert_eq!(reason(&world.b.query(sql).expect(5)), "key_not_unique");
    // A function that its owner does not list.
    let sql =
        "SELECT STDDEV(c.spend) FROM anna.customers AS c JOIN bert.orders AS o ON c.id = o.id";
    assert_eq!(
        reason(&world.a.query(sql).expect(4)),
        "function_not_allowed"
    );
    assert_eq!(
        reason(&world.b.query(sql).expect(5)),
        "function_not_allowed"
    );
    // Nothing was opened.
    assert!(!world.agreed_log().contains("\"opened\""));
}

/// What a recipient holds opens the commitment on the receipt.
#[test]
fn the_recipient_keeps_salt_and_cells_of_the_commitment_on_the_receipt() {
    let mut world = world("", "");
    world.serve();
    let by = By {
        tier: true,
        region: true,
    };
    let document = world.a.query(&by.sql()).expect(0).json();
    let log = world.agreed_log();
    let closed = log
        .lines()
        .find(|line| line.contains("\"closed\""))
        .unwrap();
    let closed: Value = serde_json::from_str(closed).unwrap();
    let job_id = hex::decode(document["job_id"].as_str().unwrap()).unwrap();
    let job_id = JobId(job_id.try_into().unwrap());
    let state = |node: &Node| State::open(&node.dir.join("state")).unwrap();
    let kept = state(&world.a).output(&job_id).unwrap().unwrap();
    let commitment = output_commitment(&kept.salt, &kept.cells);
    assert_eq!(
        closed["says"]["output_commitment"],
        json!(hex::encode(commitment))
    );
    // Sixteen cells of identities, rows, known amounts and their sum.
    assert_eq!(kept.cells.len(), 16 * 4);
    let (rows, status) = by.expected();
    for ((row, status), cells) in rows.iter().zip(status).zip(kept.cells.chunks(4)) {
        if status == "suppressed" {
            assert_eq!(cells, [None; 4]);
        } else {
            assert_eq!(json!(cells[0]), row[3], "{row}");
            assert_eq!(json!(cells[1]), row[2], "{row}");
        }
    }
    // Bert is not a recipient.
    assert_eq!(state(&world.b).output(&job_id).unwrap(), None);
}
