//! What a column can be compared with.
//!
//! Spec 10 §3.4. A column's class comes from its type in the table's view (see
//! [`crate::source`]), in which text and binary variants, dictionaries and small decimals are
//! already evened out.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// The classes of columns that filters can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ColumnClass {
    /// Whole numbers of the given type.
    Integer(DataType),
    /// `f32` or `f64`.
    Float,
    /// `Decimal128` of this precision and scale.
    Decimal { precision: u8, scale: i8 },
    /// UTF-8 text, compared by bytes.
    Text,
    /// TRUE and FALSE.
    Boolean,
    /// Days.
    Date,
    /// A moment, with or without a zone.
    Timestamp {
        unit: TimeUnit,
        zone: Option<Arc<str>>,
    },
}

impl ColumnClass {
    /// The class of a view type, or `None` if filters cannot use it.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            integer if integer.is_integer() => Self::Integer(integer.clone()),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Decimal128(precision, scale) if *scale >= 0 => Self::Decimal {
                precision: *precision,
                scale: *scale,
            },
            DataType::Utf8 => Self::Text,
            DataType::Boolean => Self::Boolean,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(unit, zone) => Self::Timestamp {
                unit: *unit,
                zone: zone.clone(),
            },
            _ => return None,
        })
    }

    /// The class in words, for reports and messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Integer(_) => "integer".to_owned(),
            Self::Float => "number".to_owned(),
            Self::Decimal { precision, scale } => format!("decimal ({precision}, {scale})"),
            Self::Text => "text".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Timestamp { unit, zone: None } => format!("timestamp ({unit})"),
            Self::Timestamp {
                unit,
                zone: Some(zone),
            } => format!("timestamp ({unit}, {zone})"),
        }
    }

    /// What to compare a column of this class with.
    pub(crate) const fn example(&self) -> &'static str {
        match self {
            Self::Integer(_) => "compare it with a number such as 5",
            Self::Float | Self::Decimal { .. } => "compare it with a number such as 5.25",
            Self::Text => "compare it with text in single quotes such as 'north'",
            Self::Boolean => "compare it with TRUE or FALSE",
            Self::Date => "compare it with an ISO date such as '2025-01-31'",
            Self::Timestamp { .. } => {
                "compare it with an ISO date or timestamp such as '2025-01-31 12:00:00'"
            }
        }
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Integer(_) | Self::Float | Self::Decimal { .. })
    }

    /// Whether two columns can be compared with each other.
    pub(crate) fn comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Timestamp { zone: a, .. }, Self::Timestamp { zone: b, .. }) => {
                a.is_some() == b.is_some()
            }
            (Self::Date, Self::Timestamp { zone, .. })
            | (Self::Timestamp { zone, .. }, Self::Date) => zone.is_none(),
            (a, b) => a == b || (a.is_number() && b.is_number()),
        }
    }
}

/// The smallest and largest value of an integer type.
pub(crate) fn integer_range(data_type: &DataType) -> (i128, i128) {
    match data_type {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::UInt8 => (0, u8::MAX.into()),
        DataType::UInt16 => (0, u16::MAX.into()),
        DataType::UInt32 => (0, u32::MAX.into()),
        DataType::UInt64 => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}

/// Nanoseconds of a timestamp's unit.
pub(crate) const fn unit_nanos(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}
