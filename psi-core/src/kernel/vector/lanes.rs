//! Some 64-bit words side by side: all that the field arithmetic needs from a machine.
//!
//! [`super::field`] calls this, and apart from it only the table scan of [`super::multiply`] and
//! the masks of [`super::decode`]. Every machine has [`Lanes`]. Their products are made in one of
//! two ways, [`FloatLanes`] and [`IntegerLanes`]; [`Lanes::Arithmetic`] says which.
//! differs, and is one of [`FloatLanes`] and [`IntegerLanes`]; [`Lanes::Arithmetic`] says which.

#[cfg(test)]
pub(in crate::kernel) mod model;

use zeroize::Zeroize;

use super::field::arithmetic::Arithmetic;

/// A vector of words. Integer arithmetic wraps.
///
/// Every function except [`Self::outline`] must be compiled into its caller (`#[inline(always)]`),
/// and so must all generic functions that call them, closures too. Only in a function that is
/// compiled for the machine do they become single instructions.
pub(in crate::kernel) trait Lanes: Copy + Zeroize {
    /// Elements that one vector works on.
    const LANES: usize;
    /// The words of a vector, one for each lane.
    type Words: AsRef<[u64]>;
    /// How field elements are kept in such vectors, and multiplied.
    type Arithmetic: Arithmetic<Self>;

    /// The same word in every lane.
    fn splat(word: u64) -> Self;
    /// The word that `word` gives for each lane.
    fn load(word: impl Fn(usize) -> u64) -> Self;
    /// The word of each lane.
    fn store(self) -> Self::Words;

    /// `self + b`.
    fn add(self, b: Self) -> Self;
    /// `self - b`.
    fn sub(self, b: Self) -> Self;
    /// Bitwise and.
    fn and(self, b: Self) -> Self;
    /// Bitwise or.
    fn or(self, b: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, b: Self) -> Self;
    /// Shifts zeros in from the right.
    fn shift_left<const BITS: i32>(self) -> Self;
    /// Shifts zeros in from the left.
    fn shift_right<const BITS: i32>(self) -> Self;
    /// All ones where the words are equal, zero elsewhere.
    fn equal(self, b: Self) -> Self;
    /// `yes` where `mask` is all ones, `no` where it is zero.
    fn select(mask: Self, yes: Self, no: Self) -> Self;

    /// The same value, of which the compiler knows only that it is needed in this order.
    ///
    /// This keeps the compiler from computing all parts of a product before it adds up the first
    /// ones.
    ///
    /// # Security
    /// Masks made from secrets pass through here. So no compiler can see that they depend on one
    /// secret word, and replace them by a branch.
    fn opaque(self) -> Self;

    /// Runs `f` as a function of its own, compiled for the machine. So the program holds code that
    /// is called often only once, and it stays in the instruction cache.
    #[inline(never)]
    fn outline<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
}

/// Lanes that multiply words read as floats; the bits are the same.
pub(in crate::kernel) trait FloatLanes: Lanes {
    /// `self * b + c`, rounded once to nearest.
    fn mul_add_float(self, b: Self, c: Self) -> Self;
    /// `self + b`.
    fn add_float(self, b: Self) -> Self;
    /// `self - b`.
    fn sub_float(self, b: Self) -> Self;

    /// Checks in a model that `self`, as a float, lies within these bounds; does nothing on a
    /// machine.
    #[inline(always)]
    fn check_float(self, _low: f64, _high: f64) {}
    /// Checks in a model that the magnitude of `self`, as a signed integer, is below `2^bits`;
    /// does nothing on a machine.
    #[inline(always)]
    fn check_signed(self, _bits: u32) {}
}

/// Lanes that multiply numbers of 52 bits.
///
/// A model checks that no operand is longer, and that nothing wraps, sums and differences of
/// [`Lanes`] included.
pub(in crate::kernel) trait IntegerLanes: Lanes {
    /// `self` plus the lowest 52 bits of `a * b`.
    fn add_product_low(self, a: Self, b: Self) -> Self;
    /// `self` plus the product of `a` and `b` shifted right by 52 bits.
    fn add_product_high(self, a: Self, b: Self) -> Self;
    /// `self * b`, where both fit in 64 bits.
    fn mul(self, b: Self) -> Self;

    /// Runs `f`, a product. Unlike products of floats, these are short enough to be compiled into
    /// their callers, but not in a model, where every operation is a call.
    #[inline(always)]
    fn product<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    /// Checks in a model that `self` is at most `bound`; does nothing on a machine.
    #[inline(always)]
    fn check_at_most(self, _bound: u64) {}
}

/// The bits of a float.
#[inline(always)]
pub(in crate::kernel) const fn bits(value: f64) -> u64 {
    value.to_bits()
}
