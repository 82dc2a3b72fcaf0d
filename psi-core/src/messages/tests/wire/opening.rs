//! The messages by which sums, groups and two matches are opened.

use super::Fields;
use crate::messages::{Control, PartCount};
use crate::receipt::OutputCommitment;

pub(super) fn messages() -> Vec<(&'static str, Control, Fields)> {
    let commitment = [0x62; 64];
    vec![
        (
            "match_total",
            Control::MatchTotal {
                match_index: 1,
                count: 318,
            },
            Fields::message(14, "MatchTotal")
                .add("match_index: u8 = 1", [1])
                .u64("count", 318),
        ),
        (
            "part_counts",
            Control::PartCounts {
                match_index: 0,
                parts: vec![part(true, 318), part(false, 0)],
            },
            Fields::message(15, "PartCounts")
                .add("match_index: u8 = 0", [0])
                .u64("parts: count", 2)
                .bool("parts.released", true)
                .u64("parts.count", 318)
                .bool("parts.released", false)
                .u64("parts.count", 0),
        ),
        (
            "share_commitment",
            Control::ShareCommitment {
                match_index: 0,
                commitment: [0x61; 64],
            },
            Fields::message(16, "ShareCommitment")
                .add("match_index: u8 = 0", [0])
                .bytes("commitment", [0x61; 64]),
        ),
        (
            "share",
            Control::Share {
                match_index: 0,
                share: [[0x11; 8], [0x12; 8]].concat(),
            },
            Fields::message(17, "Share")
                .add("match_index: u8 = 0", [0])
                .u64("share: bytes", 16)
                .bytes("share of the first sum", [0x11; 8])
                .bytes("share of the second sum", [0x12; 8]),
        ),
        (
            "share_opened",
            Control::Share {
                match_index: 1,
                share: [[0x71; 32].as_slice(), &[0x11; 8]].concat(),
            },
            Fields::message(17, "Share")
                .add("match_index: u8 = 1", [1])
                .u64("share: bytes", 40)
                .bytes("salt", [0x71; 32])
                .bytes("share of the only sum", [0x11; 8]),
        ),
        (
            "output_to_both",
            Control::Output {
                salt: Some([0x71; 32].into()),
                output_commitment: OutputCommitment(commitment),
            },
            Fields::message(18, "Output")
                .some("salt")
                .bytes("salt", [0x71; 32])
                .bytes("output_commitment", commitment),
        ),
        (
            "output_to_one",
            Control::Output {
                salt: None,
                output_commitment: OutputCommitment(commitment),
            },
            Fields::message(18, "Output")
                .none("salt")
                .bytes("output_commitment", commitment),
        ),
    ]
}

const fn part(released: bool, count: u64) -> PartCount {
    PartCount { released, count }
}
