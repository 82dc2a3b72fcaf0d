//! What a hostile Sender sends to a Receiver: key, tags, reply.

use super::to_sender::{NEGATIVE, NO_POINT, NON_CANONICAL};
use super::{
    Case, Honest, RECEIVER_SEED, Victim, honest, point_bits, point_code, stranger, tag_bits,
    tag_code, times, unended, with,
};
use crate::error::Code;
use crate::list::reference;
use crate::messages::Control;
use crate::seed::{JobSeed, Purpose};

fn first(code: Code, name: &'static str, what: &'static str) -> Case {
    Case::new(Victim::Receiver, "ExpectSenderKey", code, name, what)
}

/// A case that begins with an honest key.
fn tags(code: Code, name: &'static str, what: &'static str) -> Case {
    Case::new(Victim::Receiver, "ExpectTags", code, name, what).key(honest().key)
}

/// A case that begins with an honest key and honest tags.
fn reply(code: Code, name: &'static str, what: &'static str) -> Case {
    Case::new(Victim::Receiver, "ExpectEvaluated", code, name, what)
        .key(honest().key)
        .tags(&honest().tags)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = keys();
    cases.extend(tag_lists());
    cases.extend(reply_elements());
    cases.extend(reply_order());
    cases.extend(canaries());
    cases
}

fn keys() -> Vec<Case> {
    let honest = honest();
    let bad = Code::NonCanonicalElement;
    vec![
        first(
            Code::IdentityElement,
            "key_identity",
            "The key is the identity: every tag would be the same",
        )
        .key([0; 32]),
        first(
            bad,
            "key_non_canonical",
            "The key is encoded with a field element that is not reduced",
        )
        .key(NON_CANONICAL),
        first(
            bad,
            "key_negative",
            "The key is encoded with a negative field element",
        )
        .key(NEGATIVE),
        first(bad, "key_no_element", "The key is the encoding of no point").key(NO_POINT),
        first(
            Code::UnexpectedMessage,
            "key_of_other_match",
            "The key is for a match that the job does not have",
        )
        .control(&Control::SenderKey {
            match_index: 1,
            point: honest.key,
        }),
        tags(
            Code::UnexpectedMessage,
            "key_again",
            "The key comes a second time",
        )
        .key(honest.key),
        first(
            Code::UnexpectedMessage,
            "tags_before_key",
            "The tags come before the key",
        )
        .tags(&honest.tags),
        first(
            Code::UnexpectedMessage,
            "outcome_to_receiver",
            "A Sender sends the message that only a Receiver sends",
        )
        .control(&Control::Outcome(honest.outcome)),
        first(
            Code::UnexpectedMessage,
            "blinded_to_receiver",
            "A Sender sends back the list that it was sent",
        )
        .blinded(&honest.blinded),
    ]
}

fn tag_lists() -> Vec<Case> {
    let Honest {
        tags: all, reply, ..
    } = honest();
    let mut descending = all.clone();
    descending.swap(1, 2);
    let mut equal = all.clone();
    equal[1] = equal[2].clone();
    let mut more = all.clone();
    more.push(vec![0xff; all[0].len()]);
    let bytes = tag_code(all);
    let (cut_off, _) = bytes.split_at(bytes.len() - 1);
    // The codes of three tags, and a fourth that has no end.
    let mut endless = tag_bits(&all[..3]);
    endless.extend([false; 100]);
    vec![
        tags(
            Code::MalformedMessage,
            "tags_descending",
            "Two tags are swapped, and the gap below zero is taken modulo 2^56",
        )
        .tags(&descending),
        tags(
            Code::MalformedMessage,
            "tags_equal_neighbours",
            "Two equal tags, their gap of none less one taken modulo 2^56: one identity would count twice",
        )
        .tags(&equal),
        tags(
            Code::MalformedMessage,
            "tags_run_too_long",
            "The last tag begins with a run of zeros that no gap has",
        )
        .rows([2, 0, 0, 0], reference::pack(&endless)),
        tags(
            Code::WrongCount,
            "tags_one_too_many",
            "One tag more than the job specification says",
        )
        .tags(&more),
        tags(
            Code::UnexpectedMessage,
            "tags_one_missing",
            "One tag less than the job specification says: the reply follows where a tag is due",
        )
        .rows([2, 0, 0, 0], unended(&tag_bits(&all[1..])))
        .reply(reply),
        tags(
            Code::WrongCount,
            "tags_byte_after_last",
            "A byte of zeros follows the last tag",
        )
        .rows([2, 0, 0, 0], [bytes.as_slice(), &[0]].concat()),
        tags(
            Code::UnexpectedMessage,
            "tags_cut_off_within_record",
            "The list ends within a tag: the reply follows where the rest is due",
        )
        .rows([2, 0, 0, 0], cut_off)
        .reply(reply),
        tags(
            Code::UnexpectedMessage,
            "tags_of_other_match",
            "The tags are for a match that the job does not have",
        )
        .rows([2, 1, 0, 0], &bytes),
        tags(
            Code::UnexpectedMessage,
            "reply_before_tags",
            "The reply comes before the tags",
        )
        .reply(reply),
    ]
}

fn reply_elements() -> Vec<Case> {
    let honest = honest();
    let all = &honest.reply;
    // A point that is not a canary, so that the canary check finds nothing wrong.
    let place = all
        .iter()
        .rposition(|point| !honest.canaries.contains(point))
        .unwrap();
    vec![
        reply(
            Code::IdentityElement,
            "reply_identity_element",
            "The first point is the identity",
        )
        .reply(&with(all, place, [0; 32])),
        reply(
            Code::NonCanonicalElement,
            "reply_non_canonical_element",
            "One point is encoded with a field element that is not reduced",
        )
        .reply(&with(all, place, NON_CANONICAL)),
        reply(
            Code::NonCanonicalElement,
            "reply_negative_element",
            "One point is encoded with a negative field element",
        )
        .reply(&with(all, place, NEGATIVE)),
        reply(
            Code::NonCanonicalElement,
            "reply_no_element",
            "One record is the encoding of no point at all",
        )
        .reply(&with(all, place, NO_POINT)),
    ]
}

fn reply_order() -> Vec<Case> {
    let honest = honest();
    let all = &honest.reply;
    let mut descending = all.clone();
    descending.swap(40, 41);
    let more = [all.as_slice(), &[[0xff; 32]]].concat();
    let bytes = point_code(all);
    let ended = |name, what| {
        Case::new(
            Victim::Receiver,
            "ExpectEntry",
            Code::UnexpectedMessage,
            name,
            what,
        )
        .key(honest.key)
        .tags(&honest.tags)
        .reply(all)
    };
    vec![
        reply(
            Code::MalformedMessage,
            "reply_descending",
            "Two points are swapped, and the gap below zero is taken modulo 2^256",
        )
        .reply(&descending),
        reply(
            Code::MalformedMessage,
            "reply_equal_neighbours",
            "Two equal points, their gap of none less one taken modulo 2^256",
        )
        .reply(&with(all, 20, all[21])),
        reply(
            Code::WrongCount,
            "reply_one_too_many",
            "One point more than were sent",
        )
        .reply(&more),
        reply(
            Code::UnexpectedMessage,
            "reply_one_missing",
            "One point less than were sent: a control message follows where a point is due",
        )
        .rows([3, 0, 0, 0], unended(&point_bits(&all[1..])))
        .control(&Control::Countersign {
            signature: [0; 64].into(),
        }),
        reply(
            Code::UnexpectedMessage,
            "reply_cut_off_within_record",
            "The list ends within a point: a control message follows where the rest is due",
        )
        .rows([3, 0, 0, 0], &bytes[..bytes.len() - 1])
        .control(&Control::Countersign {
            signature: [0; 64].into(),
        }),
        reply(
            Code::WrongCount,
            "reply_byte_after_last",
            "A byte of zeros follows the last point",
        )
        .rows([3, 0, 0, 0], [bytes.as_slice(), &[0]].concat()),
        reply(
            Code::UnexpectedMessage,
            "reply_of_other_part",
            "The points belong to a part that the job does not have",
        )
        .rows([3, 0, 0, 1], &bytes),
        reply(
            Code::UnexpectedMessage,
            "tags_again",
            "The tags come a second time",
        )
        .tags(&honest.tags),
        reply(
            Code::UnexpectedMessage,
            "tags_within_reply",
            "A tag comes between two frames of the reply",
        )
        .rows([3, 0, 0, 0], &bytes[..900])
        .tags(&honest.tags[..1]),
        ended("reply_again", "The reply comes a second time").reply(all),
        ended(
            "key_after_reply",
            "The key comes a second time, after the match",
        )
        .key(honest.key),
    ]
}

fn canaries() -> Vec<Case> {
    let honest = honest();
    let all = &honest.reply;
    let place_of = |canary| all.iter().position(|point| point == canary).unwrap();
    let mut sorted = honest.canaries.clone();
    sorted.sort_unstable();
    let (smallest, largest) = (sorted[0], sorted[sorted.len() - 1]);
    let other = JobSeed::new(RECEIVER_SEED)
        .stream(Purpose::SenderScalar, 9, 9)
        .scalar();
    let mut all_reweighted = times(&honest.blinded, &other);
    all_reweighted.sort_unstable();
    let missing = |name, what| reply(Code::CanaryMissing, name, what);
    vec![
        missing(
            "reply_dropped_canary",
            "One point, a canary, was dropped and replaced by another",
        )
        .reply(&with(all, place_of(&honest.canaries[7]), stranger(7))),
        missing(
            "reply_dropped_smallest_canary",
            "The smallest canary was replaced by another point",
        )
        .reply(&with(all, place_of(&smallest), stranger(8))),
        missing(
            "reply_dropped_largest_canary",
            "The largest canary was replaced by another point",
        )
        .reply(&with(all, place_of(&largest), stranger(9))),
        missing(
            "reply_reweighted_canary",
            "One point, a canary, was raised to another scalar",
        )
        .reply(&with(
            all,
            place_of(&honest.canaries[7]),
            times(&honest.canaries[7..8], &other)[0],
        )),
        missing(
            "reply_reweighted_list",
            "All points were raised to another scalar than the key's",
        )
        .reply(&all_reweighted),
        missing(
            "reply_of_blinded_list",
            "The blinded list itself comes back",
        )
        .reply(&honest.blinded),
        missing(
            "reply_of_strangers",
            "As many points as were sent, none of which has to do with them",
        )
        .reply(&{
            let mut points: Vec<_> = (0..all.len() as u64).map(stranger).collect();
            points.sort_unstable();
            points
        }),
    ]
}
