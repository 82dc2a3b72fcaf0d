//! Literals made ready for exact comparison with a column of a class.
//!
//! Spec 10 §3.4. Text that is compared with a date is read as a date, digits in quotes as a
//! number; nothing is rounded.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::scalar::ScalarValue;

use super::ast::{ColumnRef, Literal, LiteralValue};
use super::axis::{self, Point};
use super::temporal::{self, NANOS_PER_DAY};
use super::typing::{ColumnClass, integer_range, unit_nanos};
use crate::error::QueryError;

/// A literal, made ready for comparison with a column of a class.
pub(super) enum Placed {
    Null,
    Value(ScalarValue),
    OnAxis(Axis, Point),
}

/// The values of a whole-number column.
pub(super) struct Axis {
    pub(super) min: i128,
    pub(super) max: i128,
    data_type: DataType,
}

impl Axis {
    /// A value of the axis as a scalar of the column's type.
    pub(super) fn value(&self, value: i128) -> ScalarValue {
        // INVARIANT: `axis::compare` only returns values of min..=max, so each conversion holds;
        // `try_from` failing would give NULL, which selects no row.
        match &self.data_type {
            DataType::Int8 => ScalarValue::Int8(value.try_into().ok()),
            DataType::Int16 => ScalarValue::Int16(value.try_into().ok()),
            DataType::Int32 => ScalarValue::Int32(value.try_into().ok()),
            DataType::UInt8 => ScalarValue::UInt8(value.try_into().ok()),
            DataType::UInt16 => ScalarValue::UInt16(value.try_into().ok()),
            DataType::UInt32 => ScalarValue::UInt32(value.try_into().ok()),
            DataType::UInt64 => ScalarValue::UInt64(value.try_into().ok()),
            DataType::Decimal128(precision, scale) => {
                ScalarValue::Decimal128(Some(value), *precision, *scale)
            }
            DataType::Date32 => ScalarValue::Date32(value.try_into().ok()),
            DataType::Timestamp(unit, zone) => {
                let value = value.try_into().ok();
                match unit {
                    TimeUnit::Second => ScalarValue::TimestampSecond(value, zone.clone()),
                    TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(value, zone.clone()),
                    TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(value, zone.clone()),
                    TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(value, zone.clone()),
                }
            }
            _ => ScalarValue::Int64(value.try_into().ok()),
        }
    }
}

/// Makes a literal ready for comparison with a column.
///
/// # Errors
/// [`QueryError::Meaning`] if it does not fit the column's class.
pub(super) fn place(
    column: &ColumnRef,
    class: &ColumnClass,
    literal: &Literal,
) -> Result<Placed, QueryError> {
    let mismatch = || {
        QueryError::meaning(
            literal.at,
            format!(
                "this literal does not fit {}, which is {}",
                column.name.0,
                class.describe()
            ),
            class.example(),
        )
    };
    let value = &literal.value;
    if *value == LiteralValue::Null {
        return Ok(Placed::Null);
    }
    match class {
        ColumnClass::Integer(data_type) => {
            let (min, max) = integer_range(data_type);
            let point = digits(value)
                .and_then(|d| axis::from_number(d, 0))
                .ok_or_else(mismatch)?;
            Ok(Placed::OnAxis(
                Axis {
                    min,
                    max,
                    data_type: data_type.clone(),
                },
                point,
            ))
        }
        ColumnClass::Decimal { precision, scale } => {
            let units = u32::try_from(*scale).map_err(|_| mismatch())?;
            let point = digits(value)
                .and_then(|d| axis::from_number(d, units))
                .ok_or_else(mismatch)?;
            let max = 10_i128
                .checked_pow(u32::from(*precision))
                .map_or(i128::MAX, |p| p - 1);
            let data_type = DataType::Decimal128(*precision, *scale);
            Ok(Placed::OnAxis(
                Axis {
                    min: -max,
                    max,
                    data_type,
                },
                point,
            ))
        }
        ColumnClass::Float => {
            let number = digits(value)
                .filter(|d| axis::from_number(d, 0).is_some())
                .and_then(|d| d.parse::<f64>().ok())
                .ok_or_else(mismatch)?;
            Ok(Placed::Value(ScalarValue::Float64(Some(number))))
        }
        ColumnClass::Text => match value {
            LiteralValue::Text(text) => Ok(Placed::Value(ScalarValue::Utf8(Some(text.clone())))),
            _ => Err(mismatch()),
        },
        ColumnClass::Boolean => match value {
            LiteralValue::Boolean(value) => Ok(Placed::Value(ScalarValue::Boolean(Some(*value)))),
            _ => Err(mismatch()),
        },
        ColumnClass::Date => {
            let moment = moment(value)
                .filter(|m| !m.has_offset())
                .ok_or_else(mismatch)?;
            let axis = Axis {
                min: i32::MIN.into(),
                max: i32::MAX.into(),
                data_type: DataType::Date32,
            };
            Ok(Placed::OnAxis(
                axis,
                axis::from_nanos(moment.nanos(), NANOS_PER_DAY),
            ))
        }
        ColumnClass::Timestamp { unit, zone } => {
            let moment = moment(value).ok_or_else(mismatch)?;
            let nanos = match zone {
                None => moment.nanos(),
                Some(zone) => moment.nanos_in_zone(zone).ok_or_else(mismatch)?,
            };
            let axis = Axis {
                min: i64::MIN.into(),
                max: i64::MAX.into(),
                data_type: DataType::Timestamp(*unit, zone.clone()),
            };
            Ok(Placed::OnAxis(
                axis,
                axis::from_nanos(nanos, unit_nanos(*unit)),
            ))
        }
    }
}

/// The digits of a number, also where it is written in quotes.
fn digits(value: &LiteralValue) -> Option<&str> {
    match value {
        LiteralValue::Number(text) => Some(text),
        LiteralValue::Text(text) if text.len() <= temporal::NUMBER_DIGITS_MAX => Some(text),
        _ => None,
    }
}

fn moment(value: &LiteralValue) -> Option<temporal::Moment> {
    match value {
        LiteralValue::Text(text) | LiteralValue::Date(text) | LiteralValue::Timestamp(text) => {
            temporal::parse(text)
        }
        _ => None,
    }
}
