//! Sides that deviate, each found by the replay of what it had committed to, and its place named.
//!
//! A deviation is what a [`Case`] changes. Its record is the honest one, as a node that wants to
//! hide it would keep it: seed and input that fit the opened entry. Deviations that only jobs with
//! differential privacy know are in [`super::private`].

use psi_core::group::Element;
use psi_core::messages::Control;
use psi_core::messages::frame::{Frame, ListId};
use psi_core::seed::JobSeed;
use psi_core::session::{Outgoing, SharedList};
use psi_core::spec::Party;

use super::pair::{Case, Job, Ran, World, list};
use super::terms::BOUND;
use crate::replay::{Report, Verdict};

#[track_caller]
pub(super) fn assert_found(report: &Report, check: &str, place: &str) {
    assert_eq!(report.verdict, Verdict::Deviates, "{report:?}");
    let found = report.checks.iter().any(|made| {
        let named = made.place.as_deref().unwrap_or_default();
        !made.holds && made.check.contains(check) && named.contains(place)
    });
    assert!(found, "{check}, {place}: {report:?}");
}

/// What everything else but these checks must say.
#[track_caller]
pub(super) fn assert_only(report: &Report, checks: &[&str]) {
    for made in &report.checks {
        let expected = checks.iter().any(|check| made.check.contains(check));
        assert!(made.holds != expected, "{made:?}: {report:?}");
    }
}

pub(super) const SENT: &str = "what this side sent";
const RECEIVED: &str = "what it received";

pub(super) fn records(list: &SharedList) -> Vec<Vec<u8>> {
    let mut batch = Vec::new();
    let mut all = Vec::new();
    let mut reader = list.reader().unwrap();
    loop {
        reader.next_batch(&mut batch, 64).unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend(batch.chunks(list.width()).map(<[u8]>::to_vec));
    }
}

/// The list with one point doubled: that point has another exponent than the rest.
fn doubled(points: &SharedList) -> SharedList {
    let mut records = records(points);
    let point = Element::decode(records[3].as_slice().try_into().unwrap()).unwrap();
    records[3] = point.plus(&point).encode().to_vec();
    list(32, records)
}

/// A deviation of what `deviant` sends.
pub(super) fn tampered(
    world: &World,
    deviant: Party,
    tamper: impl Fn(Outgoing) -> Outgoing,
) -> Ran {
    world.run(Case {
        deviant,
        tamper: &|own, outgoing| {
            if own == deviant {
                tamper(outgoing)
            } else {
                outgoing
            }
        },
        ..Case::default()
    })
}

#[test]
fn a_second_exponent_is_found_in_the_blinded_list() {
    for job in [Job::Count, Job::Sum, Job::TwoMatches] {
        let world = World::new(job);
        let ran = tampered(&world, Party::Requester, |outgoing| match outgoing {
            Outgoing::List { header, records } if header.list == ListId::Blinded => {
                let records = doubled(&records);
                Outgoing::List { header, records }
            }
            other => other,
        });
        let report = world.replay(&ran, Party::Requester);
        assert_found(&report, SENT, "the blinded list, match 0, part 0");
        assert_only(&report, &[SENT]);
        // The other side did nothing wrong.
        let report = world.replay(&ran, Party::Responder);
        assert_eq!(report.verdict, Verdict::Verified, "{job:?}: {report:?}");
    }
}

#[test]
fn a_sender_of_another_list_than_it_froze_is_found_in_the_tags() {
    for job in [Job::Count, Job::Sum] {
        let world = World::new(job);
        let other = world.input_of(Party::Responder, 0..45, |_| 7);
        let ran = world.run(Case {
            inputs: [None, Some(other)],
            ..Case::default()
        });
        let report = world.replay(&ran, Party::Responder);
        assert_found(&report, SENT, "the tags, match 0");
        assert_eq!(
            world.replay(&ran, Party::Requester).verdict,
            Verdict::Verified
        );
    }
}

#[test]
fn a_receiver_of_another_list_than_it_froze_is_found_in_the_blinded_list() {
    let world = World::new(Job::Count);
    let other = world.input_of(Party::Requester, 60..99, |_| 0);
    let ran = world.run(Case {
        inputs: [Some(other), None],
        deviant: Party::Requester,
        ..Case::default()
    });
    let report = world.replay(&ran, Party::Requester);
    assert_found(&report, SENT, "the blinded list");
}

#[test]
fn a_record_with_another_input_than_was_committed_to_is_found_in_the_commitment() {
    let world = World::new(Job::Sum);
    let mut ran = world.run(Case::default());
    ran.frozen[1] = world.input_of(Party::Responder, 20..69, |_| 1);
    let report = world.replay(&ran, Party::Responder);
    assert_found(&report, "seed and frozen input", "the opening commitment");
}

#[test]
fn an_unclamped_value_is_found_wherever_it_was_put() {
    let world = World::new(Job::Sum);
    let too_much = i64::try_from(BOUND).unwrap() + 1;
    let unclamped = || {
        world.input_of(Party::Responder, 20..70, move |person| match person {
            33 => -too_much,
            other => i64::from(other) - 30,
        })
    };
    // Put in after the input was frozen: the corrections carry it.
    let ran = world.run(Case {
        inputs: [None, Some(unclamped())],
        ..Case::default()
    });
    let report = world.replay(&ran, Party::Responder);
    assert_found(&report, SENT, "the corrections of the transfer, match 0");
    // Frozen with it: then everything fits, except the bound of the specification.
    let ran = world.run(Case {
        frozen: [None, Some(unclamped())],
        ..Case::default()
    });
    let report = world.replay(&ran, Party::Responder);
    assert_found(&report, "keeps its bounds", "the payload: component 0");
    assert_only(&report, &["keeps its bounds"]);
}

#[test]
fn identities_out_of_order_are_found_in_the_input() {
    let world = World::new(Job::Count);
    let mut ran = world.run(Case::default());
    let parts = ran.frozen[0].parts.as_mut().unwrap();
    let mut twice = records(&parts[0]);
    twice.push(twice[0].clone());
    parts[0] = list(32, twice);
    let report = world.replay(&ran, Party::Requester);
    assert_found(&report, "keeps its bounds", "part 0: identities");
}

#[test]
fn randomness_from_another_seed_is_found() {
    let world = World::new(Job::Count);
    // The Receiver's canaries and scalar are not those of its seed: the reply does not fit.
    let ran = world.run(Case {
        seeds: [[99; 32], [22; 32]],
        deviant: Party::Requester,
        ..Case::default()
    });
    let report = world.replay(&ran, Party::Requester);
    assert_found(&report, "would have gone on", "ExpectEvaluated");
    // The Sender's scalar is another.
    let ran = world.run(Case {
        seeds: [[11; 32], [99; 32]],
        ..Case::default()
    });
    let report = world.replay(&ran, Party::Responder);
    assert_found(&report, SENT, "the Sender's key, match 0");
    // A record that gives the seed that was really used contradicts the commitment.
    let record = world.record_with(&ran, Party::Responder, &JobSeed::new([99; 32]));
    let report = world.replay_bytes(&record, &ran.receipt).unwrap();
    assert_found(&report, "seed and frozen input", "the opening commitment");
    assert_found(&report, "nonce", "specification");
}

#[test]
fn another_share_than_the_own_is_found_in_the_opening() {
    let world = World::new(Job::Sum);
    let ran = tampered(&world, Party::Responder, |outgoing| match outgoing {
        Outgoing::Control(Control::Share {
            match_index,
            mut share,
        }) => {
            share[7] ^= 1;
            Outgoing::Control(Control::Share { match_index, share })
        }
        other => other,
    });
    let report = world.replay(&ran, Party::Responder);
    assert_found(&report, SENT, "the opening");
    assert_only(&report, &[SENT]);
}

#[test]
fn an_outcome_that_is_not_the_count_is_found_in_the_opening_and_the_output() {
    let world = World::new(Job::Count);
    let ran = tampered(&world, Party::Requester, |outgoing| match outgoing {
        Outgoing::Control(Control::Outcome(mut outcome)) => {
            let opening = outcome.opening.as_mut().unwrap();
            opening.count += 1;
            let cells = [Some(opening.count)];
            outcome.output_commitment = psi_core::receipt::output_commitment(&opening.salt, &cells);
            Outgoing::Control(Control::Outcome(outcome))
        }
        other => other,
    });
    let report = world.replay(&ran, Party::Requester);
    assert_found(&report, SENT, "the opening");
    assert_found(&report, "the output", "the output commitment");
}

#[test]
fn a_message_that_was_changed_in_the_record_is_told_from_one_that_was_sent() {
    let world = World::new(Job::Count);
    let mut ran = world.run(Case::default());
    let mut blinded = Vec::new();
    let received = std::mem::take(&mut ran.received[1]);
    for frame in received {
        let Frame::Rows(header, bytes) = frame else {
            ran.received[1].push(frame);
            continue;
        };
        blinded.extend(bytes);
        if ran.received[1].is_empty() {
            ran.received[1].push(Frame::Rows(header, Vec::new()));
        }
    }
    // The last bits of the code are those of the last point alone.
    let at = blinded.len() - 3;
    let mut found = false;
    for change in 1..=u8::MAX {
        let mut changed = blinded.clone();
        changed[at] ^= change;
        if let Some(Frame::Rows(_, bytes)) = ran.received[1].first_mut() {
            *bytes = changed;
        }
        let report = world.replay(&ran, Party::Responder);
        assert_eq!(report.verdict, Verdict::Deviates);
        found |= report
            .checks
            .iter()
            .any(|made| made.check.contains(RECEIVED) && !made.holds);
    }
    assert!(found, "no change gave a point");
}

#[test]
fn without_the_hashes_of_single_lists_the_direction_is_named() {
    let world = World::new(Job::Sum);
    let other = world.input_of(Party::Responder, 0..45, |_| 7);
    let mut ran = world.run(Case {
        inputs: [None, Some(other)],
        ..Case::default()
    });
    // Hashes that the receipt does not combine are worth nothing.
    for lists in [None, Some(world.run(Case::default()).lists.unwrap())] {
        ran.lists = lists;
        let report = world.replay(&ran, Party::Responder);
        assert_found(&report, SENT, "the transcript of its direction");
    }
}

#[test]
fn another_literal_than_the_hidden_one_is_found() {
    let world = World::new(Job::Count);
    let mut ran = world.run(Case::default());
    ran.literal = "DATE '2024-01-31'".into();
    let report = world.replay(&ran, Party::Requester);
    assert_found(&report, "hidden literals", "literal 1");
    assert_only(&report, &["hidden literals"]);
}

#[test]
fn a_record_of_another_job_is_not_this_ones() {
    let world = World::new(Job::Count);
    let ran = world.run(Case::default());
    let mut other = ran.receipt.clone();
    other.spec.push(0);
    let record = world.record(&ran, Party::Requester);
    let report = world.replay_bytes(&record, &other).unwrap();
    assert_found(&report, "about this job", "");
    // Nothing was computed for it.
    assert_eq!(report.checks.len(), 1);
}
