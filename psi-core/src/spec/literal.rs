//! Hidden literals of a query: the commitment that a peer gets in place of each, and its salt.
//!
//! Spec 10 §3.3. The requester commits, an auditor checks again. The literals themselves are the
//! caller's; nothing here keeps one.

use sha2::{Digest as _, Sha512};

use crate::named_bytes::{named_bytes, salt_bytes};
use crate::seed::{JobSeed, Purpose};

named_bytes!(
    /// A commitment to one hidden literal of a query: [`LiteralSalt::commit`].
    LiteralCommitment, 64
);

salt_bytes!(
    /// The salt of the commitment to one hidden literal.
    LiteralSalt, 32
);

impl LiteralSalt {
    /// The salts of a job's hidden literals, in order of appearance, without an end.
    pub fn all_of(seed: &JobSeed) -> impl Iterator<Item = Self> + use<> {
        let mut salts = seed.stream(Purpose::LiteralSalts, 0, 0);
        std::iter::repeat_with(move || Self(salts.array()))
    }

    /// `SHA-512(salt || typed literal)`. The typed literal is its SQL text, which says its type:
    /// `5`, `'5'`, `DATE '2025-01-31'`.
    ///
    /// # Security
    /// With a guessable literal and a known salt, the commitment hides nothing. So each literal has
    /// a salt of its own, which stays with its owner.
    #[must_use]
    pub fn commit(&self, typed: &str) -> LiteralCommitment {
        let hash = Sha512::new()
            .chain_update(self)
            .chain_update(typed.as_bytes())
            .finalize();
        LiteralCommitment(hash.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_literal_has_a_salt_of_its_own_that_follows_from_the_seed() {
        let salts = |seed| {
            LiteralSalt::all_of(&JobSeed::new([seed; 32]))
                .take(3)
                .collect::<Vec<_>>()
        };
        assert_eq!(salts(1), salts(1));
        assert_ne!(salts(1), salts(2));
        let [first, second, third] = salts(1).try_into().unwrap();
        assert!(first != second && second != third && first != third);
    }

    #[test]
    fn a_commitment_binds_salt_and_type() {
        let (salt, other) = (LiteralSalt([7; 32]), LiteralSalt([8; 32]));
        let hash: [u8; 64] = Sha512::digest([[7; 32].as_slice(), b"'5'"].concat()).into();
        assert_eq!(salt.commit("'5'"), hash.into());
        assert_ne!(salt.commit("'5'"), salt.commit("5"));
        assert_ne!(salt.commit("'5'"), other.commit("'5'"));
    }
}
