//! Products of five-limb numbers, exactly, from floating-point multiply-adds.
//!
//! For limbs `a` and `b` with `|a * b| < 2^102`:
//!
//! ```text
//! h = a * b + 1.5 * 2^103                   rounded to a multiple of 2^51, because h stays in [2^103, 2^104)
//! l = a * b + (1.5 * 2^103 + 1.5 * 2^52 - h)   exact: the rest, at most 2^50, plus 1.5 * 2^52
//! ```
//!
//! The bits of `h` are then an integer constant plus the high part of the product in units of 2^51,
//! those of `l` a constant plus the low part. High parts belong to the next column, so integer
//! additions of bits sum up columns; the constants of a whole column are taken off by what it starts
//! from. Columns 5 to 9 stand for multiples of 2^255 and are folded back times 19.
//!
//! Column bound for a `Reduced` and a `Sum`: five low parts of `2^50` and high parts of `2^50 + 1`
//! each, at most nine together; with the fold `9 * 20 * 2^50 = 180 * 2^50`.

use super::super::lanes::{Lanes, bits};
use super::{LIMBS, each, pairs};

/// `1.5 * 2^103`.
pub(in crate::kernel) const HIGH: f64 = 15_211_807_202_738_752_817_960_438_464_512.0;
/// `1.5 * 2^52`.
pub(in crate::kernel) const LOW: f64 = 6_755_399_441_055_744.0;
/// `HIGH + LOW`, exact: three units in the last place more than `HIGH`.
pub(in crate::kernel) const HIGH_AND_LOW: f64 = HIGH + LOW;

const POWER_102: f64 = HIGH / 3.0;
const POWER_51: f64 = LOW / 3.0;

/// What column `k` starts from: minus the constants of `lows[k]` low and `lows[k - 1]` high parts.
pub(in crate::kernel) const fn column_starts(lows: [u64; 9]) -> [u64; 10] {
    let mut starts = [0_u64; 10];
    let mut k = 0;
    while k < 9 {
        starts[k] = starts[k].wrapping_sub(lows[k].wrapping_mul(LOW.to_bits()));
        starts[k + 1] = starts[k + 1].wrapping_sub(lows[k].wrapping_mul(HIGH.to_bits()));
        k += 1;
    }
    starts
}

/// Products in each column of `a * b`.
pub(in crate::kernel) const MUL_STARTS: [u64; 10] = column_starts([1, 2, 3, 4, 5, 4, 3, 2, 1]);
/// Products in each column of a square whose cross products are taken once, doubled.
pub(in crate::kernel) const SQUARE_STARTS: [u64; 10] = column_starts([1, 1, 2, 2, 3, 2, 2, 1, 1]);

#[inline(always)]
fn starts<L: Lanes>(starts: &[u64; 10]) -> [L; 10] {
    let mut columns = [L::splat(0); 10];
    for (column, start) in columns.iter_mut().zip(starts) {
        *column = L::splat(*start);
    }
    columns
}

/// The two parts of one product, as bits that hold their constants.
#[inline(always)]
fn parts<L: Lanes>(a: L, b: L) -> (L, L) {
    let high = a.mul_add_float(b, L::splat(bits(HIGH)));
    high.check_float(HIGH - POWER_102, HIGH + POWER_102 - POWER_51);
    let low = a.mul_add_float(b, L::splat(bits(HIGH_AND_LOW)).sub_float(high));
    low.check_float(LOW - POWER_51 / 2.0, LOW + POWER_51 / 2.0);
    (high, low)
}

macro_rules! accumulate {
    ($a:expr, $b:expr, $low:ident, $high:ident) => {
        let (high, low) = parts($a, $b);
        $low = $low.add(low);
        $high = $high.add(high);
    };
}

/// `a * b` as five columns.
#[inline(always)]
pub(in crate::kernel) fn mul<L: Lanes>(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
    let [
        mut c0,
        mut c1,
        mut c2,
        mut c3,
        mut c4,
        mut c5,
        mut c6,
        mut c7,
        mut c8,
        mut c9,
    ] = starts::<L>(&MUL_STARTS);
    accumulate!(a[0], b[0], c0, c1);
    accumulate!(a[0], b[1], c1, c2);
    accumulate!(a[0], b[2], c2, c3);
    accumulate!(a[0], b[3], c3, c4);
    accumulate!(a[0], b[4], c4, c5);
    accumulate!(a[1], b[0], c1, c2);
    accumulate!(a[1], b[1], c2, c3);
    accumulate!(a[1], b[2], c3, c4);
    accumulate!(a[1], b[3], c4, c5);
    accumulate!(a[1], b[4], c5, c6);
    accumulate!(a[2], b[0], c2, c3);
    accumulate!(a[2], b[1], c3, c4);
    accumulate!(a[2], b[2], c4, c5);
    accumulate!(a[2], b[3], c5, c6);
    accumulate!(a[2], b[4], c6, c7);
    accumulate!(a[3], b[0], c3, c4);
    accumulate!(a[3], b[1], c4, c5);
    accumulate!(a[3], b[2], c5, c6);
    accumulate!(a[3], b[3], c6, c7);
    accumulate!(a[3], b[4], c7, c8);
    accumulate!(a[4], b[0], c4, c5);
    accumulate!(a[4], b[1], c5, c6);
    accumulate!(a[4], b[2], c6, c7);
    accumulate!(a[4], b[3], c7, c8);
    accumulate!(a[4], b[4], c8, c9);
    fold([c0, c1, c2, c3, c4], [c5, c6, c7, c8, c9])
}

/// `a * a` as five columns.
#[inline(always)]
pub(in crate::kernel) fn square<L: Lanes>(a: &[L; LIMBS]) -> [L; LIMBS] {
    let [
        mut c0,
        mut c1,
        mut c2,
        mut c3,
        mut c4,
        mut c5,
        mut c6,
        mut c7,
        mut c8,
        mut c9,
    ] = starts::<L>(&SQUARE_STARTS);
    let [d0, d1, d2, d3, _] = each(
        a,
        #[inline(always)]
        |limb| limb.add_float(limb),
    );
    accumulate!(a[0], a[0], c0, c1);
    accumulate!(d0, a[1], c1, c2);
    accumulate!(d0, a[2], c2, c3);
    accumulate!(d0, a[3], c3, c4);
    accumulate!(d0, a[4], c4, c5);
    accumulate!(a[1], a[1], c2, c3);
    accumulate!(d1, a[2], c3, c4);
    accumulate!(d1, a[3], c4, c5);
    accumulate!(d1, a[4], c5, c6);
    accumulate!(a[2], a[2], c4, c5);
    accumulate!(d2, a[3], c5, c6);
    accumulate!(d2, a[4], c6, c7);
    accumulate!(a[3], a[3], c6, c7);
    accumulate!(d3, a[4], c7, c8);
    accumulate!(a[4], a[4], c8, c9);
    fold([c0, c1, c2, c3, c4], [c5, c6, c7, c8, c9])
}

/// `low + 19 * high`.
#[inline(always)]
fn fold<L: Lanes>(low: [L; LIMBS], high: [L; LIMBS]) -> [L; LIMBS] {
    pairs(
        &low,
        &high,
        #[inline(always)]
        |low, high| {
            let folded = low
                .add(high)
                .add(high.add(high))
                .add(high.shift_left::<4>());
            // 180 * 2^50 is below 2^57.5.
            folded.check_signed(58);
            folded
        },
    )
}
