//! Transposes a square of 128 by 128 bits.
//!
//! Spec 11 §4 (IKNP03 §3: the matrix is sent by columns and hashed by rows). It is called for every
//! word of 128 rows. Time does not depend on the bits.

use super::columns::COLUMNS;

/// Exchanges rows and columns: bit `j` of number `i` becomes bit `i` of number `j`.
///
/// The recursive method (H. S. Warren, Hacker's Delight, 2nd edition, §7-3): squares of half the
/// size are exchanged across the diagonal, from 64 bits down to 1. Seven passes of 64 exchanges.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: the numbers run to 64 and 128, the lengths of a half and of all"
)]
pub(super) fn transpose(square: &mut [u128; COLUMNS]) {
    // The first pass moves whole halves, so that all further ones work on 64-bit numbers, of which
    // a processor handles several at once.
    let mut low = [0_u64; COLUMNS];
    let mut high = [0_u64; COLUMNS];
    for i in 0..64 {
        (low[i], low[i + 64]) = halves(square[i]);
        (high[i], high[i + 64]) = halves(square[i + 64]);
    }
    for half in [&mut low, &mut high] {
        exchange::<32>(half, 0x0000_0000_ffff_ffff);
        exchange::<16>(half, 0x0000_ffff_0000_ffff);
        exchange::<8>(half, 0x00ff_00ff_00ff_00ff);
        exchange::<4>(half, 0x0f0f_0f0f_0f0f_0f0f);
        exchange::<2>(half, 0x3333_3333_3333_3333);
        exchange::<1>(half, 0x5555_5555_5555_5555);
    }
    for ((out, low), high) in square.iter_mut().zip(low).zip(high) {
        *out = u128::from(low) | u128::from(high) << 64;
    }
}

/// The low and the high half of a number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a half is what is asked for"
)]
const fn halves(number: u128) -> (u64, u64) {
    (number as u64, (number >> 64) as u64)
}

/// Exchanges, in each square of `2 * SIDE` numbers and bits, the two quarters off the diagonal.
fn exchange<const SIDE: usize>(numbers: &mut [u64; COLUMNS], low_bits: u64) {
    for square in numbers.chunks_exact_mut(2 * SIDE) {
        let (upper, lower) = square.split_at_mut(SIDE);
        for (upper, lower) in upper.iter_mut().zip(lower) {
            let differ = ((*upper >> SIDE) ^ *lower) & low_bits;
            *upper ^= differ << SIDE;
            *lower ^= differ;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::transpose;

    proptest! {
        #[test]
        fn every_bit_goes_to_its_place(square in prop::collection::vec(any::<u128>(), 128)) {
            let before: [u128; 128] = square.try_into().unwrap();
            let mut after = before;
            transpose(&mut after);
            for (i, before) in before.iter().enumerate() {
                for (j, after) in after.iter().enumerate() {
                    prop_assert_eq!(after >> i & 1, before >> j & 1, "{} {}", i, j);
                }
            }
        }
    }
}
