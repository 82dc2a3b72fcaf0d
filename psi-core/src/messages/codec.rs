//! The only module that knows how control messages, specifications and receipt entries become
//! bytes.
//!
//! Spec 06 §2. Integers are big-endian and of fixed width; sequences carry a 64-bit count; an enum
//! starts with a 32-bit number. The encoding library (bincode 2) is not developed any more, so
//! nothing else may use it. A byte limit bounds decoding before anything is allocated, and bytes
//! that are left over or not canonical are refused.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one module that calls bincode"
)]

use bincode::config::{BigEndian, Configuration, Fixint, Limit};
use bincode::{Decode, Encode};

use crate::error::{Code, Error};
use crate::limits;

const CONFIG: Configuration<BigEndian, Fixint, Limit<{ limits::CONTROL_BYTES_MAX }>> =
    bincode::config::standard()
        .with_big_endian()
        .with_fixed_int_encoding()
        .with_limit::<{ limits::CONTROL_BYTES_MAX }>();

/// The canonical bytes of a value.
///
/// # Panics
/// Never for the plain data that messages, specifications and entries are made of.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "INVARIANT: encoding into a Vec fails only for types that refuse to be encoded (a \
              RefCell that is borrowed, for example), and no message holds one"
)]
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, CONFIG).expect("plain data encodes into a Vec")
}

/// Reads canonical bytes; every byte must be used.
///
/// # Errors
/// [`Code::MalformedMessage`] if the bytes are too many, do not decode, are left over, or are not
/// what [`encode`] makes of the value.
pub fn decode<T: Encode + Decode<()>>(bytes: &[u8]) -> Result<T, Error> {
    let malformed = |detail| Error::misbehaved(Code::MalformedMessage, detail);
    if bytes.len() > limits::CONTROL_BYTES_MAX {
        return Err(malformed("a control message is too long"));
    }
    let (value, used) = bincode::decode_from_slice::<T, _>(bytes, CONFIG)
        .map_err(|_| malformed("a control message does not decode"))?;
    if used != bytes.len() {
        return Err(malformed("a control message has bytes left over"));
    }
    if encode(&value) != bytes {
        return Err(malformed("a control message is not in canonical form"));
    }
    Ok(value)
}
