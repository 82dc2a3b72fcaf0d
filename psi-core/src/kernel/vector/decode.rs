//! Reading encoded points (RFC 9496 §4.3.1).

use super::Inputs;
use super::field::{Reduced, SqrtRatio, constants, sqrt_ratio};
use super::lanes::Lanes;
use super::point::Extended;

/// The points of two vectors of encodings, with all ones in lanes that hold an encoding.
///
/// All zero bytes, the identity, count as an encoding here; a caller that must not accept it looks
/// for it. Which lanes are valid is public: the bytes came from outside.
#[inline(always)]
pub(in crate::kernel) fn decode<L: Lanes>(bytes: &[Inputs<32>; 2]) -> [(Extended<L>, L); 2] {
    L::outline(
        #[inline(always)]
        || decode_inline(bytes),
    )
}

#[inline(always)]
fn decode_inline<L: Lanes>(bytes: &[Inputs<32>; 2]) -> [(Extended<L>, L); 2] {
    let one = Reduced::constant(&constants::ONE);
    let terms = [Terms::new(&bytes[0]), Terms::new(&bytes[1])];
    let [first, second] = sqrt_ratio(&[one, one], &[terms[0].vuu, terms[1].vuu]);
    [
        terms[0].to_point(&bytes[0], &first),
        terms[1].to_point(&bytes[1], &second),
    ]
}

/// What is known before the square root of `1 / (v u2^2)`.
struct Terms<L> {
    s: Reduced<L>,
    u1: Reduced<L>,
    u2: Reduced<L>,
    v: Reduced<L>,
    vuu: Reduced<L>,
}

impl<L: Lanes> Terms<L> {
    #[inline(always)]
    fn new(bytes: &Inputs<32>) -> Self {
        let one = Reduced::constant(&constants::ONE).widen();
        let s = Reduced::<L>::from_bytes(
            #[inline(always)]
            |lane| bytes.lane(lane),
        );
        let ss = s.square_wide();
        let u1 = one.sub::<1, 2>(&ss).reduce();
        let u2 = one.add::<1, 2>(&ss).reduce();
        let u2u2 = u2.square();
        let d_u1u1 = u1.square().mul_wide(&Reduced::constant(&constants::D));
        // -(d u1^2) - u2^2
        let v = d_u1u1.add::<1, 2>(&u2u2.widen()).reduce_negated();
        let vuu = v.mul(&u2u2);
        Self { s, u1, u2, v, vuu }
    }

    #[inline(always)]
    fn to_point(&self, bytes: &Inputs<32>, root: &SqrtRatio<L>) -> (Extended<L>, L) {
        let den_x = root.root.mul(&self.u2);
        let den_y = root.root.mul(&den_x).mul(&self.v);
        let x = den_x.mul(&self.s.add(&self.s)).absolute();
        let y = self.u1.mul(&den_y);
        let t = x.mul(&y);
        let canonical = L::load(
            #[inline(always)]
            |lane| u64::from(is_canonical_and_even(bytes.lane(lane))).wrapping_neg(),
        );
        let invalid = t.is_negative().or(y.is_zero());
        let valid = root
            .was_square
            .and(canonical)
            .and(invalid.equal(L::splat(0)));
        let z = Reduced::constant(&constants::ONE);
        (Extended { x, y, z, t }, valid)
    }
}

/// Whether the bytes are a number below p, and a non-negative one, which means an even one.
fn is_canonical_and_even(bytes: &[u8; 32]) -> bool {
    let (words, _) = bytes.as_chunks::<8>();
    let [a, b, c, d] = std::array::from_fn(|i| u64::from_le_bytes(words[i]));
    // p is 2^255 - 19: all ones, except the lowest byte, 0xed, and the highest bit.
    let below_p = d < u64::MAX >> 1 || d == u64::MAX >> 1 && !(b & c == u64::MAX && a >= P_LOWEST);
    below_p && a & 1 == 0
}

/// The lowest word of p.
const P_LOWEST: u64 = u64::MAX - 18;
