//! Refusals, the bound on what a peer adds to the local log, and policies.

use psi_core::limits::LOCAL_NOTES_PER_HOUR_MAX;

use super::{State, local_first_wrong, reopened};
use crate::identity::NodeKey;
use crate::receipts::tests::{Fixture, completed, refused};
use crate::state::place::private_tempdir;

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
    assert_eq!(state.refusals_in_a_row(&[9; 32]).unwrap(), 0);
    assert_eq!(state.jobs_debited(&id).unwrap(), 1);
    let entries = state.entries_of_job(&job.job_id()).unwrap().unwrap();
    assert_eq!((entries.opened, entries.closed), (2, Some(6)));
    assert_eq!(state.entries_of_job(&[9; 64]).unwrap(), None);
}

#[test]
fn a_peer_adds_a_bounded_number_of_entries_an_hour_to_the_local_log() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let key = NodeKey::generate().unwrap();
    let bound = usize::try_from(LOCAL_NOTES_PER_HOUR_MAX).unwrap();
    for number in 0..bound + 5 {
        let added = state.local_note(&key, "from a peer: refused").unwrap();
        assert_eq!(added, number < bound, "{number}");
    }
    // What the own side notes has room all the same.
    state.local_append(&key, "refused", "own").unwrap();
    let log = state.local_entries().unwrap();
    assert_eq!(log.len(), bound + 1);
    assert!(!log[bound - 2].text.contains("left out"));
    assert!(log[bound - 1].text.contains("left out"));
    assert_eq!(local_first_wrong(&log, &key.id()), None);
    // The bound is one of the last hour.
    let sql = "UPDATE local_log SET unix = unix - 3601";
    state.lock().execute(sql, []).unwrap();
    assert!(state.local_note(&key, "from a peer: refused").unwrap());
    // A clock that was set back leaves notes of the future, which do not count.
    let sql = "UPDATE local_log SET unix = unix + 100000";
    state.lock().execute(sql, []).unwrap();
    assert!(state.local_note(&key, "from a peer: refused").unwrap());
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
