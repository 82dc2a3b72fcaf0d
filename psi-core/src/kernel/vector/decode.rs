//! Reading encoded points (RFC 9496 §4.3.1).

use super::field::{Reduced, Wide, constants, sqrt_ratio};
use super::lanes::{LANES, Lanes};
use super::point::Extended;

/// The points of `N` vectors of encodings, and which lanes hold an encoding.
///
/// All zero bytes, the identity, are an encoding here; a caller that accepts none looks for them.
/// Which lanes are valid is public: the bytes came from outside.
#[inline(always)]
pub(in crate::kernel) fn decode<L: Lanes, const N: usize>(
    bytes: [[&[u8; 32]; LANES]; N],
) -> [(Extended<L>, [bool; LANES]); N] {
    let one = Reduced::<L>::constant(&constants::ONE);
    let d = Reduced::<L>::constant(&constants::D);
    let s: [Reduced<L>; N] = std::array::from_fn(|i| Reduced::from_bytes(bytes[i]));
    let u1: [Reduced<L>; N] =
        std::array::from_fn(|i| one.widen().sub::<1, 2>(&s[i].square_wide()).reduce());
    let u2: [Reduced<L>; N] =
        std::array::from_fn(|i| one.widen().add::<1, 2>(&s[i].square_wide()).reduce());
    let u2_squared: [Reduced<L>; N] = std::array::from_fn(|i| u2[i].square());
    // -(d u1^2) - u2^2
    let v: [Reduced<L>; N] = std::array::from_fn(|i| {
        let sum: Wide<L, 2> = u1[i].square().mul_wide(&d).add(&u2_squared[i].widen());
        sum.reduce_negated()
    });
    let vu: [Reduced<L>; N] = std::array::from_fn(|i| v[i].mul(&u2_squared[i]));
    let roots = sqrt_ratio(&[one; N], &vu);
    std::array::from_fn(|i| {
        let den_x = roots[i].root.mul(&u2[i]);
        let den_y = roots[i].root.mul(&den_x).mul(&v[i]);
        let x = den_x.mul(&s[i].add(&s[i])).absolute();
        let y = u1[i].mul(&den_y);
        let t = x.mul(&y);
        let invalid = t.is_negative().or(y.is_zero());
        let valid = roots[i].was_square.store();
        let invalid = invalid.store();
        let valid = std::array::from_fn(|lane| {
            valid[lane] != 0 && invalid[lane] == 0 && is_canonical_and_even(bytes[i][lane])
        });
        (Extended { x, y, z: one, t }, valid)
    })
}

/// Whether the bytes are a number below p, and a non-negative one: an even one.
fn is_canonical_and_even(bytes: &[u8; 32]) -> bool {
    let (words, _) = bytes.as_chunks::<8>();
    let [a, b, c, d] = std::array::from_fn(|i| u64::from_le_bytes(words[i]));
    // p is 2^255 - 19: all ones but for the lowest byte, 0xed, and the highest bit.
    let below_p = d < u64::MAX >> 1 || d == u64::MAX >> 1 && !(b & c == u64::MAX && a >= P_LOWEST);
    below_p && a & 1 == 0
}

/// The lowest word of p.
const P_LOWEST: u64 = u64::MAX - 18;
