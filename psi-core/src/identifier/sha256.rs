//! Identifiers of which one side has nothing but the SHA-256.
//!
//! Spec 02 §1. Both sides declare the same kind. Values that are hashes already are taken as they
//! are; the others are normalised by the kind that was hashed, and then hashed here. So a table of
//! hashes meets a table of plain values, and a table may hold both. Called by
//! [`super::IdentifierKind::normalise`].
//!
//! The hash protects nobody: e-mail addresses and telephone numbers can be tried one by one. It
//! never leaves the node either; the protocol blinds it like every other identifier.
//!
//! # Security
//! A value that is a hash already takes less work than one that is hashed here. That depends on the
//! table alone: every job does it for all rows, whatever a question selects (Spec 10 §4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::IdentifierKind;

/// Bytes of a SHA-256.
const HASH_BYTES: usize = 32;

/// Characters of a hash in base64 with its padding.
const BASE64_CHARS: usize = 44;

/// Replaces `out` by the hexadecimal digits of the hash that `raw` is, or of that of its normalised
/// form by `hashed`; returns `false` if it is neither.
pub(super) fn append(out: &mut Vec<u8>, raw: &str, hashed: IdentifierKind) -> bool {
    if let Some(hash) = read(raw.trim()) {
        out.extend(digits(&hash));
        return true;
    }
    if !hashed.normalise(raw, out) {
        return false;
    }
    let hash = Zeroizing::new(<[u8; HASH_BYTES]>::from(Sha256::digest(&*out)));
    out.clear();
    out.extend(digits(&hash));
    true
}

/// A hash as 64 hexadecimal digits or as 44 characters of base64. Neither is an e-mail address, which
/// has an `@`, nor a telephone number, which has at most 16 characters.
fn read(text: &str) -> Option<Zeroizing<[u8; HASH_BYTES]>> {
    let mut hash = Zeroizing::new([0; HASH_BYTES]);
    if text.len() == 2 * HASH_BYTES {
        let (pairs, _) = text.as_bytes().as_chunks::<2>();
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = (value(*high)? << 4) | value(*low)?;
        }
        return Some(hash);
    }
    if text.len() != BASE64_CHARS {
        return None;
    }
    // One byte more than needed: the decoder asks for room for every group of three.
    let mut decoded = Zeroizing::new([0; HASH_BYTES + 1]);
    let length = STANDARD.decode_slice(text, decoded.as_mut_slice()).ok()?;
    hash.copy_from_slice(decoded.get(..length)?.get(..HASH_BYTES)?);
    (length == HASH_BYTES).then_some(hash)
}

fn value(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn digits(hash: &[u8; HASH_BYTES]) -> impl Iterator<Item = u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    hash.iter()
        .flat_map(move |byte| [digit(byte >> 4), digit(byte & 0x0f)])
}
