//! Records read back, and replays: honest halves verify, each deviation is found in its place.

mod bounds;
mod cheating;
mod lists;
mod pair;
mod private;
mod terms;

use std::io::Read as _;

use psi_core::spec::Party;

use crate::replay::{Verdict, replay};
use crate::seal::{Auditor, AuditorKeys, seal};
use pair::{Case, Job, World};

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

/// An auditor's public key, and the secret one from its file.
fn auditor() -> (Auditor, AuditorKeys) {
    use age::secrecy::ExposeSecret as _;
    let identity = age::x25519::Identity::generate();
    let public = serde_json::json!(identity.to_public().to_string());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auditor.key");
    let lines = format!("# a comment\n\n{}\n", identity.to_string().expose_secret());
    std::fs::write(&file, lines).unwrap();
    let keys = AuditorKeys::load(&file).unwrap();
    (serde_json::from_value(public).unwrap(), keys)
}

#[test]
fn a_sealed_record_replays_for_its_auditor_alone_and_a_changed_byte_is_noticed() {
    let world = World::new(Job::Sum);
    let ran = world.run(Case::default());
    let (public, keys) = auditor();
    let mut writer = seal(&public, Vec::new()).unwrap();
    std::io::Write::write_all(&mut writer, &world.record(&ran, Party::Requester)).unwrap();
    let mut sealed = writer.finish().unwrap();
    let opened = keys.open(sealed.as_slice()).unwrap();
    let report = replay(opened, &ran.receipt, world.tools.clone()).unwrap();
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");

    let (_, others) = auditor();
    assert!(others.open(sealed.as_slice()).is_err());
    let middle = sealed.len() / 2;
    sealed[middle] ^= 1;
    let mut plain = Vec::new();
    let read = keys
        .open(sealed.as_slice())
        .unwrap()
        .read_to_end(&mut plain);
    assert!(read.is_err());
}
