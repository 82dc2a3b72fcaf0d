//! Field operations against plain integers, at random and at the very bounds of the types.

use super::super::lanes::model::Model;
use super::super::lanes::{LANES, Lanes, bits};
use super::carry::REDUCED_MAX;
use super::{LIMBS, RADIX, Reduced, Sum, Wide, constants, inverse, sqrt_ratio};
use crate::kernel::conformance::{Random, random};

/// A number below p, by schoolbook arithmetic on 32-bit digits: slow and plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plain([u32; 8]);

const P: [u32; 8] = [
    0xffff_ffed,
    u32::MAX,
    u32::MAX,
    u32::MAX,
    u32::MAX,
    u32::MAX,
    u32::MAX,
    0x7fff_ffff,
];

impl Plain {
    const ZERO: Self = Self([0; 8]);

    /// Any number of 512 bits, modulo p.
    fn new(digits: &[u32; 16]) -> Self {
        // Bit by bit from the top: double, add the bit, subtract p if need be.
        let mut rest = [0_u32; 8];
        for place in (0..512).rev() {
            let mut carry = digits[place / 32] >> (place % 32) & 1;
            for digit in &mut rest {
                (*digit, carry) = (*digit << 1 | carry, *digit >> 31);
            }
            let mut less_p = rest;
            let mut borrow = false;
            for (digit, p) in less_p.iter_mut().zip(P) {
                let (low, first) = digit.overflowing_sub(p);
                let (low, second) = low.overflowing_sub(u32::from(borrow));
                (*digit, borrow) = (low, first || second);
            }
            if !borrow {
                rest = less_p;
            }
        }
        Self(rest)
    }

    fn small(number: u64) -> Self {
        let mut digits = [0; 16];
        digits[0] = u32::try_from(number & 0xffff_ffff).unwrap();
        digits[1] = u32::try_from(number >> 32).unwrap();
        Self::new(&digits)
    }

    fn add(self, other: Self) -> Self {
        let mut digits = [0; 16];
        let mut carry = 0;
        for (digit, (a, b)) in digits.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            let sum = u64::from(a) + u64::from(b) + carry;
            *digit = u32::try_from(sum & 0xffff_ffff).unwrap();
            carry = sum >> 32;
        }
        assert_eq!(carry, 0, "both are below 2^255");
        Self::new(&digits)
    }

    fn mul(self, other: Self) -> Self {
        let mut digits = [0_u32; 16];
        for i in 0..8 {
            let mut carry = 0;
            for j in 0..8 {
                let sum =
                    u64::from(self.0[i]) * u64::from(other.0[j]) + u64::from(digits[i + j]) + carry;
                digits[i + j] = u32::try_from(sum & 0xffff_ffff).unwrap();
                carry = sum >> 32;
            }
            digits[i + 8] = u32::try_from(carry).unwrap();
        }
        Self::new(&digits)
    }

    fn negate(self) -> Self {
        // p - 1 is -1.
        let mut minus_one = P;
        minus_one[0] -= 1;
        self.mul(Self(minus_one))
    }

    /// What limbs or columns, lowest first, stand for.
    fn of_columns(columns: [i64; LIMBS]) -> Self {
        let radix = Self::small(1 << RADIX);
        columns.iter().rev().fold(Self::ZERO, |sum, column| {
            let magnitude = Self::small(column.unsigned_abs());
            let column = if *column < 0 {
                magnitude.negate()
            } else {
                magnitude
            };
            sum.mul(radix).add(column)
        })
    }

    fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (bytes, digit) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(self.0) {
            *bytes = digit.to_le_bytes();
        }
        bytes
    }
}

/// `R`, and the bound of a sum.
const R: i64 = (1 << 50) + (1 << 14);
const TWO_R: i64 = 2 * R;

/// One number for each lane, by limbs or columns.
type Columns = [[i64; LIMBS]; LANES];

#[inline(always)]
fn floats<L: Lanes>(columns: &Columns) -> [L; LIMBS] {
    let mut limbs = [L::splat(0); LIMBS];
    for (i, limb) in limbs.iter_mut().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "limbs have 52 bits")]
        let words = columns.map(|lane| bits(lane[i] as f64));
        *limb = L::load(words);
    }
    limbs
}

#[inline(always)]
fn integers<L: Lanes>(columns: &Columns) -> [L; LIMBS] {
    let mut limbs = [L::splat(0); LIMBS];
    for (i, limb) in limbs.iter_mut().enumerate() {
        *limb = L::load(columns.map(|lane| lane[i].cast_unsigned()));
    }
    limbs
}

#[inline(always)]
fn assert_is<L: Lanes>(found: &Reduced<L>, expected: [Plain; LANES], what: &str) {
    for limb in found.0 {
        for limb in limb.store().map(f64::from_bits) {
            assert!(limb.abs() <= REDUCED_MAX, "{what}: a limb of {limb}");
        }
    }
    assert_eq!(
        found.canonical().to_bytes(),
        expected.map(Plain::bytes),
        "{what}"
    );
}

fn plain(columns: &Columns) -> [Plain; LANES] {
    columns.map(Plain::of_columns)
}

fn both(a: [Plain; LANES], b: [Plain; LANES], f: impl Fn(Plain, Plain) -> Plain) -> [Plain; LANES] {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

/// Limbs up to a bound: at random, or exactly there, with signs from the bits of `signs`.
fn limbs(random: &mut Random, bound: i64, signs: Option<usize>) -> Columns {
    std::array::from_fn(|lane| {
        std::array::from_fn(|limb| match signs {
            Some(signs) if (signs + lane) >> limb & 1 == 1 => -bound,
            Some(_) => bound,
            None => i64::from_le_bytes(random.bytes()) % (bound + 1),
        })
    })
}

/// Every operation, on any lanes: all signs of limbs at the bounds, then random limbs.
#[inline(always)]
pub(in crate::kernel) fn check<L: Lanes>(seed: u8) {
    let mut random = random(seed);
    let extremes = (0..32).flat_map(|a| (0..32).map(move |b| (Some(a), Some(b))));
    for (signs_a, signs_b) in extremes.chain((0..300).map(|_| (None, None))) {
        products::<L>(
            &limbs(&mut random, R, signs_a),
            &limbs(&mut random, R, signs_b),
            &limbs(&mut random, TWO_R, signs_b),
        );
    }
    for signs in (0..32).map(Some).chain((0..100).map(|_| None)) {
        carries::<L>(&limbs(&mut random, (1 << 60) - 1, signs));
        canonical::<L>(&limbs(&mut random, R, signs));
    }
    numbers_around_p::<L>();
    for _ in 0..20 {
        roots::<L>(&limbs(&mut random, R, None), &limbs(&mut random, R, None));
    }
}

#[inline(always)]
fn products<L: Lanes>(a: &Columns, b: &Columns, sum: &Columns) {
    let (plain_a, plain_b) = (plain(a), plain(b));
    let (a, b) = (Reduced(floats::<L>(a)), Reduced(floats::<L>(b)));
    let plain_sum = plain(sum);
    let sum = Sum(floats::<L>(sum));
    let ab = both(plain_a, plain_b, Plain::mul);
    let aa = both(plain_a, plain_a, Plain::mul);
    assert_is(&a.mul(&b), ab, "a b");
    assert_is(&a.square(), aa, "a^2");
    let a_sum = both(plain_a, plain_sum, Plain::mul);
    assert_is(&a.mul(&sum), a_sum, "a times a sum");
    // As many products as columns have room for.
    let wide = a.mul_wide(&sum);
    let five = wide
        .add::<1, 2>(&wide)
        .add::<2, 4>(&wide.add::<1, 2>(&wide))
        .add::<1, 5>(&wide);
    let expected = a_sum.map(|product| product.mul(Plain::small(5)));
    assert_is(&five.reduce(), expected, "5 a times a sum");
    let expected = expected.map(Plain::negate);
    assert_is(&five.reduce_negated(), expected, "-5 a times a sum");
    // Sums of two, and their product with a factor.
    let a_plus_b = both(plain_a, plain_b, Plain::add);
    let a_minus_b = both(plain_a, plain_b.map(Plain::negate), Plain::add);
    let expected = both(plain_a, a_plus_b, Plain::mul);
    assert_is(&a.mul(&a.add(&b)), expected, "a (a + b)");
    let expected = both(plain_a, a_minus_b, Plain::mul);
    assert_is(&a.mul(&a.sub(&b)), expected, "a (a - b)");
    let difference: Wide<L, 2> = a.widen().sub(&b.widen());
    assert_is(&difference.reduce(), a_minus_b, "a - b");
    assert_is(&a.negate(), plain_a.map(Plain::negate), "-a");
}

#[inline(always)]
fn carries<L: Lanes>(columns: &Columns) {
    let wide = Wide::<L, 5>(integers(columns));
    let expected = plain(columns);
    assert_is(&wide.reduce(), expected, "carried");
    let expected = expected.map(Plain::negate);
    assert_is(&wide.reduce_negated(), expected, "negated");
}

#[inline(always)]
fn canonical<L: Lanes>(limbs: &Columns) {
    let expected = plain(limbs);
    let element = Reduced(floats::<L>(limbs));
    assert_is(&element, expected, "canonical");
    let zero = element.is_zero().store();
    let negative = element.is_negative().store();
    let absolute = element.absolute();
    for (lane, plain) in expected.iter().enumerate() {
        assert_eq!(zero[lane] != 0, *plain == Plain::ZERO);
        assert_eq!(negative[lane] != 0, plain.0[0] & 1 == 1);
    }
    let even = expected.map(|plain| match plain.0[0] & 1 {
        1 => plain.negate(),
        _ => plain,
    });
    assert_is(&absolute, even, "absolute");
}

/// 0, 1, p - 1, p, p + 1, 2 p - 1, 2 p, 2^255 - 1, by their plain limbs and, where they have 255
/// bits, by their bytes.
#[inline(always)]
fn numbers_around_p<L: Lanes>() {
    const TOP: i64 = (1 << 51) - 1;
    const P_LOW: i64 = TOP - 18;
    let all: [[i64; LIMBS]; 8] = [
        [0; LIMBS],
        [1, 0, 0, 0, 0],
        [P_LOW - 1, TOP, TOP, TOP, TOP],
        [P_LOW, TOP, TOP, TOP, TOP],
        [P_LOW + 1, TOP, TOP, TOP, TOP],
        [2 * P_LOW - 1, 2 * TOP, 2 * TOP, 2 * TOP, 2 * TOP],
        [2 * P_LOW, 2 * TOP, 2 * TOP, 2 * TOP, 2 * TOP],
        [TOP; LIMBS],
    ];
    let expected: [i64; 8] = [0, 1, -1, 0, 1, -1, 0, 18];
    for (columns, expected) in all.as_chunks().0.iter().zip(expected.as_chunks().0) {
        let expected = plain(&expected.map(|number: i64| [number, 0, 0, 0, 0]));
        let element = Wide::<L, 1>(integers(columns)).reduce();
        assert_is(&element, expected, "around p");
        let negated = Wide::<L, 1>(integers(columns)).reduce_negated();
        assert_is(&negated, expected.map(Plain::negate), "around -p");
        if columns.iter().flatten().all(|limb| *limb <= TOP) {
            let limbs = columns.map(|lane| lane.map(i64::cast_unsigned));
            let mut bytes = limbs.map(super::bytes_of_limbs);
            bytes[0][31] |= 0x80;
            assert_is(
                &Reduced::<L>::from_bytes(bytes.each_ref()),
                expected,
                "bytes",
            );
        }
    }
}

#[inline(always)]
fn roots<L: Lanes>(u: &Columns, v: &Columns) {
    let plain_u = plain(u);
    let (u, v) = (Reduced(floats::<L>(u)), Reduced(floats::<L>(v)));
    let one = [Plain::small(1); LANES];
    assert_is(&inverse(&v).mul(&v), one, "v / v");
    let zero = Reduced::<L>::constant(&constants::ZERO);
    assert_is(&inverse(&zero), [Plain::ZERO; LANES], "1 / 0");
    let [found] = sqrt_ratio(&[u], &[v]);
    let squares = found.was_square.store();
    // root^2 v is u, or i u where u / v is no square.
    let back = found.root.square().mul(&v);
    let sqrt_m1 = Reduced::<L>::constant(&constants::SQRT_M1);
    let minus_one = both(one, one, |one, _| one.negate());
    assert_is(&sqrt_m1.square(), minus_one, "i^2");
    let i = Plain::new(&{
        let mut digits = [0; 16];
        for (digit, bytes) in digits
            .iter_mut()
            .zip(sqrt_m1.canonical().to_bytes()[0].as_chunks().0)
        {
            *digit = u32::from_le_bytes(*bytes);
        }
        digits
    });
    let expected = std::array::from_fn(|lane| match squares[lane] {
        0 => plain_u[lane].mul(i),
        _ => plain_u[lane],
    });
    assert_is(&back, expected, "the square of the root of u / v, times v");
    assert_eq!(found.root.is_negative().store(), [0; LANES]);
    // The ratio of two squares is one.
    let [found] = sqrt_ratio(&[u.square()], &[v.square()]);
    assert_eq!(found.was_square.store(), [u64::MAX; LANES]);
}

#[test]
fn the_field_of_the_model_is_the_field_of_integers() {
    check::<Model>(50);
}

#[test]
#[should_panic(expected = "is not a whole number from")]
fn the_model_notices_the_product_of_two_sums() {
    let sum = Reduced(floats::<Model>(&[[TWO_R; LIMBS]; LANES]));
    let _ = sum.mul(&Sum(sum.0));
}

#[test]
#[should_panic(expected = "is not below 2^60")]
fn the_model_notices_a_column_that_is_too_large() {
    let _ = Wide::<Model, 5>(integers(&[[1 << 60; LIMBS]; LANES])).reduce();
}

#[test]
fn five_products_fit_in_a_column_and_six_do_not() {
    assert!(super::fits(5));
    assert!(!super::fits(6));
}

/// Stands in for operations that must not exist: a method of the type itself would come first.
trait Absent: Sized {
    fn mul_wide<T>(&self, _: &T) -> Missing {
        Missing
    }
    fn mul<T>(&self, _: &T) -> Missing {
        Missing
    }
    fn square(&self) -> Missing {
        Missing
    }
}

struct Missing;

impl<L> Absent for Sum<L> {}

impl<L, const TERMS: usize> Absent for Wide<L, TERMS> {}

#[test]
fn a_sum_or_columns_cannot_be_the_first_factor_of_a_product() {
    // This is a test of what compiles: with such a method the types below would be others.
    let limbs = floats::<Model>(&[[R; LIMBS]; LANES]);
    let sum = Sum(limbs);
    let _: [Missing; 3] = [sum.mul_wide(&sum), sum.mul(&sum), sum.square()];
    let wide = Wide::<Model, 1>(limbs);
    let _: [Missing; 3] = [wide.mul_wide(&sum), wide.mul(&sum), wide.square()];
}
