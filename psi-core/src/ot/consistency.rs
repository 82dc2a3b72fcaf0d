//! The consistency check: it shows that the Receiver used the same bits in all 128 columns.
//!
//! Without this check, a Receiver whose columns differ in one row each reads a bit of Delta off
//! each correction of those rows, and with Delta every payload.
//!
//! Spec 11 §5. M. Keller, E. Orsini, P. Scholl, "Actively secure OT extension with optimal
//! overhead" (CRYPTO 2015), in the corrected form of its full version (ePrint 2015/546, Fig. 10),
//! which checks a universal hash of every *column*. L. Roy, `SoftSpokenOT` (CRYPTO 2022), §4,
//! analyses it and also shows (§4.1.3) what the check of the 2015 version, over rows, loses. The
//! challenge is Fiat-Shamir: a hash of all that was sent.

use polyval::Polyval;
use polyval::universal_hash::UniversalHash as _;
use sha2::{Digest as _, Sha512};
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use super::columns::{BLOCK_RECORDS, Blocks, COLUMNS, Word};
use super::setup::TransferSetup;
use crate::error::{Code, Error};
use crate::transcript::ListHash;

/// Bytes of the Receiver's answer: one hash of its bits and one of each column.
pub const CHECK_BYTES: usize = 16 * (1 + COLUMNS);

/// The check's challenge: a hash of the transfer and of everything sent in it so far.
#[derive(Clone, Copy)]
pub(super) struct Challenge([u8; 64]);

impl Challenge {
    /// The challenge after the lists of base points, base keys and columns, given by their
    /// transcripts.
    ///
    /// # Discussion
    /// The challenge covers the base transfers as well as the columns: a Receiver that could still
    /// choose its base keys afterwards could choose its seeds to fit.
    pub(super) fn new(setup: &TransferSetup, sent: [&ListHash; 3]) -> Self {
        let mut hash = Sha512::new()
            .chain_update(b"psi/v1/ot/challenge")
            .chain_update(setup.context())
            .chain_update(setup.dimensions());
        for list in sent {
            hash.update(list);
        }
        Self(hash.finalize().into())
    }

    pub(super) const fn bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// The key of one block of words.
    #[expect(clippy::indexing_slicing, reason = "INVARIANT: a hash has 64 bytes")]
    fn key(&self, block: u64) -> Polyval {
        let hash = Sha512::new()
            .chain_update(b"psi/v1/ot/check")
            .chain_update(self.0)
            .chain_update(block.to_be_bytes())
            .finalize();
        let mut key = polyval::Key::default();
        key.copy_from_slice(&hash[..16]);
        Polyval::new(&key)
    }

    /// The hash of every column over one block of words, to be added to those of the others.
    ///
    /// POLYVAL (RFC 8452 §3) of the column's words, under the block's own key: a polynomial of
    /// degree at most 32 without constant term, so that two different columns agree with
    /// probability at most 2^-123.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: a tally has one hash, and a word one number, for each column"
    )]
    pub(super) fn columns(&self, block: u64, words: &[Word]) -> Tally {
        let key = self.key(block);
        let mut blocks = Blocks::default();
        let mut tally = Tally::default();
        for (column, sum) in tally.0.iter_mut().enumerate() {
            *sum = hash(&key, words.iter().map(|word| word[column]), &mut blocks);
        }
        tally
    }

    /// The hash of one column of bits over one block of words.
    pub(super) fn column(&self, block: u64, words: &[u128]) -> u128 {
        let mut blocks = Blocks::default();
        hash(&self.key(block), words.iter().copied(), &mut blocks)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: `count` is at most the number of blocks it was counted along"
)]
fn hash(
    key: &Polyval,
    words: impl Iterator<Item = u128>,
    blocks: &mut Blocks<BLOCK_RECORDS>,
) -> u128 {
    let mut count = 0;
    for (block, word) in blocks.iter_mut().zip(words) {
        *block = polyval::Block::from(word.to_le_bytes());
        count += 1;
    }
    let mut state = key.clone();
    state.update(&blocks[..count]);
    u128::from_le_bytes(state.finalize().into())
}

/// One hash per column; of several blocks, their sum.
pub(super) struct Tally(Zeroizing<[u128; COLUMNS]>);

impl Default for Tally {
    fn default() -> Self {
        Self(Zeroizing::new([0; COLUMNS]))
    }
}

impl Tally {
    /// The sum starts with the sacrificed rows, whose coefficient is one. Their 128 random bits
    /// hide what the sum would reveal about the others.
    pub(super) fn of_sacrificed(word: &Word) -> Self {
        Self(Zeroizing::new(*word))
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (sum, other) in self.0.iter_mut().zip(other.0.iter()) {
            *sum ^= other;
        }
    }

    /// The Receiver's answer: the hash of its bits, then those of its columns.
    pub(super) fn answer(&self, bits: u128) -> Vec<u8> {
        let mut answer = bits.to_le_bytes().to_vec();
        for sum in self.0.iter() {
            answer.extend_from_slice(&sum.to_le_bytes());
        }
        answer
    }

    /// Whether `answer` fits these hashes of the Sender's columns: `hash(q_i) = hash(t_i) +
    /// Delta_i * hash(bits)` for every column.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the answer has another length;
    /// [`Code::TransferInconsistent`] if any column does not fit.
    ///
    /// # Security
    /// Every column is compared before the verdict, and the Receiver learns only the verdict.
    pub(super) fn verify(&self, delta: u128, answer: &[u8]) -> Result<(), Error> {
        if answer.len() != CHECK_BYTES {
            let detail = "the length of the answer to the consistency check";
            return Err(Error::misbehaved(Code::MalformedMessage, detail));
        }
        let (numbers, _) = answer.as_chunks::<16>();
        let mut numbers = numbers.iter().map(|bytes| u128::from_le_bytes(*bytes));
        let bits = numbers.next().unwrap_or(0);
        let mut fits = Choice::from(1);
        for ((column, sum), claimed) in self.0.iter().enumerate().zip(numbers) {
            let expected = claimed ^ (column_mask(delta, column) & bits);
            fits &= sum.ct_eq(&expected);
        }
        if bool::from(fits) {
            Ok(())
        } else {
            Err(Error::misbehaved(
                Code::TransferInconsistent,
                "the columns of the oblivious transfer are not consistent",
            ))
        }
    }
}

/// All ones if the bit of `delta` for this column is set, otherwise zero.
pub(super) const fn column_mask(delta: u128, column: usize) -> u128 {
    0_u128.wrapping_sub(delta >> column & 1)
}
