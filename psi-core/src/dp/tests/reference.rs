//! Fixed-point numbers of 64 whole and 256 fractional bits, and exp by another way than
//! `super::super::fixed`: a series of few terms, then squaring.

use std::cmp::Ordering;

const LIMBS: usize = 5;

/// A number from 0 to 2^64, limbs of 64 bits from the lowest; four of them are the fraction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wide([u64; LIMBS]);

impl PartialOrd for Wide {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wide {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

impl Wide {
    pub(super) const ZERO: Self = Self([0; LIMBS]);
    pub(super) const ONE: Self = Self([0, 0, 0, 0, 1]);

    /// A fraction in units of 2^-128.
    #[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
    pub(super) const fn fraction(units: u128) -> Self {
        Self([0, 0, units as u64, (units >> 64) as u64, 0])
    }

    /// The number in units of 2^-128, rounded downward; one and more as the largest fraction.
    pub(super) fn units(self) -> u128 {
        if self.0[4] > 0 {
            return u128::MAX;
        }
        u128::from(self.0[3]) << 64 | u128::from(self.0[2])
    }

    /// `numerator / denominator`, which is below 2^64, bit by bit.
    pub(super) fn quotient(numerator: u128, denominator: u128) -> Self {
        assert!(denominator < 1 << 127);
        let mut result = Self::ZERO;
        result.0[4] = u64::try_from(numerator / denominator).unwrap();
        let mut rest = numerator % denominator;
        for bit in (0..256).rev() {
            rest *= 2;
            if rest >= denominator {
                rest -= denominator;
                result.0[bit / 64] |= 1 << (bit % 64);
            }
        }
        result
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let mut sum = Self::ZERO;
        let mut carry = 0;
        for i in 0..LIMBS {
            let limb = u128::from(self.0[i]) + u128::from(other.0[i]) + carry;
            sum.0[i] = low(limb);
            carry = limb >> 64;
        }
        assert_eq!(carry, 0, "overflow");
        sum
    }

    /// The difference, or zero if `other` is larger.
    pub(super) fn minus(self, other: Self) -> Self {
        if self < other {
            return Self::ZERO;
        }
        let mut difference = Self::ZERO;
        let mut borrow = false;
        for i in 0..LIMBS {
            let (limb, first) = self.0[i].overflowing_sub(other.0[i]);
            let (limb, second) = limb.overflowing_sub(u64::from(borrow));
            difference.0[i] = limb;
            borrow = first || second;
        }
        difference
    }

    pub(super) fn distance(self, other: Self) -> Self {
        self.minus(other).plus(other.minus(self))
    }

    /// The product, rounded downward.
    pub(super) fn times(self, other: Self) -> Self {
        let mut limbs = [0_u64; 2 * LIMBS];
        for i in 0..LIMBS {
            let mut carry = 0;
            for j in 0..LIMBS {
                let product = u128::from(self.0[i]) * u128::from(other.0[j]);
                let limb = product + u128::from(limbs[i + j]) + carry;
                limbs[i + j] = low(limb);
                carry = limb >> 64;
            }
            limbs[i + LIMBS] = low(carry);
        }
        assert_eq!(limbs[9], 0, "overflow");
        Self(limbs[4..9].try_into().unwrap())
    }

    /// The quotient by a small number, rounded downward.
    pub(super) fn over(self, divisor: u64) -> Self {
        let mut result = Self::ZERO;
        let mut rest = 0;
        for i in (0..LIMBS).rev() {
            let value = rest << 64 | u128::from(self.0[i]);
            result.0[i] = low(value / u128::from(divisor));
            rest = value % u128::from(divisor);
        }
        result
    }

    /// exp(-numerator/denominator) to more than 230 fractional bits: the series at a 1024th of the
    /// argument, squared ten times.
    pub(super) fn exp_minus(numerator: u128, denominator: u128) -> Self {
        let mut argument = Self::quotient(numerator, denominator);
        if argument.0[4] >= 512 {
            return Self::ZERO;
        }
        for _ in 0..10 {
            argument = argument.over(2);
        }
        let (mut even, mut odd) = (Self::ZERO, Self::ZERO);
        let mut term = Self::ONE;
        for k in 0..80 {
            if k % 2 == 0 {
                even = even.plus(term);
            } else {
                odd = odd.plus(term);
            }
            term = term.times(argument).over(k + 1);
        }
        let mut result = even.minus(odd);
        for _ in 0..10 {
            result = result.times(result);
        }
        result
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low(value: u128) -> u64 {
    value as u64
}

#[test]
fn the_reference_agrees_with_published_digits_of_exp() {
    // exp(-1) and exp(-1/2), the first 38 decimals.
    let decimals = [
        (
            1,
            1,
            36_787_944_117_144_232_159_552_377_016_146_086_744_u128,
        ),
        (
            1,
            2,
            60_653_065_971_263_342_360_379_953_499_118_045_344_u128,
        ),
    ];
    let last = 10_u128.pow(19);
    for (numerator, denominator, digits) in decimals {
        // Twice nineteen decimals.
        let upper = Wide::quotient(digits / last, last);
        let lower = Wide::quotient(digits % last, last);
        let expected = upper.plus(Wide::quotient(1, last).times(lower));
        let found = Wide::exp_minus(numerator, denominator);
        let place = Wide::quotient(1, last).times(Wide::quotient(1, last));
        assert!(found.distance(expected) <= place);
    }
    assert_eq!(Wide::exp_minus(0, 1), Wide::ONE);
}
