//! Jobs with differential privacy: honest halves verify, and noise that a side left out or drew
//! again is found. Nothing of that shows in the job itself (Spec 12 §8).

use psi_core::dummy::DUMMY_TAG;
use psi_core::group::{SecretScalar, hash_to_group};
use psi_core::kernel::portable::Portable;
use psi_core::messages::Control;
use psi_core::messages::frame::ListId;
use psi_core::seed::{JobSeed, Purpose};
use psi_core::session::Outgoing;
use psi_core::spec::Party;
use psi_core::tag;
use sha2::{Digest as _, Sha512_256};

use super::cheating::{SENT, assert_found, assert_only, records, tampered};
use super::pair::{Case, Job, Ran, World, list, seed};
use crate::replay::Verdict;

/// A dummy of part 0 of match 0, under a scalar (Spec 12 §5).
fn dummy(world: &World, number: u64, scalar: &SecretScalar) -> [u8; 32] {
    let digest = Sha512_256::new()
        .chain_update(b"psi/v1/dummy")
        .chain_update(world.spec.job_id())
        .chain_update([0, 0, 0])
        .chain_update(number.to_be_bytes())
        .finalize();
    hash_to_group(DUMMY_TAG, &digest).mul(scalar).encode()
}

/// What a Sender sends that does not mark the dummy with this number.
fn unmarked(world: &World, number: u64) -> Ran {
    let scalar = seed(Party::Responder)
        .stream(Purpose::SenderScalar, 0, 0)
        .scalar();
    let width = usize::from(world.spec.tag_bytes);
    let mut marked = Vec::new();
    let point = dummy(world, number, &scalar);
    tag::tags(
        &Portable,
        &world.spec.job_id(),
        0,
        &[point],
        width,
        &mut marked,
    );
    tampered(world, Party::Responder, move |outgoing| match outgoing {
        Outgoing::List {
            header,
            records: of,
        } if header.list == ListId::Tags => {
            let mut tags = records(&of);
            let at = tags.iter().position(|tag| *tag == marked).unwrap();
            tags[at] = vec![7; width];
            let records = list(width, tags);
            Outgoing::List { header, records }
        }
        other => other,
    })
}

/// What a Sender sends that adds this to its noise.
fn with_more_noise(world: &World, more: i64) -> Ran {
    tampered(world, Party::Responder, move |outgoing| match outgoing {
        Outgoing::Control(Control::Share {
            match_index,
            mut share,
        }) => {
            let number = i64::from_be_bytes(share[..8].try_into().unwrap());
            share[..8].copy_from_slice(&number.wrapping_add(more).to_be_bytes());
            Outgoing::Control(Control::Share { match_index, share })
        }
        other => other,
    })
}

#[test]
fn the_honest_halves_of_jobs_with_noise_verify() {
    for job in [Job::Count, Job::Sum] {
        let world = World::private(job);
        assert!(world.spec.dp().is_some());
        let ran = world.run(Case::default());
        for own in [Party::Requester, Party::Responder] {
            let report = world.replay(&ran, own);
            assert_eq!(report.verdict, Verdict::Verified, "{job:?}: {report:?}");
        }
    }
}

#[test]
fn a_receiver_that_leaves_a_dummy_out_is_found_in_the_blinded_list() {
    let world = World::private(Job::Sum);
    let scalar = seed(Party::Requester)
        .stream(Purpose::BlindingScalar, 0, 0)
        .scalar();
    let left_out = dummy(&world, 3, &scalar);
    let filler = hash_to_group(b"filler", &[3; 32]).mul(&scalar).encode();
    let ran = tampered(&world, Party::Requester, |outgoing| match outgoing {
        Outgoing::List {
            header,
            records: of,
        } if header.list == ListId::Blinded => {
            let mut points = records(&of);
            let at = points.iter().position(|point| *point == left_out).unwrap();
            points[at] = filler.to_vec();
            let records = list(32, points);
            Outgoing::List { header, records }
        }
        other => other,
    });
    let report = world.replay(&ran, Party::Requester);
    assert_found(&report, SENT, "the blinded list, match 0, part 0");
    // The other side did nothing wrong, and nothing in the job told it.
    let report = world.replay(&ran, Party::Responder);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
}

#[test]
fn a_sender_that_marks_fewer_dummies_than_it_drew_is_found_in_the_tags() {
    let world = World::private(Job::Sum);
    // With this seed more than one is marked.
    let ran = unmarked(&world, 0);
    let report = world.replay(&ran, Party::Responder);
    assert_found(&report, SENT, "the tags, match 0");
    let report = world.replay(&ran, Party::Requester);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
}

#[test]
fn a_noise_that_was_drawn_again_is_found_in_the_opening() {
    let world = World::private(Job::Sum);
    let noise = &world.spec.dp().unwrap().component_noise().unwrap()[0];
    let drawn = |seed: JobSeed| {
        let mut stream = seed.stream(Purpose::ShareNoise, 0, 0);
        noise.sample(&mut stream).expose()
    };
    let own = drawn(seed(Party::Responder));
    // From the first seeds, one that gives another noise.
    let mut others = (0..).map(|byte| drawn(JobSeed::new([byte; 32])));
    let again = others.find(|other| *other != own).unwrap();
    let ran = with_more_noise(&world, again - own);
    let report = world.replay(&ran, Party::Responder);
    assert_found(&report, SENT, "the opening");
    assert_only(&report, &[SENT]);
    // No noise at all is not better.
    assert_ne!(own, 0, "with this seed there is some");
    let report = world.replay(&with_more_noise(&world, -own), Party::Responder);
    assert_found(&report, SENT, "the opening");
}

#[test]
fn a_reported_count_with_other_noise_is_found_in_the_opening() {
    let world = World::private(Job::Count);
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
}
