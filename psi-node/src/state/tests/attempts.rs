//! Refusals, the bound on what a peer adds to the node's own log, and policies.

use psi_core::Code;
use psi_core::limits::{NOTES_PER_HOUR_MAX, REFUSED_JOBS_MAX};
use psi_core::receipt::Body;
use psi_core::spec::{CollabId, JobId, NodeId};

use super::{State, first_wrong_note, reopened};
use crate::identity::NodeKey;
use crate::receipts::tests::{Fixture, completed, refused};
use crate::state::place::private_tempdir;
use crate::state::{JobRole, JobState, LeftOut, LogDay, StoredJob, jobs};

/// The collaboration under which a peer asks.
const PEER: [u8; 32] = [1; 32];

#[test]
fn refusals_are_counted_from_the_last_opened_job_on() {
    let fixture = Fixture::new();
    let (state, id) = (&fixture.state, fixture.collab.id());
    let append = |count| (0..count).for_each(|_| drop(fixture.append(refused(&fixture))));
    assert_eq!(state.refusals_in_a_row(&id).unwrap(), 0);
    append(2);
    assert_eq!(state.refusals_in_a_row(&id).unwrap(), 2);
    let job = fixture.job(1);
    fixture.append(fixture.opened(&job));
    assert_eq!(state.refusals_in_a_row(&id).unwrap(), 0);
    append(3);
    fixture.append(completed(&job));
    append(1);
    assert_eq!(reopened(&fixture).refusals_in_a_row(&id).unwrap(), 4);
    assert_eq!(state.refusals_in_a_row(&CollabId([9; 32])).unwrap(), 0);
    assert_eq!(state.jobs_debited(&id).unwrap(), 1);
    let entries = state.entries_of_job(&job.job_id()).unwrap().unwrap();
    assert_eq!((entries.opened, entries.closed), (2, Some(6)));
    assert_eq!(state.entries_of_job(&JobId([9; 64])).unwrap(), None);
}

#[test]
fn a_peer_adds_a_bounded_number_of_entries_an_hour_to_the_own_log() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let key = NodeKey::generate().unwrap();
    let bound = usize::try_from(NOTES_PER_HOUR_MAX).unwrap();
    for number in 0..bound + 5 {
        let added = state.note_of_peer(&key, &PEER, "refused", None).unwrap();
        assert_eq!(added, number < bound, "{number}");
    }
    // There is still room for this node's own notes, and for another collaboration's.
    state.note(&key, "refused", "own").unwrap();
    assert!(state.note_of_peer(&key, &[2; 32], "refused", None).unwrap());
    let log = state.notes().unwrap();
    assert_eq!(log.len(), bound + 2);
    assert!(!log[bound - 2].text.contains("counted"));
    assert!(log[bound - 1].text.contains("counted"));
    assert_eq!(first_wrong_note(&log, &key.id()), None);
    // Another hour, earlier or later, has room of its own.
    for hours in [-1, 7] {
        let sql = "UPDATE note_hours SET hour = hour + ?1";
        state.lock().execute(sql, [hours]).unwrap();
        assert!(state.note_of_peer(&key, &PEER, "refused", None).unwrap());
    }
}

#[test]
fn what_was_left_out_of_an_hour_is_summed_up_when_it_is_over() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let key = NodeKey::generate().unwrap();
    let left_out = |code, times| LeftOut {
        whose: PEER,
        code,
        times,
    };
    let counts = [
        left_out(Code::RunsExhausted, 3),
        left_out(Code::TooManyJobs, 40),
    ];
    state.notes_left_out(&counts).unwrap();
    state.notes_left_out(&counts[1..]).unwrap();
    state.notes_sum_up(&key).unwrap();
    assert!(state.notes().unwrap().is_empty(), "the hour goes on");
    let sql = "UPDATE left_out SET hour = hour - 1";
    state.lock().execute(sql, []).unwrap();
    for _ in 0..2 {
        state.notes_sum_up(&key).unwrap();
    }
    let log = state.notes().unwrap();
    assert_eq!(log.len(), 1);
    let text = &log[0].text;
    assert!(
        text.contains("runs_exhausted 3, too_many_jobs 80"),
        "{text}"
    );
}

#[test]
fn a_collaboration_keeps_the_newest_of_its_refused_jobs() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let record = |number: i64, collab: u8| StoredJob {
        collab_id: CollabId([collab; 32]),
        created_unix: number,
        state: JobState::Refused,
        ..StoredJob::begin(
            &format!("{collab:02x}{number:06x}"),
            JobRole::Responder,
            "q",
        )
    };
    let kept = i64::try_from(REFUSED_JOBS_MAX).unwrap();
    state
        .write(|transaction| {
            jobs::insert_refused(transaction, &record(0, 2))?;
            for number in 0..kept {
                jobs::insert(transaction, &record(number, 1))?;
            }
            for number in kept..kept + 3 {
                jobs::insert_refused(transaction, &record(number, 1))?;
            }
            Ok(())
        })
        .unwrap();
    let count = |sql: &str| -> i64 { state.lock().query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("SELECT COUNT(*) FROM jobs"), kept + 1);
    let oldest = "SELECT MIN(created_unix) FROM jobs WHERE id LIKE '01%'";
    assert_eq!(count(oldest), 3);
}

#[test]
fn a_day_of_a_log_counts_bytes_refusals_and_each_members_statements() {
    let fixture = Fixture::new();
    let id = fixture.collab.id();
    let body = refused(&fixture);
    let stored = [fixture.append(body.clone()), fixture.append(body)];
    let bytes: usize = stored.iter().map(|entry| entry.entry.len()).sum();
    let day = fixture.state.log_day(&id).unwrap();
    assert_eq!((day.bytes, day.refusals), (bytes as u64, 2));
    let node_id = fixture.keys[0].id();
    let text = "restored".to_owned();
    fixture.append(Body::Statement { node_id, text });
    let statements = |of| fixture.state.statements_today(&id, of).unwrap();
    assert_eq!((statements(&node_id), statements(&NodeId([9; 32]))), (1, 0));
    // Yesterday does not count.
    for table in ["log_days", "statement_days"] {
        let sql = format!("UPDATE {table} SET day = day - 1");
        fixture.state.lock().execute(&sql, []).unwrap();
    }
    assert_eq!(fixture.state.log_day(&id).unwrap(), LogDay::default());
    assert_eq!(statements(&node_id), 0);
}

#[test]
fn a_policy_keeps_its_digest_and_has_a_salt_of_its_own() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let (one, other) = ("{\"minimum\":10}", "{\"minimum\":20}");
    let digest = state.policy_digest(one).unwrap();
    assert_ne!(state.policy_digest(other).unwrap(), digest);
    let state = State::open(folder.path()).unwrap();
    assert_eq!(state.policy_digest(one).unwrap(), digest);
    let policies = state.policies().unwrap();
    assert_eq!(policies.len(), 2);
    let policy = policies.iter().find(|policy| policy.digest == digest);
    let policy = policy.unwrap();
    assert_eq!(policy.text, one);
    assert_eq!(psi_core::receipt::policy_digest(&policy.salt, one), digest);
    // Another node has another salt.
    let folder = private_tempdir();
    let elsewhere = State::open(folder.path()).unwrap();
    assert_ne!(elsewhere.policy_digest(one).unwrap(), digest);
}
