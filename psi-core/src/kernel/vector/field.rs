//! GF(2^255 - 19) on four elements at a time, with the bounds of every value in its type.
//!
//! An element is five limbs of radix 2^51. Between products the limbs are whole numbers kept as
//! 64-bit floats ([`Reduced`], [`Sum`]); a product leaves five 64-bit integer columns ([`Wide`]).
//! Sums are formed on columns, before the one carry that makes them limbs again, so a sum of
//! products costs no carry of its own.
//!
//! | type | holds | magnitude of a limb or column |
//! |---|---|---|
//! | [`Reduced`] | floats | at most `R = 2^50 + 2^14` |
//! | [`Sum`] | floats | at most `2 R` |
//! | [`Wide<L, T>`] | integers, `T` products | below `T * 180.1 * 2^50`; `T` at most 5, so below 2^60 |
//!
//! A product of two limbs must stay below 2^102 (see [`product`]): `R * 2R` does, `2R * 2R` does
//! not, by a hair that no random test would find. Hence a product takes a `Reduced` and either of
//! the two; a product of two sums does not compile, and neither do six products in one column.
//!
//! # Discussion
//! Exact products from floating-point multiply-adds follow N. Emmart, "Faster modular
//! exponentiation using double precision floating point arithmetic on the GPU" (ARITH 2018). The
//! integer alternative on AVX2, 32-bit products on limbs of 25.5 bits, needs four times as many.

mod carry;
pub(super) mod constants;
mod product;
mod roots;
#[cfg(test)]
pub(in crate::kernel) mod tests;

pub(super) use roots::{SqrtRatio, inverse, sqrt_ratio};

use super::lanes::{LANES, Lanes, bits};

/// Limbs of an element.
pub(in crate::kernel) const LIMBS: usize = 5;
/// Bits of a limb.
pub(in crate::kernel) const RADIX: u32 = 51;
/// The lowest 51 bits.
const LIMB_MASK: u64 = (1 << RADIX) - 1;
/// `1.5 * 2^52`: added to a whole number of magnitude up to 2^51, its bits are that number plus
/// the bits of the constant.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;

/// Elements whose limbs have magnitude `R` at most.
#[derive(Clone, Copy)]
pub(super) struct Reduced<L>(pub(super) [L; LIMBS]);

/// Sums or differences of two [`Reduced`].
#[derive(Clone, Copy)]
pub(super) struct Sum<L>(pub(super) [L; LIMBS]);

/// Sums and differences of `TERMS` products, or of as many [`Reduced`], before the carry.
#[derive(Clone, Copy)]
pub(super) struct Wide<L, const TERMS: usize>([L; LIMBS]);

/// Elements as the unique numbers from 0 to p - 1, in limbs of 51 bits, as integers.
pub(super) struct Canonical<L>([L; LIMBS]);

/// What may stand as the second factor of a product: [`Reduced`] or [`Sum`].
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

/// `f` of every limb. `array::map` is not for vectors: it is no inlined function.
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
    pub(super) fn constant(limbs: &[f64; LIMBS]) -> Self {
        Self(each(
            limbs,
            #[inline(always)]
            |limb| L::splat(bits(limb)),
        ))
    }

    /// The 255-bit little-endian numbers; the highest bit of each is ignored.
    #[inline(always)]
    pub(super) fn from_bytes(bytes: [&[u8; 32]; LANES]) -> Self {
        let lanes = bytes.map(limbs_of_bytes);
        let columns: [[u64; LANES]; LIMBS] =
            std::array::from_fn(|limb| std::array::from_fn(|lane| lanes[lane][limb]));
        // 51-bit numbers, far below the bound of a product.
        Wide::<L, 1>(each(&columns, L::load)).reduce()
    }

    /// The product, before the carry.
    #[inline(always)]
    pub(super) fn mul_wide(&self, factor: &impl Factor<L>) -> Wide<L, 1> {
        mul_wide(&self.0, factor.limbs())
    }

    /// The square, before the carry.
    #[inline(always)]
    pub(super) fn square_wide(&self) -> Wide<L, 1> {
        Wide(L::outline(
            #[inline(always)]
            || product::square(&self.0),
        ))
    }

    #[inline(always)]
    pub(super) fn mul(&self, factor: &impl Factor<L>) -> Self {
        mul_carried(&self.0, factor.limbs())
    }

    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        Self(carry::carry(&product::square(&self.0)))
    }

    #[inline(always)]
    pub(super) fn add(&self, other: &Self) -> Sum<L> {
        Sum(pairs(&self.0, &other.0, L::add_float))
    }

    #[inline(always)]
    pub(super) fn sub(&self, other: &Self) -> Sum<L> {
        Sum(pairs(&self.0, &other.0, L::sub_float))
    }

    #[inline(always)]
    pub(super) fn negate(&self) -> Self {
        self.negate_where(L::splat(u64::MAX))
    }

    /// The negative in lanes where `mask` is all ones.
    #[inline(always)]
    pub(super) fn negate_where(&self, mask: L) -> Self {
        let sign = mask.and(L::splat(bits(-0.0)));
        Self(each(
            &self.0,
            #[inline(always)]
            |limb| limb.xor(sign),
        ))
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
        let magic = L::splat(bits(TO_INTEGER));
        Wide(each(
            &self.0,
            #[inline(always)]
            |limb| limb.add_float(magic).sub(magic),
        ))
    }

    /// The unique representatives.
    #[inline(always)]
    pub(super) fn canonical(&self) -> Canonical<L> {
        carry::canonical(&self.widen().0)
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
    /// Proof that columns stay below 2^60.
    const IN_BOUNDS: () = assert!(fits(TERMS), "more products than a column holds");

    /// `self + other`, which holds `SUM` products.
    #[inline(always)]
    pub(super) fn add<const OTHER: usize, const SUM: usize>(
        &self,
        other: &Wide<L, OTHER>,
    ) -> Wide<L, SUM> {
        const { assert!(SUM == TERMS + OTHER, "the number of products adds up") };
        Wide(pairs(&self.0, &other.0, L::add))
    }

    /// `self - other`, which holds `SUM` products.
    #[inline(always)]
    pub(super) fn sub<const OTHER: usize, const SUM: usize>(
        &self,
        other: &Wide<L, OTHER>,
    ) -> Wide<L, SUM> {
        const { assert!(SUM == TERMS + OTHER, "the number of products adds up") };
        Wide(pairs(&self.0, &other.0, L::sub))
    }

    /// The carry: limbs again.
    #[inline(always)]
    pub(super) fn reduce(&self) -> Reduced<L> {
        let () = Self::IN_BOUNDS;
        Reduced(carry::carry(&self.0))
    }

    /// The negative, carried.
    #[inline(always)]
    pub(super) fn reduce_negated(&self) -> Reduced<L> {
        let () = Self::IN_BOUNDS;
        Reduced(carry::carry_negated(&self.0))
    }
}

impl<L: Lanes> Canonical<L> {
    #[inline(always)]
    pub(super) fn is_zero(&self) -> L {
        let [a, b, c, d, e] = self.0;
        a.or(b).or(c.or(d)).or(e).equal(L::splat(0))
    }

    #[inline(always)]
    pub(super) fn is_odd(&self) -> L {
        self.0[0].and(L::splat(1)).equal(L::splat(1))
    }

    /// The little-endian bytes of each lane.
    #[inline(always)]
    pub(super) fn to_bytes(&self) -> [[u8; 32]; LANES] {
        let limbs = each(&self.0, L::store);
        std::array::from_fn(|lane| bytes_of_limbs(limbs.map(|limb| limb[lane])))
    }
}

/// Whether columns of so many products stay below 2^60: `5 * 180.1 * 2^50` does.
const fn fits(terms: usize) -> bool {
    terms * 1801 < 10 << 10
}

// Products are functions of their own, and free of the type of the second factor, so that each is
// in the program once.

#[inline(always)]
fn mul_wide<L: Lanes>(a: &[L; LIMBS], b: &[L; LIMBS]) -> Wide<L, 1> {
    L::outline(
        #[inline(always)]
        || Wide(product::mul(a, b)),
    )
}

#[inline(always)]
fn mul_carried<L: Lanes>(a: &[L; LIMBS], b: &[L; LIMBS]) -> Reduced<L> {
    L::outline(
        #[inline(always)]
        || Reduced(carry::carry(&product::mul(a, b))),
    )
}

/// The lowest 255 bits in limbs of 51.
#[inline(always)]
fn limbs_of_bytes(bytes: &[u8; 32]) -> [u64; LIMBS] {
    let (words, _) = bytes.as_chunks::<8>();
    let [a, b, c, d] = std::array::from_fn(|i| u64::from_le_bytes(words[i]));
    [
        a,
        a >> 51 | b << 13,
        b >> 38 | c << 26,
        c >> 25 | d << 39,
        d >> 12,
    ]
    .map(|limb| limb & LIMB_MASK)
}

#[inline(always)]
fn bytes_of_limbs(limbs: [u64; LIMBS]) -> [u8; 32] {
    let [a, b, c, d, e] = limbs;
    let words = [
        a | b << 51,
        b >> 13 | c << 38,
        c >> 26 | d << 25,
        d >> 39 | e << 12,
    ];
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    bytes
}
