//! The types of a template's parameters.
//!
//! Spec 10 §5.1. Read from the configuration, where [`crate::config`] exports them; the reader of
//! literals takes a value by its type, and the canonical text of a template names it.

use serde::Deserialize;

/// The type of a template's parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ParameterType {
    /// A whole number.
    Integer,
    /// A number, with or without a point.
    Number,
    /// Text.
    Text,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// A date such as 2025-01-31.
    Date,
    /// A date with a time of day.
    Timestamp,
}

impl ParameterType {
    /// The word in the configuration and in the canonical text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Number => "NUMBER",
            Self::Text => "TEXT",
            Self::Boolean => "BOOLEAN",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
        }
    }
}
