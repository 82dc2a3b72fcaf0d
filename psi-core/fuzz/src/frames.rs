//! A stream of frames from a peer (Spec 06): headers, control messages, rows.
//!
//! Whatever the bytes are, nothing panics, no header announces more than the limit of its kind, and
//! what decodes is what it would be encoded as.

use psi_core::facts::TableFacts;
use psi_core::messages::frame::{
    FRAME_HEADER_BYTES, FrameKind, RowsHeader, body_bytes_max, decode_header, encode_header,
};
use psi_core::messages::{Control, codec};

/// Reads one frame after the other, until one is refused or cut off; `true` if one was
/// read.
///
/// # Panics
/// If one of the promises above is broken.
pub fn frames(mut data: &[u8]) -> bool {
    let mut accepted = false;
    while let Some((header, rest)) = data.split_first_chunk::<FRAME_HEADER_BYTES>() {
        let Ok((kind, length)) = decode_header(*header) else {
            return accepted;
        };
        assert!((1..=body_bytes_max(kind)).contains(&length));
        assert_eq!(encode_header(kind, length).ok(), Some(*header));
        let Some((body, rest)) = rest.split_at_checked(length) else {
            return accepted;
        };
        accepted |= match kind {
            FrameKind::Control => control(body),
            FrameKind::Rows => rows(body),
        };
        data = rest;
    }
    accepted
}

fn control(body: &[u8]) -> bool {
    let Ok(message) = codec::decode::<Control>(body) else {
        return false;
    };
    assert_eq!(codec::encode(&message), body);
    match &message {
        Control::Propose(proposal) | Control::Inquire(proposal) => facts(&proposal.half.facts),
        Control::Facts { facts: of, .. } => facts(of),
        _ => {}
    }
    true
}

/// Facts within bounds stay within them when they are encoded again.
fn facts(facts: &TableFacts) {
    let again: TableFacts = codec::decode(&codec::encode(facts)).expect("it was decoded before");
    assert_eq!(again.validate().is_ok(), facts.validate().is_ok());
}

fn rows(body: &[u8]) -> bool {
    let Ok((header, bytes)) = RowsHeader::split(body) else {
        return false;
    };
    assert!(!bytes.is_empty());
    assert_eq!([header.encode().as_slice(), bytes].concat(), body);
    true
}
