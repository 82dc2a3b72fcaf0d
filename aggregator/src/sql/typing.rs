//! What a column can be compared with.
//!
//! Spec 10 §3.4. A column's class is what SQL sees of it; how its values are held is
//! [`crate::column::Form`]. Called when a source is opened, a query is planned and a domain is
//! checked.

use super::zone::Zone;

/// The classes of columns that filters can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ColumnClass {
    /// Whole numbers.
    Integer,
    /// Single or double precision.
    Float,
    /// Decimals of this precision and scale.
    Decimal { precision: u8, scale: u8 },
    /// UTF-8 text, compared by bytes.
    Text,
    /// TRUE and FALSE.
    Boolean,
    /// Days.
    Date,
    /// A moment, with or without a zone.
    Instant { zone: Option<Zone> },
    /// A column that holds no value and has no type: it is NULL whatever it is compared with.
    Empty,
}

impl ColumnClass {
    /// The class in words, for reports and messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Integer => "integer".to_owned(),
            Self::Float => "number".to_owned(),
            Self::Decimal { precision, scale } => format!("decimal ({precision}, {scale})"),
            Self::Text => "text".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Instant { zone: None } => "timestamp".to_owned(),
            Self::Instant { zone: Some(zone) } => format!("timestamp ({zone})"),
            Self::Empty => "empty".to_owned(),
        }
    }

    /// What to compare a column of this class with.
    pub(crate) const fn example(&self) -> &'static str {
        match self {
            Self::Integer => "compare it with a number such as 5",
            Self::Float | Self::Decimal { .. } => "compare it with a number such as 5.25",
            Self::Text => "compare it with text in single quotes such as 'north'",
            Self::Boolean => "compare it with TRUE or FALSE",
            Self::Date => "compare it with an ISO date that exists, such as '2025-01-31'",
            Self::Instant { .. } => {
                "compare it with an ISO date or timestamp that exists, such as '2025-01-31 12:00:00'"
            }
            Self::Empty => "it holds no value",
        }
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Integer | Self::Float | Self::Decimal { .. })
    }

    /// Whether two columns can be compared with each other.
    pub(crate) fn comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, _) | (_, Self::Empty) => true,
            (Self::Instant { zone: a }, Self::Instant { zone: b }) => a.is_some() == b.is_some(),
            (Self::Date, Self::Instant { zone }) | (Self::Instant { zone }, Self::Date) => {
                zone.is_none()
            }
            (a, b) => a == b || (a.is_number() && b.is_number()),
        }
    }
}
