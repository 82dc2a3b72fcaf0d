//! The type of a column whose values are text: that which all of them have, which its owner declares,
//! or which was agreed when the table was first served.
//!
//! Spec 10 §2.2. Made by [`super`] at load; [`super::read`] holds values to it.

use crate::column::parse::Inferred;
use crate::column::{DECIMAL_DIGITS, Form};
use crate::config::ColumnType;
use crate::sql::typing::ColumnClass;
use crate::sql::zone::Zone;

/// A type of values that are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextType {
    Text,
    /// Whole numbers of 64 bits.
    Integer,
    /// Doubles.
    Number,
    /// Decimals with this many digits behind the point.
    Decimal(u8),
    /// Whole numbers today, others tomorrow: the column has a declared decimal scale.
    Amount,
    Boolean,
    Date,
    /// Instants without offset.
    Timestamp,
    /// Instants with an offset.
    Timestamptz,
}

impl TextType {
    /// The type that all values have; `None` if there is none.
    pub(crate) const fn of(inferred: Inferred) -> Option<Self> {
        Some(match inferred {
            Inferred::Empty => return None,
            Inferred::InstantInUtc => Self::Timestamptz,
            Inferred::Form(form) => match form {
                Form::Boolean => Self::Boolean,
                Form::Whole => Self::Integer,
                Form::Decimal(scale) => Self::Decimal(scale),
                Form::Double => Self::Number,
                Form::Date => Self::Date,
                Form::Instant => Self::Timestamp,
                // No column of text is taken for bytes.
                Form::Text | Form::Bytes => Self::Text,
            },
        })
    }

    /// The type that SQL sees in a column of this class, such as one that Parquet files store; `None` for
    /// one without a type.
    pub(crate) const fn of_class(class: &ColumnClass) -> Option<Self> {
        Some(match class {
            ColumnClass::Text => Self::Text,
            ColumnClass::Integer => Self::Integer,
            ColumnClass::Float => Self::Number,
            ColumnClass::Decimal { scale, .. } => Self::Decimal(*scale),
            ColumnClass::Boolean => Self::Boolean,
            ColumnClass::Date => Self::Date,
            ColumnClass::Instant { zone: None } => Self::Timestamp,
            ColumnClass::Instant { zone: Some(_) } => Self::Timestamptz,
            ColumnClass::Empty => return None,
        })
    }

    /// Whether conditions mean the same on a column of either type.
    pub(crate) fn means_the_same(self, other: Self) -> bool {
        self == other || (self.is_number() && other.is_number())
    }

    /// How values are held, and what SQL sees.
    pub(crate) const fn form_and_class(self) -> (Form, ColumnClass) {
        match self {
            Self::Text => (Form::Text, ColumnClass::Text),
            Self::Integer => (Form::Whole, ColumnClass::Integer),
            Self::Number | Self::Amount => (Form::Double, ColumnClass::Float),
            Self::Decimal(scale) => (
                Form::Decimal(scale),
                ColumnClass::Decimal {
                    precision: DECIMAL_DIGITS,
                    scale,
                },
            ),
            Self::Boolean => (Form::Boolean, ColumnClass::Boolean),
            Self::Date => (Form::Date, ColumnClass::Date),
            Self::Timestamp => (Form::Instant, ColumnClass::Instant { zone: None }),
            Self::Timestamptz => {
                let zone = Some(Zone::UTC);
                (Form::Instant, ColumnClass::Instant { zone })
            }
        }
    }

    /// Whether all values are numbers.
    pub(crate) const fn is_number(self) -> bool {
        matches!(
            self,
            Self::Integer | Self::Number | Self::Decimal(_) | Self::Amount
        )
    }

    /// The word under which it is kept; that of the configuration where that has it.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Decimal(scale) => return format!("decimal({scale})"),
            Self::Amount => "amount",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
        }
        .to_owned()
    }

    /// The type that a word means.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "text" => Self::Text,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "amount" => Self::Amount,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::Timestamptz,
            _ => {
                let scale = word.strip_prefix("decimal(")?.strip_suffix(')')?;
                let scale = scale.parse().ok().filter(|scale| *scale <= DECIMAL_DIGITS);
                Self::Decimal(scale?)
            }
        })
    }

    /// Several values of it, in words.
    pub(crate) fn plural(self) -> String {
        match self {
            Self::Text => "text",
            Self::Integer => "whole numbers",
            Self::Number | Self::Amount => "numbers",
            Self::Decimal(scale) => return format!("numbers with at most {scale} decimals"),
            Self::Boolean => "true or false",
            Self::Date => "dates such as 2025-01-31",
            Self::Timestamp => "dates and times without offset",
            Self::Timestamptz => "times with an offset",
        }
        .to_owned()
    }
}

impl From<ColumnType> for TextType {
    fn from(declared: ColumnType) -> Self {
        match declared {
            ColumnType::Text => Self::Text,
            ColumnType::Integer => Self::Integer,
            ColumnType::Number => Self::Number,
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Date => Self::Date,
            ColumnType::Timestamp => Self::Timestamp,
            ColumnType::Timestamptz => Self::Timestamptz,
        }
    }
}

impl From<TextType> for ColumnType {
    /// The word of the configuration that means the same to conditions.
    fn from(kind: TextType) -> Self {
        match kind {
            TextType::Text => Self::Text,
            TextType::Integer => Self::Integer,
            TextType::Number | TextType::Decimal(_) | TextType::Amount => Self::Number,
            TextType::Boolean => Self::Boolean,
            TextType::Date => Self::Date,
            TextType::Timestamp => Self::Timestamp,
            TextType::Timestamptz => Self::Timestamptz,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TextType;

    #[test]
    fn every_type_is_read_back_from_its_word_and_nothing_else_is() {
        let decimals = (0..=38).map(TextType::Decimal);
        let others = [
            TextType::Text,
            TextType::Integer,
            TextType::Number,
            TextType::Amount,
            TextType::Boolean,
            TextType::Date,
            TextType::Timestamp,
            TextType::Timestamptz,
        ];
        for kind in others.into_iter().chain(decimals) {
            assert_eq!(TextType::from_word(&kind.word()), Some(kind));
        }
        for wrong in [
            "",
            "Date",
            "decimal",
            "decimal()",
            "decimal(39)",
            "decimal(-1)",
        ] {
            assert_eq!(TextType::from_word(wrong), None, "{wrong}");
        }
    }
}
