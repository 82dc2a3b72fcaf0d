//! Hostile peers within a transfer, as frames out of turn or of another shape. What each message of
//! a transfer can hold is attacked beside [`crate::ot`].

use super::sums::{is_commitment, is_counts, list, message};
use super::{Case, ListId, Victim};
use crate::error::Code;

const UNEXPECTED: Code = Code::UnexpectedMessage;
const MALFORMED: Code = Code::MalformedMessage;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = transfer_to_sender();
    cases.extend(transfer_to_receiver());
    cases
}

fn transfer_to_sender() -> Vec<Case> {
    let victim = Victim::SumSender;
    let (keys_at, keys) = list(victim, ListId::BaseKeys, 0, 0);
    let (columns_at, columns) = list(victim, ListId::Columns, 0, 0);
    let (check_at, check) = list(victim, ListId::ColumnCheck, 0, 0);
    let (_, counts) = message(victim, is_counts);
    let mut flipped = check.clone();
    flipped[100] ^= 1;
    let at_keys =
        |code, name, what| Case::new(victim, "ExpectBaseKeys", code, name, what).after(keys_at);
    let at_columns =
        |code, name, what| Case::new(victim, "ExpectColumns", code, name, what).after(columns_at);
    let at_check =
        |code, name, what| Case::new(victim, "ExpectCheck", code, name, what).after(check_at);
    vec![
        at_keys(MALFORMED, "base_keys_short", "One key of 128 is missing")
            .rows([6, 0, 0, 0], &keys[32..]),
        at_keys(
            UNEXPECTED,
            "base_keys_of_other_part",
            "The keys belong to a part, which a transfer has not",
        )
        .rows([6, 0, 0, 1], &keys),
        at_keys(
            UNEXPECTED,
            "columns_before_keys",
            "Columns come before the keys they are made with",
        )
        .rows([7, 0, 0, 0], &columns),
        at_keys(
            UNEXPECTED,
            "corrections_to_sender",
            "A Receiver sends what only a Sender sends",
        )
        .rows([9, 0, 0, 0], [0; 8]),
        at_columns(
            UNEXPECTED,
            "columns_of_other_match",
            "The columns are for a match that the job does not have",
        )
        .rows([7, 1, 0, 0], &columns),
        at_columns(
            MALFORMED,
            "columns_part_of_record",
            "A frame of columns that ends within a record",
        )
        .rows([7, 0, 0, 0], &columns[..100]),
        at_columns(
            Code::WrongCount,
            "columns_too_many",
            "One record of columns more than the transfer has",
        )
        .rows([7, 0, 0, 0], columns.repeat(3)),
        at_columns(
            UNEXPECTED,
            "check_before_columns",
            "The answer to the check comes before the columns it is about",
        )
        .rows([8, 0, 0, 0], &check),
        at_check(
            Code::TransferInconsistent,
            "check_does_not_hold",
            "One bit of the answer to the check is wrong",
        )
        .rows([8, 0, 0, 0], flipped),
        at_check(
            UNEXPECTED,
            "counts_before_check",
            "The opening begins before the transfer has ended",
        )
        .control(&counts),
        at_check(
            UNEXPECTED,
            "columns_after_last",
            "A frame of columns after the last one",
        )
        .rows([7, 0, 0, 0], columns),
    ]
}

fn transfer_to_receiver() -> Vec<Case> {
    let victim = Victim::SumReceiver;
    let (points_at, points) = list(victim, ListId::BasePoints, 0, 0);
    let (corrections_at, corrections) = list(victim, ListId::Corrections, 0, 0);
    let (_, commitment) = message(victim, is_commitment);
    let at_points =
        |code, name, what| Case::new(victim, "ExpectBasePoints", code, name, what).after(points_at);
    let at_corrections = |code, name, what| {
        Case::new(victim, "ExpectCorrections", code, name, what).after(corrections_at)
    };
    vec![
        at_points(
            MALFORMED,
            "base_points_short",
            "One point of 256 is missing",
        )
        .rows([5, 0, 0, 0], &points[32..]),
        at_points(
            UNEXPECTED,
            "corrections_before_points",
            "Corrections come before the transfer has begun",
        )
        .rows([9, 0, 0, 0], &corrections),
        at_corrections(
            MALFORMED,
            "corrections_part_of_row",
            "A frame of corrections that ends within a row",
        )
        .rows([9, 0, 0, 0], &corrections[..7]),
        at_corrections(
            Code::WrongCount,
            "corrections_too_many",
            "One row of corrections more than the transfer has",
        )
        .rows([9, 0, 0, 0], [corrections.as_slice(), &[0; 8]].concat()),
        at_corrections(
            UNEXPECTED,
            "corrections_of_other_part",
            "The corrections name a part: rows of all parts are one list",
        )
        .rows([9, 0, 0, 1], &corrections),
        at_corrections(
            UNEXPECTED,
            "commitment_before_corrections",
            "The opening begins before the transfer has ended",
        )
        .control(&commitment),
        at_corrections(
            UNEXPECTED,
            "base_points_again",
            "The points for the base transfers come a second time",
        )
        .rows([5, 0, 0, 0], points),
    ]
}
