//! Arithmetic on limbs that are integers below 2^52, multiplied by 52-bit multiply-adds.
//!
//! Nothing is negative, and no sum wraps. A limb `i` is at most `2 p_i`, where `p_i` are the limbs
//! of p: `2 p - a` is then the negative of `a`, and has such limbs as well. A carry leaves smaller
//! limbs, at most `2^51 + 2^18`. Sums and differences of two elements are carried at once. A column
//! holds less than 2^60 for each product in it.

mod product;

use super::super::lanes::IntegerLanes;
use super::arithmetic::Arithmetic;
use super::constants::Constant;
use super::{LIMB_MASK, LIMBS, TWO_P, each, pairs};

/// Limbs as integers, never negative.
pub(in crate::kernel) struct Integers;

/// `512 p`: more, column by column, than the columns of a product, and less than 2^60.
const RAISE: [u64; LIMBS] = [
    256 * TWO_P[0],
    256 * TWO_P[1],
    256 * TWO_P[2],
    256 * TWO_P[3],
    256 * TWO_P[4],
];

impl<L: IntegerLanes> Arithmetic<L> for Integers {
    /// `15 * 2^60` is below 2^64.
    const TERMS_MAX: usize = 15;

    #[inline(always)]
    fn constant(constant: &Constant) -> [L; LIMBS] {
        each(&constant.plain, L::splat)
    }

    #[inline(always)]
    fn widen(element: &[L; LIMBS]) -> [L; LIMBS] {
        *element
    }

    #[inline(always)]
    fn positive(element: &[L; LIMBS]) -> [L; LIMBS] {
        *element
    }

    #[inline(always)]
    fn add(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        carry(&pairs(a, b, L::add))
    }

    #[inline(always)]
    fn sub(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        carry(&pairs(a, &negate(b), L::add))
    }

    #[inline(always)]
    fn negate_where(element: &[L; LIMBS], mask: L) -> [L; LIMBS] {
        pairs(
            &negate(element),
            element,
            #[inline(always)]
            |negated, limb| L::select(mask, negated, limb),
        )
    }

    #[inline(always)]
    fn mul_wide(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        L::product(
            #[inline(always)]
            || product::mul(a, b),
        )
    }

    #[inline(always)]
    fn square_wide(a: &[L; LIMBS]) -> [L; LIMBS] {
        L::product(
            #[inline(always)]
            || product::square(a),
        )
    }

    #[inline(always)]
    fn mul(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        carry(&<Self as Arithmetic<L>>::mul_wide(a, b))
    }

    #[inline(always)]
    fn square(a: &[L; LIMBS]) -> [L; LIMBS] {
        carry(&<Self as Arithmetic<L>>::square_wide(a))
    }

    #[inline(always)]
    fn sub_wide<const TERMS: usize>(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        pairs(a, &negate_wide::<L, TERMS>(b), L::add)
    }

    #[inline(always)]
    fn carry(columns: &[L; LIMBS]) -> [L; LIMBS] {
        carry(columns)
    }

    #[inline(always)]
    fn carry_negated<const TERMS: usize>(columns: &[L; LIMBS]) -> [L; LIMBS] {
        carry(&negate_wide::<L, TERMS>(columns))
    }
}

#[inline(always)]
fn negate<L: IntegerLanes>(element: &[L; LIMBS]) -> [L; LIMBS] {
    pairs(&each(&TWO_P, L::splat), element, L::sub)
}

/// The negative of columns that hold `TERMS` products; holds as many.
#[inline(always)]
fn negate_wide<L: IntegerLanes, const TERMS: usize>(columns: &[L; LIMBS]) -> [L; LIMBS] {
    let raise = each(
        &RAISE,
        #[inline(always)]
        |limb| L::splat(limb * TERMS as u64),
    );
    pairs(&raise, columns, L::sub)
}

/// Carries every column once, all at the same time, to limbs of at most `2^51 + 2^18`.
///
/// A carry is below 2^13 and goes to the next limb, and times 19 from the last to the first. One
/// step is enough, because a product has room for limbs a little longer than 51 bits.
#[inline(always)]
fn carry<L: IntegerLanes>(columns: &[L; LIMBS]) -> [L; LIMBS] {
    let mask = L::splat(LIMB_MASK);
    let [c0, c1, c2, c3, c4] = each(columns, L::shift_right::<51>);
    let low = each(
        columns,
        #[inline(always)]
        |column| column.and(mask),
    );
    let limbs = [
        low[0].add_product_low(c4, L::splat(19)),
        low[1].add(c0),
        low[2].add(c1),
        low[3].add(c2),
        low[4].add(c3),
    ];
    for limb in limbs {
        limb.check_at_most((1 << 51) + (1 << 18));
    }
    limbs
}
