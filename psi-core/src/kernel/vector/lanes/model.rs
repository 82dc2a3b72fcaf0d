//! The lanes as plain Rust, for any machine: the same operations, with every bound checked.
//!
//! Operations stay calls: compiled into one another, as on a machine, they take minutes to compile.

use zeroize::Zeroize;

use super::{LANES, Lanes};

/// Four words in an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::kernel) struct Model([u64; LANES]);

impl Model {
    #[inline(never)]
    fn words(self, b: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }

    #[inline(never)]
    fn floats(self, b: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        self.words(b, |a, b| f(f64::from_bits(a), f64::from_bits(b)).to_bits())
    }
}

impl Lanes for Model {
    #[inline(never)]
    fn splat(word: u64) -> Self {
        Self([word; LANES])
    }

    #[inline(never)]
    fn load(words: [u64; LANES]) -> Self {
        Self(words)
    }

    #[inline(never)]
    fn store(self) -> [u64; LANES] {
        self.0
    }

    #[inline(never)]
    fn mul_add_float(self, b: Self, c: Self) -> Self {
        Self(std::array::from_fn(|i| {
            let [a, b, c] = [self.0[i], b.0[i], c.0[i]].map(f64::from_bits);
            a.mul_add(b, c).to_bits()
        }))
    }

    #[inline(never)]
    fn add_float(self, b: Self) -> Self {
        self.floats(b, |a, b| a + b)
    }

    #[inline(never)]
    fn sub_float(self, b: Self) -> Self {
        self.floats(b, |a, b| a - b)
    }

    #[inline(never)]
    fn add(self, b: Self) -> Self {
        self.words(b, u64::wrapping_add)
    }

    #[inline(never)]
    fn sub(self, b: Self) -> Self {
        self.words(b, u64::wrapping_sub)
    }

    #[inline(never)]
    fn and(self, b: Self) -> Self {
        self.words(b, |a, b| a & b)
    }

    #[inline(never)]
    fn or(self, b: Self) -> Self {
        self.words(b, |a, b| a | b)
    }

    #[inline(never)]
    fn xor(self, b: Self) -> Self {
        self.words(b, |a, b| a ^ b)
    }

    #[inline(never)]
    fn shift_left<const BITS: i32>(self) -> Self {
        Self(self.0.map(|a| a << BITS))
    }

    #[inline(never)]
    fn shift_right<const BITS: i32>(self) -> Self {
        Self(self.0.map(|a| a >> BITS))
    }

    #[inline(never)]
    fn equal(self, b: Self) -> Self {
        self.words(b, |a, b| if a == b { u64::MAX } else { 0 })
    }

    #[inline(never)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        for word in mask.0 {
            assert!(word == 0 || word == u64::MAX, "a mask is all ones or zero");
        }
        mask.and(yes).or(mask.xor(Self::splat(u64::MAX)).and(no))
    }

    #[inline(never)]
    fn opaque(self) -> Self {
        std::hint::black_box(self)
    }

    #[inline(never)]
    fn check_float(self, low: f64, high: f64) {
        for value in self.0.map(f64::from_bits) {
            assert!(
                value.fract() == 0.0 && low <= value && value <= high,
                "{value} is not a whole number from {low} to {high}"
            );
        }
    }

    #[inline(never)]
    fn check_signed(self, bits: u32) {
        for value in self.0.map(u64::cast_signed) {
            assert!(
                value.unsigned_abs() < 1 << bits,
                "{value} is not below 2^{bits}"
            );
        }
    }
}

impl Zeroize for Model {
    #[inline(never)]
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}
