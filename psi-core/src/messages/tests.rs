//! Frames, rows bodies and the encoding of control messages: what is accepted, what is refused.

mod encoding;
mod wire;

use super::frame::{
    FRAME_HEADER_BYTES, FrameKind, ListId, ROWS_HEADER_BYTES, RowsHeader, body_bytes_max,
    decode_header, encode_header,
};
use crate::error::{Code, Error};
use crate::limits;

const KINDS: [FrameKind; 2] = [FrameKind::Control, FrameKind::Rows];

fn header(kind: u8, length: u32) -> [u8; FRAME_HEADER_BYTES] {
    let [a, b, c, d] = length.to_be_bytes();
    [kind, a, b, c, d]
}

#[test]
fn a_frame_header_reads_back_up_to_the_limit_of_its_kind() {
    for kind in KINDS {
        let most = body_bytes_max(kind);
        for length in [1, 2, 255, 256, most - 1, most] {
            let header = encode_header(kind, length).unwrap();
            assert_eq!(decode_header(header).unwrap(), (kind, length));
        }
    }
    assert_eq!(
        encode_header(FrameKind::Control, 258).unwrap(),
        [1, 0, 0, 1, 2]
    );
    assert_eq!(encode_header(FrameKind::Rows, 5).unwrap(), [2, 0, 0, 0, 5]);
}

#[test]
fn a_body_beyond_the_limit_is_neither_sent_nor_taken() {
    for (kind, number) in KINDS.into_iter().zip([1, 2]) {
        let most = body_bytes_max(kind);
        for length in [most + 1, most + 2, u32::MAX as usize, u32::MAX as usize + 1] {
            let error = encode_header(kind, length).unwrap_err();
            assert!(matches!(error, Error::Limit { .. }), "{error}");
        }
        let most = u32::try_from(most).unwrap();
        for length in [0, most + 1, most + 2, 1 << 31, u32::MAX] {
            let error = decode_header(header(number, length)).unwrap_err();
            assert_eq!(error.code(), Code::MalformedMessage, "{length}");
        }
    }
}

#[test]
fn only_two_kinds_of_frame_exist() {
    for kind in 0..=u8::MAX {
        let known = decode_header(header(kind, 1)).is_ok();
        assert_eq!(known, kind == 1 || kind == 2, "kind {kind}");
    }
}

#[test]
fn a_rows_body_splits_into_the_header_it_was_made_with() {
    for list in [ListId::Blinded, ListId::Tags, ListId::Evaluated] {
        for (match_index, part) in [(0, 0), (1, 0), (0, 1), (255, 0x0102), (7, u16::MAX)] {
            let header = RowsHeader {
                list,
                match_index,
                part,
            };
            let body = [header.encode().as_slice(), &[1, 2, 3]].concat();
            let (again, records) = RowsHeader::split(&body).unwrap();
            assert_eq!(again, header);
            assert_eq!(records, [1, 2, 3]);
        }
    }
    let header = RowsHeader {
        list: ListId::Evaluated,
        match_index: 1,
        part: 0x0203,
    };
    assert_eq!(header.encode(), [3, 1, 2, 3]);
}

#[test]
fn a_rows_body_without_header_or_bytes_is_refused() {
    let body = [1, 0, 0, 0, 9];
    for length in 0..=ROWS_HEADER_BYTES {
        let error = RowsHeader::split(&body[..length]).unwrap_err();
        assert_eq!(error.code(), Code::MalformedMessage, "{length} bytes");
    }
    assert!(RowsHeader::split(&body).is_ok());
}

#[test]
fn all_lists_but_the_senders_key_travel_as_rows() {
    for list in 0..=u8::MAX {
        let body = [list, 0, 0, 0, 9];
        let split = RowsHeader::split(&body);
        let known = (1..=9).contains(&list) && list != 4;
        assert_eq!(split.is_ok(), known, "list {list}");
        if let Ok((header, _)) = split {
            assert_eq!(header.list.number(), list);
        }
    }
    assert_eq!(ListId::SenderKey.number(), 4);
}

#[test]
fn the_limit_of_a_rows_frame_is_that_of_its_rows() {
    assert_eq!(
        body_bytes_max(FrameKind::Rows),
        ROWS_HEADER_BYTES + limits::ROWS_BYTES_MAX
    );
    assert_eq!(
        body_bytes_max(FrameKind::Control),
        limits::CONTROL_BYTES_MAX
    );
}
