//! Doubling and writing points, a whole batch at a time.
//!
//! For `P = (X : Y : Z : T)`, `2 P = (e / f, g / h)` with `e = 2 X Y`, `f = Z^2 + d T^2`,
//! `g = Y^2 + X^2`, `h = Z^2 - d T^2`. The inverse square root in the encoding of RFC 9496 §4.3.2
//! can then be written with these four numbers and `1 / (e f g h)` alone; Montgomery's trick shares
//! one inversion among the batch. M. Hamburg, "Decaf: Eliminating cofactors through point
//! compression" (CRYPTO 2015), §7, and ristretto.group, "Batched double-and-encode".
//!
//! Cost of a point: 16 products and the batch's share of an inversion of 265.

use zeroize::Zeroize;

use super::field::{Reduced, Wide, constants, inverse};
use super::lanes::Lanes;
use super::point::Extended;

/// The four numbers of one vector, and the products whose inverse it needs.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Doubled<L> {
    e: Reduced<L>,
    f: Reduced<L>,
    g: Reduced<L>,
    h: Reduced<L>,
    eg: Reduced<L>,
    fh: Reduced<L>,
    /// `e f g h`, or 1 where that is zero. It is zero where `2 P` is the identity or differs from
    /// it by an element of order 2 or 4, which has the same encoding.
    efgh: Reduced<L>,
    /// All ones where it is zero.
    vanishes: L,
    /// The product of `efgh` of all vectors before this one.
    before: Reduced<L>,
}

impl<L: Lanes> Zeroize for Doubled<L> {
    fn zeroize(&mut self) {
        for element in [
            &mut self.e,
            &mut self.f,
            &mut self.g,
            &mut self.h,
            &mut self.eg,
            &mut self.fh,
            &mut self.efgh,
            &mut self.before,
        ] {
            element.0.zeroize();
        }
        self.vanishes.zeroize();
    }
}

impl<L: Lanes> Doubled<L> {
    /// Starts with a point; `before` is the vector that came before it in the batch, if any.
    #[inline(always)]
    pub(in crate::kernel) fn new(point: &Extended<L>, before: Option<&Self>) -> Self {
        L::outline(
            #[inline(always)]
            || Self::new_inline(point, before),
        )
    }

    #[inline(always)]
    fn new_inline(point: &Extended<L>, before: Option<&Self>) -> Self {
        let one = Reduced::constant(&constants::ONE);
        let xx = point.x.square_wide();
        let yy = point.y.square_wide();
        let zz = point.z.square_wide();
        let dtt = point.t.square().mul_wide(&Reduced::constant(&constants::D));
        let xy = point.x.mul_wide(&point.y);
        let e = xy.add::<1, 2>(&xy).reduce();
        let f = zz.add::<1, 2>(&dtt).reduce();
        let g = yy.add::<1, 2>(&xx).reduce();
        let h = zz.sub::<1, 2>(&dtt).reduce();
        let eg = e.mul(&g);
        let fh = f.mul(&h);
        let product = eg.mul(&fh);
        let vanishes = product.is_zero();
        Self {
            e,
            f,
            g,
            h,
            eg,
            fh,
            efgh: Reduced::select(vanishes, &one, &product),
            vanishes,
            before: match before {
                Some(last) => last.before.mul(&last.efgh),
                None => one,
            },
        }
    }

    /// `1 / (efgh of this vector and of all before it)`.
    #[inline(always)]
    pub(in crate::kernel) fn inverse_of_all(&self) -> Reduced<L> {
        inverse(&self.before.mul(&self.efgh))
    }

    /// The encodings of the doubled points, for as many lanes as `out` has room for.
    /// `inverse_of_all` is that of this vector; it becomes that of the vector before.
    #[inline(always)]
    pub(in crate::kernel) fn encode(&self, inverse_of_all: &mut Reduced<L>, out: &mut [[u8; 32]]) {
        L::outline(
            #[inline(always)]
            || self.encode_inline(inverse_of_all, out),
        );
    }

    #[inline(always)]
    fn encode_inline(&self, inverse_of_all: &mut Reduced<L>, out: &mut [[u8; 32]]) {
        let zero = Reduced::constant(&constants::ZERO);
        let inverse = inverse_of_all.mul(&self.before);
        *inverse_of_all = inverse_of_all.mul(&self.efgh);
        let inverse = Reduced::select(self.vanishes, &zero, &inverse);
        // 1 / (f h) and 1 / (e g).
        let z_inverse = self.eg.mul(&inverse);
        let t_inverse = self.fh.mul(&inverse);
        // The coset is turned so that x y is non-negative, then y so that x is.
        let turn = self.eg.mul(&z_inverse).is_negative();
        let i = Reduced::constant(&constants::SQRT_M1);
        let e = Reduced::select(turn, &self.g, &self.e);
        let g = Reduced::select(turn, &self.e.negate(), &self.g);
        let h = Reduced::select(turn, &self.f.mul(&i), &self.h);
        let factor = Reduced::select(turn, &i, &Reduced::constant(&constants::INVSQRT_A_MINUS_D));
        let g = g.negate_where(h.mul(&e).mul(&z_inverse).is_negative());
        let difference: Wide<L, 2> = h.widen().sub(&g.widen());
        let s = difference.reduce().mul(&factor).mul(&g.mul(&t_inverse));
        s.absolute().canonical().to_bytes(out);
    }
}
