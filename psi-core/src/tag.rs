//! Tags: the short hashes of points by which the two lists are matched.
//!
//! Spec 05 §1 and §2. The Sender tags `b*H(y)`, the Receiver its un-blinded reply; equal identities
//! give equal tags. The sessions call this; the job specification also takes the length from here.

use rayon::prelude::*;

use crate::kernel::Kernel;
use crate::spec::JobId;

/// First bytes of the hash.
const TAG_LABEL: &[u8] = b"psi/v1/tag";

/// Bits that keep the chance that any two different identities share a tag below one.
const COLLISION_BITS: u32 = 40;

/// Tags computed by one task.
const TAGS_PER_TASK: usize = 128;

/// Bytes of a tag for a Receiver with `n1_total` points in all its parts and a Sender with `n2`
/// tags: `ceil((40 + bitlen(n2) + bitlen(max(n1_total, n2))) / 8)`.
///
/// At most 21, for any arguments.
///
/// # Discussion
/// At most `n2 * (n1_total + n2)` pairs could collide by accident, so the chance of any collision
/// is below 2^-39. Both sides derive the length; it is never negotiated.
#[must_use]
pub fn tag_bytes(n1_total: u64, n2: u64) -> usize {
    let bits = COLLISION_BITS + bit_length(n2) + bit_length(n1_total.max(n2));
    bits.div_ceil(8) as usize
}

const fn bit_length(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// Replaces the contents of `out` by the tags of `points`, `tag_bytes` bytes each, in their order:
/// `SHA-512("psi/v1/tag" || job_id || match_index || point)`, cut to its first bytes.
///
/// The part is not hashed, because one list of tags serves all parts.
///
/// # Panics
/// If `tag_bytes` is 0 or above 64, which [`tag_bytes`] never gives.
pub fn tags(
    kernel: &dyn Kernel,
    job_id: &JobId,
    match_index: u8,
    points: &[[u8; 32]],
    tag_bytes: usize,
    out: &mut Vec<u8>,
) {
    assert!(
        (1..=64).contains(&tag_bytes),
        "a tag is a prefix of a SHA-512 output"
    );
    let prefix = [TAG_LABEL, job_id.as_bytes(), &[match_index]].concat();
    out.clear();
    out.resize(points.len() * tag_bytes, 0);
    points
        .par_chunks(TAGS_PER_TASK)
        .zip(out.par_chunks_mut(TAGS_PER_TASK * tag_bytes))
        .for_each(|(points, tags)| {
            let mut hashes = [[0; 64]; TAGS_PER_TASK];
            let (hashes, _) = hashes.split_at_mut(points.len());
            kernel.hash_points(&prefix, points, hashes);
            for (hash, tag) in hashes.iter().zip(tags.chunks_exact_mut(tag_bytes)) {
                tag.copy_from_slice(hash.split_at(tag_bytes).0);
            }
        });
}

#[cfg(test)]
mod tests;
