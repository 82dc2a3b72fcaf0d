//! The one-way map from 64 uniform bytes to the group (RFC 9496 §4.3.4).

use super::Inputs;
use super::field::{Reduced, SqrtRatio, Wide, constants, sqrt_ratio};
use super::lanes::Lanes;
use super::point::{Completed, Extended};

/// The sum of the maps of both halves.
#[inline(always)]
pub(in crate::kernel) fn map<L: Lanes>(uniform: &Inputs<64>) -> Extended<L> {
    L::outline(
        #[inline(always)]
        || map_inline(uniform),
    )
}

#[inline(always)]
fn map_inline<L: Lanes>(uniform: &Inputs<64>) -> Extended<L> {
    let [mut sum, second] = elligator(&[
        Reduced::from_bytes(
            #[inline(always)]
            |lane| &uniform.lane(lane).as_chunks().0[0],
        ),
        Reduced::from_bytes(
            #[inline(always)]
            |lane| &uniform.lane(lane).as_chunks().0[1],
        ),
    ]);
    let d = Reduced::constant(&constants::D);
    let second = second.to_extended().to_addend(&d.add(&d));
    sum.add(&second);
    sum.to_extended()
}

/// `MAP` of RFC 9496 §4.3.4, on two independent elements side by side.
#[inline(always)]
fn elligator<L: Lanes>(t: &[Reduced<L>; 2]) -> [Completed<L>; 2] {
    let ratios = [Ratio::new(&t[0]), Ratio::new(&t[1])];
    let [first, second] = sqrt_ratio(&[ratios[0].u, ratios[1].u], &[ratios[0].v, ratios[1].v]);
    [
        ratios[0].to_point(&t[0], &first),
        ratios[1].to_point(&t[1], &second),
    ]
}

/// What is known before the square root of `u / v`.
struct Ratio<L> {
    r: Reduced<L>,
    u: Reduced<L>,
    v: Reduced<L>,
}

impl<L: Lanes> Ratio<L> {
    #[inline(always)]
    fn new(t: &Reduced<L>) -> Self {
        let one = Reduced::constant(&constants::ONE);
        let d = Reduced::constant(&constants::D);
        let r = Reduced::constant(&constants::SQRT_M1).mul(&t.square());
        let u = Reduced::constant(&constants::ONE_MINUS_D_SQ).mul(&r.add(&one));
        let rd: Wide<L, 2> = r.mul_wide(&d).add(&one.widen());
        let v = rd.reduce_negated().mul(&r.add(&d));
        Self { r, u, v }
    }

    #[inline(always)]
    fn to_point(&self, t: &Reduced<L>, root: &SqrtRatio<L>) -> Completed<L> {
        let one = Reduced::constant(&constants::ONE);
        let other = root.root.mul(t).absolute().negate();
        let s = Reduced::select(root.was_square, &root.root, &other);
        let c = Reduced::select(root.was_square, &one.negate(), &self.r);
        let n = c
            .mul(&self.r.sub(&one))
            .mul_wide(&Reduced::constant(&constants::D_MINUS_ONE_SQ))
            .sub::<1, 2>(&self.v.widen())
            .reduce();
        let sv = s.mul_wide(&self.v);
        let ss = s.square_wide();
        Completed {
            e: sv.add::<1, 2>(&sv).reduce(),
            f: ss.add::<1, 2>(&one.widen()).reduce(),
            g: n.mul(&Reduced::constant(&constants::SQRT_AD_MINUS_ONE)),
            h: one.widen().sub::<1, 2>(&ss).reduce(),
        }
    }
}
