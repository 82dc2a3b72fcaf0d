//! From columns back to limbs: the parallel carry, and the unique representative.

use super::super::lanes::{Lanes, bits};
use super::{Canonical, LIMB_MASK, LIMBS, each};

/// Columns have a magnitude below `2^COLUMN_BITS`.
const COLUMN_BITS: u32 = 60;
/// Makes a column positive, and rounds the carry to nearest instead of down.
const BIAS: u64 = (1 << COLUMN_BITS) + (1 << 50);
/// What [`BIAS`] adds to each carry.
const CARRY_BIAS: u64 = 1 << (COLUMN_BITS - 51);
/// 2^52, whose bits turn an integer below 2^52 into a float.
const FLOAT_BASE: f64 = 4_503_599_627_370_496.0;

/// The magnitude of a carried limb, `R`.
pub(super) const REDUCED_MAX: f64 = 1_125_899_906_842_624.0 + 16_384.0;

/// Carries every column once, all at the same time; limbs of magnitude `2^50 + 2^14` at most.
///
/// Column `i` is split into `carry * 2^51 + limb` with `|limb| <= 2^50`; the carry, of magnitude at
/// most 2^9 + 1, goes to the next limb, times 19 from the last to the first. One step is enough,
/// because a product has room for limbs a little longer than 51 bits.
#[inline(always)]
pub(super) fn carry<L: Lanes>(columns: &[L; LIMBS]) -> [L; LIMBS] {
    let bias = L::splat(BIAS);
    carry_biased(&each(
        columns,
        #[inline(always)]
        |column| {
            column.check_signed(COLUMN_BITS);
            column.add(bias)
        },
    ))
}

/// [`carry`] of the negative columns.
#[inline(always)]
pub(super) fn carry_negated<L: Lanes>(columns: &[L; LIMBS]) -> [L; LIMBS] {
    let bias = L::splat(BIAS);
    carry_biased(&each(
        columns,
        #[inline(always)]
        |column| {
            column.check_signed(COLUMN_BITS);
            bias.sub(column)
        },
    ))
}

/// The carry of columns to which [`BIAS`] has been added.
#[inline(always)]
fn carry_biased<L: Lanes>(columns: &[L; LIMBS]) -> [L; LIMBS] {
    let [c0, c1, c2, c3, c4] = each(columns, L::shift_right::<51>);
    [
        limb(columns[0], nineteen(c4), 19 * CARRY_BIAS),
        limb(columns[1], c0, CARRY_BIAS),
        limb(columns[2], c1, CARRY_BIAS),
        limb(columns[3], c2, CARRY_BIAS),
        limb(columns[4], c3, CARRY_BIAS),
    ]
}

/// The lowest 51 bits of a column and what is carried into it, as a float, without the biases.
#[inline(always)]
fn limb<L: Lanes>(column: L, carry: L, carry_bias: u64) -> L {
    let low = column.and(L::splat(LIMB_MASK));
    let whole = low.or(L::splat(bits(FLOAT_BASE))).add(carry);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let offset = FLOAT_BASE + (1_u64 << 50) as f64 + carry_bias as f64;
    let limb = whole.sub_float(L::splat(bits(offset)));
    limb.check_float(-REDUCED_MAX, REDUCED_MAX);
    limb
}

/// `19 * carry`.
#[inline(always)]
fn nineteen<L: Lanes>(carry: L) -> L {
    carry.add(carry.add(carry)).add(carry.shift_left::<4>())
}

/// The numbers from 0 to p - 1 that columns of magnitude at most `R` stand for.
#[inline(always)]
pub(super) fn canonical<L: Lanes>(columns: &[L; LIMBS]) -> Canonical<L> {
    // 1. Add 2 p, so that every column is positive; carry from column to column.
    const TWO_P: [u64; LIMBS] = [
        (1 << 52) - 38,
        (1 << 52) - 2,
        (1 << 52) - 2,
        (1 << 52) - 2,
        (1 << 52) - 2,
    ];
    let mask = L::splat(LIMB_MASK);
    let mut limbs = *columns;
    let mut carry = L::splat(0);
    for (limb, two_p) in limbs.iter_mut().zip(TWO_P) {
        limb.check_signed(51);
        let column = limb.add(L::splat(two_p)).add(carry);
        carry = column.shift_right::<51>();
        *limb = column.and(mask);
    }
    limbs[0] = limbs[0].add(nineteen(carry));
    // 2. The number is now below 2^255 + 76. It is p or more exactly if adding 19 carries out of
    // the last limb; then subtract p, that is, add 19 and drop that carry.
    let mut carry = L::splat(19);
    for limb in limbs {
        carry = limb.add(carry).shift_right::<51>();
    }
    let mut carry = nineteen(carry);
    for limb in &mut limbs {
        let column = limb.add(carry);
        carry = column.shift_right::<51>();
        *limb = column.and(mask);
    }
    Canonical(limbs)
}
