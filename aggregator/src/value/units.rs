//! A column of numbers as integers at a decimal scale.
//!
//! Spec 10 §2.8. Whole numbers and decimals are exact or refused. A double is the number that its
//! bits say, times ten to the scale, rounded to the nearest integer, halves away from zero; this is
//! computed in integers, so the result does not depend on how a product of doubles is rounded.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, UInt64Type};
use datafusion::arrow::error::ArrowError;

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

/// The values of one batch of a column of whole numbers, decimals or doubles.
///
/// # Errors
/// [`ArrowError`] if the column is of another type.
pub(crate) fn units(array: &ArrayRef, decimals: u8) -> Result<Vec<Units>, ArrowError> {
    let each = |value: &dyn Fn(usize) -> Units| {
        (0..array.len())
            .map(|row| {
                if array.is_valid(row) {
                    value(row)
                } else {
                    Units::Null
                }
            })
            .collect()
    };
    Ok(match array.data_type() {
        DataType::UInt64 => {
            let numbers = array.as_primitive::<UInt64Type>();
            each(&|row| Units::of(rescaled(numbers.value(row).into(), 0, decimals)))
        }
        DataType::Decimal128(_, scale) => {
            let scale = u8::try_from(*scale)
                .map_err(|_| ArrowError::SchemaError("a negative scale".to_owned()))?;
            let numbers = array.as_primitive::<Decimal128Type>();
            each(&|row| Units::of(rescaled(numbers.value(row), scale, decimals)))
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let numbers = cast(array, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            each(&|row| Units::of(rounded(numbers.value(row), decimals)))
        }
        _ => {
            let numbers = cast(array, &DataType::Int64)?;
            let numbers = numbers.as_primitive::<Int64Type>();
            each(&|row| Units::of(rescaled(numbers.value(row).into(), 0, decimals)))
        }
    })
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
    use std::sync::Arc;

    use datafusion::arrow::array::{
        ArrayRef, Decimal128Array, Float64Array, Int32Array, UInt64Array,
    };

    use super::{Units, rounded, units};

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
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(-7), None]));
        assert_eq!(units(&numbers, 0).unwrap(), [Is(-7), Null]);
        let large: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 1]));
        assert_eq!(units(&large, 0).unwrap(), [Misfit, Is(1)]);
        let decimals =
            Decimal128Array::from(vec![Some(1250), Some(1255), None, Some(i128::MAX / 8)])
                .with_precision_and_scale(38, 3)
                .unwrap();
        let decimals: ArrayRef = Arc::new(decimals);
        assert_eq!(
            units(&decimals, 2).unwrap(),
            [Is(125), Misfit, Null, Misfit]
        );
        assert_eq!(
            units(&decimals, 4).unwrap(),
            [Is(12_500), Is(12_550), Null, Misfit]
        );
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.25), Some(f64::NAN)]));
        assert_eq!(units(&doubles, 1).unwrap(), [Is(13), Misfit]);
    }
}
