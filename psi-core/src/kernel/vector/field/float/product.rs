//! Products of five-limb numbers, exactly, from floating-point multiply-adds.
//!
//! For limbs `a` and `b` with `|a * b| < 2^102`:
//!
//! ```text
//! h = a * b + 1.5 * 2^103                   rounded to a multiple of 2^51: h stays in [2^103, 2^104)
//! l = a * b + (1.5 * 2^103 + 1.5 * 2^52 - h)   exact: the rest, at most 2^50, plus 1.5 * 2^52
//! ```
//!
//! The bits of `h` are then an integer constant plus the high part of the product in units of 2^51,
//! those of `l` a constant plus the low part. High parts belong to the next column, so integer
//! additions of bits sum up columns. Columns 5 to 9 are multiples of 2^255 and are folded back
//! times 19. Then the constants of all parts are taken off at once.
//!
//! Column bound for a `Reduced` and a `Sum`: low parts are at most `2^50`, high parts
//! `2 R^2 / 2^51 + 1`, less than `2^50 + 2^16`. Column 0 is the largest: one low part, and 19 times
//! the four low and five high parts of column 5, together 172 parts.

use super::super::super::lanes::{FloatLanes, bits};
use super::super::{LIMBS, each, pairs};

/// `1.5 * 2^103`.
const HIGH: f64 = 15_211_807_202_738_752_817_960_438_464_512.0;
/// `1.5 * 2^52`.
const LOW: f64 = 6_755_399_441_055_744.0;
/// `HIGH + LOW`, exact: three units in the last place more than `HIGH`.
const HIGH_AND_LOW: f64 = HIGH + LOW;

const POWER_102: f64 = HIGH / 3.0;
const POWER_51: f64 = LOW / 3.0;

/// The numbers that take the constants off five folded columns, given the number of products in
/// each of the columns 0 to 8: minus those of `lows[k]` low and `lows[k - 1]` high parts.
const fn corrections(lows: [u64; 9]) -> [u64; LIMBS] {
    let mut columns = [0_u64; 2 * LIMBS];
    let mut k = 0;
    while k < lows.len() {
        columns[k] = columns[k].wrapping_sub(lows[k].wrapping_mul(LOW.to_bits()));
        columns[k + 1] = columns[k + 1].wrapping_sub(lows[k].wrapping_mul(HIGH.to_bits()));
        k += 1;
    }
    let mut folded = [0; LIMBS];
    let mut k = 0;
    while k < LIMBS {
        folded[k] = columns[k].wrapping_add(columns[k + LIMBS].wrapping_mul(19));
        k += 1;
    }
    folded
}

/// For the 25 products of `a * b`.
const MUL_CORRECTIONS: [u64; LIMBS] = corrections([1, 2, 3, 4, 5, 4, 3, 2, 1]);
/// For a square, whose cross products are taken once, doubled.
const SQUARE_CORRECTIONS: [u64; LIMBS] = corrections([1, 1, 2, 2, 3, 2, 2, 1, 1]);

/// The two parts of one product, as bits that hold their constants.
#[inline(always)]
fn parts<L: FloatLanes>(a: L, b: L) -> (L, L) {
    let high = a.mul_add_float(b, L::splat(bits(HIGH)));
    high.check_float(HIGH - POWER_102, HIGH + POWER_102 - POWER_51);
    let low = a.mul_add_float(b, L::splat(bits(HIGH_AND_LOW)).sub_float(high));
    low.check_float(LOW - POWER_51 / 2.0, LOW + POWER_51 / 2.0);
    (high, low)
}

/// Adds the parts of `$a * $b` to the column `$low` and to the next one, `$high`.
///
/// The order of these additions is part of the design, hence `opaque`. Otherwise the compiler
/// computes all parts first, which needs more registers than there are.
macro_rules! accumulate {
    ($a:expr, $b:expr => $low:ident, $high:ident) => {
        let (high, low) = parts($a, $b);
        $low = $low.add(low).opaque();
        $high = $high.add(high).opaque();
    };
}

/// `a * b` as five columns.
#[inline(always)]
pub(super) fn mul<L: FloatLanes>(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
    // The first part of each column needs no addition.
    let (mut c1, c0) = parts(a[0], b[0]);
    let (mut c2, low) = parts(a[0], b[1]);
    c1 = c1.add(low).opaque();
    let (mut c3, low) = parts(a[0], b[2]);
    c2 = c2.add(low).opaque();
    let (mut c4, low) = parts(a[0], b[3]);
    c3 = c3.add(low).opaque();
    let (mut c5, low) = parts(a[0], b[4]);
    c4 = c4.add(low).opaque();

    accumulate!(a[1], b[0] => c1, c2);
    accumulate!(a[1], b[1] => c2, c3);
    accumulate!(a[1], b[2] => c3, c4);
    accumulate!(a[1], b[3] => c4, c5);
    let (mut c6, low) = parts(a[1], b[4]);
    c5 = c5.add(low).opaque();

    accumulate!(a[2], b[0] => c2, c3);
    accumulate!(a[2], b[1] => c3, c4);
    accumulate!(a[2], b[2] => c4, c5);
    accumulate!(a[2], b[3] => c5, c6);
    let (mut c7, low) = parts(a[2], b[4]);
    c6 = c6.add(low).opaque();

    accumulate!(a[3], b[0] => c3, c4);
    accumulate!(a[3], b[1] => c4, c5);
    accumulate!(a[3], b[2] => c5, c6);
    accumulate!(a[3], b[3] => c6, c7);
    let (mut c8, low) = parts(a[3], b[4]);
    c7 = c7.add(low).opaque();

    accumulate!(a[4], b[0] => c4, c5);
    accumulate!(a[4], b[1] => c5, c6);
    accumulate!(a[4], b[2] => c6, c7);
    accumulate!(a[4], b[3] => c7, c8);
    let (c9, low) = parts(a[4], b[4]);
    c8 = c8.add(low).opaque();

    fold(
        &[c0, c1, c2, c3, c4],
        &[c5, c6, c7, c8, c9],
        &MUL_CORRECTIONS,
    )
}

/// `a * a` as five columns.
#[inline(always)]
pub(super) fn square<L: FloatLanes>(a: &[L; LIMBS]) -> [L; LIMBS] {
    let [d0, d1, d2, d3, _] = each(
        a,
        #[inline(always)]
        |limb| limb.add_float(limb),
    );
    let (mut c1, c0) = parts(a[0], a[0]);
    let (mut c2, low) = parts(d0, a[1]);
    c1 = c1.add(low).opaque();
    let (mut c3, low) = parts(d0, a[2]);
    c2 = c2.add(low).opaque();
    let (mut c4, low) = parts(d0, a[3]);
    c3 = c3.add(low).opaque();
    let (mut c5, low) = parts(d0, a[4]);
    c4 = c4.add(low).opaque();

    accumulate!(a[1], a[1] => c2, c3);
    accumulate!(d1, a[2] => c3, c4);
    accumulate!(d1, a[3] => c4, c5);
    let (mut c6, low) = parts(d1, a[4]);
    c5 = c5.add(low).opaque();

    accumulate!(a[2], a[2] => c4, c5);
    accumulate!(d2, a[3] => c5, c6);
    let (mut c7, low) = parts(d2, a[4]);
    c6 = c6.add(low).opaque();

    accumulate!(a[3], a[3] => c6, c7);
    let (mut c8, low) = parts(d3, a[4]);
    c7 = c7.add(low).opaque();
    let (c9, low) = parts(a[4], a[4]);
    c8 = c8.add(low).opaque();

    fold(
        &[c0, c1, c2, c3, c4],
        &[c5, c6, c7, c8, c9],
        &SQUARE_CORRECTIONS,
    )
}

/// `low + 19 * high`, without the constants of the parts.
#[inline(always)]
fn fold<L: FloatLanes>(
    low: &[L; LIMBS],
    high: &[L; LIMBS],
    corrections: &[u64; LIMBS],
) -> [L; LIMBS] {
    let folded = pairs(
        low,
        high,
        #[inline(always)]
        |low, high| {
            low.add(high)
                .add(high.add(high))
                .add(high.shift_left::<4>())
        },
    );
    pairs(
        &folded,
        &each(corrections, L::splat),
        #[inline(always)]
        |folded, correction| {
            let column = folded.add(correction);
            // 180.1 * 2^50 is below 2^58.
            column.check_signed(58);
            column
        },
    )
}
