//! The hash that turns a row of the correlation into a pad for each component.
//!
//! Spec 11 §6. The tweakable MMO construction over a fixed-key permutation,
//! `TMMO(x, i) = p(p(x) ^ i) ^ p(x)`: C. Guo, J. Katz, X. Wang, Y. Yu, "Efficient and secure
//! multiparty computation from fixed-key block ciphers" (IEEE S&P 2020), §7.4. It is called for
//! every row that has passed the consistency check.

use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128Enc, Block};
use sha2::{Digest as _, Sha512};

use super::setup::Place;

/// The hash of one transfer.
pub(super) struct Pads(Aes128Enc);

impl Pads {
    /// The permutation is AES-128 under a public key. The key follows from the challenge, and so
    /// from the job, the match and all that was sent before.
    #[expect(clippy::indexing_slicing, reason = "INVARIANT: a hash has 64 bytes")]
    pub(super) fn new(challenge: &[u8; 64]) -> Self {
        let hash = Sha512::new()
            .chain_update(b"psi/v1/ot/permutation")
            .chain_update(challenge)
            .finalize();
        let mut key = Block::default();
        key.copy_from_slice(&hash[..16]);
        Self(Aes128Enc::new(&key))
    }

    /// Replaces each row `x` by `p(x)`.
    pub(super) fn permute(&self, rows: &mut [Block]) {
        self.0.encrypt_blocks(rows);
    }

    /// The two components that number `pair` gives for each permuted row: `out[k]` is the hash of
    /// `permuted[k]` under `tweaks[k]` and `pair`.
    pub(super) fn pads(&self, permuted: &[Block], tweaks: &[Tweak], pair: u16, out: &mut [Block]) {
        for ((out, permuted), tweak) in out.iter_mut().zip(permuted).zip(tweaks) {
            *out = Block::from((number(permuted) ^ tweak.with(pair)).to_le_bytes());
        }
        self.0.encrypt_blocks(out);
        for (out, permuted) in out.iter_mut().zip(permuted) {
            *out = Block::from((number(out) ^ number(permuted)).to_le_bytes());
        }
    }
}

fn number(block: &Block) -> u128 {
    u128::from_le_bytes((*block).into())
}

/// The components that one pad holds: its first and its second half.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: 16 bytes are two chunks of 8"
)]
pub(super) fn halves(pad: &Block) -> [u64; 2] {
    let bytes: [u8; 16] = (*pad).into();
    let (halves, _) = bytes.as_chunks::<8>();
    [u64::from_be_bytes(halves[0]), u64::from_be_bytes(halves[1])]
}

/// Gives each row a hash function of its own:
/// `part (u16) || pair (u16) || 0 (u32) || position (u64)`.
#[derive(Clone, Copy, Default)]
pub(super) struct Tweak(u128);

impl Tweak {
    pub(super) fn new(place: Place) -> Self {
        Self(u128::from(place.part) << 112 | u128::from(place.position))
    }

    /// The tweak with the number of a pair of components, as its bytes lie in memory.
    fn with(self, pair: u16) -> u128 {
        (self.0 | u128::from(pair) << 96).swap_bytes()
    }
}
