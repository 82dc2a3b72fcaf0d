//! Points of the twisted Edwards curve `-x^2 + y^2 = 1 + d x^2 y^2`, and their sum and double.
//!
//! Hisil, Wong, Carter and Dawson, "Twisted Edwards curves revisited" (ASIACRYPT 2008), §3.1 and
//! §3.3. The formulas are complete: no case is special, whatever the points are. Both end in the
//! four factors [`Completed`], from which a caller takes the coordinates that it needs.
//!
//! # Discussion
//! The double uses `X * Y` and not the cheaper `(X + Y)^2`: the square of a sum is a product of two
//! sums, which the field does not allow.

use super::field::{Reduced, Sum, Wide};
use super::lanes::Lanes;

/// `(X : Y : Z : T)` with `x = X/Z`, `y = Y/Z`, `x y = T/Z`.
#[derive(Clone, Copy)]
pub(super) struct Extended<L> {
    pub(super) x: Reduced<L>,
    pub(super) y: Reduced<L>,
    pub(super) z: Reduced<L>,
    pub(super) t: Reduced<L>,
}

/// `(X : Y : Z)`, enough for doubling.
#[derive(Clone, Copy)]
pub(super) struct Projective<L> {
    pub(super) x: Reduced<L>,
    pub(super) y: Reduced<L>,
    pub(super) z: Reduced<L>,
}

/// A point as the first summand: `(Y - X, Y + X, Z, T)`.
#[derive(Clone, Copy)]
pub(super) struct Augend<L> {
    minus: Reduced<L>,
    plus: Reduced<L>,
    z: Reduced<L>,
    t: Reduced<L>,
}

/// A point as the second summand: `(Y - X, Y + X, 2 Z, 2 d T)`.
#[derive(Clone, Copy)]
pub(super) struct Addend<L> {
    pub(super) minus: Sum<L>,
    pub(super) plus: Sum<L>,
    pub(super) z2: Sum<L>,
    pub(super) t2d: Reduced<L>,
}

/// A point as four factors: `X = E F`, `Y = G H`, `Z = F G`, `T = E H`.
#[derive(Clone, Copy)]
pub(super) struct Completed<L> {
    pub(super) e: Reduced<L>,
    pub(super) f: Reduced<L>,
    pub(super) g: Reduced<L>,
    pub(super) h: Reduced<L>,
}

impl<L: Lanes> Projective<L> {
    /// `2 P`: four products and three squares, with the products of [`Completed`].
    #[inline(always)]
    pub(super) fn double(&self) -> Completed<L> {
        L::outline(
            #[inline(always)]
            || self.double_inline(),
        )
    }

    #[inline(always)]
    fn double_inline(&self) -> Completed<L> {
        let xx = self.x.square_wide();
        let yy = self.y.square_wide();
        let zz = self.z.square_wide();
        let xy = self.x.mul_wide(&self.y);
        let g: Wide<L, 2> = yy.sub(&xx);
        let h: Wide<L, 2> = yy.add(&xx);
        let zz2: Wide<L, 2> = zz.add(&zz);
        let f: Wide<L, 4> = g.sub(&zz2);
        let e: Wide<L, 2> = xy.add(&xy);
        Completed {
            e: e.reduce(),
            f: f.reduce(),
            g: g.reduce(),
            h: h.reduce_negated(),
        }
    }
}

impl<L: Lanes> Augend<L> {
    /// The sum of two points: eight products, with those of [`Completed`].
    #[inline(always)]
    pub(super) fn add(&self, other: &Addend<L>) -> Completed<L> {
        L::outline(
            #[inline(always)]
            || self.add_inline(other),
        )
    }

    #[inline(always)]
    fn add_inline(&self, other: &Addend<L>) -> Completed<L> {
        let a = self.minus.mul_wide(&other.minus);
        let b = self.plus.mul_wide(&other.plus);
        let c = self.t.mul_wide(&other.t2d);
        let d = self.z.mul_wide(&other.z2);
        Completed {
            e: b.sub::<1, 2>(&a).reduce(),
            f: d.sub::<1, 2>(&c).reduce(),
            g: d.add::<1, 2>(&c).reduce(),
            h: b.add::<1, 2>(&a).reduce(),
        }
    }
}

impl<L: Lanes> Completed<L> {
    #[inline(always)]
    pub(super) fn to_projective(self) -> Projective<L> {
        Projective {
            x: self.e.mul(&self.f),
            y: self.g.mul(&self.h),
            z: self.f.mul(&self.g),
        }
    }

    #[inline(always)]
    pub(super) fn to_extended(self) -> Extended<L> {
        Extended {
            x: self.e.mul(&self.f),
            y: self.g.mul(&self.h),
            z: self.f.mul(&self.g),
            t: self.e.mul(&self.h),
        }
    }

    /// `Y - X` and `Y + X` are formed on columns, so they cost no carry more than `X` and `Y` do.
    #[inline(always)]
    pub(super) fn to_augend(self) -> Augend<L> {
        let x = self.e.mul_wide(&self.f);
        let y = self.g.mul_wide(&self.h);
        Augend {
            minus: y.sub::<1, 2>(&x).reduce(),
            plus: y.add::<1, 2>(&x).reduce(),
            z: self.f.mul(&self.g),
            t: self.e.mul(&self.h),
        }
    }
}

impl<L: Lanes> Extended<L> {
    #[inline(always)]
    pub(super) fn to_projective(self) -> Projective<L> {
        Projective {
            x: self.x,
            y: self.y,
            z: self.z,
        }
    }

    #[inline(always)]
    pub(super) fn to_augend(self) -> Augend<L> {
        Augend {
            minus: self.y.widen().sub::<1, 2>(&self.x.widen()).reduce(),
            plus: self.y.widen().add::<1, 2>(&self.x.widen()).reduce(),
            z: self.z,
            t: self.t,
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
