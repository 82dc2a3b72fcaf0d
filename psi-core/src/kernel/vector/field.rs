//! GF(2^255 - 19) on one element in each lane, with the bounds of every value in its type.
//!
//! An element is five limbs of radix 2^51 ([`Reduced`], [`Sum`]); a product leaves five 64-bit
//! integer columns ([`Wide`]). Sums are formed on columns, before the one carry that makes them
//! limbs again, so a sum of products costs no extra carry. The machine's [`Arithmetic`], [`float`]
//! or [`integer`], decides what limbs are and how they are multiplied.
//!
//! | type | holds | `float`: magnitude | `integer`: from 0 to |
//! |---|---|---|---|
//! | [`Reduced`] | limbs | `R = 2^50 + 2^14` | `2 p_i`, `p_i` a limb of p |
//! | [`Sum`] | limbs | `2 R` | `2 p_i` |
//! | [`Wide<L, T>`] | columns of `T` products | below `T * 180.1 * 2^50`, `T` at most 5 | below `T * 2^60`, `T` at most 15 |
//!
//! A product takes a `Reduced` and either of the two. A product of two sums does not compile, and
//! neither do more products in one column than the arithmetic has room for.

pub(super) mod arithmetic;
mod canonical;
pub(super) mod constants;
pub(in crate::kernel) mod float;
pub(in crate::kernel) mod integer;
mod roots;
#[cfg(test)]
pub(in crate::kernel) mod tests;

pub(super) use roots::{SqrtRatio, inverse, sqrt_ratio};

use super::lanes::Lanes;
use arithmetic::Arithmetic;
use constants::Constant;

/// Limbs of an element.
pub(in crate::kernel) const LIMBS: usize = 5;
/// Bits of a limb.
pub(in crate::kernel) const RADIX: u32 = 51;
/// The lowest 51 bits.
const LIMB_MASK: u64 = (1 << RADIX) - 1;
/// `2 p` in limbs of the form of those of p.
const TWO_P: [u64; LIMBS] = [
    2 * (LIMB_MASK - 18),
    2 * LIMB_MASK,
    2 * LIMB_MASK,
    2 * LIMB_MASK,
    2 * LIMB_MASK,
];

/// Elements, as a carry leaves them.
#[derive(Clone, Copy)]
pub(super) struct Reduced<L>(pub(super) [L; LIMBS]);

/// Sums or differences of two [`Reduced`].
#[derive(Clone, Copy)]
pub(super) struct Sum<L>(pub(super) [L; LIMBS]);

/// Sums and differences of `TERMS` products, or of as many [`Reduced`], before the carry.
#[derive(Clone, Copy)]
pub(super) struct Wide<L, const TERMS: usize>([L; LIMBS]);

/// The types that can be the second factor of a product: [`Reduced`] or [`Sum`].
pub(super) trait Factor<L> {
    fn limbs(&self) -> &[L; LIMBS];
}

impl<L> Factor<L> for Reduced<L> {
    #[inline(always)]
    fn limbs(&self) -> &[L; LIMBS] {
        &self.0
    }
}

impl<L> Factor<L> for Sum<L> {
    #[inline(always)]
    fn limbs(&self) -> &[L; LIMBS] {
        &self.0
    }
}

/// `f` of every limb. Do not use `array::map` for vectors: it is not inlined.
#[inline(always)]
fn each<A: Copy, R>(a: &[A; LIMBS], f: impl Fn(A) -> R) -> [R; LIMBS] {
    [f(a[0]), f(a[1]), f(a[2]), f(a[3]), f(a[4])]
}

/// `f` of every pair of limbs.
#[inline(always)]
fn pairs<L: Copy>(a: &[L; LIMBS], b: &[L; LIMBS], f: impl Fn(L, L) -> L) -> [L; LIMBS] {
    [
        f(a[0], b[0]),
        f(a[1], b[1]),
        f(a[2], b[2]),
        f(a[3], b[3]),
        f(a[4], b[4]),
    ]
}

impl<L: Lanes> Reduced<L> {
    /// The same element in every lane.
    #[inline(always)]
    pub(super) fn constant(constant: &Constant) -> Self {
        Self(L::Arithmetic::constant(constant))
    }

    /// The product, before the carry.
    #[inline(always)]
    pub(super) fn mul_wide(&self, factor: &impl Factor<L>) -> Wide<L, 1> {
        Wide(L::Arithmetic::mul_wide(&self.0, factor.limbs()))
    }

    /// The square, before the carry.
    #[inline(always)]
    pub(super) fn square_wide(&self) -> Wide<L, 1> {
        Wide(L::Arithmetic::square_wide(&self.0))
    }

    #[inline(always)]
    pub(super) fn mul(&self, factor: &impl Factor<L>) -> Self {
        Self(L::Arithmetic::mul(&self.0, factor.limbs()))
    }

    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        Self(L::Arithmetic::square(&self.0))
    }

    #[inline(always)]
    pub(super) fn add(&self, other: &Self) -> Sum<L> {
        Sum(L::Arithmetic::add(&self.0, &other.0))
    }

    #[inline(always)]
    pub(super) fn sub(&self, other: &Self) -> Sum<L> {
        Sum(L::Arithmetic::sub(&self.0, &other.0))
    }

    #[inline(always)]
    pub(super) fn negate(&self) -> Self {
        self.negate_where(L::splat(u64::MAX))
    }

    /// The negative in lanes where `mask` is all ones.
    #[inline(always)]
    pub(super) fn negate_where(&self, mask: L) -> Self {
        Self(L::Arithmetic::negate_where(&self.0, mask))
    }

    /// `yes` in lanes where `mask` is all ones, `no` elsewhere.
    #[inline(always)]
    pub(super) fn select(mask: L, yes: &Self, no: &Self) -> Self {
        Self(pairs(
            &yes.0,
            &no.0,
            #[inline(always)]
            |yes, no| L::select(mask, yes, no),
        ))
    }

    /// As columns, to be added to products.
    #[inline(always)]
    pub(super) fn widen(&self) -> Wide<L, 1> {
        Wide(L::Arithmetic::widen(&self.0))
    }

    /// All ones in lanes where the element is zero.
    #[inline(always)]
    pub(super) fn is_zero(&self) -> L {
        self.canonical().is_zero()
    }

    /// All ones in lanes where the element is negative: where its canonical form is odd (RFC 9496
    /// §3.1).
    #[inline(always)]
    pub(super) fn is_negative(&self) -> L {
        self.canonical().is_odd()
    }

    /// The non-negative one of the element and its negative (RFC 9496 §3.1).
    #[inline(always)]
    pub(super) fn absolute(&self) -> Self {
        self.negate_where(self.is_negative())
    }
}

impl<L: Lanes, const TERMS: usize> Wide<L, TERMS> {
    /// Proof that columns have room for these products.
    const IN_BOUNDS: () = assert!(
        TERMS <= <L::Arithmetic as Arithmetic<L>>::TERMS_MAX,
        "more products than a column holds"
    );

    /// `self + other`, which holds `SUM` products.
    #[inline(always)]
    pub(super) fn add<const OTHER: usize, const SUM: usize>(
        &self,
        other: &Wide<L, OTHER>,
    ) -> Wide<L, SUM> {
        const { assert!(SUM == TERMS + OTHER, "the number of products adds up") };
        let () = Wide::<L, SUM>::IN_BOUNDS;
        Wide(pairs(&self.0, &other.0, L::add))
    }

    /// `self - other`, which holds `SUM` products.
    #[inline(always)]
    pub(super) fn sub<const OTHER: usize, const SUM: usize>(
        &self,
        other: &Wide<L, OTHER>,
    ) -> Wide<L, SUM> {
        const { assert!(SUM == TERMS + OTHER, "the number of products adds up") };
        let () = Wide::<L, SUM>::IN_BOUNDS;
        Wide(L::Arithmetic::sub_wide::<OTHER>(&self.0, &other.0))
    }

    /// The carry, which makes limbs of columns again.
    #[inline(always)]
    pub(super) fn reduce(&self) -> Reduced<L> {
        let () = Self::IN_BOUNDS;
        Reduced(L::Arithmetic::carry(&self.0))
    }

    /// The negative, carried.
    #[inline(always)]
    pub(super) fn reduce_negated(&self) -> Reduced<L> {
        let () = Self::IN_BOUNDS;
        Reduced(L::Arithmetic::carry_negated::<TERMS>(&self.0))
    }
}

/// `19 * carry`.
#[inline(always)]
fn nineteen<L: Lanes>(carry: L) -> L {
    carry.add(carry.add(carry)).add(carry.shift_left::<4>())
}
