//! The expansion of digests to uniform bytes, `expand_message_xmd` of RFC 9380 §5.3.1, on one digest
//! in each lane.
//!
//! Spec 02 §3. The same bytes as [`crate::group::hash_to_uniform`], for tags as short as those of
//! this crate: the tag then fits into one block behind a digest, and behind `b_0`.

use zeroize::Zeroize as _;

use super::super::expand_one_by_one;
use super::Inputs;
use super::lanes::Lanes;
use super::sha512::{AFTER_ZERO_BLOCK, BLOCK, INITIAL, compress};

/// Words of a digest, and of an output of SHA-512.
const DIGEST_WORDS: usize = 4;
const HASH_WORDS: usize = 8;

/// [`super::super::Kernel::expand`]. Digests under a longer tag are expanded one by one.
///
/// # Panics
/// If the lengths differ: elements left out silently would be a wrong answer.
#[inline(always)]
pub(in crate::kernel) fn expand<L: Lanes>(
    domain_tag: &[u8],
    digests: &[[u8; 32]],
    out: &mut [[u8; 64]],
) {
    super::assert_same_length(digests.len(), out.len());
    // I2OSP(64, 2) || I2OSP(0, 1) || DST_prime behind the digest, after a block of zeros; and
    // I2OSP(1, 1) || DST_prime behind `b_0`.
    let blocks = (
        last_block(8 * DIGEST_WORDS, BLOCK, &[0, 64, 0], domain_tag),
        last_block(8 * HASH_WORDS, 0, &[1], domain_tag),
    );
    let (Some(block_0), Some(block_1)) = blocks else {
        expand_one_by_one(domain_tag, digests, out);
        return;
    };
    for (digests, out) in digests.chunks(L::LANES).zip(out.chunks_mut(L::LANES)) {
        let digests = Inputs(digests);
        let mut words = splat_all::<L, _>(&block_0);
        for (i, word) in words[..DIGEST_WORDS].iter_mut().enumerate() {
            *word = L::load(
                #[inline(always)]
                |lane| u64::from_be_bytes(digests.lane(lane).as_chunks().0[i]),
            );
        }
        let mut b_0 = compress(&splat_all(&AFTER_ZERO_BLOCK), &words);
        let mut words_1 = splat_all::<L, _>(&block_1);
        words_1[..HASH_WORDS].copy_from_slice(&b_0);
        let mut b_1 = compress(&splat_all(&INITIAL), &words_1);
        store(&b_1, out);
        // These let their holder test guesses of identifiers.
        words.zeroize();
        b_0.zeroize();
        words_1.zeroize();
        b_1.zeroize();
    }
}

/// Writes the hash in each lane, for as many lanes as `out` has room for.
#[inline(always)]
pub(super) fn store<L: Lanes>(hash: &[L; HASH_WORDS], out: &mut [[u8; 64]]) {
    for (i, word) in hash.iter().enumerate() {
        for (bytes, word) in out.iter_mut().zip(word.store().as_ref()) {
            bytes.as_chunks_mut().0[i] = word.to_be_bytes();
        }
    }
}

/// Each word in all lanes. Do not use `array::map` for vectors: it is not inlined.
#[inline(always)]
pub(super) fn splat_all<L: Lanes, const N: usize>(words: &[u64; N]) -> [L; N] {
    let mut vectors = [L::splat(0); N];
    for (vector, word) in vectors.iter_mut().zip(words) {
        *vector = L::splat(*word);
    }
    vectors
}

/// The words of the last block of a message: room for `start` bytes, then `middle`, the tag with
/// its length, and the padding; `before` bytes came in earlier blocks. `None` if they do not fit
/// one block.
fn last_block(
    start: usize,
    before: usize,
    middle: &[u8],
    domain_tag: &[u8],
) -> Option<[u64; BLOCK / 8]> {
    let tag_length = u8::try_from(domain_tag.len()).ok()?;
    let message = [&vec![0; start], middle, domain_tag, &[tag_length]].concat();
    let padding = (BLOCK - 16).checked_sub(message.len() + 1)?;
    let bits = 8 * (before + message.len()) as u128;
    let block = [
        &message,
        &[0x80][..],
        &vec![0; padding],
        &bits.to_be_bytes(),
    ]
    .concat();
    let mut words = [0; BLOCK / 8];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::super::lanes::model::FloatModel;
    use super::expand;
    use crate::group::hash_to_uniform;

    #[test]
    fn digests_expand_to_the_bytes_of_the_single_operation_under_tags_of_all_lengths() {
        let tag: Vec<u8> = (0..=255).chain(0..=9).collect();
        let digests: Vec<[u8; 32]> = (0..9).map(|i| [i; 32]).collect();
        for length in 0..=tag.len() {
            let tag = &tag[..length];
            let digests = &digests[..length % 10];
            let mut out = vec![[0; 64]; digests.len()];
            expand::<FloatModel>(tag, digests, &mut out);
            for (out, digest) in out.iter().zip(digests) {
                assert_eq!(*out, hash_to_uniform(tag, digest), "tag of {length}");
            }
        }
    }
}
