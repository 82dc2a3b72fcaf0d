//! Hostile peers of jobs with parts, sums and two matches: the lists and the opening. An honest
//! peer brings the victim to the state that matters; the file holds what comes then.

use super::super::pair::Frame;
use super::{Case, ListId, Victim};
use crate::error::Code;
use crate::messages::frame::RowsHeader;
use crate::messages::{Control, Outcome, PartCount};
use crate::receipt::OutputCommitment;

const UNEXPECTED: Code = Code::UnexpectedMessage;
const MALFORMED: Code = Code::MalformedMessage;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = parts();
    cases.extend(replies());
    cases.extend(counts());
    cases.extend(shares());
    cases.extend(outputs());
    cases.extend(two_matches());
    cases
}

/// The index of an honest peer's first frame of a list, and what the frame holds.
pub(super) fn list(victim: Victim, list: ListId, match_index: u8, part: u16) -> (usize, Vec<u8>) {
    let wanted = RowsHeader {
        list,
        match_index,
        part,
    };
    let frames = victim.honest_frames().iter();
    let found =
        frames
            .enumerate()
            .find_map(|(place, bytes)| match Frame::split(bytes).unwrap().0 {
                Frame::Rows(header, bytes) if header == wanted => Some((place, bytes)),
                _ => None,
            });
    found.unwrap()
}

/// The index of an honest peer's first message that `is` the wanted one, and the message.
pub(super) fn message(victim: Victim, is: impl Fn(&Control) -> bool) -> (usize, Control) {
    let frames = victim.honest_frames().iter();
    let found =
        frames
            .enumerate()
            .find_map(|(place, bytes)| match Frame::split(bytes).unwrap().0 {
                Frame::Control(message) if is(&message) => Some((place, message)),
                _ => None,
            });
    found.unwrap()
}

pub(super) const fn is_counts(message: &Control) -> bool {
    matches!(message, Control::PartCounts { .. })
}

pub(super) const fn is_commitment(message: &Control) -> bool {
    matches!(message, Control::ShareCommitment { .. })
}

const fn is_share(message: &Control) -> bool {
    matches!(message, Control::Share { .. })
}

const fn is_total(message: &Control) -> bool {
    matches!(message, Control::MatchTotal { .. })
}

const fn is_output(message: &Control) -> bool {
    matches!(message, Control::Output { .. })
}

/// The bytes of a share.
fn share_of(message: &Control) -> (u8, Vec<u8>) {
    let Control::Share { match_index, share } = message else {
        panic!("not a share");
    };
    (*match_index, share.clone())
}

fn parts() -> Vec<Case> {
    let victim = Victim::SumSender;
    let bad = |name, what| Case::new(victim, "ExpectBlinded", UNEXPECTED, name, what);
    let (_, first) = list(victim, ListId::Blinded, 0, 0);
    let (second_at, second) = list(victim, ListId::Blinded, 0, 1);
    let (keys_at, keys) = list(victim, ListId::BaseKeys, 0, 0);
    vec![
        bad("parts_swapped", "The second part comes before the first").rows([1, 0, 0, 1], &second),
        bad(
            "parts_one_missing",
            "The transfer begins where the second part is due",
        )
        .after(second_at)
        .rows([6, 0, 0, 0], &keys),
        bad("parts_first_again", "The first part comes a second time")
            .after(second_at)
            .rows([1, 0, 0, 0], &first),
        Case::new(
            victim,
            "ExpectBaseKeys",
            UNEXPECTED,
            "parts_one_too_many",
            "A third part, of which there are two",
        )
        .after(keys_at)
        .rows([1, 0, 0, 2], &second),
        Case::new(
            victim,
            "ExpectBlinded",
            UNEXPECTED,
            "parts_mixed",
            "The second part begins before the first one ends",
        )
        .rows([1, 0, 0, 0], &first[..first.len() / 2])
        .rows([1, 0, 0, 1], &second),
    ]
}

fn replies() -> Vec<Case> {
    let victim = Victim::SumReceiver;
    let (first_at, first) = list(victim, ListId::Evaluated, 0, 0);
    let (second_at, second) = list(victim, ListId::Evaluated, 0, 1);
    let (_, points) = list(victim, ListId::BasePoints, 0, 0);
    let bad = |code, name, what| Case::new(victim, "ExpectEvaluated", code, name, what);
    vec![
        bad(
            UNEXPECTED,
            "reply_parts_swapped",
            "The reply to the second part comes before that to the first",
        )
        .after(first_at)
        .rows([3, 0, 0, 1], &second),
        bad(
            UNEXPECTED,
            "reply_part_missing",
            "The transfer begins where the reply to the second part is due",
        )
        .after(second_at)
        .rows([5, 0, 0, 0], points),
        bad(
            Code::CanaryMissing,
            "reply_part_repeated",
            "The reply to the first part comes again as that to the second",
        )
        .after(second_at)
        .rows([3, 0, 0, 1], &first),
        bad(
            Code::CanaryMissing,
            "reply_parts_exchanged",
            "Each part is answered with the reply to the other: noticed at the very end",
        )
        .after(first_at)
        .rows([3, 0, 0, 0], second)
        .rows([3, 0, 0, 1], first),
    ]
}

fn counts() -> Vec<Case> {
    let victim = Victim::SumSender;
    let (at, _) = message(victim, is_counts);
    let bad = |code, name, what, match_index, parts: &[(bool, u64)]| {
        let part = |(released, count): &(bool, u64)| PartCount {
            released: *released,
            count: *count,
        };
        Case::new(victim, "ExpectPartCounts", code, name, what)
            .after(at)
            .control(&Control::PartCounts {
                match_index,
                parts: parts.iter().map(part).collect(),
            })
    };
    let (_, share) = message(victim, is_share);
    let (_, commitment) = message(victim, is_commitment);
    let due = |name, what| Case::new(victim, "ExpectPartCounts", UNEXPECTED, name, what).after(at);
    vec![
        bad(
            MALFORMED,
            "counts_one_missing",
            "Counts of one part, where there are two",
            0,
            &[(true, 2)],
        ),
        bad(
            MALFORMED,
            "counts_one_too_many",
            "Counts of three parts, where there are two",
            0,
            &[(false, 0), (true, 2), (true, 2)],
        ),
        bad(
            MALFORMED,
            "counts_below_minimum",
            "A count of 1 is shown where the minimum is 2",
            0,
            &[(true, 1), (true, 2)],
        ),
        bad(
            MALFORMED,
            "counts_above_size",
            "A count of 5 is shown where the part has 4 identities",
            0,
            &[(false, 0), (true, 5)],
        ),
        bad(
            MALFORMED,
            "counts_beside_suppressed",
            "A suppressed part that tells its count",
            0,
            &[(false, 1), (true, 2)],
        ),
        bad(
            UNEXPECTED,
            "counts_of_other_match",
            "Counts of a match that the job does not have",
            1,
            &[(false, 0), (true, 2)],
        ),
        due(
            "commitment_before_counts",
            "A share is committed to before it is known which parts are suppressed",
        )
        .control(&commitment),
        due("share_before_counts", "A share comes before the counts").control(&share),
        due(
            "total_in_one_match",
            "A total, which only a job of two matches has",
        )
        .control(&Control::MatchTotal {
            match_index: 0,
            count: 3,
        }),
        due(
            "outcome_in_job_with_sums",
            "The message that ends a single count",
        )
        .control(&Control::Outcome(Outcome {
            opening: None,
            output_commitment: OutputCommitment([0; 64]),
        })),
    ]
}

fn shares() -> Vec<Case> {
    let victim = Victim::SumSender;
    let (commitment_at, commitment) = message(victim, is_commitment);
    let (share_at, share) = message(victim, is_share);
    let (_, opened) = share_of(&share);
    let mut cases = vec![
        Case::new(
            victim,
            "ExpectShareCommitment",
            UNEXPECTED,
            "share_before_commitment",
            "A share comes before its commitment",
        )
        .after(commitment_at)
        .control(&share),
        Case::new(
            victim,
            "ExpectOpenedShare",
            UNEXPECTED,
            "commitment_again",
            "A share is committed to a second time",
        )
        .after(share_at)
        .control(&commitment),
    ];
    let defect = |name, what, share: Vec<u8>| {
        Case::new(victim, "ExpectOpenedShare", MALFORMED, name, what)
            .after(share_at)
            .control(&Control::Share {
                match_index: 0,
                share,
            })
    };
    let flip = |place: usize| {
        let mut share = opened.clone();
        share[place] ^= 1;
        share
    };
    cases.extend([
        defect(
            "opened_share_short",
            "One sum of two is missing",
            opened[..opened.len() - 8].to_vec(),
        ),
        defect(
            "opened_share_long",
            "One byte more than the sums take",
            [opened.as_slice(), &[0]].concat(),
        ),
        defect("opened_share_empty", "Not even a salt", Vec::new()),
        defect(
            "opened_share_changed",
            "Another share than the one committed to",
            flip(opened.len() - 1),
        ),
        defect(
            "opened_share_salt_changed",
            "Another salt than the one committed with",
            flip(0),
        ),
    ]);
    cases.extend(shares_to_one());
    cases
}

fn shares_to_one() -> Vec<Case> {
    let owner = Victim::SumOwner;
    let (at, share) = message(owner, is_share);
    let (_, bytes) = share_of(&share);
    let case = |code, name, what| Case::new(owner, "ExpectShare", code, name, what).after(at);
    let of = |match_index, share| Control::Share { match_index, share };
    vec![
        case(MALFORMED, "share_short", "One sum of two is missing")
            .control(&of(0, bytes[8..].into())),
        case(
            MALFORMED,
            "share_with_salt",
            "A salt precedes a share that was not committed to",
        )
        .control(&of(0, [[0; 32].as_slice(), &bytes].concat())),
        case(
            UNEXPECTED,
            "share_of_other_match",
            "The share of a match that the job does not have",
        )
        .control(&of(1, bytes)),
        case(
            UNEXPECTED,
            "commitment_to_one",
            "A commitment where there is one recipient and the share is due",
        )
        .control(&Control::ShareCommitment {
            match_index: 0,
            commitment: [0; 64],
        }),
        case(
            UNEXPECTED,
            "rows_in_opening",
            "Corrections come again, in the midst of the opening",
        )
        .rows([9, 0, 0, 0], [0; 8]),
        Case::new(
            Victim::SumReceiver,
            "ExpectShareCommitment",
            UNEXPECTED,
            "counts_to_receiver",
            "A Sender tells the Receiver its counts",
        )
        .after(message(Victim::SumReceiver, is_commitment).0)
        .control(&Control::PartCounts {
            match_index: 0,
            parts: Vec::new(),
        }),
        Case::new(
            Victim::SumReceiver,
            "ExpectEntry",
            UNEXPECTED,
            "output_to_requester",
            "A responder commits to the output, which the requester does",
        )
        .after(Victim::SumReceiver.honest_frames().len())
        .control(&Control::Output {
            salt: None,
            output_commitment: OutputCommitment([0; 64]),
        }),
    ]
}

fn outputs() -> Vec<Case> {
    let victim = Victim::CountSender;
    let (at, honest) = message(victim, is_output);
    let Control::Output {
        salt,
        output_commitment,
    } = honest
    else {
        panic!("not an output");
    };
    let bad = |name, what, salt, output_commitment| {
        Case::new(victim, "ExpectOutput", MALFORMED, name, what)
            .after(at)
            .control(&Control::Output {
                salt,
                output_commitment,
            })
    };
    let mut other = output_commitment;
    other.0[63] ^= 1;
    let salted = salt.map(|mut salt| {
        salt.0[0] ^= 1;
        salt
    });
    vec![
        bad(
            "output_without_salt",
            "A recipient is not told the salt",
            None,
            output_commitment,
        ),
        bad(
            "output_commitment_wrong",
            "The commitment is not one to the cells",
            salt,
            other,
        ),
        bad(
            "output_salt_wrong",
            "The salt is not the commitment's",
            salted,
            output_commitment,
        ),
        Case::new(
            victim,
            "ExpectPartCounts",
            UNEXPECTED,
            "output_before_counts",
            "The output is committed to before the other side holds it",
        )
        .after(message(victim, is_counts).0)
        .control(&honest),
        Case::new(
            Victim::SumReceiver,
            "ExpectSenderKey",
            UNEXPECTED,
            "share_before_match",
            "A share comes before anything else",
        )
        .control(&message(Victim::SumReceiver, is_share).1),
    ]
}

fn two_matches() -> Vec<Case> {
    let victim = Victim::TwiceRequester;
    let (total_at, _) = message(victim, is_total);
    let (second_at, second) = list(victim, ListId::Blinded, 1, 0);
    let (_, share) = message(victim, is_share);
    let total = |code, name, what, match_index, count| {
        Case::new(victim, "ExpectMatchTotal", code, name, what)
            .after(total_at)
            .control(&Control::MatchTotal { match_index, count })
    };
    let answered = Victim::TwiceResponder;
    let is_second_key =
        |message: &Control| matches!(message, Control::SenderKey { match_index: 1, .. });
    let (key_at, key) = message(answered, is_second_key);
    let Control::SenderKey { point, .. } = key else {
        panic!("not a key");
    };
    let (check_at, _) = list(answered, ListId::ColumnCheck, 0, 0);
    vec![
        total(
            Code::TotalsDiffer,
            "totals_differ",
            "The second match counts one identity less than the first",
            1,
            2,
        ),
        total(
            UNEXPECTED,
            "total_of_own_match",
            "The total of the match in which the other side is Receiver",
            0,
            3,
        ),
        Case::new(
            victim,
            "ExpectMatchTotal",
            UNEXPECTED,
            "share_before_total",
            "A share comes before the totals are known to agree",
        )
        .after(total_at)
        .control(&share),
        Case::new(
            victim,
            "ExpectBlinded",
            UNEXPECTED,
            "second_match_as_first",
            "The list of the second match comes under the number of the first",
        )
        .after(second_at)
        .rows([1, 0, 0, 0], second),
        Case::new(
            answered,
            "ExpectSenderKey",
            UNEXPECTED,
            "second_key_as_first",
            "The key of the second match comes under the number of the first",
        )
        .after(key_at)
        .control(&Control::SenderKey {
            match_index: 0,
            point,
        }),
        Case::new(
            answered,
            "ExpectCheck",
            UNEXPECTED,
            "second_match_within_first",
            "The second match begins before the first is done",
        )
        .after(check_at)
        .control(&Control::SenderKey {
            match_index: 1,
            point,
        }),
    ]
}
