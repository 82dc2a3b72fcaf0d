//! Logs that are exported verify; what is changed in them afterwards is found in its place.

use std::fs;
use std::path::{Path, PathBuf};

use psi_audit::receipts::entry_line;
use psi_audit::receipts::verify::{VerifiedLog, compare, verify};
use psi_core::Code;
use psi_core::dp::Amount;
use psi_core::facts::TableFacts;
use psi_core::identifier::IdentifierKind;
use psi_core::receipt::{
    Body, ChainSummary, ClosedStatus, Entry, OutputCommitment, QueryDigest, agreement_text,
    entry_hash, query_digest, signing_text,
};
use psi_core::spec::{Agreement, Half, JobSpec, Shape};
use psi_core::transcript::Transcripts;
use serde_json::{Value, json};

use super::export::export;
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::exit::Exit;
use crate::facts_fixture::{agreement, facts};
use crate::fixture::{sign_all, signed, unsigned};
use crate::identity::{NodeId, NodeKey};
use crate::state::{Debit, State, StoredEntry};

mod refused;

/// A node's state with one collaboration, and both members' keys in the order of their ids.
pub(crate) struct Fixture {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) state: State,
    pub(crate) collab: Collaboration,
    pub(crate) keys: [NodeKey; 2],
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state")).unwrap();
        let (collab, keys) = signed();
        state.collab_join(&collab).unwrap();
        Self {
            folder,
            state,
            collab,
            keys,
        }
    }

    /// Joins a second collaboration.
    pub(crate) fn join_another(&self) {
        let autumn = sign_all(unsigned("autumn", &self.keys), &self.keys);
        self.state.collab_join(&autumn).unwrap();
    }

    fn half(&self, side: usize, nonce: u8) -> Half {
        let member = &self.collab.members()[side];
        Half {
            node_id: member.id,
            nonce: [nonce; 32].into(),
            facts: TableFacts {
                key_columns: vec!["email_hash".into()],
                key_kinds: vec![IdentifierKind::Hex],
                ..facts(&member.name, 5000, 10)
            },
        }
    }

    /// A job in which the member with the smaller id asks; `nonce` tells jobs apart.
    pub(crate) fn job(&self, nonce: u8) -> JobSpec {
        let agreement = Agreement {
            revision: self.collab.revision_hash(),
            ..agreement(self.collab.id(), "SELECT COUNT(*) …", Shape::count_rows())
        };
        JobSpec::assemble(agreement, self.half(0, nonce), self.half(1, nonce)).unwrap()
    }

    pub(crate) fn opened(&self, job: &JobSpec) -> Body {
        let text = agreement_text(&job.job_id());
        Body::Opened {
            spec: job.encode(),
            agreements: [self.keys[0].sign(&text), self.keys[1].sign(&text)],
            commitments: [[1; 64].into(), [2; 64].into()],
            policies: [[6; 64].into(), [7; 64].into()],
            charges: [Amount::ZERO; 2],
        }
    }

    /// The next entry with this body and both signatures, not appended yet.
    pub(crate) fn next(&self, body: Body) -> StoredEntry {
        let head = self.state.chain_head(&self.collab.id()).unwrap();
        let seq = head.as_ref().map_or(0, |head| head.seq + 1);
        let previous = head.map_or([0; 64].into(), |head| head.hash);
        let entry = Entry {
            collab_id: self.collab.id(),
            seq,
            previous,
            body,
        }
        .encode();
        let hash = entry_hash(&entry);
        let text = signing_text(&hash);
        let signatures = [
            Some(self.keys[0].sign(&text)),
            Some(self.keys[1].sign(&text)),
        ];
        StoredEntry {
            seq,
            entry,
            hash,
            signatures,
        }
    }

    pub(crate) fn append(&self, body: Body) -> StoredEntry {
        let stored = self.next(body);
        let debit = debit(&stored);
        self.state
            .entry_append(&self.collab.id(), &stored, debit.as_ref())
            .unwrap();
        stored
    }

    /// Opens and completes, opens and aborts a job, and states something: five entries.
    pub(crate) fn with_entries() -> Self {
        let fixture = Self::new();
        let (first, second) = (fixture.job(1), fixture.job(2));
        fixture.append(fixture.opened(&first));
        fixture.append(completed(&first));
        fixture.append(fixture.opened(&second));
        fixture.append(aborted(&second));
        let node_id = fixture.keys[0].id();
        fixture.append(Body::Statement {
            node_id,
            text: "restored from a backup".into(),
        });
        fixture
    }

    fn export(&self, side: usize) -> PathBuf {
        let path = self.folder.path().join(format!("log{side}.jsonl"));
        export(&self.state, &self.collab, &self.keys[side], &path).unwrap();
        path
    }
}

pub(crate) fn debit(stored: &StoredEntry) -> Option<Debit> {
    match Entry::decode(&stored.entry).unwrap().body {
        Body::Opened { spec, .. } => {
            let spec = JobSpec::decode(&spec).unwrap();
            Some(Debit {
                job_id: spec.job_id(),
                peer_id: spec.responder.node_id,
                peer: spec.responder.facts.member,
                table: spec.requester.facts.table,
                population: None,
                amount: Amount::ZERO,
                unix: 0,
            })
        }
        _ => None,
    }
}

pub(crate) fn completed(job: &JobSpec) -> Body {
    Body::Closed {
        job_id: job.job_id(),
        status: ClosedStatus::Completed,
        code: None,
        output_commitment: Some(OutputCommitment([3; 64])),
        transcripts: Some(Transcripts {
            to_sender: [4; 64].into(),
            to_receiver: [5; 64].into(),
        }),
    }
}

pub(crate) fn aborted(job: &JobSpec) -> Body {
    Body::Closed {
        job_id: job.job_id(),
        status: ClosedStatus::Aborted,
        code: Some(Code::Interrupted),
        output_commitment: None,
        transcripts: None,
    }
}

/// A refused question of the member with the smaller id.
pub(crate) fn refused(fixture: &Fixture) -> Body {
    let [requester, responder] = fixture.collab.members().clone();
    Body::Refused {
        requester: requester.id,
        responder: responder.id,
        query: query_digest("SELECT COUNT(*) …"),
        code: Code::FilterNotAllowed,
    }
}

/// The two nodes of a refusal, the digest of its query, and why.
pub(crate) fn parts_of(refused: &Body) -> ([NodeId; 2], QueryDigest, Code) {
    match refused {
        Body::Refused {
            requester,
            responder,
            query,
            code,
        } => ([*requester, *responder], *query, *code),
        other => panic!("{other:?}"),
    }
}

/// Verifies the file after `edit` changed its lines.
fn verify_edited(
    path: &Path,
    edit: impl FnOnce(&mut Vec<String>),
) -> Result<VerifiedLog, UserError> {
    let mut lines: Vec<String> = fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    edit(&mut lines);
    let edited = path.with_extension("edited");
    fs::write(&edited, lines.join("\n") + "\n").unwrap();
    verify(&edited, None)
}

#[track_caller]
fn assert_wrong(result: Result<VerifiedLog, UserError>, place: &str, how: &str) {
    let error = result.expect_err("the log was accepted");
    assert_eq!(error.exit, Exit::ReceiptsWrong, "{}", error.what);
    assert!(
        error.what.contains(place) && error.what.contains(how),
        "{}",
        error.what
    );
}

#[test]
fn an_exported_log_verifies_with_its_counts() {
    let fixture = Fixture::with_entries();
    let log = verify(&fixture.export(0), Some(&fixture.collab)).unwrap();
    let ChainSummary {
        entries,
        opened,
        completed,
        aborted,
        refused,
        unsigned,
    } = log.summary;
    assert_eq!((entries, opened, completed, aborted), (5, 2, 1, 1));
    assert_eq!(refused, 0);
    assert!(unsigned.is_empty());
    assert_eq!(log.member, fixture.collab.members()[0].name);
}

#[test]
fn an_empty_log_verifies() {
    let fixture = Fixture::new();
    assert_eq!(verify(&fixture.export(1), None).unwrap().summary.entries, 0);
}

#[test]
fn an_export_replaces_an_earlier_one_and_no_other_file() {
    let fixture = Fixture::with_entries();
    let path = fixture.export(0);
    assert_eq!(
        export(&fixture.state, &fixture.collab, &fixture.keys[0], &path),
        Ok(5)
    );
    fs::write(&path, "listen = 1").unwrap();
    let error = export(&fixture.state, &fixture.collab, &fixture.keys[0], &path).unwrap_err();
    assert!(error.what.contains("not an exported log"), "{}", error.what);
    assert_eq!(fs::read_to_string(&path).unwrap(), "listen = 1");
}

#[test]
fn edited_bytes_and_edited_fields_are_found_on_their_line() {
    let fixture = Fixture::with_entries();
    let path = fixture.export(0);
    // The last byte of the signed bytes of entry 4 is text of the statement.
    let statement = hex::encode("restored from a backup");
    let other = hex::encode("restored from a bakcup");
    let result = verify_edited(&path, |lines| {
        lines[5] = lines[5].replace(&statement, &other);
    });
    assert_wrong(result, "line 6 (entry 4)", "the signature of");
    // The same words as a field for people only.
    let result = verify_edited(&path, |lines| {
        lines[5] = lines[5].replace("a backup", "a bakcup");
    });
    assert_wrong(result, "line 6 (entry 4)", "the fields do not say");
    let result = verify_edited(&path, |lines| {
        lines[1] = lines[1].replace("\"identities\":5000", "\"identities\":5001");
    });
    assert_wrong(result, "line 2 (entry 0)", "the fields do not say");
    let result = verify_edited(&path, |lines| {
        lines[3] = lines[3].replace("\"seq\":2", "\"seq\":3");
    });
    assert_wrong(result, "line 4 (entry 2)", "the fields do not say");
}

#[test]
fn removed_repeated_and_reordered_entries_are_found() {
    let fixture = Fixture::with_entries();
    let path = fixture.export(0);
    let result = verify_edited(&path, |lines| drop(lines.remove(2)));
    assert_wrong(result, "line 3 (entry 1)", "number 2 where number 1");
    let result = verify_edited(&path, |lines| lines.insert(2, lines[1].clone()));
    assert_wrong(result, "line 3 (entry 1)", "number 0 where number 1");
    let result = verify_edited(&path, |lines| lines.swap(3, 4));
    assert_wrong(result, "line 4 (entry 2)", "number 3 where number 2");
    let result = verify_edited(&path, |lines| drop(lines.remove(1)));
    assert_wrong(result, "line 2 (entry 0)", "number 1 where number 0");
}

#[test]
fn a_truncated_log_is_found() {
    let fixture = Fixture::with_entries();
    let path = fixture.export(0);
    let result = verify_edited(&path, |lines| drop(lines.remove(5)));
    assert_wrong(result, "line 6", "exported 5 entries, and the file holds 4");
    let result = verify_edited(&path, |lines| lines.truncate(6));
    assert_wrong(result, "line 6", "cut off");
    let text = fs::read(&path).unwrap();
    let cut = path.with_extension("cut");
    fs::write(&cut, &text[..text.len() - 1]).unwrap();
    assert_wrong(verify(&cut, None), "line 7", "cut off");
}

#[test]
fn a_missing_signature_is_reported_on_the_last_entry_and_wrong_before_it() {
    let fixture = Fixture::with_entries();
    let path = fixture.export(0);
    let remove = |line: &mut String| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        value["signatures"]["snowy"] = Value::Null;
        *line = value.to_string();
    };
    let log = verify_edited(&path, |lines| remove(&mut lines[5])).unwrap();
    assert_eq!(log.summary.unsigned, ["snowy"]);
    let result = verify_edited(&path, |lines| remove(&mut lines[3]));
    assert_wrong(
        result,
        "line 4 (entry 2)",
        "the signature of snowy is missing",
    );
}

#[test]
fn an_entry_signed_anew_by_somebody_else_is_found() {
    let fixture = Fixture::with_entries();
    let path = fixture.export(0);
    let result = verify_edited(&path, |lines| {
        let mut value: Value = serde_json::from_str(&lines[5]).unwrap();
        let mut hash = [0; 64];
        hex::decode_to_slice(value["hash"].as_str().unwrap(), &mut hash).unwrap();
        let stranger = NodeKey::generate().unwrap();
        value["signatures"]["brand"] =
            json!(hex::encode(stranger.sign(&signing_text(&hash.into()))));
        lines[5] = value.to_string();
    });
    assert_wrong(
        result,
        "line 6 (entry 4)",
        "the signature of brand does not verify",
    );
}

#[test]
fn a_log_over_two_revisions_verifies_and_needs_both_documents() {
    let mut fixture = Fixture::with_entries();
    let next = fixture.collab.next_revision().unwrap();
    let next = sign_all(next, &fixture.keys);
    fixture.state.collab_join(&next).unwrap();
    let first = std::mem::replace(&mut fixture.collab, next);
    let seq = fixture.append(fixture.opened(&fixture.job(3))).seq;
    let path = fixture.export(0);
    let log = verify(&path, Some(&first)).unwrap();
    assert_eq!((log.collab.revision(), log.summary.entries), (2, seq + 1));
    let result = verify_edited(&path, |lines| {
        let mut value: Value = serde_json::from_str(&lines[0]).unwrap();
        value["documents"].as_array_mut().unwrap().pop();
        lines[0] = value.to_string();
    });
    assert_wrong(result, &format!("(entry {seq})"), "names a revision");
    let result = verify_edited(&path, |lines| {
        let mut value: Value = serde_json::from_str(&lines[0]).unwrap();
        value["documents"].as_array_mut().unwrap().remove(0);
        lines[0] = value.to_string();
    });
    assert_wrong(result, "line 1", "is not revision 1");
}

#[test]
fn a_changed_collaboration_document_is_found() {
    let fixture = Fixture::with_entries();
    let path = fixture.export(0);
    let result = verify_edited(&path, |lines| lines[0] = lines[0].replace(":7401", ":7403"));
    assert_wrong(result, "line 1", "does not fit the document");
    let (other, _) = signed();
    assert_wrong(
        verify(&path, Some(&other)),
        "line 1",
        "another collaboration",
    );
}

#[test]
fn a_job_opened_twice_or_closed_unopened_is_found_even_if_both_members_signed() {
    let fixture = Fixture::with_entries();
    for (body, how) in [
        (
            fixture.opened(&fixture.job(1)),
            "that an earlier entry opened",
        ),
        (completed(&fixture.job(1)), "closes a job that is not open"),
        (completed(&fixture.job(9)), "closes a job that is not open"),
    ] {
        let path = fixture.export(0);
        let stored = fixture.next(body);
        let entry = Entry::decode(&stored.entry).unwrap();
        let result = verify_edited(&path, |lines| {
            lines[6] = entry_line(&fixture.collab, &stored, &entry).to_string();
        });
        assert_wrong(result, "line 7 (entry 5)", how);
    }
}

#[test]
fn two_members_logs_agree_until_one_is_rolled_back_or_forked() {
    let fixture = Fixture::with_entries();
    let one = verify(&fixture.export(0), None).unwrap();
    let other = verify(&fixture.export(1), None).unwrap();
    assert_eq!(compare(&one, &other), Ok(()));

    let before = fixture.next(aborted(&fixture.job(3)));
    let third = fixture.job(3);
    fixture.append(fixture.opened(&third));
    let longer = verify(&fixture.export(1), None).unwrap();
    let error = compare(&one, &longer).unwrap_err();
    assert!(
        error.what.contains("ends after 5 entries"),
        "{}",
        error.what
    );
    assert_eq!(error.exit, Exit::ReceiptsWrong);
    assert_eq!(before.seq, 5);

    // The same members sign another entry with the number of the one above.
    let mut fork = Fixture::new();
    (fork.collab, fork.keys) = (fixture.collab.clone(), fixture.keys);
    fork.state.collab_join(&fork.collab).unwrap_err();
    let folder = tempfile::tempdir().unwrap();
    fork.state = State::open(&folder.path().join("state")).unwrap();
    fork.state.collab_join(&fork.collab).unwrap();
    fork.append(fork.opened(&fork.job(7)));
    let forked = verify(&fork.export(0), None).unwrap();
    let error = compare(&longer, &forked).unwrap_err();
    assert!(
        error.what.contains("different entries number 0"),
        "{}",
        error.what
    );
}

#[test]
fn files_that_are_no_logs_are_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    for text in [
        "{}\n",
        "name = 1\n",
        "\n",
        "[1,2]\n",
        "\"glovebox-receipts-1\"\n",
    ] {
        fs::write(&path, text).unwrap();
        assert_eq!(
            verify(&path, None).unwrap_err().exit,
            Exit::BadInput,
            "{text}"
        );
    }
    assert_eq!(
        verify(&folder.path().join("missing"), None)
            .unwrap_err()
            .exit,
        Exit::BadInput
    );
}
