//! Records read back, and replays: honest halves verify, each deviation is found in its place.

mod bounds;
mod cheating;
mod files;
mod lists;
mod pair;
mod private;
mod terms;

use super::replay::Verdict;
use pair::{Case, Job, World};
use psi_core::spec::Party;

#[test]
fn the_honest_halves_of_every_kind_of_job_verify() {
    for job in [Job::Count, Job::Sum, Job::TwoMatches, Job::List] {
        let world = World::new(job);
        let ran = world.run(Case::default());
        for own in [Party::Requester, Party::Responder] {
            let report = world.replay(&ran, own);
            assert_eq!(report.verdict, Verdict::Verified, "{job:?}: {report:?}");
            assert!(report.checks.iter().all(|check| check.place.is_none()));
        }
    }
}

#[test]
fn an_aborted_job_has_seed_and_input_to_compare_and_nothing_else() {
    let world = World::new(Job::Count);
    let mut ran = world.run(Case::default());
    ran.receipt.completed = None;
    for received in &mut ran.received {
        received.pop();
    }
    ran.lists = None;
    for own in [Party::Requester, Party::Responder] {
        let report = world.replay(&ran, own);
        assert_eq!(report.verdict, Verdict::NotCompleted, "{report:?}");
    }
    // The same record does not do for a job that completed.
    let completed = world.run(Case::default()).receipt;
    ran.receipt = completed;
    let report = world.replay(&ran, Party::Requester);
    assert_eq!(report.verdict, Verdict::Deviates);
}

#[test]
fn a_record_that_was_cut_off_or_changed_is_no_record() {
    let world = World::new(Job::Sum);
    let ran = world.run(Case::default());
    let whole = world.record(&ran, Party::Responder);
    for length in [0, 1, 4, 5, 60, whole.len() / 2, whole.len() - 1] {
        assert!(
            world.replay_bytes(&whole[..length], &ran.receipt).is_err(),
            "{length}"
        );
    }
    let longer = [whole.as_slice(), &[7, 0, 0, 0, 0]].concat();
    assert!(world.replay_bytes(&longer, &ran.receipt).is_err());
}
