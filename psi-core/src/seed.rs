//! Everything random in a node's half of a job, derived from one 32-byte seed.
//!
//! Spec 02 §5. The node draws the seed once and hands it in. Every scalar, canary, filler digest
//! and salt comes from a stream that is named by purpose, match and part. The same seed gives the
//! same messages, byte for byte. The streams never change: tests hold known answers.

use std::convert::Infallible;

use chacha20::ChaCha20Rng;
use hkdf::Hkdf;
use rand_core::{Rng as _, SeedableRng as _, TryCryptoRng, TryRng};
use sha2::Sha512;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::group::SecretScalar;

/// First bytes of the `info` of every derivation.
const SEED_LABEL: &[u8] = b"psi/v1/seed";

/// The secret from which a node's half of a job follows.
///
/// # Security
/// Whoever holds it can un-blind this node's list. It stays in memory, is zeroized when dropped,
/// and is never printed or sent. It is stored only for the owner's auditor, encrypted, and only if
/// the owner asked for that. Otherwise only the commitment of [`crate::receipt`] leaves the node.
///
/// Two nodes that hold one seed send the same bytes, so an auditor can replay a job:
///
/// ```
/// use psi_core::seed::{JobSeed, Purpose};
///
/// let stream = || JobSeed::new([7; 32]).stream(Purpose::Filler, 0, 0);
/// let (mut once, mut again) = ([0; 64], [0; 64]);
/// stream().fill(&mut once);
/// stream().fill(&mut again);
/// assert_eq!(once, again);
/// ```
///
/// No log can show it:
///
/// ```compile_fail,E0277
/// # use psi_core::seed::JobSeed;
/// println!("{:?}", JobSeed::new([7; 32]));
/// ```
pub struct JobSeed([u8; 32]);

/// What a stream is used for. No two purposes share a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The Receiver's scalar of one part, a.
    BlindingScalar,
    /// The Sender's scalar, b.
    SenderScalar,
    /// The Receiver's canary scalars of one part.
    Canaries,
    /// Digests that fill this side's list up to its registered size.
    Filler,
    /// The salt of the commitment to the outputs.
    ResultSalt,
    /// This side's nonce in the job specification.
    Nonce,
    /// The salts of the commitments to hidden literals, in order of appearance.
    LiteralSalts,
    /// All randomness of the oblivious transfer up to its shares (Spec 11 §3 and §4).
    Transfer,
    /// The salt of the commitment to this side's share (Spec 11 §8).
    ShareSalt,
    /// How many dummies of one part the Sender marks.
    DummyCount,
    /// What the Sender puts in place of the dummies of one part that it does not mark.
    DummyPadding,
    /// The Receiver's noise on the count that it reports for one part.
    CountNoise,
    /// This side's noise on the share of one part, component by component.
    ShareNoise,
    /// The key for drawing rows of an identity that has more of them than are used.
    RowKey,
}

impl Purpose {
    /// The label that enters the derivation. Stable. The label `dummies` is free for a later
    /// purpose.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BlindingScalar => "blinding-scalar",
            Self::SenderScalar => "sender-scalar",
            Self::Canaries => "canaries",
            Self::Filler => "filler",
            Self::ResultSalt => "result-salt",
            Self::Nonce => "nonce",
            Self::LiteralSalts => "literal-salts",
            Self::Transfer => "transfer",
            Self::ShareSalt => "share-salt",
            Self::DummyCount => "dummy-count",
            Self::DummyPadding => "padding",
            Self::CountNoise => "count-noise",
            Self::ShareNoise => "share-noise",
            Self::RowKey => "row-key",
        }
    }
}

impl JobSeed {
    /// Takes 32 uniformly random bytes, fresh for each job.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The stream for `purpose` in part `part` of match `match_index`.
    ///
    /// HKDF-SHA512 (RFC 5869) without salt; `info` is `psi/v1/seed`, one byte with the length of
    /// the purpose's label, the label, one byte `match_index`, and `part` as a big-endian `u16`.
    /// Its 32 bytes are the key of the `ChaCha20` stream with nonce and counter zero.
    ///
    /// # Security
    /// The same arguments give the same stream again from its start.
    ///
    /// # Panics
    /// Never: labels are short and 32 bytes are less than HKDF can give.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "INVARIANT: labels are constants of a few bytes, and HKDF-SHA512 gives up to 16,320"
    )]
    pub fn stream(&self, purpose: Purpose, match_index: u8, part: u16) -> SeedStream {
        let label = purpose.label().as_bytes();
        let length = u8::try_from(label.len()).expect("labels are shorter than 256 bytes");
        let part = part.to_be_bytes();
        let info = [SEED_LABEL, &[length], label, &[match_index], &part];
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha512>::new(None, &self.0)
            .expand_multi_info(&info, key.as_mut())
            .expect("HKDF-SHA512 gives up to 16,320 bytes");
        SeedStream {
            rng: ChaCha20Rng::from_seed(*key),
            word: Zeroizing::new([0; 4]),
            used: 4,
        }
    }

    /// The bytes, for the commitment on the opening receipt entry, and for the encrypted record
    /// that a node keeps for an auditor if its owner wants one (Spec 07 §11). Nothing else.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for JobSeed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for JobSeed {}

/// A stream of pseudorandom bytes, read from front to back. Zeroized when dropped.
pub struct SeedStream {
    rng: ChaCha20Rng,
    /// The word of the stream that was begun, and how many of its bytes were used. The generator
    /// itself would skip the rest of the word, so the stream would depend on how it is read.
    word: Zeroizing<[u8; 4]>,
    used: usize,
}

impl SeedStream {
    /// Fills `out` with the next bytes of the stream. The bytes are the same whatever pieces they
    /// are read in.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: `begun` is no longer than the unused bytes of the word, and `rest` is shorter than a word"
    )]
    pub fn fill(&mut self, out: &mut [u8]) {
        let (begun, out) = out.split_at_mut(out.len().min(self.word.len() - self.used));
        begun.copy_from_slice(&self.word[self.used..self.used + begun.len()]);
        self.used += begun.len();
        let (whole, rest) = out.split_at_mut(out.len() - out.len() % self.word.len());
        self.rng.fill_bytes(whole);
        if !rest.is_empty() {
            self.rng.fill_bytes(self.word.as_mut());
            rest.copy_from_slice(&self.word[..rest.len()]);
            self.used = rest.len();
        }
    }

    /// The next `N` bytes.
    #[must_use]
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A uniform scalar other than zero: the next 64 bytes modulo the group order (or the 64 after
    /// them, should that be zero).
    #[must_use]
    pub fn scalar(&mut self) -> SecretScalar {
        let mut wide = Zeroizing::new([0; 64]);
        loop {
            self.fill(wide.as_mut());
            if let Some(scalar) = SecretScalar::from_wide_bytes(&wide) {
                return scalar;
            }
        }
    }
}

/// Integers are little-endian, read as by [`SeedStream::fill`].
impl TryRng for SeedStream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for SeedStream {}

impl ZeroizeOnDrop for SeedStream {}

#[cfg(test)]
mod tests;
