//! The lanes as plain Rust, for any machine: the same operations, with every bound checked.
//!
//! Operations stay calls: if they were compiled into one another, as on a machine, they would take
//! minutes to compile.

use zeroize::Zeroize;

use super::super::field::{float::Floats, integer::Integers};
use super::{FloatLanes, IntegerLanes, Lanes};

/// Words in an array, with what every model does in the same way.
macro_rules! model {
    ($(#[$doc:meta])* $name:ident, $lanes:literal words, $arithmetic:ty, $add:expr, $sub:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(in crate::kernel) struct $name([u64; $lanes]);

        impl $name {
            #[inline(never)]
            fn words(self, b: Self, f: impl Fn(u64, u64) -> u64) -> Self {
                Self(std::array::from_fn(|i| f(self.0[i], b.0[i])))
            }
        }

        impl Lanes for $name {
            const LANES: usize = $lanes;
            type Words = [u64; $lanes];
            type Arithmetic = $arithmetic;

            #[inline(never)]
            fn splat(word: u64) -> Self {
                Self([word; $lanes])
            }

            #[inline(never)]
            fn load(word: impl Fn(usize) -> u64) -> Self {
                Self(std::array::from_fn(word))
            }

            #[inline(never)]
            fn store(self) -> [u64; $lanes] {
                self.0
            }

            #[inline(never)]
            fn add(self, b: Self) -> Self {
                self.words(b, $add)
            }

            #[inline(never)]
            fn sub(self, b: Self) -> Self {
                self.words(b, $sub)
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
        }

        impl Zeroize for $name {
            #[inline(never)]
            fn zeroize(&mut self) {
                self.0.zeroize();
            }
        }
    };
}

model!(
    /// Four words, with products of floats. Their bits hold constants, so integers may wrap.
    FloatModel, 4 words, Floats, u64::wrapping_add, u64::wrapping_sub
);
model!(
    /// Eight words, with products of integers; nothing wraps.
    IntegerModel, 8 words, Integers,
    |a, b| a.checked_add(b).expect("a sum of 64 bits"),
    |a, b| a.checked_sub(b).expect("a difference that is not negative")
);

impl FloatModel {
    #[inline(never)]
    fn floats(self, b: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        self.words(b, |a, b| f(f64::from_bits(a), f64::from_bits(b)).to_bits())
    }
}

impl FloatLanes for FloatModel {
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

impl IntegerModel {
    /// `self` plus one part of each product of 52-bit numbers; `part` takes it.
    #[inline(never)]
    fn add_part(self, a: Self, b: Self, part: impl Fn(u128) -> u128) -> Self {
        a.check_at_most((1 << 52) - 1);
        b.check_at_most((1 << 52) - 1);
        let products = a.words(b, |a, b| {
            u64::try_from(part(u128::from(a) * u128::from(b))).expect("a part of 52 bits")
        });
        self.add(products)
    }
}

impl IntegerLanes for IntegerModel {
    #[inline(never)]
    fn add_product_low(self, a: Self, b: Self) -> Self {
        self.add_part(a, b, |product| product & ((1 << 52) - 1))
    }

    #[inline(never)]
    fn add_product_high(self, a: Self, b: Self) -> Self {
        self.add_part(a, b, |product| product >> 52)
    }

    #[inline(never)]
    fn mul(self, b: Self) -> Self {
        self.words(b, |a, b| a.checked_mul(b).expect("a product of 64 bits"))
    }

    #[inline(never)]
    fn product<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(never)]
    fn check_at_most(self, bound: u64) {
        for value in self.0 {
            assert!(value <= bound, "{value} is more than {bound}");
        }
    }
}
