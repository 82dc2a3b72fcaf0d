//! Frames: a kind, a length, a body (Spec 06 §1).
//!
//! ```text
//! 0      1                5
//! | kind | length (u32)   | body, `length` bytes
//!   kind 1: one control message
//!   kind 2: | list (u8) | match (u8) | part (u16) | bytes of the list's code (Spec 06 §5), or
//!           records of a transfer (Spec 11 §2) |
//! ```
//! All integers are big-endian. A frame never exceeds its kind's limit. The five header bytes tell
//! the reader so before it allocates.

use super::Control;
use crate::error::{Code, Error};
use crate::limits;

/// Bytes of a frame header.
pub const FRAME_HEADER_BYTES: usize = 5;

/// Bytes of the header of a rows body.
pub const ROWS_HEADER_BYTES: usize = 4;

const KIND_CONTROL: u8 = 1;
const KIND_ROWS: u8 = 2;

/// One frame, as its receiver reads it.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a frame is handled as soon as it is read"
)]
pub enum Frame {
    /// A control message.
    Control(Control),
    /// Bytes of a list's code, for the session to decode.
    Rows(RowsHeader, Vec<u8>),
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// One control message.
    Control,
    /// Bytes of a list.
    Rows,
}

/// A message list of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListId {
    /// The Receiver's blinded points, `A_g`.
    Blinded,
    /// The Sender's tags.
    Tags,
    /// The Sender's reply, `R_g`.
    Evaluated,
    /// `K_b`, one record. Travels as a control message; named here for the transcript.
    SenderKey,
    /// The Sender's points for the base transfers, one record (Spec 11 §2). This list and the four
    /// that follow travel as they are, without the code of sorted lists.
    BasePoints,
    /// The Receiver's keys for the base transfers, one record.
    BaseKeys,
    /// The Receiver's columns.
    Columns,
    /// The Receiver's answer to the consistency check, one record.
    ColumnCheck,
    /// The Sender's corrections.
    Corrections,
}

impl ListId {
    /// The number that crosses the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Blinded => 1,
            Self::Tags => 2,
            Self::Evaluated => 3,
            Self::SenderKey => 4,
            Self::BasePoints => 5,
            Self::BaseKeys => 6,
            Self::Columns => 7,
            Self::ColumnCheck => 8,
            Self::Corrections => 9,
        }
    }

    /// The list that travels in rows frames under this number.
    const fn from_rows_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Blinded),
            2 => Some(Self::Tags),
            3 => Some(Self::Evaluated),
            5 => Some(Self::BasePoints),
            6 => Some(Self::BaseKeys),
            7 => Some(Self::Columns),
            8 => Some(Self::ColumnCheck),
            9 => Some(Self::Corrections),
            _ => None,
        }
    }
}

/// Which list the bytes of a frame belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsHeader {
    /// The list.
    pub list: ListId,
    /// The match, 0 or 1.
    pub match_index: u8,
    /// The part of the Receiver's list; 0 for lists that have none.
    pub part: u16,
}

impl RowsHeader {
    /// The header of a rows body.
    #[must_use]
    pub const fn encode(&self) -> [u8; ROWS_HEADER_BYTES] {
        let [high, low] = self.part.to_be_bytes();
        [self.list.number(), self.match_index, high, low]
    }

    /// Splits a rows body into its header and the bytes of the list's code.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the header is short, the list is unknown, or nothing follows.
    pub fn split(body: &[u8]) -> Result<(Self, &[u8]), Error> {
        let malformed = |detail| Error::misbehaved(Code::MalformedMessage, detail);
        let (header, bytes) = body
            .split_first_chunk::<ROWS_HEADER_BYTES>()
            .ok_or(malformed("a rows frame is shorter than its header"))?;
        let [list, match_index, high, low] = *header;
        let list = ListId::from_rows_number(list).ok_or(malformed("an unknown list"))?;
        if bytes.is_empty() {
            return Err(malformed("a rows frame without rows"));
        }
        Ok((
            Self {
                list,
                match_index,
                part: u16::from_be_bytes([high, low]),
            },
            bytes,
        ))
    }
}

/// The header of a frame with a body of `length` bytes.
///
/// # Errors
/// [`Error::Limit`] if the body is longer than its kind allows.
pub fn encode_header(kind: FrameKind, length: usize) -> Result<[u8; FRAME_HEADER_BYTES], Error> {
    let limit = body_bytes_max(kind);
    let length_u32 = u32::try_from(length)
        .ok()
        .filter(|_| length <= limit)
        .ok_or(Error::Limit {
            what: "the body of a frame",
            value: length as u64,
            limit: limit as u64,
        })?;
    let [a, b, c, d] = length_u32.to_be_bytes();
    let kind = match kind {
        FrameKind::Control => KIND_CONTROL,
        FrameKind::Rows => KIND_ROWS,
    };
    Ok([kind, a, b, c, d])
}

/// The kind and body length that a header announces.
///
/// # Errors
/// [`Code::MalformedMessage`] if the kind is unknown or the body empty or longer than allowed.
pub fn decode_header(header: [u8; FRAME_HEADER_BYTES]) -> Result<(FrameKind, usize), Error> {
    let malformed = |detail| Error::misbehaved(Code::MalformedMessage, detail);
    let [kind, a, b, c, d] = header;
    let kind = match kind {
        KIND_CONTROL => FrameKind::Control,
        KIND_ROWS => FrameKind::Rows,
        _ => return Err(malformed("an unknown kind of frame")),
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d]))
        .map_err(|_| malformed("a frame longer than memory"))?;
    if length == 0 || length > body_bytes_max(kind) {
        return Err(malformed("a frame that is empty or too long"));
    }
    Ok((kind, length))
}

/// The longest body of a kind of frame.
#[must_use]
pub const fn body_bytes_max(kind: FrameKind) -> usize {
    match kind {
        FrameKind::Control => limits::CONTROL_BYTES_MAX,
        FrameKind::Rows => ROWS_HEADER_BYTES + limits::ROWS_BYTES_MAX,
    }
}
