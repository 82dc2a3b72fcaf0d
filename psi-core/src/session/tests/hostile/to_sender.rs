//! What a hostile Receiver sends to a Sender: the blinded list and the outcome.

use super::{Case, Victim, honest, point_bits, point_code, stranger, unended, with};
use crate::dp::Amount;
use crate::error::Code;
use crate::list::reference;
use crate::messages::{Control, Opening, Outcome};
use crate::receipt::{OutputSalt, output_commitment};

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
    cases.extend(codes());
    cases.extend(sequence());
    cases.extend(outcomes());
    cases
}

/// RFC 9496, Appendix A.3: invalid encodings.
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
            "The first point is the identity, whose multiple reveals nothing but is not a blinded identifier",
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
    let order = Code::MalformedMessage;
    let bytes = point_code(all);
    let two_frames = |case: Case, front: &[[u8; 32]], back: &[[u8; 32]]| {
        let bytes = point_code(&[front, back].concat());
        let (front, back) = bytes.split_at(point_bits(front).len() / 8);
        case.rows([1, 0, 0, 0], front).rows([1, 0, 0, 0], back)
    };
    vec![
        blinded(
            Code::WrongCount,
            "blinded_one_too_many",
            "One point more than the job specification says, in the same stream of bits",
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
        .rows([1, 0, 0, 0], unended(&point_bits(&all[1..])))
        .control(&Control::Outcome(honest().outcome)),
        blinded(
            order,
            "blinded_equal_neighbours",
            "Two equal points, their gap of none less one taken modulo 2^256",
        )
        .blinded(&equal),
        blinded(
            order,
            "blinded_descending",
            "Two points are swapped, and the gap below zero is taken modulo 2^256",
        )
        .blinded(&descending),
        two_frames(
            blinded(
                order,
                "blinded_descending_between_frames",
                "Each frame ascends, the list does not, and the gap below zero is taken modulo 2^256",
            ),
            &all[30..],
            &all[..30],
        ),
        two_frames(
            blinded(
                order,
                "blinded_equal_between_frames",
                "The second frame begins with the last point of the first, by a gap modulo 2^256",
            ),
            &all[..30],
            &all[29..all.len() - 1],
        ),
        blinded(
            order,
            "blinded_reversed",
            "The whole list descends, by gaps modulo 2^256",
        )
        .blinded(&reversed),
        blinded(
            Code::UnexpectedMessage,
            "blinded_cut_off_within_record",
            "The list ends within a point: the outcome follows where the rest is due",
        )
        .rows([1, 0, 0, 0], &bytes[..bytes.len() - 1])
        .control(&Control::Outcome(honest().outcome)),
        blinded(
            Code::WrongCount,
            "blinded_byte_after_last",
            "A byte of zeros follows the last point",
        )
        .rows([1, 0, 0, 0], [bytes.as_slice(), &[0]].concat()),
    ]
}

/// Bits that an encoder never writes.
fn codes() -> Vec<Case> {
    let all = &honest().blinded;
    let (last, others) = all.split_last().unwrap();
    let bad = |name, what| blinded(Code::MalformedMessage, name, what);
    let bits = point_bits(all);
    let mut padded = reference::pack(&bits);
    assert!(!bits.len().is_multiple_of(8), "no bit of the code is spare");
    *padded.last_mut().unwrap() |= 1;
    let early = point_bits(&all[..30]);
    let run = |zeros: usize| [early.as_slice(), &vec![false; zeros]].concat();
    // The last point, with as many zeros as its greatest possible gap begins with, and one more.
    let mut beyond = point_bits(others);
    let greatest = point_bits(&[others, &[[0xff; 32]]].concat());
    let zeros = greatest[beyond.len()..]
        .iter()
        .position(|bit| *bit)
        .unwrap();
    beyond.extend(vec![false; zeros + 1]);
    beyond.push(true);
    let remainder = reference::parameter(32, all.len() as u64);
    beyond.extend(&point_bits(&[*last])[..remainder]);
    vec![
        bad(
            "blinded_spare_bits_not_zero",
            "All is well except for a bit after the last point",
        )
        .rows([1, 0, 0, 0], &padded),
        bad(
            "blinded_run_too_long",
            "In the middle of the list, a run of zeros longer than all gaps together can have",
        )
        .rows([1, 0, 0, 0], reference::pack(&run(128))),
        bad(
            "blinded_run_without_end",
            "Nothing but zeros after some points, for two frames",
        )
        .rows([1, 0, 0, 0], reference::pack(&run(40)))
        .rows([1, 0, 0, 0], [0; 600]),
        bad(
            "blinded_quotient_beyond_range",
            "The unary part of the last point is one longer than the greatest record allows",
        )
        .rows([1, 0, 0, 0], reference::pack(&beyond)),
        bad(
            "blinded_gap_beyond_range",
            "The last point is one beyond the greatest record; its unary part is possible",
        )
        .blinded(&[others, &[[0; 32]]].concat()),
        bad(
            "blinded_no_room_for_the_rest",
            "The first point is the greatest record, and others are to follow",
        )
        .blinded(&[[0xff; 32]]),
    ]
}

fn sequence() -> Vec<Case> {
    let honest = honest();
    let all = &honest.blinded;
    let bytes = point_code(all);
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
        .rows([1, 0, 0, 0], &bytes[..1200])
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
        .rows([1, 0, 0, 1], &bytes),
        blinded(
            early,
            "rows_of_other_match",
            "The points belong to a match that the job does not have",
        )
        .rows([1, 1, 0, 0], &bytes),
        blinded(
            early,
            "rows_of_other_part_within_list",
            "The list changes its part between two frames",
        )
        .rows([1, 0, 0, 0], &bytes[..900])
        .rows([1, 0, 1, 0], &bytes[900..]),
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
        .control(&Control::Commitment {
            commitment: [0; 64].into(),
            policy: [0; 64].into(),
            charge: Amount::default(),
        }),
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
    let salt = OutputSalt([9; 32]);
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
    wrong_commitment.output_commitment.0[0] ^= 1;
    let mut wrong_salt = honest;
    if let Some(opening) = &mut wrong_salt.opening {
        opening.salt.0[31] ^= 1;
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
            "A side that is not a recipient is told the result",
        )
        .control(&Control::Outcome(honest)),
    ]
}
