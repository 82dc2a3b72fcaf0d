use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use psi_core::receipt::{Body, Entry, Signature};
use psi_core::spec::{CollabId, JobId};
use rusqlite::Connection;

use super::*;
use crate::fixture::{signed, unsigned};
use crate::identity::NodeKey;
use crate::receipts::tests::{Fixture, aborted, completed, debit};
use crate::state::place::private_tempdir;

mod attempts;

fn record(id: &str) -> StoredJob {
    let mut job = StoredJob::begin(id, JobRole::Requester, "SELECT 1");
    (job.collab_id, job.collab) = (CollabId([7; 32]), "summer".into());
    job
}

/// Opens the folder as it is on disk now, the way a process that starts after a crash does.
fn reopened(fixture: &Fixture) -> State {
    State::open(&fixture.folder.path().join("state")).unwrap()
}

#[test]
fn folder_and_file_are_for_the_owner_alone() {
    let folder = private_tempdir();
    let place = folder.path().join("a/state");
    let _state = State::open(&place).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place), 0o700);
    for entry in fs::read_dir(&place).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn commits_are_synced_and_deleted_content_is_overwritten() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let connection = state.lock();
    let get = |pragma: &str| -> String {
        connection
            .pragma_query_value(None, pragma, |row| {
                row.get::<_, rusqlite::types::Value>(0)
                    .map(|value| format!("{value:?}"))
            })
            .unwrap()
    };
    assert_eq!(get("journal_mode"), "Text(\"wal\")");
    assert_eq!(get("synchronous"), "Integer(2)");
    assert_eq!(get("secure_delete"), "Integer(1)");
    assert_eq!(get("foreign_keys"), "Integer(1)");
}

#[test]
fn a_commit_that_may_wait_leaves_the_next_one_synced_also_after_a_panic() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let level = || -> i64 {
        let connection = state.lock();
        connection
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .unwrap()
    };
    let during = |transaction: &Transaction<'_>| {
        let level: i64 = transaction.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        Ok(level)
    };
    assert_eq!(state.write_behind(during).unwrap(), 1);
    assert_eq!(state.write(during).unwrap(), 2);
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        state.write_behind(|_| -> Result<(), StateError> { panic!("amid a transaction") })
    }));
    assert!(broken.is_err());
    assert_eq!(level(), 1);
    assert_eq!(state.write(during).unwrap(), 2);
}

#[test]
fn a_newer_state_is_left_alone_with_a_remedy() {
    let folder = private_tempdir();
    drop(State::open(folder.path()).unwrap());
    let raw = Connection::open(folder.path().join(STATE_FILE)).unwrap();
    raw.pragma_update(None, "user_version", schema::VERSION + 1)
        .unwrap();
    let Err(error) = State::open(folder.path()) else {
        panic!("a newer state was opened")
    };
    assert!(
        error.what.contains("knows versions up to"),
        "{}",
        error.what
    );
    assert!(error.remedy.contains("newer program"), "{}", error.remedy);
    let version: i64 = raw
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, schema::VERSION + 1);
}

#[test]
fn a_file_that_is_no_database_is_an_error_and_stays() {
    let folder = private_tempdir();
    fs::write(folder.path().join(STATE_FILE), "x".repeat(5000)).unwrap();
    let Err(error) = State::open(folder.path()) else {
        panic!("a text was opened as a state")
    };
    assert!(error.remedy.contains("backup"), "{}", error.remedy);
    assert_eq!(
        fs::read(folder.path().join(STATE_FILE)).unwrap(),
        "x".repeat(5000).as_bytes()
    );
}

#[test]
fn what_was_appended_is_there_after_a_crash_and_what_failed_is_not() {
    let fixture = Fixture::new();
    let job = fixture.job(1);
    let opened = fixture.append(fixture.opened(&job));
    // A second opening of the job fails inside the transaction: nothing of it may stay.
    let again = fixture.next(fixture.opened(&job));
    let error = fixture
        .state
        .entry_append(&fixture.collab.id(), &again, debit(&again).as_ref())
        .unwrap_err();
    assert!(matches!(error, StateError::JobReused), "{error}");
    // The first handle is still open, as after kill -9: its lock and its cache are not flushed.
    let after = reopened(&fixture);
    let id = fixture.collab.id();
    assert_eq!(after.chain_head(&id).unwrap(), Some(opened));
    assert_eq!(after.open_jobs(&id).unwrap(), [job.job_id()]);
    assert_eq!(after.jobs_debited(&id).unwrap(), 1);
}

#[test]
fn a_crash_in_the_middle_of_a_transaction_leaves_neither_entry_nor_debit() {
    let fixture = Fixture::new();
    let id = fixture.collab.id();
    let stored = fixture.next(fixture.opened(&fixture.job(1)));
    {
        let connection = fixture.state.lock();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
            .execute(
                "INSERT INTO entries (collab_id, seq, entry, hash) VALUES (?1, 0, ?2, ?3)",
                rusqlite::params![id.as_bytes(), stored.entry, stored.hash.as_bytes()],
            )
            .unwrap();
    }
    let place = fixture.folder.path().join("state");
    let copy = fixture.folder.path().join("after-crash");
    DirBuilder::new().mode(0o700).create(&copy).unwrap();
    for entry in fs::read_dir(&place).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let after = State::open(&copy).unwrap();
    assert_eq!(after.chain_head(&id).unwrap(), None);
    assert_eq!(after.jobs_debited(&id).unwrap(), 0);
    assert!(after.collab_by_id(&id).unwrap().is_some());
}

#[test]
fn an_entry_is_appended_only_where_it_continues_the_log() {
    let fixture = Fixture::with_entries();
    let id = fixture.collab.id();
    let append = |stored: &StoredEntry, debit: Option<&Debit>| {
        fixture.state.entry_append(&id, stored, debit)
    };
    let good = fixture.next(fixture.opened(&fixture.job(3)));
    let charged = debit(&good);
    let charged = charged.as_ref();

    let change = |change: &dyn Fn(&mut Entry)| {
        let mut entry = Entry::decode(&good.entry).unwrap();
        change(&mut entry);
        let (seq, hash) = (entry.seq, entry.hash());
        StoredEntry {
            seq,
            entry: entry.encode(),
            hash,
            signatures: good.signatures,
        }
    };
    let wrong = [
        change(&|entry| entry.seq += 1),
        change(&|entry| entry.seq = 0),
        change(&|entry| entry.previous.0[0] ^= 1),
        change(&|entry| entry.seq = u64::MAX),
        StoredEntry {
            seq: 7,
            ..good.clone()
        },
        StoredEntry {
            hash: [0; 64].into(),
            ..good.clone()
        },
        StoredEntry {
            entry: vec![1, 2, 3],
            ..good.clone()
        },
    ];
    for stored in &wrong {
        let error = append(stored, charged).unwrap_err();
        assert!(matches!(error, StateError::OutOfPlace(_)), "{error}");
    }
    assert!(
        matches!(append(&good, None), Err(StateError::OutOfPlace(_))),
        "no debit"
    );
    let closing = fixture.next(completed(&fixture.job(3)));
    assert!(matches!(append(&closing, None), Err(StateError::NotOpen)));
    assert!(
        fixture
            .state
            .entry_append(&CollabId([9; 32]), &good, charged)
            .is_err()
    );
    append(&good, charged).unwrap();
    assert!(
        matches!(append(&good, charged), Err(StateError::OutOfPlace(_))),
        "twice"
    );
    assert_eq!(fixture.state.jobs_debited(&id).unwrap(), 3);
}

#[test]
fn entries_are_read_back_in_order_and_in_pages() {
    let fixture = Fixture::with_entries();
    let id = fixture.collab.id();
    let seqs = |from, limit| -> Vec<u64> {
        fixture
            .state
            .entries(&id, from, limit)
            .unwrap()
            .iter()
            .map(|entry| entry.seq)
            .collect()
    };
    assert_eq!(seqs(0, 100), [0, 1, 2, 3, 4]);
    assert_eq!(seqs(3, 1), [3]);
    assert!(seqs(5, 10).is_empty() && seqs(u64::MAX, 10).is_empty());
    assert_eq!(fixture.state.entry(&id, 2).unwrap().unwrap().seq, 2);
    assert_eq!(fixture.state.entry(&id, 5).unwrap(), None);
    assert!(fixture.state.open_jobs(&id).unwrap().is_empty());
}

#[test]
fn a_countersignature_fills_the_gap_and_changes_nothing_else() {
    let fixture = Fixture::new();
    let id = fixture.collab.id();
    let mut stored = fixture.next(fixture.opened(&fixture.job(1)));
    let theirs = stored.signatures[1].take().unwrap();
    fixture
        .state
        .entry_append(&id, &stored, debit(&stored).as_ref())
        .unwrap();
    let sign = |member, signature| fixture.state.entry_countersign(&id, 0, member, signature);
    sign(1, &theirs).unwrap();
    sign(1, &theirs).unwrap();
    let other = Signature([8; 64]);
    assert!(sign(1, &other).is_err() && sign(0, &other).is_err() && sign(2, &theirs).is_err());
    assert!(fixture.state.entry_countersign(&id, 1, 1, &theirs).is_err());
    stored.signatures[1] = Some(theirs);
    assert_eq!(reopened(&fixture).entry(&id, 0).unwrap(), Some(stored));
}

#[test]
fn a_broken_log_stays_broken_until_its_statement_is_recorded() {
    let fixture = Fixture::with_entries();
    let (state, id) = (&fixture.state, fixture.collab.id());
    assert_eq!(state.chain_broken(&id).unwrap(), None);
    state.chain_set_broken(&id, "first reason").unwrap();
    state.chain_set_broken(&id, "second reason").unwrap();
    state.chain_repair(&id, "restored from a backup").unwrap();
    let after = reopened(&fixture);
    assert_eq!(
        after.chain_broken(&id).unwrap().as_deref(),
        Some("first reason")
    );
    assert_eq!(
        after.chain_repair_requested(&id).unwrap().as_deref(),
        Some("restored from a backup")
    );
    after.chain_repair_done(&id).unwrap();
    assert_eq!(state.chain_broken(&id).unwrap(), None);
    assert_eq!(state.chain_repair_requested(&id).unwrap(), None);
    assert!(matches!(
        state.chain_set_broken(&CollabId([9; 32]), "x"),
        Err(StateError::UnknownCollab)
    ));
}

#[test]
fn joining_again_changes_nothing_and_a_name_is_taken_once() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let (collab, keys) = signed();
    assert_eq!(state.collab_join(&collab).unwrap(), Joined::New);
    assert_eq!(state.collab_join(&collab).unwrap(), Joined::Already);
    let (other, _) = signed();
    assert!(matches!(
        state.collab_join(&other),
        Err(StateError::NameTaken(_))
    ));
    assert!(
        state.collab_join(&unsigned("winter", &keys)).is_err(),
        "it is not signed"
    );
    assert_eq!(state.collabs().unwrap(), std::slice::from_ref(&collab));
    assert_eq!(
        state.collab_by_name("summer").unwrap(),
        Some(collab.clone())
    );
    assert_eq!(state.collab_by_id(&collab.id()).unwrap(), Some(collab));
    assert_eq!(state.collab_by_name("winter").unwrap(), None);
}

#[test]
fn a_stored_document_that_was_edited_is_not_served() {
    let fixture = Fixture::new();
    // It was verified before.
    assert_eq!(fixture.state.collabs().unwrap().len(), 1);
    let sql = "UPDATE collabs SET document = replace(document, ':7401', ':7409')";
    fixture.state.lock().execute(sql, []).unwrap();
    assert!(matches!(
        fixture.state.collabs(),
        Err(StateError::Damaged(_))
    ));
}

#[test]
fn jobs_are_found_by_either_id_and_listed_newest_first() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    for (id, created) in [("00aa", 1), ("00ab", 2), ("11ff", 2)] {
        state
            .job_insert(&StoredJob {
                created_unix: created,
                ..record(id)
            })
            .unwrap();
    }
    state.job_set_job_id("11ff", &JobId([0xee; 64])).unwrap();
    assert_eq!(state.job("00aa").unwrap().id, "00aa");
    assert_eq!(state.job("1").unwrap().id, "11ff");
    assert_eq!(state.job("EEEE").unwrap().id, "11ff");
    assert!(matches!(state.job("00a"), Err(StateError::AmbiguousJob(_))));
    for missing in ["2", "", "%", "'", "00aa0"] {
        assert!(
            matches!(state.job(missing), Err(StateError::UnknownJob(_))),
            "{missing}"
        );
    }
    let listed: Vec<String> = state
        .jobs(2)
        .unwrap()
        .into_iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(listed, ["11ff", "00ab"]);
    assert!(state.job_insert(&record("00aa")).is_err());
    assert_eq!(state.jobs(9).unwrap().len(), 3);
}

#[test]
fn jobs_left_running_are_aborted_at_start_and_ended_ones_stay() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    for id in ["0a", "0b"] {
        state.job_insert(&record(id)).unwrap();
    }
    state
        .job_finish("0a", JobState::Released, None, None, Some("{}"))
        .unwrap();
    let ended = state.job("0a").unwrap();
    let after = State::open(folder.path()).unwrap();
    let left = after
        .jobs_abort_running("interrupted", "the node stopped")
        .unwrap();
    assert_eq!(
        left.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(),
        ["0b"]
    );
    let job = after.job("0b").unwrap();
    assert_eq!(
        (job.state, job.reason.as_deref()),
        (JobState::Aborted, Some("interrupted"))
    );
    assert!(job.finished_unix.is_some());
    after
        .job_finish("0a", JobState::Aborted, Some("late"), None, None)
        .unwrap();
    assert_eq!(after.job("0a").unwrap(), ended);
    assert!(
        after
            .job_finish("0c", JobState::Aborted, None, None, None)
            .is_err()
    );
}

#[test]
fn two_handles_append_to_one_log_without_gaps_or_double_openings() {
    let fixture = Fixture::new();
    let place = fixture.folder.path().join("state");
    let id = fixture.collab.id();
    // Both sides race for the same numbers and jobs with handles of their own.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let state = State::open(&place).unwrap();
                for nonce in 0..20 {
                    let stored = fixture.next(fixture.opened(&fixture.job(nonce)));
                    let _ = state.entry_append(&id, &stored, debit(&stored).as_ref());
                    state.note(&fixture.keys[0], "refused", "text").unwrap();
                }
            });
        }
    });
    let entries = fixture.state.entries(&id, 0, 1000).unwrap();
    let debited = fixture.state.jobs_debited(&id).unwrap();
    assert_eq!(entries.len() as u64, debited);
    assert_eq!(fixture.state.open_jobs(&id).unwrap().len() as u64, debited);
    assert!(entries.iter().zip(0..).all(|(entry, seq)| entry.seq == seq));
    let local = fixture.state.notes().unwrap();
    assert_eq!(local.len(), 40);
    assert_eq!(first_wrong_note(&local, &fixture.keys[0].id()), None);
}

#[test]
fn an_edit_of_the_own_log_is_found() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let key = NodeKey::generate().unwrap();
    for text in ["one", "two", &"é".repeat(5000)] {
        state.note(&key, "unreachable", text).unwrap();
    }
    let log = state.notes().unwrap();
    assert_eq!(first_wrong_note(&log, &key.id()), None);
    assert!(log[2].text.len() <= 4096 && log[2].text.starts_with('é'));

    let mut edited = log.clone();
    edited[1].text = "three".into();
    assert_eq!(first_wrong_note(&edited, &key.id()), Some(1));
    let mut removed = log.clone();
    removed.remove(1);
    assert_eq!(first_wrong_note(&removed, &key.id()), Some(1));
    assert_eq!(
        first_wrong_note(&log, &NodeKey::generate().unwrap().id()),
        Some(0)
    );
}

#[test]
fn closing_ends_an_open_job_and_keeps_its_charge() {
    let fixture = Fixture::new();
    let id = fixture.collab.id();
    let job = fixture.job(1);
    fixture.append(fixture.opened(&job));
    assert_eq!(fixture.state.open_jobs(&id).unwrap(), [job.job_id()]);
    fixture.append(aborted(&job));
    assert!(fixture.state.open_jobs(&id).unwrap().is_empty());
    assert_eq!(fixture.state.jobs_debited(&id).unwrap(), 1);
    let text = "nothing".to_owned();
    fixture.append(Body::Statement {
        node_id: fixture.keys[1].id(),
        text,
    });
}

#[test]
fn an_output_is_kept_with_its_salt_and_its_suppressed_cells_without_values() {
    let fixture = Fixture::new();
    let output = StoredOutput {
        salt: [8; 32].into(),
        cells: vec![Some(318), None, Some(u64::MAX), Some(0)],
    };
    fixture
        .state
        .output_insert(&JobId([1; 64]), &output)
        .unwrap();
    assert!(
        fixture
            .state
            .output_insert(&JobId([1; 64]), &output)
            .is_err()
    );
    let state = reopened(&fixture);
    assert_eq!(state.output(&JobId([1; 64])).unwrap(), Some(output));
    assert_eq!(state.output(&JobId([2; 64])).unwrap(), None);
}
