//! Arithmetic on limbs that are whole numbers kept as 64-bit floats.
//!
//! Between products, limbs are floats; a product leaves columns of 64-bit integers. In magnitude, a
//! limb is at most `R = 2^50 + 2^14`, a limb of a sum twice as much, and a column below
//! `180.1 * 2^50` for each product in it. A product of two limbs must stay below 2^102 (see
//! [`product`]). `R * 2R` does; `2R * 2R` does not, by so little that no random test would find it.
//! Columns stay below 2^60.
//!
//! # Discussion
//! Exact products from floating-point multiply-adds follow N. Emmart, "Faster modular
//! exponentiation using double precision floating point arithmetic on the GPU" (ARITH 2018). The
//! integer alternative on AVX2, 32-bit products on limbs of 25.5 bits, needs four times as many.

mod carry;
mod product;

#[cfg(test)]
pub(super) use carry::REDUCED_MAX;

use super::super::lanes::{FloatLanes, bits};
use super::arithmetic::Arithmetic;
use super::constants::Constant;
use super::{LIMBS, TWO_P, each, pairs};

/// Limbs as floats, signed.
pub(in crate::kernel) struct Floats;

/// `1.5 * 2^52`: added to a whole number of magnitude up to 2^51, its bits are that number plus
/// the bits of the constant.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;

impl<L: FloatLanes> Arithmetic<L> for Floats {
    /// `5 * 180.1 * 2^50` is below 2^60.
    const TERMS_MAX: usize = 5;

    #[inline(always)]
    fn constant(constant: &Constant) -> [L; LIMBS] {
        each(
            &constant.balanced,
            #[inline(always)]
            |limb| L::splat(bits(limb)),
        )
    }

    #[inline(always)]
    fn widen(element: &[L; LIMBS]) -> [L; LIMBS] {
        let magic = L::splat(bits(TO_INTEGER));
        each(
            element,
            #[inline(always)]
            |limb| limb.add_float(magic).sub(magic),
        )
    }

    #[inline(always)]
    fn positive(element: &[L; LIMBS]) -> [L; LIMBS] {
        let columns = Self::widen(element);
        pairs(
            &columns,
            &each(&TWO_P, L::splat),
            #[inline(always)]
            |column, two_p| {
                column.check_signed(51);
                column.add(two_p)
            },
        )
    }

    #[inline(always)]
    fn add(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        pairs(a, b, L::add_float)
    }

    #[inline(always)]
    fn sub(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        pairs(a, b, L::sub_float)
    }

    #[inline(always)]
    fn negate_where(element: &[L; LIMBS], mask: L) -> [L; LIMBS] {
        let sign = mask.and(L::splat(bits(-0.0)));
        each(
            element,
            #[inline(always)]
            |limb| limb.xor(sign),
        )
    }

    // Products are functions of their own, so that the program holds each of them once: they are
    // long. The chains of squares are the exception.

    #[inline(always)]
    fn mul_wide(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        L::outline(
            #[inline(always)]
            || product::mul(a, b),
        )
    }

    #[inline(always)]
    fn square_wide(a: &[L; LIMBS]) -> [L; LIMBS] {
        L::outline(
            #[inline(always)]
            || product::square(a),
        )
    }

    #[inline(always)]
    fn mul(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        L::outline(
            #[inline(always)]
            || carry::carry(&product::mul(a, b)),
        )
    }

    #[inline(always)]
    fn square(a: &[L; LIMBS]) -> [L; LIMBS] {
        carry::carry(&product::square(a))
    }

    #[inline(always)]
    fn sub_wide<const TERMS: usize>(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS] {
        pairs(a, b, L::sub)
    }

    #[inline(always)]
    fn carry(columns: &[L; LIMBS]) -> [L; LIMBS] {
        carry::carry(columns)
    }

    #[inline(always)]
    fn carry_negated<const TERMS: usize>(columns: &[L; LIMBS]) -> [L; LIMBS] {
        carry::carry_negated(columns)
    }
}
