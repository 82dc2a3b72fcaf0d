//! SHA-512/256 of the messages of identities (FIPS 180-4 §6.7), on one message in each lane.
//!
//! Spec 02 §2. As many blocks are hashed in all lanes as the longest message of a vector has; a lane
//! whose message is shorter keeps its state from there on. So the work depends on lengths alone.

use zeroize::Zeroize as _;

use super::expand::splat_all;
use super::lanes::Lanes;
use super::sha512::{BLOCK, INITIAL_256, compress};
use crate::digest::{Digest, Messages};

/// The most lanes that a machine has.
const LANES_MAX: usize = 8;

/// Bytes of padding at the least: a bit that is set, and the length as 128 bits.
const PADDING: usize = 17;

/// [`super::super::Kernel::digest`].
///
/// # Panics
/// If the lengths differ, because elements left out without notice would be a wrong answer.
#[inline(always)]
pub(in crate::kernel) fn digest<L: Lanes>(messages: &Messages, out: &mut [Digest]) {
    const { assert!(L::LANES <= LANES_MAX, "room for one message in each lane") };
    super::assert_same_length(messages.len(), out.len());
    let mut next = messages.iter();
    for out in out.chunks_mut(L::LANES) {
        // A lane without a message hashes the empty one, and its digest is not used.
        let mut lanes = [&[][..]; LANES_MAX];
        for (lane, message) in lanes.iter_mut().zip(next.by_ref().take(out.len())) {
            *lane = message;
        }
        let blocks = lanes.map(|message| (message.len() + PADDING).div_ceil(BLOCK));
        let most = blocks.iter().copied().max().unwrap_or_default();
        let mut state = splat_all::<L, _>(&INITIAL_256);
        let mut bytes = [[0; BLOCK]; LANES_MAX];
        for number in 0..most {
            for (bytes, message) in bytes.iter_mut().zip(lanes).take(L::LANES) {
                *bytes = block(message, number);
            }
            let mut words = [L::splat(0); BLOCK / 8];
            for (i, word) in words.iter_mut().enumerate() {
                *word = L::load(
                    #[inline(always)]
                    |lane| u64::from_be_bytes(bytes[lane].as_chunks().0[i]),
                );
            }
            let mut after = compress(&state, &words);
            let goes_on = L::load(
                #[inline(always)]
                |lane| if number < blocks[lane] { u64::MAX } else { 0 },
            );
            for (state, after) in state.iter_mut().zip(after) {
                *state = L::select(goes_on, after, *state);
            }
            // Whoever holds these can read identifiers, or test guesses of them.
            words.zeroize();
            after.zeroize();
        }
        for (i, word) in state.iter().enumerate().take(size_of::<Digest>() / 8) {
            for (out, word) in out.iter_mut().zip(word.store().as_ref()) {
                out.as_chunks_mut().0[i] = word.to_be_bytes();
            }
        }
        state.zeroize();
        bytes.zeroize();
    }
}

/// Block `number` of a padded message; zeros after its last.
#[inline(always)]
fn block(message: &[u8], number: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let rest = message.get(number * BLOCK..).unwrap_or_default();
    let (here, _) = rest.split_at(rest.len().min(BLOCK));
    block[..here.len()].copy_from_slice(here);
    // The bit lies in the block in which the message ends, the length in the same or the next.
    let end = message.len().checked_sub(number * BLOCK);
    if let Some(byte) = end.and_then(|end| block.get_mut(end)) {
        *byte = 0x80;
    }
    if number + 1 == (message.len() + PADDING).div_ceil(BLOCK) {
        let bits = 8 * message.len() as u128;
        block[BLOCK - 16..].copy_from_slice(&bits.to_be_bytes());
    }
    block
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha512_256};

    use super::super::lanes::model::FloatModel;
    use super::{Messages, digest};

    #[test]
    fn a_vector_of_messages_of_different_lengths_has_the_digests_of_sha2() {
        let bytes: Vec<u8> = (0..=255).cycle().take(400).collect();
        // Lengths beside each other differ in the number of their blocks; all up to 300 occur.
        let lengths: Vec<usize> = (0..=300).map(|i| i * 113 % 301).collect();
        for number in [0, 1, 3, 4, 5, lengths.len()] {
            let mut messages = Messages::new();
            for length in &lengths[..number] {
                assert!(messages.field(&bytes[..*length]));
                messages.end();
            }
            let mut out = vec![[0xaa; 32]; number];
            digest::<FloatModel>(&messages, &mut out);
            let expected = messages.iter().map(Sha512_256::digest);
            assert!(out.iter().copied().eq(expected.map(<[u8; 32]>::from)));
        }
    }
}
