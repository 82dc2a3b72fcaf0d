//! Peers that deviate from the noise: what the other side notices, and what it cannot.

use std::sync::Arc;

use super::super::pair::Frame;
use super::super::{MatchSetup, Tools, code, records, rows};
use super::{
    Case, JobSeed, JobSpec, ListId, Party, Portable, Recipients, SEEDS, Table, lists, table, tools,
};
use crate::error::{Code, Error};
use crate::list::reference;
use crate::messages::{Control, PartCount};
use crate::session::{Awaiting, SharedList, receiver, sender};

/// A count of 50 shared people, to both.
fn count() -> Case {
    Case::new(table(0..60, 0, 0), table(10..90, 0, 0), Recipients::Both)
}

/// The lists of two tables and their seeds, the Receiver's first.
pub(super) struct Sides<'a> {
    pub(super) spec: &'a JobSpec,
    pub(super) seeds: [[u8; 32]; 2],
    pub(super) tables: [&'a Table; 2],
    pub(super) tools: Tools,
}

/// The Receiver's list under its own view of the match, and the Sender that awaits it. The
/// requester is Receiver.
fn machines_of(
    sides: &Sides<'_>,
    change: impl FnOnce(&mut MatchSetup),
) -> (receiver::Blinded, sender::Encrypted) {
    let honest = MatchSetup::new(sides.spec, 0).unwrap();
    let mut deviating = honest.clone();
    change(&mut deviating);
    let [receiver_seed, sender_seed] = sides.seeds.map(JobSeed::new);
    let [asking, asked] = sides.tables;
    let parts = lists(sides.spec, Party::Requester, asking).parts.unwrap();
    let positions = lists(sides.spec, Party::Responder, asked).positions;
    let positions = positions.unwrap();
    let tools = &sides.tools;
    let blinded = receiver::blind(deviating, &receiver_seed, &parts, tools.clone()).unwrap();
    let encrypted =
        sender::encrypt(honest, &sender_seed, positions.as_ref(), tools.clone()).unwrap();
    (blinded, encrypted)
}

/// [`machines_of`] a count of 50 shared people.
fn machines(change: impl FnOnce(&mut MatchSetup)) -> (receiver::Blinded, sender::Encrypted) {
    let case = count();
    let sides = Sides {
        spec: &case.spec(),
        seeds: SEEDS[0],
        tables: [&case.asking, &case.asked],
        tools: tools(Arc::new(Portable)),
    };
    machines_of(&sides, change)
}

/// What a Receiver with this view of the match learns: how many positions match.
fn matches(change: impl FnOnce(&mut MatchSetup)) -> u64 {
    matches_between(machines(change))
}

/// What the Receiver's node sees of a match that both sides run as they should, noise of dummies
/// included and nothing suppressed.
pub(super) fn counted(sides: &Sides<'_>) -> u64 {
    matches_between(machines_of(sides, |_| {}))
}

fn matches_between((blinded, encrypted): (receiver::Blinded, sender::Encrypted)) -> u64 {
    let points = records(&blinded.messages[0]);
    let Awaiting::Done(evaluated) = encrypted
        .state
        .handle(rows(ListId::Blinded), &code(32, &points))
        .unwrap()
    else {
        panic!("the list is complete");
    };
    let state = blinded.state.handle(0, &encrypted.key).unwrap();
    let send = |list: &SharedList| code(list.width(), &records(list));
    let Awaiting::Done(state) = state
        .handle(rows(ListId::Tags), &send(&encrypted.message))
        .unwrap()
    else {
        panic!("the tags are complete");
    };
    match state
        .handle(rows(ListId::Evaluated), &send(&evaluated.messages[0]))
        .unwrap()
    {
        Awaiting::Done(matched) => matched.held.total(),
        Awaiting::More(_) => panic!("the reply is complete"),
    }
}

/// The limit of this mode, which the specification states: only a replay of its half finds it.
#[test]
fn a_receiver_that_leaves_out_its_dummies_is_not_seen_and_has_no_noise() {
    let terms = count().spec().dp().unwrap().clone();
    let honest = matches(|_| {});
    let marked = honest - 50;
    assert!(marked > 0 && marked <= terms.dummies, "{marked}");
    let deviating = matches(|setup| {
        // Filler in place of dummies: the list has the same length.
        setup.parts[0].identities += setup.parts[0].dummies;
        setup.parts[0].dummies = 0;
    });
    assert_eq!(deviating, 50);
}

#[test]
fn a_list_with_fewer_or_more_dummies_is_refused() {
    let (blinded, encrypted) = machines(|_| {});
    let honest = records(&blinded.messages[0]);
    let points = |bytes: &[u8]| bytes.as_chunks::<32>().0.to_vec();
    let count = (honest.len() / 32) as u64;
    let (fewer, _) = machines(|setup| setup.parts[0].dummies -= 2);
    let fewer = points(&records(&fewer.messages[0]));
    assert_eq!(fewer.len() as u64, count - 2);
    let bytes = reference::pack(&reference::bits(32, count, &fewer));
    let state = match encrypted.state.handle(rows(ListId::Blinded), &bytes) {
        Ok(Awaiting::More(_)) | Err(_) => "no reply",
        Ok(Awaiting::Done(_)) => "a reply",
    };
    assert_eq!(state, "no reply");
    let (more, encrypted) = machines(|setup| setup.parts[0].dummies += 2);
    let more = points(&records(&more.messages[0]));
    let bytes = reference::pack(&reference::bits(32, count, &more));
    let refused = encrypted.state.handle(rows(ListId::Blinded), &bytes);
    assert_eq!(refused.err().unwrap().code(), Code::WrongCount);
}

/// Brings an honest pair to the message in which the requester, as Receiver, reports, and lets the
/// responder take another in its place.
fn report(case: &Case, state: &str, change: impl FnOnce(&mut Control)) -> Result<(), Error> {
    let mut pair = case.start(Arc::new(Portable), SEEDS[0]);
    while pair.responder.awaits() != state {
        assert!(pair.deliver(Party::Responder)? || pair.deliver(Party::Requester)?);
    }
    while pair.deliver(Party::Responder)? {}
    let bytes = pair.requester.next_sent().unwrap();
    let (Frame::Control(mut message), _) = Frame::split(&bytes)? else {
        panic!("a report is a control message");
    };
    change(&mut message);
    pair.responder.take(&Frame::Control(message))
}

fn parts(message: &mut Control) -> &mut Vec<PartCount> {
    match message {
        Control::PartCounts { parts, .. } => parts,
        _ => panic!("not the counts"),
    }
}

#[test]
fn a_report_beyond_what_noise_can_add_is_refused() {
    let case = Case::new(table(0..60, 2, 0), table(10..90, 0, 0), Recipients::Both);
    let spec = case.spec();
    let reach = spec.dp().unwrap().count_reach(true);
    let with = |count| {
        report(&case, "ExpectPartCounts", |message| {
            parts(message)[1] = PartCount {
                released: true,
                count,
            };
        })
    };
    assert!(with(60 + reach).is_ok());
    for count in [0, 60 + reach + 1, u64::MAX] {
        assert_eq!(with(count).unwrap_err().code(), Code::MalformedMessage);
    }
}

#[test]
fn where_blocks_are_judged_one_by_one_no_part_is_withheld_and_none_has_a_count() {
    let case = Case::new(table(0..60, 2, 0), table(10..70, 2, 1), Recipients::Both);
    let state = "ExpectPartCounts";
    assert!(
        report(&case, state, |message| {
            let all = parts(message);
            assert!(all.iter().all(|part| part.released && part.count == 0));
        })
        .is_ok()
    );
    for (released, count) in [(false, 0), (true, 1)] {
        let wrong = PartCount { released, count };
        let refused = report(&case, state, |message| parts(message)[0] = wrong);
        assert_eq!(refused.unwrap_err().code(), Code::MalformedMessage);
    }
}
