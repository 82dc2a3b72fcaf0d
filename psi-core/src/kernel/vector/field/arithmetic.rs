//! What differs between machines in the field: the form of limbs, and how they are multiplied.
//!
//! [`super::float`] and [`super::integer`] implement it. The types of [`super`] call it and carry
//! the bounds: each `[L; LIMBS]` here is called by what it holds there, an element, a sum or
//! columns.

use super::LIMBS;
use super::constants::Constant;

/// Arithmetic on the limbs of `L`.
///
/// Elements are five limbs of radix 2^51; the implementation defines their form and bounds. Columns
/// are five integers of the same radix: what a product leaves, before the carry makes limbs of it.
pub(in crate::kernel) trait Arithmetic<L> {
    /// Products whose columns can be added up before the carry.
    const TERMS_MAX: usize;

    /// The limbs of a constant.
    fn constant(constant: &Constant) -> [L; LIMBS];
    /// The columns of an element.
    fn widen(element: &[L; LIMBS]) -> [L; LIMBS];
    /// The columns of an element or of a number that is equal modulo p, from 0 to below 2^53.
    fn positive(element: &[L; LIMBS]) -> [L; LIMBS];

    /// The sum of two elements.
    fn add(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS];
    /// The difference of two elements, as a sum.
    fn sub(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS];
    /// An element, negated where `mask` is all ones.
    fn negate_where(element: &[L; LIMBS], mask: L) -> [L; LIMBS];

    /// The columns of an element times an element or a sum.
    fn mul_wide(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS];
    /// The columns of the square of an element.
    fn square_wide(a: &[L; LIMBS]) -> [L; LIMBS];
    /// An element times an element or a sum.
    fn mul(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS];
    /// The square of an element.
    fn square(a: &[L; LIMBS]) -> [L; LIMBS];

    /// `a - b`, where `b` holds `TERMS` products.
    fn sub_wide<const TERMS: usize>(a: &[L; LIMBS], b: &[L; LIMBS]) -> [L; LIMBS];
    /// The carry: the element that columns represent.
    fn carry(columns: &[L; LIMBS]) -> [L; LIMBS];
    /// The carry of the negative of columns that hold `TERMS` products.
    fn carry_negated<const TERMS: usize>(columns: &[L; LIMBS]) -> [L; LIMBS];
}
