//! Lists: the Receiver learns which of its own identifiers match, and detects a Sender that moves
//! points.

use crate::receipt::{OutputCommitment, output_commitment};
use std::collections::BTreeSet;
use std::sync::Arc;

use super::pair::{Ends, Frame, Pair, rows_frame};
use super::{
    Agreement, AskedMode, JobSpec, ListId, Party, Portable, Recipients, RowsHeader, Shape, Side,
    lists, tools,
};
use crate::error::{Code, Error};
use crate::identifier::{IdentifierKind, IdentityHasher};
use crate::kernel::Kernel;
use crate::kernel::counting::{Counting, Work};
use crate::messages::Control;
use crate::spec::{CollabId, RevisionHash};

pub(super) fn spec_of(
    requester: &Side,
    responder: &Side,
    recipients: Recipients,
) -> Result<JobSpec, Error> {
    let agreement = Agreement {
        collab_id: CollabId([1; 32]),
        revision: RevisionHash([5; 32]),
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
    start_with(requester, responder, Arc::new(Portable))
}

fn start_with(requester: &Side, responder: &Side, kernel: Arc<dyn Kernel>) -> Pair {
    let spec = spec_of(requester, responder, Recipients::Requester).unwrap();
    // A smaller list of the other side does not make it Receiver.
    assert_eq!(spec.receiver, Party::Requester);
    let lists = [
        lists(&spec, Party::Requester, requester),
        lists(&spec, Party::Responder, responder),
    ];
    Pair::start(&spec, lists, &tools(kernel), 1 << 16).unwrap()
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
        // The list is there only with the commitment to it, of which the other side gets no salt.
        assert!(matches!(
            asked.last[..],
            [Control::Output { salt: None, .. }]
        ));
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
    // Every point is at another's place: a canary is among them for certain.
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

/// Points that no honest Sender returns, under the header of R.
fn early_reply() -> Frame {
    let header = RowsHeader {
        list: ListId::Evaluated,
        match_index: 0,
        part: 0,
    };
    Frame::Rows(header, vec![9; 104 * 32])
}

#[test]
fn a_reply_before_key_and_tags_are_complete_is_refused_and_gives_no_list() {
    let side = Side::of(0..40, 40, 1);
    // The key, the tags in two frames, the reply.
    for delivered in 0..3 {
        let mut pair = start(&side, &side);
        let key = pair.responder.next_sent().unwrap();
        let tags = pair.responder.next_sent().unwrap();
        let (Frame::Rows(header, tags), _) = Frame::split(&tags).unwrap() else {
            panic!("tags follow the key");
        };
        assert_eq!(header.list, ListId::Tags);
        let half = tags[..tags.len() / 2].to_vec();
        let first = [Frame::split(&key).unwrap().0, Frame::Rows(header, half)];
        for frame in &first[..delivered] {
            pair.requester.take(frame).unwrap();
        }
        let error = pair.requester.take(&early_reply()).unwrap_err();
        assert_eq!(error.code(), Code::UnexpectedMessage, "after {delivered}");
        assert_eq!(pair.requester.awaits(), "broken");
    }
}

#[test]
fn a_requester_that_sends_its_output_before_the_reply_or_a_salt_with_it_is_refused() {
    let output = |salt| {
        Frame::Control(Control::Output {
            salt,
            output_commitment: OutputCommitment([7; 64]),
        })
    };
    let side = Side::of(0..40, 40, 1);
    let mut pair = start(&side, &side);
    let error = pair.responder.take(&output(None)).unwrap_err();
    assert_eq!(error.code(), Code::UnexpectedMessage);
    // With a salt the other side could try lists until one fits the commitment.
    let mut pair = start(&side, &side);
    while pair.deliver(Party::Requester).unwrap() {}
    assert_eq!(pair.responder.awaits(), "ExpectOutput");
    let error = pair
        .responder
        .take(&output(Some([1; 32].into())))
        .unwrap_err();
    assert_eq!(error.code(), Code::MalformedMessage);
}

/// What a list between tables of 500 and 700 registered identities does and sends: who sends what,
/// in which order, and of which length.
fn work(a: std::ops::Range<u32>, b: std::ops::Range<u32>) -> (Work, Vec<Sent>) {
    let kernel = Arc::new(Counting::new(Portable));
    let (one, other) = (Side::of(a, 500, 10), Side::of(b, 700, 10));
    let ends = start_with(&one, &other, Arc::clone(&kernel) as _).run();
    let frames = ends.unwrap().wire.into_iter().map(|(from, bytes)| {
        let list = Frame::split(&bytes).unwrap().0.list();
        (from, list, bytes.len())
    });
    (kernel.work(), frames.collect())
}

type Sent = (Party, Option<ListId>, usize);

#[test]
fn work_and_messages_are_the_same_for_no_match_some_and_all() {
    let (all, sent) = work(0..500, 0..700);
    // As for a count: N1 = 500 + 500 canaries, N2 = 700.
    assert_eq!(all.mapped, 500 + 700);
    assert_eq!(all.decoded, 2 * 1000);
    assert!(sent.iter().any(|of| of.1 == Some(ListId::Evaluated)));
    for (a, b) in [
        (0..500, 500..1200),
        (0..0, 0..0),
        (0..500, 0..0),
        (0..9, 0..9),
        (0..250, 240..900),
    ] {
        let case = format!("{a:?} and {b:?}");
        let (work, frames) = work(a, b);
        assert_eq!(work, all, "{case}");
        assert_eq!(frames.len(), sent.len(), "{case}");
        for (frame, of_all) in frames.iter().zip(&sent) {
            assert_eq!((frame.0, frame.1), (of_all.0, of_all.1), "{case}");
            // The code of sorted lists varies by a few bytes with its records, which are
            // pseudorandom whoever matches (Spec 06 §5).
            let coded = [Some(ListId::Blinded), Some(ListId::Tags)];
            let slack = if coded.contains(&frame.1) { 16 } else { 0 };
            assert!(
                frame.2.abs_diff(of_all.2) <= slack,
                "{case}: {frame:?}, {of_all:?}"
            );
        }
    }
}
