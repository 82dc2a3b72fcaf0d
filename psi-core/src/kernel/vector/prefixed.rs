//! The hash of a prefix and a point, on one point in each lane. Tags are cut from it.
//!
//! Spec 05 §1. It gives the same bytes as SHA-512 of the prefix followed by the point, for prefixes
//! as short as those of this crate: prefix, point and padding then fit into one block.

use super::super::hash_one_by_one;
use super::Inputs;
use super::expand::{splat_all, store};
use super::lanes::Lanes;
use super::sha512::{BLOCK, INITIAL, compress};

const POINT: usize = 32;
/// Words that a point can lie in: four, and one more where the prefix does not end at a word's end.
const POINT_WORDS: usize = POINT / 8 + 1;

/// [`super::super::Kernel::hash_points`]. Points behind a longer prefix are hashed one by one.
///
/// # Panics
/// If the lengths differ: elements left out silently would be a wrong answer.
#[inline(always)]
pub(in crate::kernel) fn hash_points<L: Lanes>(
    prefix: &[u8],
    points: &[[u8; POINT]],
    out: &mut [[u8; 64]],
) {
    super::assert_same_length(points.len(), out.len());
    let Some(template) = block(prefix) else {
        hash_one_by_one(prefix, points, out);
        return;
    };
    let words = template.as_chunks().0;
    let mut shared = [0; BLOCK / 8];
    for (word, bytes) in shared.iter_mut().zip(words) {
        *word = u64::from_be_bytes(*bytes);
    }
    let (first, offset) = (prefix.len() / 8, prefix.len() % 8);
    for (points, out) in points.chunks(L::LANES).zip(out.chunks_mut(L::LANES)) {
        let points = Inputs(points);
        let mut block = splat_all::<L, _>(&shared);
        for (i, word) in block.iter_mut().skip(first).take(POINT_WORDS).enumerate() {
            let around = shared.get(first + i).copied().unwrap_or_default();
            *word = L::load(
                #[inline(always)]
                |lane| around | word_of(points.lane(lane), i, offset),
            );
        }
        store(&compress(&splat_all(&INITIAL), &block), out);
    }
}

/// The part of a point in the `i`-th word that it touches, `offset` bytes into the first.
#[inline(always)]
fn word_of(point: &[u8; POINT], i: usize, offset: usize) -> u64 {
    let mut shifted = [0; 8 * POINT_WORDS];
    for (to, from) in shifted.iter_mut().skip(offset).zip(point) {
        *to = *from;
    }
    let words: &[[u8; 8]] = shifted.as_chunks().0;
    words.get(i).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The block with zeros in place of the point. `None` if they need more than one.
fn block(prefix: &[u8]) -> Option<[u8; BLOCK]> {
    let length = prefix.len() + POINT;
    let padding = (BLOCK - 16).checked_sub(length + 1)?;
    let bits = 8 * length as u128;
    let parts = [
        prefix,
        &[0; POINT],
        &[0x80],
        &vec![0; padding],
        &bits.to_be_bytes(),
    ];
    parts.concat().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::lanes::model::FloatModel;
    use super::{BLOCK, block, hash_points};
    use crate::kernel::hash_one_by_one;

    #[test]
    fn points_behind_prefixes_of_all_lengths_hash_as_one_by_one() {
        let prefix: Vec<u8> = (1..=200).collect();
        let points: Vec<[u8; 32]> = (0..9)
            .map(|i| std::array::from_fn(|j| u8::try_from(20 * i + j).unwrap()))
            .collect();
        for length in 0..=prefix.len() {
            let (prefix, points) = (&prefix[..length], &points[..length % 10]);
            let mut out = vec![[0; 64]; points.len()];
            let mut expected = out.clone();
            hash_points::<FloatModel>(prefix, points, &mut out);
            hash_one_by_one(prefix, points, &mut expected);
            assert_eq!(out, expected, "prefix of {length}");
        }
    }

    #[test]
    fn the_prefix_of_a_tag_fits_into_one_block_and_79_bytes_are_the_most() {
        assert!(block(&[1; 79]).is_some());
        assert!(block(&[1; 80]).is_none());
        assert_eq!(block(&[1; 75]).unwrap().len(), BLOCK);
    }
}
