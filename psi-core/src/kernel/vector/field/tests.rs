//! Field operations against plain integers, at random and at the very bounds of the types.

mod bounds;
mod plain;

use super::super::lanes::model::{FloatModel, IntegerModel};
use super::super::lanes::{IntegerLanes, Lanes};
use super::float::Floats;
use super::integer::Integers;
use super::{LIMBS, Reduced, Sum, TWO_P, Wide, constants, inverse, sqrt_ratio};
use crate::kernel::conformance::{Random, random};
use bounds::Bounds;
use plain::Plain;

/// One number for each lane, by limbs or columns.
type Columns = Vec<[i128; LIMBS]>;

#[inline(always)]
fn limbs<L: Lanes<Arithmetic: Bounds>>(columns: &Columns) -> [L; LIMBS] {
    let mut limbs = [L::splat(0); LIMBS];
    for (i, limb) in limbs.iter_mut().enumerate() {
        *limb = L::load(
            #[inline(always)]
            |lane| L::Arithmetic::word(columns[lane][i]),
        );
    }
    limbs
}

#[inline(always)]
fn integers<L: Lanes>(columns: &Columns) -> [L; LIMBS] {
    let mut limbs = [L::splat(0); LIMBS];
    for (i, limb) in limbs.iter_mut().enumerate() {
        *limb = L::load(
            #[inline(always)]
            |lane| Integers::word(columns[lane][i]),
        );
    }
    limbs
}

#[inline(always)]
fn bytes<L: Lanes>(element: &Reduced<L>) -> Vec<[u8; 32]> {
    let mut bytes = vec![[0; 32]; L::LANES];
    element.canonical().to_bytes(&mut bytes);
    bytes
}

#[inline(always)]
fn assert_is<L: Lanes<Arithmetic: Bounds>>(found: &Reduced<L>, expected: &[Plain], what: &str) {
    for (i, limb) in found.0.into_iter().enumerate() {
        let (low, high) = L::Arithmetic::REDUCED[i];
        for word in limb.store().as_ref() {
            let limb = L::Arithmetic::number(*word);
            assert!((low..=high).contains(&limb), "{what}: a limb of {limb}");
        }
    }
    let expected: Vec<[u8; 32]> = expected.iter().map(|plain| plain.bytes()).collect();
    assert_eq!(bytes(found), expected, "{what}");
}

fn plain(columns: &Columns) -> Vec<Plain> {
    columns.iter().copied().map(Plain::of_columns).collect()
}

fn each(a: &[Plain], f: impl Fn(Plain) -> Plain) -> Vec<Plain> {
    a.iter().copied().map(f).collect()
}

fn both(a: &[Plain], b: &[Plain], f: impl Fn(Plain, Plain) -> Plain) -> Vec<Plain> {
    a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()
}

/// Numbers within bounds: at random, or exactly there, at the lower or upper one by the bits of
/// `sides`.
fn within(
    random: &mut Random,
    lanes: usize,
    bounds: &[(i128, i128); LIMBS],
    sides: Option<usize>,
) -> Columns {
    let mut lane = |lane: usize| {
        std::array::from_fn(|i| {
            let (low, high) = bounds[i];
            match sides {
                Some(sides) if (sides + lane) >> i & 1 == 1 => low,
                Some(_) => high,
                None => low + i128::from(u64::from_le_bytes(random.bytes())) % (high - low + 1),
            }
        })
    };
    (0..lanes).map(&mut lane).collect()
}

/// Every operation, on any lanes: limbs at the bounds on all sides, then random limbs.
#[inline(always)]
pub(in crate::kernel) fn check<L: Lanes<Arithmetic: Bounds>>(seed: u8) {
    let mut random = random(seed);
    let (reduced, sum) = (L::Arithmetic::REDUCED, L::Arithmetic::SUM);
    let extremes = (0..32).flat_map(|a| (0..32).map(move |b| (Some(a), Some(b))));
    for (sides_a, sides_b) in extremes.chain((0..300).map(|_| (None, None))) {
        products::<L>(
            &within(&mut random, L::LANES, &reduced, sides_a),
            &within(&mut random, L::LANES, &reduced, sides_b),
            &within(&mut random, L::LANES, &sum, sides_b),
        );
    }
    let columns = [L::Arithmetic::COLUMN; LIMBS];
    for sides in (0..32).map(Some).chain((0..100).map(|_| None)) {
        carries::<L>(&within(&mut random, L::LANES, &columns, sides));
        canonical::<L>(&within(&mut random, L::LANES, &reduced, sides));
    }
    numbers_around_p::<L>();
    for _ in 0..20 {
        let mut element = || within(&mut random, L::LANES, &reduced, None);
        roots::<L>(&element(), &element());
    }
}

#[inline(always)]
fn products<L: Lanes<Arithmetic: Bounds>>(a: &Columns, b: &Columns, sum: &Columns) {
    let (plain_a, plain_b, plain_sum) = (plain(a), plain(b), plain(sum));
    let (a, b) = (Reduced(limbs::<L>(a)), Reduced(limbs::<L>(b)));
    let sum = Sum(limbs::<L>(sum));
    let ab = both(&plain_a, &plain_b, Plain::mul);
    let aa = both(&plain_a, &plain_a, Plain::mul);
    assert_is(&a.mul(&b), &ab, "a b");
    assert_is(&a.square(), &aa, "a^2");
    assert_is(&a.square_wide().reduce(), &aa, "a^2 in columns");
    let a_sum = both(&plain_a, &plain_sum, Plain::mul);
    assert_is(&a.mul(&sum), &a_sum, "a times a sum");
    // As many products as columns of floats have room for.
    let wide = a.mul_wide(&sum);
    let five = wide
        .add::<1, 2>(&wide)
        .add::<2, 4>(&wide.add::<1, 2>(&wide))
        .add::<1, 5>(&wide);
    let expected = each(&a_sum, |product| product.mul(Plain::small(5)));
    assert_is(&five.reduce(), &expected, "5 a times a sum");
    let expected = each(&expected, Plain::negate);
    assert_is(&five.reduce_negated(), &expected, "-5 a times a sum");
    // Differences of products.
    let difference = a.square_wide().sub::<1, 2>(&wide);
    let minus_a_sum = each(&a_sum, Plain::negate);
    let expected = both(&aa, &minus_a_sum, Plain::add);
    assert_is(&difference.reduce(), &expected, "a^2 - a times a sum");
    let back = a
        .square_wide()
        .add::<1, 2>(&b.widen())
        .sub::<2, 4>(&difference);
    let expected = both(&plain_b, &a_sum, Plain::add);
    assert_is(&back.reduce(), &expected, "b + a times a sum");
    // Sums of two, and their product with a factor.
    let minus_b = each(&plain_b, Plain::negate);
    let a_plus_b = both(&plain_a, &plain_b, Plain::add);
    let a_minus_b = both(&plain_a, &minus_b, Plain::add);
    let expected = both(&plain_a, &a_plus_b, Plain::mul);
    assert_is(&a.mul(&a.add(&b)), &expected, "a (a + b)");
    let expected = both(&plain_a, &a_minus_b, Plain::mul);
    assert_is(&a.mul(&a.sub(&b)), &expected, "a (a - b)");
    let difference: Wide<L, 2> = a.widen().sub(&b.widen());
    assert_is(&difference.reduce(), &a_minus_b, "a - b");
    assert_is(&a.negate(), &each(&plain_a, Plain::negate), "-a");
}

#[inline(always)]
fn carries<L: Lanes<Arithmetic: Bounds>>(columns: &Columns) {
    let wide = Wide::<L, 5>(integers(columns));
    let expected = plain(columns);
    assert_is(&wide.reduce(), &expected, "carried");
    let expected = each(&expected, Plain::negate);
    assert_is(&wide.reduce_negated(), &expected, "negated");
}

#[inline(always)]
fn canonical<L: Lanes<Arithmetic: Bounds>>(columns: &Columns) {
    let expected = plain(columns);
    let element = Reduced(limbs::<L>(columns));
    assert_is(&element, &expected, "canonical");
    let zero = element.is_zero().store();
    let negative = element.is_negative().store();
    let absolute = element.absolute();
    for (lane, plain) in expected.iter().enumerate() {
        assert_eq!(zero.as_ref()[lane] != 0, *plain == Plain::ZERO);
        assert_eq!(negative.as_ref()[lane] != 0, plain.0[0] & 1 == 1);
    }
    let even = each(&expected, |plain| match plain.0[0] & 1 {
        1 => plain.negate(),
        _ => plain,
    });
    assert_is(&absolute, &even, "absolute");
}

/// 0, 1, p - 1, p, p + 1, 2 p - 1, 2 p, 2^255 - 1, by their plain limbs and, where they have 255
/// bits, by their bytes.
#[inline(always)]
fn numbers_around_p<L: Lanes<Arithmetic: Bounds>>() {
    const TOP: i128 = (1 << 51) - 1;
    const P_LOW: i128 = TOP - 18;
    let all: Columns = vec![
        [0; LIMBS],
        [1, 0, 0, 0, 0],
        [P_LOW - 1, TOP, TOP, TOP, TOP],
        [P_LOW, TOP, TOP, TOP, TOP],
        [P_LOW + 1, TOP, TOP, TOP, TOP],
        [2 * P_LOW - 1, 2 * TOP, 2 * TOP, 2 * TOP, 2 * TOP],
        [2 * P_LOW, 2 * TOP, 2 * TOP, 2 * TOP, 2 * TOP],
        [TOP; LIMBS],
    ];
    let expected: [i128; 8] = [0, 1, -1, 0, 1, -1, 0, 18];
    for (columns, expected) in all.chunks(L::LANES).zip(expected.chunks(L::LANES)) {
        let expected: Vec<Plain> = expected
            .iter()
            .map(|number| Plain::of_columns([*number, 0, 0, 0, 0]))
            .collect();
        let element = Wide::<L, 1>(integers(&columns.to_vec())).reduce();
        assert_is(&element, &expected, "around p");
        let negated = Wide::<L, 1>(integers(&columns.to_vec())).reduce_negated();
        assert_is(&negated, &each(&expected, Plain::negate), "around -p");
    }
    for (columns, expected) in all.iter().zip(expected) {
        if columns.iter().all(|limb| *limb <= TOP) {
            // The limbs as one number of 255 bits, with a high bit that is ignored.
            let mut bytes = [0; 32];
            for bit in 0..255 {
                let set = columns[bit / 51] >> (bit % 51) & 1 == 1;
                bytes[bit / 8] |= u8::from(set) << (bit % 8);
            }
            bytes[31] |= 0x80;
            let element = Reduced::<L>::from_bytes(|_| &bytes);
            let expected = Plain::of_columns([expected, 0, 0, 0, 0]);
            assert_is(&element, &vec![expected; L::LANES], "bytes");
        }
    }
}

#[inline(always)]
fn roots<L: Lanes<Arithmetic: Bounds>>(u: &Columns, v: &Columns) {
    let plain_u = plain(u);
    let (u, v) = (Reduced(limbs::<L>(u)), Reduced(limbs::<L>(v)));
    let one = vec![Plain::small(1); L::LANES];
    assert_is(&inverse(&v).mul(&v), &one, "v / v");
    let zero = Reduced::<L>::constant(&constants::ZERO);
    assert_is(&inverse(&zero), &vec![Plain::ZERO; L::LANES], "1 / 0");
    let [found] = sqrt_ratio(&[u], &[v]);
    // root^2 v is u, or i u where u / v is not a square.
    let back = found.root.square().mul(&v);
    let sqrt_m1 = Reduced::<L>::constant(&constants::SQRT_M1);
    assert_is(&sqrt_m1.square(), &each(&one, Plain::negate), "i^2");
    let i = Plain::of_bytes(&bytes(&sqrt_m1)[0]);
    let squares = found.was_square.store();
    let expected: Vec<Plain> = plain_u
        .iter()
        .zip(squares.as_ref())
        .map(|(u, square)| if *square == 0 { u.mul(i) } else { *u })
        .collect();
    assert_is(&back, &expected, "the square of the root of u / v, times v");
    let none = |mask: L| mask.store().as_ref().iter().all(|word| *word == 0);
    assert!(none(found.root.is_negative()));
    // The ratio of two squares is a square.
    let [found] = sqrt_ratio(&[u.square()], &[v.square()]);
    assert!(none(found.was_square.equal(L::splat(0))));
}

/// As many products as columns of integers have room for, at the upper bound of all limbs.
#[inline(always)]
pub(in crate::kernel) fn check_fifteen_products<L: IntegerLanes<Arithmetic = Integers>>() {
    // 2 p is zero, so one limb is less.
    let mut highest = TWO_P.map(i128::from);
    highest[4] -= 1;
    let columns = vec![highest; L::LANES];
    let plain = plain(&columns);
    let a = Reduced(limbs::<L>(&columns));
    let product = a.mul_wide(&a);
    let square = a.square_wide();
    let expected = both(&plain, &plain, Plain::mul);
    for wide in [product, square] {
        let five = wide
            .add::<1, 2>(&wide)
            .add::<2, 4>(&wide.add::<1, 2>(&wide))
            .add::<1, 5>(&wide);
        let ten: Wide<L, 10> = five.add(&five);
        let fifteen: Wide<L, 15> = ten.add(&five);
        let sum = each(&expected, |product| product.mul(Plain::small(15)));
        assert_is(&fifteen.reduce(), &sum, "15 products");
        let negative = each(&sum, Plain::negate);
        assert_is(&fifteen.reduce_negated(), &negative, "-15 products");
        let difference: Wide<L, 15> = five.sub(&ten);
        let expected = each(&expected, |product| product.mul(Plain::small(5)).negate());
        assert_is(&difference.reduce(), &expected, "5 products less 10");
    }
}

#[test]
fn the_field_of_the_float_model_is_the_field_of_integers() {
    check::<FloatModel>(50);
}

#[test]
fn the_field_of_the_integer_model_is_the_field_of_integers() {
    check::<IntegerModel>(52);
    check_fifteen_products::<IntegerModel>();
}

#[test]
#[should_panic(expected = "is not a whole number from")]
fn the_float_model_notices_the_product_of_two_sums() {
    let bounds = Floats::SUM.map(|(_, high)| high);
    let sum = Reduced(limbs::<FloatModel>(&vec![bounds; 4]));
    let _ = sum.mul(&Sum(sum.0));
}

#[test]
#[should_panic(expected = "is not below 2^60")]
fn the_float_model_notices_a_column_that_is_too_large() {
    let _ = Wide::<FloatModel, 5>(integers(&vec![[1 << 60; LIMBS]; 4])).reduce();
}

#[test]
#[should_panic(expected = "is more than 4503599627370495")]
fn the_integer_model_notices_a_factor_of_53_bits() {
    let element = Reduced(limbs::<IntegerModel>(&vec![[1 << 52, 0, 0, 0, 0]; 8]));
    let _ = element.mul(&element);
}

#[test]
#[should_panic(expected = "is more than 4503599627370495")]
fn the_integer_model_notices_a_lowest_limb_above_that_of_2_p() {
    let lowest = i128::from(TWO_P[0]) + 1;
    let highest = i128::from(TWO_P[4]);
    let columns = vec![[lowest, 0, 0, 0, highest]; 8];
    let element = Reduced(limbs::<IntegerModel>(&columns));
    let _ = element.mul(&element);
}

#[test]
#[should_panic(expected = "a difference that is not negative")]
fn the_integer_model_notices_a_column_that_is_too_large() {
    let _ = Wide::<IntegerModel, 1>(integers(&vec![[1 << 60; LIMBS]; 8])).reduce_negated();
}

/// Takes the place of operations that must not exist: a method of the type itself would come first.
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
    // This test checks what compiles: with such a method the types below would be others.
    let limbs = [FloatModel::splat(0); LIMBS];
    let sum = Sum(limbs);
    let _: [Missing; 3] = [sum.mul_wide(&sum), sum.mul(&sum), sum.square()];
    let wide = Wide::<FloatModel, 1>(limbs);
    let _: [Missing; 3] = [wide.mul_wide(&sum), wide.mul(&sum), wide.square()];
}
