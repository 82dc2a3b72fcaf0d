//! The one-way map from 64 uniform bytes to the group (RFC 9496 §4.3.4).

use super::field::{Reduced, Wide, constants, sqrt_ratio};
use super::lanes::{LANES, Lanes};
use super::point::{Completed, Extended};

/// The sum of the maps of both halves.
#[inline(always)]
pub(in crate::kernel) fn map<L: Lanes>(uniform: [&[u8; 64]; LANES]) -> Extended<L> {
    let half = |which: usize| {
        Reduced::<L>::from_bytes(uniform.map(|bytes| &bytes.as_chunks::<32>().0[which]))
    };
    let [first, second] = elligator(&[half(0), half(1)]);
    let d = Reduced::constant(&constants::D);
    let second = second.to_extended().to_addend(&d.add(&d));
    first.to_augend().add(&second).to_extended()
}

/// `MAP` of RFC 9496 §4.3.4, on independent elements side by side.
#[inline(always)]
fn elligator<L: Lanes, const N: usize>(t: &[Reduced<L>; N]) -> [Completed<L>; N] {
    let one = Reduced::<L>::constant(&constants::ONE);
    let d = Reduced::<L>::constant(&constants::D);
    let r: [Reduced<L>; N] = std::array::from_fn(|i| {
        Reduced::<L>::constant(&constants::SQRT_M1).mul(&t[i].square())
    });
    let u: [Reduced<L>; N] = std::array::from_fn(|i| {
        Reduced::<L>::constant(&constants::ONE_MINUS_D_SQ).mul(&r[i].add(&one))
    });
    let v: [Reduced<L>; N] = std::array::from_fn(|i| {
        let rd: Wide<L, 2> = r[i].mul_wide(&d).add(&one.widen());
        rd.reduce_negated().mul(&r[i].add(&d))
    });
    let roots = sqrt_ratio(&u, &v);
    std::array::from_fn(|i| {
        let was_square = roots[i].was_square;
        let other = roots[i].root.mul(&t[i]).absolute().negate();
        let s = Reduced::select(was_square, &roots[i].root, &other);
        let c = Reduced::select(was_square, &one.negate(), &r[i]);
        let n = c
            .mul(&r[i].sub(&one))
            .mul_wide(&Reduced::<L>::constant(&constants::D_MINUS_ONE_SQ))
            .sub::<1, 2>(&v[i].widen())
            .reduce();
        let sv = s.mul_wide(&v[i]);
        let ss = s.square_wide();
        Completed {
            e: sv.add::<1, 2>(&sv).reduce(),
            f: ss.add::<1, 2>(&one.widen()).reduce(),
            g: n.mul(&Reduced::<L>::constant(&constants::SQRT_AD_MINUS_ONE)),
            h: one.widen().sub::<1, 2>(&ss).reduce(),
        }
    })
}
