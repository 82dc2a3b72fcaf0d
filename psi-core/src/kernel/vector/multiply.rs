//! Four points times one secret scalar, in constant time.
//!
//! The scalar is 64 signed digits of radix 16. Steps: 1. a table of P, 2P, … 8P for each point;
//! 2. from the highest digit on, four doublings and the addition of digit * P. Cost for a vector:
//! 252 doublings, 64 additions, 64 scans of the table.
//!
//! # Security
//! A digit only ever becomes masks. Every scan reads all eight entries and the loop has one shape,
//! so neither branches nor addresses depend on the scalar. `benches/timing.rs` measures it.
//!
//! # Discussion
//! Radix 32 would save 13 additions and pay for eight more entries and scans twice as long: a loss.
//! The scalar is the same for a whole job, so a chain made for it would be shorter, but its shape
//! would reveal the scalar.

use super::field::{LIMBS, Reduced, Sum, constants};
use super::lanes::Lanes;
use super::point::{Addend, Completed, Extended};
use super::recode::Digits;

/// Entries of a table.
const ENTRIES: usize = 8;

/// P, 2P, … 8P.
struct Table<L>([Addend<L>; ENTRIES]);

impl<L: Lanes> Table<L> {
    #[inline(always)]
    fn new(point: &Extended<L>) -> Self {
        let d = Reduced::constant(&constants::D);
        let d2 = d.add(&d);
        let first = point.to_addend(&d2);
        let mut multiples = [point.to_completed(); ENTRIES];
        let mut addends = [first; ENTRIES];
        // 2P = 2 * P, 3P = 2P + P, 4P = 2 * 2P, 5P = 4P + P, …
        for i in 1..ENTRIES {
            if i % 2 == 1 {
                multiples[i] = multiples[i / 2];
                multiples[i].double();
            } else {
                multiples[i] = multiples[i - 1];
                multiples[i].add(&first);
            }
            addends[i] = multiples[i].to_extended().to_addend(&d2);
        }
        Self(addends)
    }

    /// The entry `magnitude`, negated where `sign` is all ones; for magnitude 0 the neutral
    /// element.
    #[inline(always)]
    fn scan(&self, magnitude: u64, sign: u64) -> Addend<L> {
        L::outline(
            #[inline(always)]
            || self.scan_inline(magnitude, sign),
        )
    }

    #[inline(always)]
    fn scan_inline(&self, magnitude: u64, sign: u64) -> Addend<L> {
        let magnitude = L::splat(magnitude).opaque();
        let sign = L::splat(sign).opaque();
        let mut found = neutral();
        for (entry, number) in self.0.iter().zip(1..) {
            let here = magnitude.equal(L::splat(number));
            take(&mut found.minus.0, &entry.minus.0, here);
            take(&mut found.plus.0, &entry.plus.0, here);
            take(&mut found.z2.0, &entry.z2.0, here);
            take(&mut found.t2d.0, &entry.t2d.0, here);
        }
        // -(x, y) = (-x, y): Y - X and Y + X are exchanged, and T changes its sign.
        for (minus, plus) in found.minus.0.iter_mut().zip(&mut found.plus.0) {
            let swap = minus.xor(*plus).and(sign);
            *minus = minus.xor(swap);
            *plus = plus.xor(swap);
        }
        found.t2d = found.t2d.negate_where(sign);
        found
    }
}

/// The neutral element `(0, 1)`.
#[inline(always)]
fn neutral<L: Lanes>() -> Addend<L> {
    let one = Reduced::<L>::constant(&constants::ONE);
    let zero = Reduced::<L>::constant(&constants::ZERO);
    Addend {
        minus: Sum(one.0),
        plus: Sum(one.0),
        z2: one.add(&one),
        t2d: zero,
    }
}

#[inline(always)]
fn take<L: Lanes>(found: &mut [L; LIMBS], entry: &[L; LIMBS], here: L) {
    for (found, entry) in found.iter_mut().zip(entry) {
        *found = L::select(here, *entry, *found);
    }
}

/// `k * P`, k given by its digits.
#[inline(always)]
pub(in crate::kernel) fn multiply<L: Lanes>(point: &Extended<L>, k: &Digits) -> Extended<L> {
    L::outline(
        #[inline(always)]
        || multiply_inline(point, k),
    )
}

#[inline(always)]
fn multiply_inline<L: Lanes>(point: &Extended<L>, k: &Digits) -> Extended<L> {
    let table = Table::new(point);
    let mut digits = k.downwards();
    let mut sum = Completed::neutral();
    if let Some((magnitude, sign)) = digits.next() {
        sum.add(&table.scan(magnitude, sign));
    }
    for (magnitude, sign) in digits {
        for _ in 0..4 {
            sum.double();
        }
        sum.add(&table.scan(magnitude, sign));
    }
    sum.to_extended()
}
