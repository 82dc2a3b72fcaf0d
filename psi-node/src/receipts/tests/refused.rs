//! Refusals on an exported log, and the sample of one in the documentation.

use std::fs;

use psi_audit::receipts::verify::verify;
use psi_core::receipt::query_digest;
use serde_json::Value;

use super::{Fixture, completed, refused};

#[test]
fn a_refusal_says_who_asked_who_refused_and_why() {
    let fixture = Fixture::with_entries();
    fixture.append(refused(&fixture));
    let path = fixture.export(0);
    let log = verify(&path, None).unwrap();
    assert_eq!((log.summary.entries, log.summary.refused), (6, 1));
    let text = fs::read_to_string(&path).unwrap();
    let line: Value = serde_json::from_str(text.lines().nth(6).unwrap()).unwrap();
    let says = &line["says"];
    let names = fixture.collab.members().clone().map(|member| member.name);
    assert_eq!(says["kind"], "refused");
    assert_eq!(says["requester"], names[0]);
    assert_eq!(says["responder"], names[1]);
    assert_eq!(says["code"], "filter_not_allowed");
    assert_eq!(
        says["query_digest"],
        hex::encode(query_digest("SELECT COUNT(*) …"))
    );
}

/// The page that holds a sample of an exported log.
const SAMPLE_PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating/audit.md");

/// `GLOVEBOX_REGENERATE=1` puts a new sample into the page.
#[test]
fn the_sample_in_the_documentation_is_an_exported_log_that_verifies() {
    const OPEN: &str = "```jsonl\n";
    let page = fs::read_to_string(SAMPLE_PAGE).unwrap();
    let (before, rest) = page.split_once(OPEN).unwrap();
    let (sample, after) = rest.split_once("```").unwrap();
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("sample.jsonl");
    if std::env::var_os("GLOVEBOX_REGENERATE").is_some() {
        let job = fixture.job(1);
        fixture.append(fixture.opened(&job));
        fixture.append(completed(&job));
        fixture.append(refused(&fixture));
        let text = fs::read_to_string(fixture.export(0)).unwrap();
        fs::write(SAMPLE_PAGE, format!("{before}{OPEN}{text}```{after}")).unwrap();
        return;
    }
    fs::write(&path, sample).unwrap();
    let summary = verify(&path, None).unwrap().summary;
    assert_eq!((summary.entries, summary.opened), (3, 1));
    assert_eq!((summary.completed, summary.refused), (1, 1));
}
