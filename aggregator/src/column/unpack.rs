//! Arrays as Parquet files hold them, brought into their column's form.
//!
//! Spec 10 §2.3. Called by the reader for every batch, with the form that the whole source agreed
//! on when it was opened.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BinaryArray, StringArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, TimeUnit};
use psi_core::identifier::IdentifierKind;

use super::{Column, Form, Int128Array};

const MILLIS_PER_DAY: i64 = 86_400_000;

/// The form of a stored type; `None` if no form holds its values.
pub(crate) fn form_of(stored: &DataType) -> Option<Form> {
    Some(match stored {
        DataType::Boolean => Form::Boolean,
        DataType::UInt64 => Form::Decimal(0),
        whole if whole.is_integer() => Form::Whole,
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale) => Form::Decimal(u8::try_from(*scale).ok()?),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Form::Double,
        text if is_text(text) => Form::Text,
        DataType::FixedSizeBinary(_) => Form::Bytes,
        DataType::Date32 | DataType::Date64 => Form::Date,
        DataType::Timestamp(..) => Form::Instant,
        DataType::Dictionary(_, values) => return form_of(values),
        _ => return None,
    })
}

/// Whether values of a stored type are held as text. Old writers store text as bytes without saying
/// that it is text. A column without a type holds nothing, so any form will do.
pub(crate) const fn is_text(stored: &DataType) -> bool {
    matches!(
        stored,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::Null
    )
}

/// Whether values of a stored type are bytes of which the file does not say that they are text.
pub(crate) fn is_bytes(stored: &DataType) -> bool {
    match stored {
        DataType::Dictionary(_, values) => is_bytes(values),
        DataType::FixedSizeBinary(_)
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView => true,
        _ => false,
    }
}

/// Bytes as hexadecimal digits. Bytes of a variable width that are text of such digits stay that
/// text, since old writers store text as bytes.
///
/// # Errors
/// [`ArrowError`] if the array is of another type, or holds more than one batch can.
pub(crate) fn hex_digits(array: &ArrayRef) -> Result<Column, ArrowError> {
    if let DataType::Dictionary(_, values) = array.data_type() {
        return hex_digits(&cast(array, values)?);
    }
    let is_fixed = matches!(array.data_type(), DataType::FixedSizeBinary(_));
    let bytes = cast(array, &DataType::Binary)?;
    let mut normal = Vec::new();
    let digits = bytes.as_binary_opt::<i32>();
    let digits = digits
        .ok_or_else(|| other_type(array))?
        .iter()
        .map(|value| {
            let bytes = value?;
            let text = std::str::from_utf8(bytes).ok().filter(|_| !is_fixed);
            let text = text.filter(|text| IdentifierKind::Hex.normalise(text, &mut normal));
            Some(text.map_or_else(|| hex::encode(bytes), str::to_owned))
        });
    Ok(Column::Text(digits.collect()))
}

/// Brings a stored array into `form`. Adds to `lost` the values that became NULL because the form
/// does not hold them.
///
/// # Errors
/// [`ArrowError`] if the array is of a type that has another form, or holds more text than one
/// batch can: what the load has met, or the file is another one.
pub(crate) fn unpack(array: &ArrayRef, form: Form, lost: &mut u64) -> Result<Column, ArrowError> {
    let before = array.logical_null_count();
    let column = unpacked(array, form)?;
    lost_since(before, &column, lost);
    Ok(column)
}

fn lost_since(before: usize, column: &Column, lost: &mut u64) {
    let after = column
        .nulls()
        .map_or(0, arrow_buffer::NullBuffer::null_count);
    *lost += after.saturating_sub(before) as u64;
}

fn unpacked(array: &ArrayRef, form: Form) -> Result<Column, ArrowError> {
    if let DataType::Dictionary(_, values) = array.data_type() {
        return unpacked(&cast(array, values)?, form);
    }
    if *array.data_type() == DataType::Null {
        return Ok(nulls(array.len(), form));
    }
    Ok(match form {
        Form::Boolean => Column::Boolean(boolean(array)?),
        Form::Whole => Column::Whole(whole(array)?),
        Form::Decimal(scale) => Column::Decimal(decimal(array, scale)?, scale),
        Form::Double => {
            let doubles = cast(array, &DataType::Float64)?;
            Column::Double(doubles.as_primitive::<Float64Type>().clone())
        }
        Form::Text => Column::Text(text(array)?),
        Form::Bytes => Column::Bytes(bytes(array)?),
        Form::Date => Column::Date(date(array)?),
        Form::Instant => Column::Instant(instant(array)?),
    })
}

/// A column without values.
fn nulls(rows: usize, form: Form) -> Column {
    match form {
        Form::Boolean => Column::Boolean(arrow_array::BooleanArray::new_null(rows)),
        Form::Whole => Column::Whole(arrow_array::Int64Array::new_null(rows)),
        Form::Decimal(scale) => Column::Decimal(Int128Array::new_null(rows), scale),
        Form::Double => Column::Double(arrow_array::Float64Array::new_null(rows)),
        Form::Text => Column::Text(StringArray::new_null(rows)),
        Form::Bytes => Column::Bytes(BinaryArray::new_null(rows)),
        Form::Date => Column::Date(arrow_array::Date32Array::new_null(rows)),
        Form::Instant => Column::Instant(Int128Array::new_null(rows)),
    }
}

fn other_type(array: &ArrayRef) -> ArrowError {
    ArrowError::SchemaError(format!("a column is of type {}", array.data_type()))
}

fn boolean(array: &ArrayRef) -> Result<arrow_array::BooleanArray, ArrowError> {
    let booleans = array.as_boolean_opt().ok_or_else(|| other_type(array))?;
    Ok(booleans.clone())
}

fn whole(array: &ArrayRef) -> Result<arrow_array::Int64Array, ArrowError> {
    if !array.data_type().is_integer() || *array.data_type() == DataType::UInt64 {
        return Err(other_type(array));
    }
    // Each of these types lies within 64 bits, so nothing is lost.
    let wide = cast(array, &DataType::Int64)?;
    Ok(wide.as_primitive::<Int64Type>().clone())
}

fn decimal(array: &ArrayRef, scale: u8) -> Result<Int128Array, ArrowError> {
    match array.data_type() {
        DataType::UInt64 => Ok(scaled::<UInt64Type>(array, 0, scale, i128::from)),
        DataType::Decimal32(_, own) => Ok(scaled::<Decimal32Type>(array, *own, scale, i128::from)),
        DataType::Decimal64(_, own) => Ok(scaled::<Decimal64Type>(array, *own, scale, i128::from)),
        DataType::Decimal128(_, own) => {
            Ok(scaled::<Decimal128Type>(array, *own, scale, |units| units))
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => {
            let whole: ArrayRef = Arc::new(whole(array)?);
            Ok(scaled::<Int64Type>(&whole, 0, scale, i128::from))
        }
        _ => Err(other_type(array)),
    }
}

/// Units of one scale as units of a finer one; NULL where they do not fit.
fn scaled<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    from: i8,
    to: u8,
    units: impl Fn(T::Native) -> i128,
) -> Int128Array {
    let finer = i16::from(to) - i16::from(from);
    let factor = u32::try_from(finer)
        .ok()
        .and_then(|finer| 10_i128.checked_pow(finer));
    let largest = 10_i128.pow(u32::from(super::DECIMAL_DIGITS)) - 1;
    let array = array.as_primitive::<T>();
    array.unary_opt(|value| {
        let units = units(value).checked_mul(factor?)?;
        (units.unsigned_abs() <= largest.unsigned_abs()).then_some(units)
    })
}

fn text(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    match array.data_type() {
        DataType::Utf8 => Ok(array.as_string::<i32>().clone()),
        DataType::LargeUtf8 | DataType::Utf8View => {
            Ok(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            let bytes = cast(array, &DataType::Binary)?;
            let mut text = StringBuilder::with_capacity(bytes.len(), bytes.len() * 8);
            for value in bytes.as_binary::<i32>() {
                text.append_option(value.and_then(|bytes| std::str::from_utf8(bytes).ok()));
            }
            Ok(text.finish())
        }
        _ => Err(other_type(array)),
    }
}

fn bytes(array: &ArrayRef) -> Result<BinaryArray, ArrowError> {
    match array.data_type() {
        DataType::FixedSizeBinary(_) => {
            Ok(cast(array, &DataType::Binary)?.as_binary::<i32>().clone())
        }
        _ => Err(other_type(array)),
    }
}

fn date(array: &ArrayRef) -> Result<arrow_array::Date32Array, ArrowError> {
    match array.data_type() {
        DataType::Date32 => Ok(array.as_primitive::<Date32Type>().clone()),
        DataType::Date64 => Ok(array
            .as_primitive::<Date64Type>()
            .unary_opt(|millis| i32::try_from(millis.div_euclid(MILLIS_PER_DAY)).ok())),
        _ => Err(other_type(array)),
    }
}

fn instant(array: &ArrayRef) -> Result<Int128Array, ArrowError> {
    fn nanos<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, each: i128) -> Int128Array {
        array
            .as_primitive::<T>()
            .unary(|value| i128::from(value) * each)
    }
    Ok(match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            nanos::<TimestampSecondType>(array, 1_000_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            nanos::<TimestampMillisecondType>(array, 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            nanos::<TimestampMicrosecondType>(array, 1_000)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => nanos::<TimestampNanosecondType>(array, 1),
        _ => return Err(other_type(array)),
    })
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int32Type;
    use arrow_array::{
        Date64Array, Decimal128Array, DictionaryArray, Int8Array, TimestampSecondArray, UInt64Array,
    };

    use super::*;

    fn of(array: impl Array + 'static) -> ArrayRef {
        Arc::new(array)
    }

    #[test]
    fn what_a_form_does_not_hold_is_null_and_counted() {
        let mut lost = 0;
        let wide = Decimal128Array::from(vec![Some(5), Some(10_i128.pow(37)), None]);
        let wide = of(wide.with_precision_and_scale(38, 0).unwrap());
        let Column::Decimal(units, 4) = unpack(&wide, Form::Decimal(4), &mut lost).unwrap() else {
            panic!("a decimal")
        };
        assert_eq!(units.iter().collect::<Vec<_>>(), [Some(50_000), None, None]);
        assert_eq!(lost, 1);
        let bytes = of(BinaryArray::from_opt_vec(vec![
            Some(b"ok"),
            Some(b"\xff"),
            None,
        ]));
        let Column::Text(text) = unpack(&bytes, Form::Text, &mut lost).unwrap() else {
            panic!("text")
        };
        assert_eq!(text.iter().collect::<Vec<_>>(), [Some("ok"), None, None]);
        assert_eq!(lost, 2);
        let days = of(Date64Array::from(vec![-1, i64::MAX]));
        let Column::Date(days) = unpack(&days, Form::Date, &mut lost).unwrap() else {
            panic!("dates")
        };
        assert_eq!((days.value(0), days.is_null(1), lost), (-1, true, 3));
    }

    #[test]
    fn the_largest_values_of_each_type_are_held() {
        let mut lost = 0;
        let large = of(UInt64Array::from(vec![u64::MAX]));
        let Column::Decimal(units, 0) = unpack(&large, Form::Decimal(0), &mut lost).unwrap() else {
            panic!("a decimal")
        };
        assert_eq!(units.value(0), i128::from(u64::MAX));
        let far = of(TimestampSecondArray::from(vec![i64::MIN, i64::MAX]));
        let Column::Instant(nanos) = unpack(&far, Form::Instant, &mut lost).unwrap() else {
            panic!("instants")
        };
        assert_eq!(nanos.value(1), i128::from(i64::MAX) * 1_000_000_000);
        let words: DictionaryArray<Int32Type> = vec![Some("a"), None].into_iter().collect();
        let Column::Text(text) = unpack(&of(words), Form::Text, &mut lost).unwrap() else {
            panic!("text")
        };
        assert_eq!((text.value(0), text.is_null(1), lost), ("a", true, 0));
    }

    #[test]
    fn an_array_of_another_type_is_an_error_and_no_panic() {
        let small = of(Int8Array::from(vec![1]));
        for form in [
            Form::Boolean,
            Form::Text,
            Form::Bytes,
            Form::Date,
            Form::Instant,
        ] {
            assert!(unpack(&small, form, &mut 0).is_err(), "{form:?}");
        }
    }
}
