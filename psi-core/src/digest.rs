//! The 32-byte digest that represents one identity, and the one way to build it.
//!
//! Spec 02 §2. An identity becomes one digest as soon as it is read from its table. Sorting,
//! removing duplicates, spilling to disk and hashing to the group all work on that fixed width.
//! [`crate::identifier`] calls this. It knows nothing of columns, kinds or NULL.

use sha2::{Digest as _, Sha512_256};

/// Bytes of one [`Digest`].
pub const DIGEST_BYTES: usize = 32;

/// SHA-512/256 of an identity's message (Spec 02 §2).
///
/// # Security
/// A digest of a guessable identifier reveals the identifier, so digests never leave the node.
pub type Digest = [u8; DIGEST_BYTES];

/// Builds a digest from fields: SHA-512/256 over, for each field, its length as a big-endian `u32`
/// and its bytes.
///
/// # Discussion
/// The lengths make the message unambiguous: ("ab", "c") and ("a", "bc") are different identities.
/// SHA-512/256 is used rather than SHA-256 because the group hash uses SHA-512 anyway and 64-bit
/// machines without SHA instructions run it faster.
#[derive(Clone, Default)]
pub struct DigestBuilder(Sha512_256);

impl DigestBuilder {
    /// A digest of no fields so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one field. Returns `false`, and adds nothing, if it has 2^32 bytes or more.
    #[must_use]
    pub fn field(&mut self, bytes: &[u8]) -> bool {
        let Ok(length) = u32::try_from(bytes.len()) else {
            return false;
        };
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
        true
    }

    /// The digest of the fields added since the builder was made or last finished.
    pub fn finish(&mut self) -> Digest {
        self.0.finalize_reset().into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, DigestBuilder};

    fn digest(fields: &[&[u8]]) -> Digest {
        let mut builder = DigestBuilder::new();
        for field in fields {
            assert!(builder.field(field));
        }
        builder.finish()
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
    fn a_finished_builder_starts_afresh() {
        let mut builder = DigestBuilder::new();
        assert!(builder.field(b"first"));
        builder.finish();
        assert!(builder.field(b"second"));
        assert_eq!(builder.finish(), digest(&[b"second"]));
    }
}
