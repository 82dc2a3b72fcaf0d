//! Powers: square roots of ratios, and inverses.
//!
//! The chains of squarings are long and each squaring waits for the one before. So two independent
//! chains are computed side by side: one works while the other waits. `N` is the number of chains.

use super::super::lanes::Lanes;
use super::{Reduced, constants};

/// `x^(2^times)`.
#[inline(always)]
fn square_times<L: Lanes, const N: usize>(x: &[Reduced<L>; N], times: u32) -> [Reduced<L>; N] {
    let mut power = *x;
    for _ in 0..times {
        for chain in &mut power {
            *chain = chain.square();
        }
    }
    power
}

#[inline(always)]
fn multiply<L: Lanes, const N: usize>(a: &[Reduced<L>; N], b: &[Reduced<L>; N]) -> [Reduced<L>; N] {
    let mut product = *a;
    for (product, b) in product.iter_mut().zip(b) {
        *product = product.mul(b);
    }
    product
}

/// `(x^(2^250 - 1), x^11)`, the common start of both powers below.
#[inline(always)]
fn ladder<L: Lanes, const N: usize>(x: &[Reduced<L>; N]) -> ([Reduced<L>; N], [Reduced<L>; N]) {
    let x2 = square_times(x, 1);
    let x9 = multiply(x, &square_times(&x2, 2));
    let x11 = multiply(&x2, &x9);
    // From here on `ones_n` is x^(2^n - 1).
    let ones_5 = multiply(&x9, &square_times(&x11, 1));
    let ones_10 = multiply(&ones_5, &square_times(&ones_5, 5));
    let ones_20 = multiply(&ones_10, &square_times(&ones_10, 10));
    let ones_40 = multiply(&ones_20, &square_times(&ones_20, 20));
    let ones_50 = multiply(&ones_10, &square_times(&ones_40, 10));
    let ones_100 = multiply(&ones_50, &square_times(&ones_50, 50));
    let ones_200 = multiply(&ones_100, &square_times(&ones_100, 100));
    let ones_250 = multiply(&ones_50, &square_times(&ones_200, 50));
    (ones_250, x11)
}

/// `x^((p - 5) / 8) = x^(2^252 - 3)`.
#[inline(always)]
fn power_p58<L: Lanes, const N: usize>(x: &[Reduced<L>; N]) -> [Reduced<L>; N] {
    L::outline(
        #[inline(always)]
        || {
            let (ones_250, _) = ladder(x);
            multiply(x, &square_times(&ones_250, 2))
        },
    )
}

/// `1 / x`; zero for zero: `x^(p - 2) = x^(2^255 - 21)`.
#[inline(always)]
pub(in crate::kernel::vector) fn inverse<L: Lanes>(x: &Reduced<L>) -> Reduced<L> {
    L::outline(
        #[inline(always)]
        || {
            let (ones_250, x11) = ladder(&[*x]);
            let [inverse] = multiply(&x11, &square_times(&ones_250, 5));
            inverse
        },
    )
}

/// The outcome of [`sqrt_ratio`].
#[derive(Clone, Copy)]
pub(in crate::kernel::vector) struct SqrtRatio<L> {
    /// All ones in lanes where the ratio is a square.
    pub(in crate::kernel::vector) was_square: L,
    /// The non-negative root of the ratio there, and of `sqrt(-1)` times the ratio elsewhere.
    pub(in crate::kernel::vector) root: Reduced<L>,
}

/// Square roots of `u / v`: `SQRT_RATIO_M1` of RFC 9496 §4.2.
#[inline(always)]
pub(in crate::kernel::vector) fn sqrt_ratio<L: Lanes, const N: usize>(
    u: &[Reduced<L>; N],
    v: &[Reduced<L>; N],
) -> [SqrtRatio<L>; N] {
    let sqrt_m1 = Reduced::<L>::constant(&constants::SQRT_M1);
    let v3 = multiply(v, &square_times(v, 1));
    let v7 = multiply(v, &square_times(&v3, 1));
    let uv3 = multiply(u, &v3);
    let power = power_p58(&multiply(u, &v7));
    let mut roots = [SqrtRatio {
        was_square: L::splat(0),
        root: uv3[0],
    }; N];
    for i in 0..N {
        let root = uv3[i].mul(&power[i]);
        let check = v[i].mul(&root.square()).widen();
        let u = &u[i];
        let correct = check.sub::<1, 2>(&u.widen()).reduce().is_zero();
        let flipped = check.add::<1, 2>(&u.widen()).reduce().is_zero();
        let u_times_i = u.mul_wide(&sqrt_m1);
        let flipped_i = check.add::<1, 2>(&u_times_i).reduce().is_zero();
        let turned = root.mul(&sqrt_m1);
        let root = Reduced::select(flipped.or(flipped_i), &turned, &root);
        roots[i] = SqrtRatio {
            was_square: correct.or(flipped),
            root: root.absolute(),
        };
    }
    roots
}
