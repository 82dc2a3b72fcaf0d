//! From columns back to limbs: the parallel carry.

use super::super::super::lanes::{FloatLanes, bits};
use super::super::{LIMB_MASK, LIMBS, each, nineteen};

/// Columns have a magnitude below `2^COLUMN_BITS`.
const COLUMN_BITS: u32 = 60;
/// Makes a column positive, and rounds the carry to nearest instead of down.
const BIAS: u64 = (1 << COLUMN_BITS) + (1 << 50);
/// What [`BIAS`] adds to each carry.
const CARRY_BIAS: u64 = 1 << (COLUMN_BITS - 51);
/// 2^52, whose bits turn an integer below 2^52 into a float.
const FLOAT_BASE: f64 = 4_503_599_627_370_496.0;

/// The magnitude of a carried limb, `R`.
pub(in crate::kernel::vector::field) const REDUCED_MAX: f64 = 1_125_899_906_842_624.0 + 16_384.0;

/// Carries every column once, all at the same time, to limbs of magnitude `2^50 + 2^14` at most.
///
/// Column `i` is split into `carry * 2^51 + limb` with `|limb| <= 2^50`. The carry, of magnitude at
/// most 2^9 + 1, goes to the next limb, and times 19 from the last to the first. One step is
/// enough, because a product has room for limbs a little longer than 51 bits.
#[inline(always)]
pub(super) fn carry<L: FloatLanes>(columns: &[L; LIMBS]) -> [L; LIMBS] {
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
pub(super) fn carry_negated<L: FloatLanes>(columns: &[L; LIMBS]) -> [L; LIMBS] {
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
fn carry_biased<L: FloatLanes>(columns: &[L; LIMBS]) -> [L; LIMBS] {
    let [c0, c1, c2, c3, c4] = each(columns, L::shift_right::<51>);
    [
        limb(columns[0], nineteen(c4), 19 * CARRY_BIAS),
        limb(columns[1], c0, CARRY_BIAS),
        limb(columns[2], c1, CARRY_BIAS),
        limb(columns[3], c2, CARRY_BIAS),
        limb(columns[4], c3, CARRY_BIAS),
    ]
}

/// The lowest 51 bits of a column plus the carry into it, as a float, without the biases.
#[inline(always)]
fn limb<L: FloatLanes>(column: L, carry: L, carry_bias: u64) -> L {
    let low = column.and(L::splat(LIMB_MASK));
    let whole = low.or(L::splat(bits(FLOAT_BASE))).add(carry);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let offset = FLOAT_BASE + (1_u64 << 50) as f64 + carry_bias as f64;
    let limb = whole.sub_float(L::splat(bits(offset)));
    limb.check_float(-REDUCED_MAX, REDUCED_MAX);
    limb
}
