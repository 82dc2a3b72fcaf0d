//! Lists: the Receiver learns which of its own identifiers match, and a Sender that moves points is
//! found.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::pair::{Ends, Frame, Pair, rows_frame};
use super::{
    Agreement, AskedMode, JobSpec, ListId, Party, Portable, Recipients, Shape, Side, lists, tools,
};
use crate::error::{Code, Error};
use crate::identifier::{IdentifierKind, IdentityHasher};
use crate::receipt::output_commitment;

fn spec_of(requester: &Side, responder: &Side, recipients: Recipients) -> Result<JobSpec, Error> {
    let agreement = Agreement {
        collab_id: [1; 32],
        revision: [5; 32],
        query: "SELECT name".into(),
        hidden: Vec::new(),
        shape: Shape::list(),
        recipients,
        mode: AskedMode::Exact,
        requester_may_receive: true,
        responder_may_receive: true,
    };
    JobSpec::assemble(agreement, requester.half("one"), responder.half("other"))
}

fn start(requester: &Side, responder: &Side) -> Pair {
    let spec = spec_of(requester, responder, Recipients::Requester).unwrap();
    // A smaller list of the other side does not make it Receiver.
    assert_eq!(spec.receiver, Party::Requester);
    let lists = [
        lists(&spec, Party::Requester, requester),
        lists(&spec, Party::Responder, responder),
    ];
    Pair::start(&spec, lists, &tools(Arc::new(Portable)), 1 << 12).unwrap()
}

fn digests<'a>(people: impl IntoIterator<Item = &'a String>) -> BTreeSet<Vec<u8>> {
    let mut hasher = IdentityHasher::new(&[IdentifierKind::Text]);
    let people = people.into_iter();
    people
        .map(|person| hasher.digest([Some(person.as_str())]).unwrap().to_vec())
        .collect()
}

fn matched(ends: &Ends) -> Option<BTreeSet<Vec<u8>>> {
    let list = ends.requester.list.as_ref()?;
    let mut records = Vec::new();
    let mut reader = list.digests().reader().unwrap();
    reader.next_batch(&mut records, usize::MAX).unwrap();
    Some(records.chunks(32).map(<[u8]>::to_vec).collect())
}

#[test]
fn a_list_is_the_plain_intersection_and_both_sides_have_the_same_transcripts() {
    for (a, b) in [(0..300, 150..400), (0..5000, 4000..9000), (7..8, 0..9)] {
        let one = Side::of(a, 6000, 1);
        let other = Side::of(b, 5500, 1);
        let ends = start(&one, &other).run().unwrap();
        let expected = digests(one.people.intersection(&other.people));
        assert_eq!(matched(&ends), Some(expected.clone()));
        assert_eq!(ends.requester.transcripts, ends.responder.transcripts);
        let (asked, other) = (&ends.requester, &ends.responder);
        assert_eq!(asked.output_commitment, other.output_commitment);
        assert!(other.opened.is_none() && other.list.is_none());
        let opened = asked.opened.as_ref().unwrap();
        assert_eq!(opened.cells.len(), 9);
        assert_eq!(opened.cells[0], Some(expected.len() as u64));
        let commitment = output_commitment(&opened.salt, &opened.cells);
        assert_eq!(commitment, asked.output_commitment);
    }
}

#[test]
fn below_the_minimum_neither_list_nor_its_hash_is_given_out() {
    let (one, other) = (Side::of(0..50, 60, 11), Side::of(40..90, 60, 2));
    let ends = start(&one, &other).run().unwrap();
    assert!(ends.requester.list.is_none());
    let opened = ends.requester.opened.unwrap();
    assert_eq!(opened.cells, vec![None; 9]);
}

#[test]
fn a_list_is_for_its_receiver_alone() {
    let side = Side::of(0..5, 5, 1);
    let error = spec_of(&side, &side, Recipients::Both).unwrap_err();
    assert_eq!(error.code(), Code::RecipientNotAllowed);
}

/// Runs a list in which the Sender changes what it returns.
fn with_reply(change: impl FnOnce(&mut Vec<[u8; 32]>)) -> Result<(), Error> {
    let side = Side::of(0..40, 40, 1);
    let mut pair = start(&side, &side);
    while pair.deliver(Party::Requester)? {}
    let mut change = Some(change);
    while let Some(bytes) = pair.responder.next_sent() {
        let (mut frame, _) = Frame::split(&bytes)?;
        if let Frame::Rows(header, reply) = &mut frame
            && header.list == ListId::Evaluated
        {
            // 40 identities and 64 canaries.
            let mut points = reply.as_chunks::<32>().0.to_vec();
            assert_eq!(points.len(), 104);
            (change.take().unwrap())(&mut points);
            for piece in points.chunks(50) {
                let bytes = rows_frame(*header, piece.as_flattened())?;
                pair.requester.take(&Frame::split(&bytes)?.0)?;
            }
        } else {
            pair.requester.take(&frame)?;
        }
    }
    Ok(())
}

#[test]
fn a_sender_that_moves_repeats_or_drops_points_is_found() {
    let code = |change: fn(&mut Vec<[u8; 32]>)| with_reply(change).unwrap_err().code();
    assert!(with_reply(|_| ()).is_ok());
    // Every place is another's: a canary is among them for certain.
    assert_eq!(code(|points| points.rotate_left(1)), Code::CanaryMissing);
    assert_eq!(code(|points| points.reverse()), Code::CanaryMissing);
    // One point in place of another: found at a canary's place by that, elsewhere as repeated.
    let mut found = BTreeSet::new();
    for place in 1..104 {
        let error = with_reply(|points| points[place] = points[0]).unwrap_err();
        found.insert(error.code().as_str());
    }
    assert_eq!(found, BTreeSet::from(["canary_missing", "not_increasing"]));
    assert_eq!(code(|points| points.push([9; 32])), Code::WrongCount);
}
