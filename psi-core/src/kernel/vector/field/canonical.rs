//! The unique representative of an element, and its bytes.

use super::super::lanes::Lanes;
use super::{Arithmetic as _, LIMB_MASK, LIMBS, Reduced, Wide, nineteen};

/// Elements as the unique numbers from 0 to p - 1, in limbs of 51 bits, as integers.
pub(in crate::kernel::vector) struct Canonical<L>([L; LIMBS]);

impl<L: Lanes> Reduced<L> {
    /// The 255-bit little-endian number that `bytes` gives for each lane; its highest bit is
    /// ignored.
    #[inline(always)]
    pub(in crate::kernel::vector) fn from_bytes<'a>(bytes: impl Fn(usize) -> &'a [u8; 32]) -> Self {
        let a = word::<L>(&bytes, 0);
        let b = word::<L>(&bytes, 1);
        let c = word::<L>(&bytes, 2);
        let d = word::<L>(&bytes, 3);
        let mask = L::splat(LIMB_MASK);
        // 51-bit numbers, far below the bound of a product.
        Wide::<L, 1>([
            a.and(mask),
            a.shift_right::<51>().or(b.shift_left::<13>()).and(mask),
            b.shift_right::<38>().or(c.shift_left::<26>()).and(mask),
            c.shift_right::<25>().or(d.shift_left::<39>()).and(mask),
            d.shift_right::<12>().and(mask),
        ])
        .reduce()
    }

    /// The unique representatives.
    #[inline(always)]
    pub(in crate::kernel::vector) fn canonical(&self) -> Canonical<L> {
        // 1. Carry from column to column.
        let mask = L::splat(LIMB_MASK);
        let mut limbs = L::Arithmetic::positive(&self.0);
        let mut carry = L::splat(0);
        for limb in &mut limbs {
            let column = limb.add(carry);
            carry = column.shift_right::<51>();
            *limb = column.and(mask);
        }
        limbs[0] = limbs[0].add(nineteen(carry));
        // 2. The number is now below 2^255 + 76. It is p or more exactly if adding 19 carries out
        // of the last limb; then subtract p, that is, add 19 and drop that carry.
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
}

impl<L: Lanes> Canonical<L> {
    #[inline(always)]
    pub(in crate::kernel::vector) fn is_zero(&self) -> L {
        let [a, b, c, d, e] = self.0;
        a.or(b).or(c.or(d)).or(e).equal(L::splat(0))
    }

    #[inline(always)]
    pub(in crate::kernel::vector) fn is_odd(&self) -> L {
        self.0[0].and(L::splat(1)).equal(L::splat(1))
    }

    /// The little-endian bytes of as many lanes as `out` has room for.
    #[inline(always)]
    pub(in crate::kernel::vector) fn to_bytes(&self, out: &mut [[u8; 32]]) {
        let [a, b, c, d, e] = self.0;
        let words = [
            a.or(b.shift_left::<51>()),
            b.shift_right::<13>().or(c.shift_left::<38>()),
            c.shift_right::<26>().or(d.shift_left::<25>()),
            d.shift_right::<39>().or(e.shift_left::<12>()),
        ];
        for (i, word) in words.into_iter().enumerate() {
            for (bytes, word) in out.iter_mut().zip(word.store().as_ref()) {
                bytes.as_chunks_mut().0[i] = word.to_le_bytes();
            }
        }
    }
}

/// The word number `i` of the bytes of each lane.
#[inline(always)]
fn word<'a, L: Lanes>(bytes: &impl Fn(usize) -> &'a [u8; 32], i: usize) -> L {
    L::load(
        #[inline(always)]
        |lane| u64::from_le_bytes(bytes(lane).as_chunks().0[i]),
    )
}
