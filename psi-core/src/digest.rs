//! The 32-byte digest that represents one identity, and the message that it is made from.
//!
//! Spec 02 §2. An identity becomes one digest as soon as it is read from its table. Sorting,
//! removing duplicates, spilling to disk and hashing to the group all work on that fixed width.
//! [`crate::identifier`] writes messages, [`crate::kernel::Kernel::digest`] hashes them. It knows
//! nothing of columns, kinds or NULL.

use zeroize::Zeroizing;

/// Bytes of one [`Digest`].
pub const DIGEST_BYTES: usize = 32;

/// SHA-512/256 of an identity's message (Spec 02 §2).
///
/// # Security
/// A digest of a guessable identifier reveals the identifier, so digests never leave the node.
pub type Digest = [u8; DIGEST_BYTES];

/// The messages of identities, one behind the other, from which a kernel makes digests.
///
/// A message is, for each field, its length as a big-endian `u32` and its bytes.
///
/// # Discussion
/// The lengths make the message unambiguous: ("ab", "c") and ("a", "bc") are different identities.
/// The digest is SHA-512/256 rather than SHA-256 because the group hash uses SHA-512 anyway and
/// 64-bit machines without SHA instructions run it faster.
#[derive(Default)]
pub struct Messages {
    bytes: Zeroizing<Vec<u8>>,
    /// Where each message that is complete ends.
    ends: Vec<usize>,
}

impl Messages {
    /// No messages so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one field to the message that is being written. Returns `false`, and adds nothing, if
    /// it has 2^32 bytes or more.
    #[must_use]
    pub fn field(&mut self, bytes: &[u8]) -> bool {
        let Ok(length) = u32::try_from(bytes.len()) else {
            return false;
        };
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
        true
    }

    /// Ends the message that is being written, of as many fields as were added; a next one begins.
    pub fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// How many messages have ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no message has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The messages that have ended, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let places = starts.zip(&self.ends);
        // Every end is a length that the bytes once had, and they only grow until they are cleared.
        places.map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    /// Forgets all messages. The memory is kept.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, Messages};
    use crate::kernel::Kernel as _;
    use crate::kernel::portable::Portable;

    fn digest(fields: &[&[u8]]) -> Digest {
        let mut messages = Messages::new();
        for field in fields {
            assert!(messages.field(field));
        }
        messages.end();
        let mut out = [[0; 32]];
        Portable.digest(&messages, &mut out);
        out[0]
    }

    #[test]
    fn no_field_gives_the_published_digest_of_the_empty_message() {
        // FIPS 180-4 example value of SHA-512/256("").
        assert_eq!(
            hex::encode(digest(&[])),
            "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
        );
    }

    #[test]
    fn field_boundaries_change_the_digest() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"ab"]), digest(&[b"ab", b""]));
        assert_ne!(digest(&[b""]), digest(&[]));
    }

    #[test]
    fn messages_come_back_in_their_order_and_none_is_left_after_clearing() {
        let mut messages = Messages::new();
        assert!(messages.field(b"a") && messages.field(b""));
        messages.end();
        messages.end();
        assert!(messages.field(b"bc"));
        messages.end();
        assert!(messages.field(b"not ended"));
        let expected: [&[u8]; 3] = [b"\0\0\0\x01a\0\0\0\0", b"", b"\0\0\0\x02bc"];
        assert!(messages.iter().eq(expected));
        assert_eq!((messages.len(), messages.is_empty()), (3, false));
        messages.clear();
        assert_eq!((messages.iter().count(), messages.is_empty()), (0, true));
        messages.end();
        assert!(messages.iter().eq([b""]));
    }
}
