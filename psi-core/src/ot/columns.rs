//! Columns of pseudorandom bits, by words of 128 rows.
//!
//! Spec 11 §4. Y. Ishai, J. Kilian, K. Nissim, E. Petrank, "Extending oblivious transfers
//! efficiently" (CRYPTO 2003), §3, with the columns stretched from seeds by a pseudorandom
//! generator. Both roles make the same columns more than once: that is cheaper than keeping them.

use std::ops::{Deref, DerefMut};

use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128Enc, Block};
use zeroize::{Zeroize as _, Zeroizing};

/// Columns of the extension, and bits of the Sender's Delta: the security parameter.
pub(super) const COLUMNS: usize = 128;

/// Rows of one word.
pub(super) const WORD_ROWS: u64 = 128;

/// Bytes of one record of columns: 128 rows of all 128 columns.
pub const COLUMN_RECORD_BYTES: usize = COLUMNS * 16;

/// Records of one block: the unit of parallel work and of the consistency check's keys.
pub(super) const BLOCK_RECORDS: usize = 32;

/// 128 rows of all columns: bit `r` of number `i` is row `r` of column `i`.
pub(super) type Word = [u128; COLUMNS];

/// Blocks of the cipher that are erased when dropped.
pub(super) struct Blocks<const N: usize>([Block; N]);

impl<const N: usize> Default for Blocks<N> {
    fn default() -> Self {
        Self([Block::default(); N])
    }
}

impl<const N: usize> Deref for Blocks<N> {
    type Target = [Block];

    fn deref(&self) -> &[Block] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Blocks<N> {
    fn deref_mut(&mut self) -> &mut [Block] {
        &mut self.0
    }
}

impl<const N: usize> Drop for Blocks<N> {
    fn drop(&mut self) {
        Block::slice_as_flattened_mut(&mut self.0).zeroize();
    }
}

/// The seed of one column.
pub(super) type ColumnSeed = Zeroizing<[u8; 16]>;

/// One pseudorandom column per seed.
///
/// # Security
/// AES-128 in counter mode from counter 0, under a key that is used for this column alone. A column
/// has at most 2^25 + 1 blocks. So the chance to tell them from random bits, because no block
/// repeats, is below 2^-78.
pub(super) struct Expander(Vec<Aes128Enc>);

impl Expander {
    pub(super) fn new(seeds: &[ColumnSeed]) -> Self {
        let cipher = |seed: &ColumnSeed| Aes128Enc::new(&Block::from(**seed));
        Self(seeds.iter().map(cipher).collect())
    }

    /// Adds the columns from word `first` on to `words`.
    ///
    /// Counters are words: the sacrificed rows are word 0, the rows of the transfer follow.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: a chunk has at most BLOCK_RECORDS words, and there is one cipher for each column"
    )]
    pub(super) fn add(&self, first: u64, words: &mut [Word]) {
        let mut blocks = Blocks::<BLOCK_RECORDS>::default();
        for (chunk, words) in words.chunks_mut(BLOCK_RECORDS).enumerate() {
            let first = first + (chunk * BLOCK_RECORDS) as u64;
            for (column, cipher) in self.0.iter().enumerate() {
                let blocks = &mut blocks[..words.len()];
                for (counter, block) in (first..).zip(blocks.iter_mut()) {
                    *block = Block::from(u128::from(counter).to_be_bytes());
                }
                cipher.encrypt_blocks(blocks);
                for (word, block) in words.iter_mut().zip(blocks.iter()) {
                    word[column] ^= u128::from_le_bytes((*block).into());
                }
            }
        }
    }
}

/// Writes words as records: column 0 first, 16 bytes each, with row 0 in the lowest bit of the
/// first.
pub(super) fn encode(words: &[Word], out: &mut [u8]) {
    let numbers = words.iter().flatten();
    for (bytes, number) in out.chunks_exact_mut(16).zip(numbers) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
}

/// Reads whole records. Any bytes are valid columns, so nothing is refused.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: a record of COLUMN_RECORD_BYTES is one number for each column"
)]
pub(super) fn decode(records: &[u8]) -> Zeroizing<Vec<Word>> {
    let (records, _) = records.as_chunks::<COLUMN_RECORD_BYTES>();
    let word = |record: &[u8; COLUMN_RECORD_BYTES]| {
        let (numbers, _) = record.as_chunks::<16>();
        std::array::from_fn(|column| u128::from_le_bytes(numbers[column]))
    };
    Zeroizing::new(records.iter().map(word).collect())
}
