//! Bytes that do not form a frame, or a frame that holds no message.

use super::{Case, Victim, honest};
use crate::error::Code;
use crate::limits;
use crate::messages::{Control, EntryMessage, SettleState, codec};
use crate::spec::CollabId;

fn bad(name: &'static str, what: &'static str) -> Case {
    let (state, code) = ("ExpectBlinded", Code::MalformedMessage);
    Case::new(Victim::Sender, state, code, name, what)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = frames();
    cases.extend(rows());
    cases.extend(control());
    cases.extend(counts());
    cases
}

fn header(kind: u8, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap().to_be_bytes();
    [&[kind], length.as_slice()].concat()
}

fn frames() -> Vec<Case> {
    vec![
        bad("frame_unknown_kind", "A frame of kind 3").frame(3, "body", &[0]),
        bad("frame_kind_zero", "A frame of kind 0").frame(0, "body", &[0]),
        bad("frame_empty", "A control frame without a body").raw("frame", header(1, 0)),
        bad("frame_rows_empty", "A rows frame without a body").raw("frame", header(2, 0)),
        bad(
            "frame_oversized_length",
            "A control frame that claims 4 GiB; none of it follows",
        )
        .raw("frame", [1, 0xff, 0xff, 0xff, 0xff]),
        bad(
            "frame_control_one_byte_too_long",
            "A control frame that claims one byte more than the limit",
        )
        .raw("frame", header(1, limits::CONTROL_BYTES_MAX + 1)),
        bad(
            "frame_rows_one_byte_too_long",
            "A rows frame that claims one byte more than the limit",
        )
        .raw("frame", header(2, 4 + limits::ROWS_BYTES_MAX + 1)),
        bad(
            "frame_cut_off_in_header",
            "The stream ends within a frame's header",
        )
        .raw("frame", &header(1, 4)[..3]),
        bad(
            "frame_cut_off_in_body",
            "The stream ends within a frame's body",
        )
        .raw("frame", header(1, 4))
        .raw("three of four bytes", [0, 0, 0]),
    ]
}

fn rows() -> Vec<Case> {
    let point = honest().blinded[0];
    vec![
        bad(
            "rows_without_records",
            "A rows frame that ends after its header",
        )
        .rows([1, 0, 0, 0], []),
        bad(
            "rows_header_cut_off",
            "A rows frame that ends within its header",
        )
        .frame(2, "list, match, half of the part", &[1, 0, 0]),
        bad("rows_unknown_list_0", "Records of list 0").rows([0, 0, 0, 0], point),
        bad("rows_unknown_list_10", "Records of list 10").rows([10, 0, 0, 0], point),
        bad(
            "rows_of_sender_key",
            "The key as records: its number is for the transcript alone",
        )
        .rows([4, 0, 0, 0], honest().key),
    ]
}

fn control() -> Vec<Case> {
    let working = codec::encode(&Control::Working);
    let key = codec::encode(&Control::SenderKey {
        match_index: 0,
        point: honest().key,
    });
    let outcome = codec::encode(&Control::Outcome(honest().outcome));
    // Variant (4), option (1), released (1).
    let (mut option, mut released) = (outcome.clone(), outcome.clone());
    option[4] = 2;
    released[5] = 2;
    let mut statement = codec::encode(&settle(Some("a".into())));
    *statement.last_mut().unwrap() = 0xff;
    vec![
        bad("control_trailing_bytes", "One byte after a whole message").frame(
            1,
            "Working, and a byte",
            &[working.as_slice(), &[0]].concat(),
        ),
        bad("control_two_in_one_frame", "Two messages in one frame").frame(
            1,
            "Working, twice",
            &[working.as_slice(), &working].concat(),
        ),
        bad("control_cut_off", "A message without its last byte").frame(
            1,
            "SenderKey, cut off",
            &key[..key.len() - 1],
        ),
        bad("control_number_cut_off", "Less than a message's number").frame(
            1,
            "half a number",
            &[0, 0],
        ),
        bad("control_unknown_variant", "A message of number 19").frame(
            1,
            "number",
            &19_u32.to_be_bytes(),
        ),
        bad(
            "control_number_beyond_any",
            "A message of the largest number",
        )
        .frame(1, "number", &[0xff; 4]),
        bad(
            "control_number_short_form",
            "A number in one byte, as other encodings have it",
        )
        .frame(1, "number", &[9]),
        bad(
            "control_option_of_two",
            "An optional field that is neither there nor absent",
        )
        .frame(1, "Outcome", &option),
        bad(
            "control_bool_of_two",
            "A truth value that is neither true nor false",
        )
        .frame(1, "Outcome", &released),
        bad(
            "control_unknown_code",
            "An abort for a reason that does not exist",
        )
        .frame(1, "Abort", &[0, 0, 0, 10, 0, 0]),
        bad("control_text_not_utf8", "Text that is not UTF-8").frame(1, "Settle", &statement),
    ]
}

fn settle(statement: Option<String>) -> Control {
    Control::Settle(SettleState {
        collab_id: CollabId([1; 32]),
        entries: 0,
        head: [0; 64].into(),
        signature: None,
        live: Vec::new(),
        statement,
    })
}

fn counts() -> Vec<Case> {
    let live = codec::encode(&settle(None));
    // Variant (4), collab_id (32), entries (8), head (64), signature (1), then the count.
    let with_count = |count: u64| {
        let mut bytes = live.clone();
        bytes[109..117].copy_from_slice(&count.to_be_bytes());
        bytes
    };
    let mut entry = codec::encode(&Control::Entry(EntryMessage {
        entry: vec![7],
        signatures: [None, None],
    }));
    entry[4..12].copy_from_slice(&u64::MAX.to_be_bytes());
    vec![
        bad(
            "control_count_2_to_60",
            "A list that claims 2^60 jobs in a short message",
        )
        .frame(1, "Settle", &with_count(1 << 60)),
        bad(
            "control_count_within_limit",
            "A list that claims jobs which do not follow, few enough for the limit",
        )
        .frame(1, "Settle", &with_count(1000)),
        bad(
            "control_bytes_2_to_64",
            "An entry that claims 2^64 - 1 bytes",
        )
        .frame(1, "Entry", &entry),
    ]
}
