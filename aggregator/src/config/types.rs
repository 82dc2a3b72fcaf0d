//! Types that an owner declares for columns of CSV files.
//!
//! Spec 10 §2.2. Without a declaration a column has the type that all its values have, so one odd
//! value can change it. Values only; whether columns exist is checked when the table is loaded.

use serde::Deserialize;

/// The type of a column of a CSV file, whatever single values look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Text, unchanged.
    Text,
    /// Whole numbers within 64 bits.
    Integer,
    /// Doubles.
    Number,
    /// `true` and `false`.
    Boolean,
    /// ISO dates.
    Date,
    /// ISO dates and timestamps without an offset.
    Timestamp,
    /// ISO timestamps with an offset.
    Timestamptz,
}

impl ColumnType {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
        }
    }
}
