//! Points of the twisted Edwards curve `-x^2 + y^2 = 1 + d x^2 y^2`, and their sum and double.
//!
//! Hisil, Wong, Carter and Dawson, "Twisted Edwards curves revisited" (ASIACRYPT 2008), §3.1 and
//! §3.3. The formulas are complete: they need no special case, whatever the points are. Both end in
//! four factors, and begin with the products of these that they need. So a point on its way through
//! a chain of doublings and additions is a [`Completed`], and changes in place.
//!
//! # Discussion
//! The double uses `X * Y` and not the cheaper `(X + Y)^2`: the square of a sum is a product of two
//! sums, which the field does not allow.

use super::field::{Reduced, Sum, Wide, constants};
use super::lanes::Lanes;

/// `(X : Y : Z : T)` with `x = X/Z`, `y = Y/Z`, `x y = T/Z`.
#[derive(Clone, Copy)]
pub(super) struct Extended<L> {
    pub(super) x: Reduced<L>,
    pub(super) y: Reduced<L>,
    pub(super) z: Reduced<L>,
    pub(super) t: Reduced<L>,
}

/// A point as the second summand: `(Y - X, Y + X, 2 Z, 2 d T)`.
#[derive(Clone, Copy)]
pub(super) struct Addend<L> {
    pub(super) minus: Sum<L>,
    pub(super) plus: Sum<L>,
    pub(super) z2: Sum<L>,
    pub(super) t2d: Reduced<L>,
}

/// A point as four factors: `X = E F`, `Y = G H`, `Z = G F`, `T = E H`.
#[derive(Clone, Copy)]
pub(super) struct Completed<L> {
    pub(super) e: Reduced<L>,
    pub(super) f: Reduced<L>,
    pub(super) g: Reduced<L>,
    pub(super) h: Reduced<L>,
}

impl<L: Lanes> Completed<L> {
    /// The neutral element `(0, 1)`.
    #[inline(always)]
    pub(super) fn neutral() -> Self {
        let one = Reduced::constant(&constants::ONE);
        Self {
            e: Reduced::constant(&constants::ZERO),
            f: one,
            g: one,
            h: one,
        }
    }

    /// The point becomes `2 P`: four products and three squares. `T` is not needed.
    #[inline(always)]
    pub(super) fn double(&mut self) {
        L::outline(
            #[inline(always)]
            || self.double_inline(),
        );
    }

    /// `F` and `H` have the opposite sign to those in the paper: it is the same point, and nothing
    /// needs to be negated.
    #[inline(always)]
    fn double_inline(&mut self) {
        let y = self.g.mul(&self.h);
        let z = self.g.mul(&self.f);
        let x = self.e.mul(&self.f);
        let yy = y.square_wide();
        let zz = z.square_wide();
        let xx = x.square_wide();
        let g: Wide<L, 2> = yy.sub(&xx);
        self.g = g.reduce();
        let h: Wide<L, 2> = yy.add(&xx);
        self.h = h.reduce();
        let zz2: Wide<L, 2> = zz.add(&zz);
        let f: Wide<L, 4> = zz2.sub(&g);
        self.f = f.reduce();
        let xy = x.mul_wide(&y);
        let e: Wide<L, 2> = xy.add(&xy);
        self.e = e.reduce();
    }

    /// The point becomes the sum of itself and another: eight products.
    #[inline(always)]
    pub(super) fn add(&mut self, other: &Addend<L>) {
        L::outline(
            #[inline(always)]
            || self.add_inline(other),
        );
    }

    #[inline(always)]
    fn add_inline(&mut self, other: &Addend<L>) {
        // `Y - X` and `Y + X` are formed on columns, so they cost no more carries than `X` and `Y`
        // do.
        let x = self.e.mul_wide(&self.f);
        let y = self.g.mul_wide(&self.h);
        let z = self.g.mul(&self.f);
        let t = self.e.mul(&self.h);
        let minus = y.sub::<1, 2>(&x).reduce();
        let plus = y.add::<1, 2>(&x).reduce();
        let a = minus.mul_wide(&other.minus);
        let b = plus.mul_wide(&other.plus);
        let c = t.mul_wide(&other.t2d);
        let d = z.mul_wide(&other.z2);
        self.e = b.sub::<1, 2>(&a).reduce();
        self.f = d.sub::<1, 2>(&c).reduce();
        self.g = d.add::<1, 2>(&c).reduce();
        self.h = b.add::<1, 2>(&a).reduce();
    }

    #[inline(always)]
    pub(super) fn to_extended(self) -> Extended<L> {
        Extended {
            x: self.e.mul(&self.f),
            y: self.g.mul(&self.h),
            z: self.g.mul(&self.f),
            t: self.e.mul(&self.h),
        }
    }
}

impl<L: Lanes> Extended<L> {
    /// The coordinates times `Z`, as factors.
    #[inline(always)]
    pub(super) fn to_completed(self) -> Completed<L> {
        Completed {
            e: self.x,
            f: self.z,
            g: self.z,
            h: self.y,
        }
    }

    /// `d2` is `2 d`.
    #[inline(always)]
    pub(super) fn to_addend(self, d2: &Sum<L>) -> Addend<L> {
        Addend {
            minus: self.y.sub(&self.x),
            plus: self.y.add(&self.x),
            z2: self.z.add(&self.z),
            t2d: self.t.mul(d2),
        }
    }
}
