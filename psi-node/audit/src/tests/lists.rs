//! Records of lists: a Sender that exchanges or hides points, and a requester that commits to
//! another list than it got, are found by the replay of their own record.

use psi_core::group::Element;
use psi_core::messages::Control;
use psi_core::messages::frame::{Frame, ListId};
use psi_core::receipt::output_commitment;
use psi_core::session::Outgoing;
use psi_core::spec::Party;

use super::cheating::{SENT, assert_found, assert_only, tampered};
use super::pair::{Case, Job, Ran, World};
use crate::replay::Verdict;

/// The reply in what the requester received.
fn reply(ran: &mut Ran) -> &mut [[u8; 32]] {
    let reply = ran.received[0].iter_mut().find_map(|frame| match frame {
        Frame::Rows(header, bytes) if header.list == ListId::Evaluated => Some(bytes),
        _ => None,
    });
    reply.unwrap().as_chunks_mut::<32>().0
}

fn double(point: &mut [u8; 32]) {
    let decoded = Element::decode(point).unwrap();
    *point = decoded.plus(&decoded).encode();
}

/// Two places of R without a canary: what is done there goes unnoticed while the job runs.
fn unwatched(world: &World) -> [usize; 2] {
    let mut ran = world.run(Case::default());
    let mut found = Vec::new();
    for place in 0.. {
        let honest = reply(&mut ran)[place];
        double(&mut reply(&mut ran)[place]);
        let report = world.replay(&ran, Party::Requester);
        let mut checks = report.checks.iter();
        if checks.all(|made| made.holds || !made.check.contains("would have gone on")) {
            found.push(place);
        }
        if let [first, second] = found[..] {
            return [first, second];
        }
        reply(&mut ran)[place] = honest;
    }
    unreachable!("there are as many identities as canaries")
}

fn with_reply(world: &World, change: impl Fn(&mut [[u8; 32]])) -> Ran {
    tampered(world, Party::Responder, |outgoing| match outgoing {
        Outgoing::Rows { header, mut bytes } if header.list == ListId::Evaluated => {
            let (points, rest) = bytes.as_chunks_mut::<32>();
            assert!(rest.is_empty());
            change(points);
            Outgoing::Rows { header, bytes }
        }
        other => other,
    })
}

#[test]
fn a_sender_that_hides_or_exchanges_points_is_found_in_the_reply() {
    let world = World::new(Job::List);
    let [first, second] = unwatched(&world);
    let hidden = with_reply(&world, |points| double(&mut points[first]));
    let exchanged = with_reply(&world, |points| points.swap(first, second));
    for ran in [hidden, exchanged] {
        let report = world.replay(&ran, Party::Responder);
        assert_found(&report, SENT, "the reply, match 0, part 0");
        assert_only(&report, &[SENT]);
        // The other side did what it should with what it got.
        let report = world.replay(&ran, Party::Requester);
        assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
    }
}

#[test]
fn a_sender_of_another_list_than_it_froze_is_found_in_the_tags_of_a_list() {
    let world = World::new(Job::List);
    let other = world.input_of(Party::Responder, 0..45, |_| 0);
    let ran = world.run(Case {
        inputs: [None, Some(other)],
        ..Case::default()
    });
    let report = world.replay(&ran, Party::Responder);
    assert_found(&report, SENT, "the tags, match 0");
    let report = world.replay(&ran, Party::Requester);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
}

#[test]
fn a_requester_that_commits_to_another_list_is_found_in_the_opening_and_the_output() {
    let world = World::new(Job::List);
    let ran = tampered(&world, Party::Requester, |outgoing| match outgoing {
        Outgoing::Control(Control::Output { salt, .. }) => {
            // 31 identifiers, where 30 match.
            let cells = [Some(31); 9];
            Outgoing::Control(Control::Output {
                salt,
                output_commitment: output_commitment(&[1; 32].into(), &cells),
            })
        }
        other => other,
    });
    let report = world.replay(&ran, Party::Requester);
    assert_found(&report, SENT, "the opening");
    assert_found(&report, "the output", "the output commitment");
    let report = world.replay(&ran, Party::Responder);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
}

#[test]
fn a_reply_that_was_changed_in_the_requesters_record_is_found_as_received() {
    let world = World::new(Job::List);
    let mut ran = world.run(Case::default());
    let [first, second] = unwatched(&world);
    reply(&mut ran).swap(first, second);
    let report = world.replay(&ran, Party::Requester);
    assert_found(&report, "what it received", "the reply, match 0, part 0");
}
