//! A column of numbers as integers at a decimal scale.
//!
//! Spec 10 §2.8. Whole numbers and decimals are exact or refused. A double is the number that its
//! bits say, times ten to the scale, rounded to the nearest integer, halves away from zero; this is
//! computed in integers, so the result does not depend on how a product of doubles is rounded.

use crate::column::Column;

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Units {
    Null,
    Is(i64),
    /// Not finite, not exact at the scale, or beyond 64 bits.
    Misfit,
}

impl Units {
    fn of(value: Option<i64>) -> Self {
        value.map_or(Self::Misfit, Self::Is)
    }
}

/// The values of one batch of a column of numbers; of another column none is known.
pub(crate) fn units(column: &Column, decimals: u8) -> Vec<Units> {
    let each = |value: &dyn Fn(usize) -> Option<i64>| {
        (0..column.len())
            .map(|row| {
                if column.is_valid(row) {
                    Units::of(value(row))
                } else {
                    Units::Null
                }
            })
            .collect()
    };
    match column {
        Column::Whole(numbers) => each(&|row| rescaled(numbers.value(row).into(), 0, decimals)),
        Column::Decimal(units, scale) => each(&|row| rescaled(units.value(row), *scale, decimals)),
        Column::Double(numbers) => each(&|row| rounded(numbers.value(row), decimals)),
        // A column without values is text in which every value is NULL.
        _ => each(&|_| None),
    }
}

/// An exact number at another scale, or `None` if it is not exact there or does not fit.
fn rescaled(value: i128, from: u8, to: u8) -> Option<i64> {
    let factor = 10_i128.checked_pow(u32::from(from.abs_diff(to)))?;
    let value = if to >= from {
        value.checked_mul(factor)?
    } else if value % factor == 0 {
        value / factor
    } else {
        return None;
    };
    i64::try_from(value).ok()
}

/// A double times `10^decimals`, rounded to the nearest integer, halves away from zero.
///
/// 1. The bits say `mantissa * 2^exponent` with a mantissa of at most 53 bits.
/// 2. `mantissa * 10^decimals` is exact: 53 + 60 bits.
/// 3. The power of two is a shift; of a shift to the right, the bits shifted out decide.
fn rounded(value: f64, decimals: u8) -> Option<i64> {
    const FRACTION_BITS: u32 = 52;
    if !value.is_finite() {
        return None;
    }
    let bits = value.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let biased = i32::try_from((bits >> FRACTION_BITS) & 0x7ff).ok()?;
    let (mantissa, exponent) = if biased == 0 {
        (fraction, -1074)
    } else {
        (fraction | (1 << FRACTION_BITS), biased - 1075)
    };
    let scaled = u128::from(mantissa).checked_mul(10_u128.checked_pow(decimals.into())?)?;
    let shift = exponent.unsigned_abs();
    let magnitude = if exponent >= 0 {
        scaled.checked_mul(1_u128.checked_shl(shift)?)?
    } else if shift >= u128::BITS {
        // Fewer than 128 bits, all of them shifted out, the highest of them zero.
        0
    } else {
        (scaled >> shift) + ((scaled >> (shift - 1)) & 1)
    };
    let magnitude = i64::try_from(magnitude).ok()?;
    Some(if value.is_sign_negative() {
        -magnitude
    } else {
        magnitude
    })
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, Int64Array};

    use super::{Units, rounded, units};
    use crate::column::{Column, Int128Array};

    #[test]
    fn doubles_are_rounded_by_what_their_bits_say() {
        for (value, decimals, expected) in [
            (0.0, 2, Some(0)),
            (-0.0, 2, Some(0)),
            (0.1, 1, Some(1)),
            (2.5, 0, Some(3)),
            (-2.5, 0, Some(-3)),
            (0.5, 0, Some(1)),
            (0.499_999_999_999_999_94, 0, Some(0)),
            // The nearest double lies below 1.005.
            (1.005, 2, Some(100)),
            (1.015, 2, Some(101)),
            (1e-300, 18, Some(0)),
            (f64::MIN_POSITIVE / 4.0, 18, Some(0)),
            (9_007_199_254_740_993.0, 0, Some(9_007_199_254_740_992)),
            (9.2e18, 0, Some(9_200_000_000_000_000_000)),
            (9.3e18, 0, None),
            (1e300, 0, None),
            (f64::NAN, 0, None),
            (f64::INFINITY, 0, None),
        ] {
            assert_eq!(rounded(value, decimals), expected, "{value} at {decimals}");
        }
    }

    #[test]
    fn whole_numbers_and_decimals_are_exact_or_a_misfit() {
        use Units::{Is, Misfit, Null};
        let numbers = Column::Whole(Int64Array::from(vec![Some(-7), None]));
        assert_eq!(units(&numbers, 0), [Is(-7), Null]);
        let large = Column::Decimal(Int128Array::from(vec![i128::from(u64::MAX), 1]), 0);
        assert_eq!(units(&large, 0), [Misfit, Is(1)]);
        let decimals = vec![Some(1250), Some(1255), None, Some(i128::MAX / 8)];
        let decimals = Column::Decimal(Int128Array::from(decimals), 3);
        assert_eq!(units(&decimals, 2), [Is(125), Misfit, Null, Misfit]);
        assert_eq!(units(&decimals, 4), [Is(12_500), Is(12_550), Null, Misfit]);
        let doubles = Column::Double(Float64Array::from(vec![Some(1.25), Some(f64::NAN)]));
        assert_eq!(units(&doubles, 1), [Is(13), Misfit]);
    }
}
