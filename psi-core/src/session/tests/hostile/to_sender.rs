//! What a hostile Receiver sends to a Sender: the blinded list and the outcome.

use super::{Case, Victim, honest, stranger, with};
use crate::error::Code;
use crate::messages::{Control, Opening, Outcome};
use crate::receipt::output_commitment;

fn blinded(code: Code, name: &'static str, what: &'static str) -> Case {
    Case::new(Victim::Sender, "ExpectBlinded", code, name, what)
}

/// A case that begins with an honest blinded list.
fn after(victim: Victim, code: Code, name: &'static str, what: &'static str) -> Case {
    Case::new(victim, "ExpectOutcome", code, name, what).blinded(&honest().blinded)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = elements();
    cases.extend(counts_and_order());
    cases.extend(sequence());
    cases.extend(outcomes());
    cases
}

/// RFC 9496, Appendix A.3: encodings that are none.
pub(super) const NON_CANONICAL: [u8; 32] = {
    // The field's prime, 2^255 - 19: another encoding of zero.
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};
pub(super) const NEGATIVE: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
};
pub(super) const NO_POINT: [u8; 32] = [
    0x26, 0x94, 0x8d, 0x35, 0xca, 0x62, 0xe6, 0x43, 0xe2, 0x6a, 0x83, 0x17, 0x73, 0x32, 0xe6, 0xb6,
    0xaf, 0xeb, 0x9d, 0x08, 0xe4, 0x26, 0x8b, 0x65, 0x0f, 0x1f, 0x5b, 0xbd, 0x8d, 0x81, 0xd3, 0x71,
];

fn elements() -> Vec<Case> {
    let all = &honest().blinded;
    let bad = Code::NonCanonicalElement;
    vec![
        blinded(
            Code::IdentityElement,
            "blinded_identity_element",
            "The first point is the identity, whose multiple tells nothing but is no blinded identifier",
        )
        .blinded(&with(all, 0, [0; 32])),
        blinded(
            bad,
            "blinded_non_canonical_element",
            "One point is encoded with a field element that is not reduced",
        )
        .blinded(&with(all, 30, NON_CANONICAL)),
        blinded(
            bad,
            "blinded_negative_element",
            "One point is encoded with a negative field element",
        )
        .blinded(&with(all, 30, NEGATIVE)),
        blinded(
            bad,
            "blinded_no_element",
            "One record is the encoding of no point at all",
        )
        .blinded(&with(all, 30, NO_POINT)),
        blinded(
            bad,
            "blinded_last_element_all_ones",
            "All is well but the very last point",
        )
        .blinded(&with(all, all.len() - 1, [0xff; 32])),
    ]
}

fn counts_and_order() -> Vec<Case> {
    let all = &honest().blinded;
    let more = [all.as_slice(), &[stranger(1)]].concat();
    let equal = with(all, 20, all[21]);
    let mut descending = all.clone();
    descending.swap(40, 41);
    let mut reversed = all.clone();
    reversed.reverse();
    let mut part = all.as_flattened().to_vec();
    part.push(0);
    let order = Code::NotIncreasing;
    vec![
        blinded(
            Code::WrongCount,
            "blinded_one_too_many",
            "One point more than the job specification says, in the same frame",
        )
        .blinded(&more),
        after(
            Victim::Sender,
            Code::UnexpectedMessage,
            "blinded_one_frame_too_many",
            "The list is complete, and another frame of it follows",
        )
        .blinded(&[stranger(1)]),
        blinded(
            Code::UnexpectedMessage,
            "blinded_one_missing",
            "One point less than the job specification says: the outcome follows where a point is due",
        )
        .blinded(&all[1..])
        .control(&Control::Outcome(honest().outcome)),
        blinded(order, "blinded_equal_neighbours", "Two equal points").blinded(&equal),
        blinded(order, "blinded_descending", "Two points are swapped").blinded(&descending),
        blinded(
            order,
            "blinded_descending_between_frames",
            "Each frame ascends, the list does not",
        )
        .blinded(&all[30..])
        .blinded(&all[..30]),
        blinded(
            order,
            "blinded_equal_between_frames",
            "The second frame begins with the last point of the first",
        )
        .blinded(&all[..30])
        .blinded(&all[29..all.len() - 1]),
        blinded(order, "blinded_reversed", "The whole list descends").blinded(&reversed),
        blinded(
            Code::MalformedMessage,
            "blinded_not_whole_records",
            "The list ends within a record",
        )
        .rows([1, 0, 0, 0], &part),
    ]
}

fn sequence() -> Vec<Case> {
    let honest = honest();
    let all = &honest.blinded;
    let early = Code::UnexpectedMessage;
    vec![
        blinded(
            early,
            "outcome_before_blinded",
            "The outcome comes before the blinded list",
        )
        .control(&Control::Outcome(honest.outcome)),
        blinded(
            early,
            "outcome_within_blinded",
            "The outcome comes before the blinded list is complete",
        )
        .blinded(&all[..40])
        .control(&Control::Outcome(honest.outcome)),
        blinded(
            early,
            "key_to_sender",
            "A Receiver sends the message that only a Sender sends",
        )
        .key(honest.key),
        blinded(
            early,
            "tags_to_sender",
            "A Receiver sends the list that only a Sender sends",
        )
        .tags(&honest.tags),
        blinded(
            early,
            "rows_of_other_part",
            "The points belong to a part that the job does not have",
        )
        .rows([1, 0, 0, 1], all.as_flattened()),
        blinded(
            early,
            "rows_of_other_match",
            "The points belong to a match that the job does not have",
        )
        .rows([1, 1, 0, 0], all.as_flattened()),
        blinded(
            early,
            "rows_of_other_part_within_list",
            "The list changes its part between two frames",
        )
        .blinded(&all[..30])
        .rows([1, 0, 1, 0], all[30..].as_flattened()),
        after(
            Victim::Sender,
            early,
            "blinded_again",
            "The whole list comes a second time",
        )
        .blinded(all),
        after(
            Victim::Sender,
            early,
            "commitment_where_outcome_is_due",
            "A control message of an earlier step",
        )
        .control(&Control::Commitment([0; 64])),
        Case::new(
            Victim::Sender,
            "ExpectEntry",
            early,
            "outcome_again",
            "The outcome comes a second time",
        )
        .blinded(all)
        .control(&Control::Outcome(honest.outcome))
        .control(&Control::Outcome(honest.outcome)),
    ]
}

/// An outcome whose commitment fits its opening.
fn outcome(released: bool, count: u64) -> Control {
    let salt = [9; 32];
    Control::Outcome(Outcome {
        opening: Some(Opening {
            released,
            count,
            salt,
        }),
        output_commitment: output_commitment(&salt, &[released.then_some(count)]),
    })
}

fn outcomes() -> Vec<Case> {
    let honest = honest().outcome;
    let bad = |name, what| after(Victim::Sender, Code::MalformedMessage, name, what);
    let mut wrong_commitment = honest;
    wrong_commitment.output_commitment[0] ^= 1;
    let mut wrong_salt = honest;
    if let Some(opening) = &mut wrong_salt.opening {
        opening.salt[31] ^= 1;
    }
    vec![
        bad(
            "outcome_below_minimum_released",
            "A count of 1 is shown where the minimum is 2",
        )
        .control(&outcome(true, 1)),
        bad(
            "outcome_above_sizes_released",
            "A count of 5 is shown where both lists have 4 identities",
        )
        .control(&outcome(true, 5)),
        bad(
            "outcome_count_beside_suppressed",
            "A suppressed result that tells its count",
        )
        .control(&outcome(false, 1)),
        bad(
            "outcome_commitment_wrong",
            "The commitment is not one to the opening",
        )
        .control(&Control::Outcome(wrong_commitment)),
        bad("outcome_salt_wrong", "The salt is not the commitment's")
            .control(&Control::Outcome(wrong_salt)),
        bad(
            "outcome_without_opening",
            "A recipient is not told the result",
        )
        .control(&Control::Outcome(Outcome {
            opening: None,
            ..honest
        })),
        after(
            Victim::SenderWithoutResult,
            Code::MalformedMessage,
            "outcome_opening_for_no_recipient",
            "A side that is no recipient is told the result",
        )
        .control(&Control::Outcome(honest)),
    ]
}
