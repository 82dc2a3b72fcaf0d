//! Fixed-point arithmetic for tables and thresholds: quotients and exp(-x) to 128 fractional bits.
//!
//! A *fraction* is a `u128` in units of u = 2^-128: numbers from 0 to 1 - u. [`super::count`] and
//! [`super::share`] call this. Its arguments are public, so nothing here is constant-time. Every
//! step is an integer operation, so every machine gives the same bits. README.md §3 derives how far
//! each result may be from the true one.

/// Terms of the series of exp. The terms left out add up to less than 1/36!, which is below 2^-138.
const TERMS: u128 = 35;

/// exp(-1), exp(-2), exp(-4), … exp(-64), rounded downward.
const POWERS: [u128; 7] = [
    0x5e2d_58d8_b3bc_df1a_bade_c782_9054_f90d,
    0x22a5_5547_7f03_973f_b6ed_d5c2_5a05_2ae3,
    0x04b0_556e_084f_3d1d_fa2b_c04c_b0ab_88f5,
    0x0015_fc21_0410_27ac_bbfc_d467_80fe_e71e,
    0x0000_01e3_55bb_aee8_5cad_a65f_73f3_2e88,
    0x0000_0000_0003_908c_9eec_2c8d_03c5_3340,
    0x0000_0000_0000_0000_0000_000c_b4ea_3990,
];

/// A non-negative number: whole part, and a fraction rounded downward.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) whole: u128,
    pub(super) fraction: u128,
}

impl Number {
    /// `numerator / denominator`, too small by less than u. The denominator is below 2^96.
    pub(super) const fn quotient(numerator: u128, denominator: u128) -> Self {
        debug_assert!(denominator > 0 && denominator < 1 << 96);
        let whole = numerator / denominator;
        let mut rest = numerator % denominator;
        let mut fraction = 0;
        let mut digit = 0;
        // Four digits of 32 bits; the rest stays below 2^96, so it can be moved by one digit.
        while digit < 4 {
            rest <<= 32;
            fraction = (fraction << 32) | (rest / denominator);
            rest %= denominator;
            digit += 1;
        }
        Self { whole, fraction }
    }

    /// One plus a fraction.
    pub(super) const fn one_and(fraction: u128) -> Self {
        Self { whole: 1, fraction }
    }

    /// Adds a fraction, exactly.
    pub(super) const fn add(self, fraction: u128) -> Self {
        let (fraction, carry) = self.fraction.overflowing_add(fraction);
        Self {
            whole: self.whole + carry as u128,
            fraction,
        }
    }
}

/// The fraction `numerator / denominator`, by long division. The denominator is 1 or more.
///
/// With a true quotient p the result is above p - u and below p * (1 + 2^-126).
pub(super) const fn divide(numerator: u128, denominator: Number) -> u128 {
    // The denominator's upper 128 bits; `dropped` bits of its fraction are left out.
    let dropped = 128 - denominator.whole.leading_zeros();
    let divisor = (denominator.whole << (128 - dropped)) | (denominator.fraction >> dropped);
    // The first bit of the quotient: a numerator below `denominator` is below twice `divisor`.
    let mut quotient = (numerator >= divisor) as u128;
    let mut rest = if numerator >= divisor {
        numerator - divisor
    } else {
        numerator
    };
    let mut bits = 128 - dropped;
    while bits > 0 {
        let carry = rest >> 127 == 1;
        rest <<= 1;
        let one = carry || rest >= divisor;
        if one {
            rest = rest.wrapping_sub(divisor);
        }
        quotient = (quotient << 1) | one as u128;
        bits -= 1;
    }
    quotient
}

/// The product of two fractions, rounded downward.
pub(super) const fn multiply(a: u128, b: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let (a_high, a_low) = (a >> 64, a & LOW);
    let (b_high, b_low) = (b >> 64, b & LOW);
    let middle = a_high * b_low + ((a_low * b_low) >> 64);
    let carried = a_low * b_high + (middle & LOW);
    a_high * b_high + (middle >> 64) + (carried >> 64)
}

/// exp(-x), at most 9 u from the true value.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: `bit` counts up to the length of the table; a constant function has no iterators"
)]
pub(super) const fn exp_minus(x: Number) -> u128 {
    if x.whole >= 128 {
        return 0;
    }
    let mut result = exp_minus_fraction(x.fraction);
    let mut bit = 0;
    while bit < POWERS.len() {
        if (x.whole >> bit) & 1 == 1 {
            result = multiply(result, POWERS[bit]);
        }
        bit += 1;
    }
    result
}

/// exp(-f) for a fraction, as 1 - f/1 (1 - f/2 (1 - f/3 (…))).
const fn exp_minus_fraction(f: u128) -> u128 {
    let mut inner = 0;
    let mut k = TERMS;
    while k > 0 {
        // 1 - inner, less u, because a fraction cannot hold one itself.
        inner = multiply(f, u128::MAX - inner) / k;
        k -= 1;
    }
    u128::MAX - inner
}
