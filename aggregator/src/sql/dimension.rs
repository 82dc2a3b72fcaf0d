//! The name of a dimension in the configuration: a column, or a part of a date such as
//! `month(order_date)`.
//!
//! Spec 10 §1. Called when a configuration is checked and when a table is loaded.

use super::ast::DatePart;

/// What a dimension groups by. Two names are equal if they mean the same column, upper and lower
/// case aside.
#[derive(Clone, Debug)]
pub(crate) struct DimensionName {
    pub(crate) part: Option<DatePart>,
    /// The column, as it is written.
    pub(crate) column: String,
}

impl PartialEq for DimensionName {
    fn eq(&self, other: &Self) -> bool {
        self.part == other.part && self.column.to_lowercase() == other.column.to_lowercase()
    }
}

impl DimensionName {
    /// Reads a name; says what is wrong with it otherwise.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((word, inner)) = text.split_once('(') else {
            return Ok(Self {
                part: None,
                column: text.to_owned(),
            });
        };
        let word = word.trim();
        let inner = inner
            .strip_suffix(')')
            .ok_or_else(|| format!("{text:?} has no closing parenthesis"))?
            .trim();
        let (part, column) = if word.eq_ignore_ascii_case("extract") {
            let mut words = inner.splitn(3, char::is_whitespace);
            match (words.next(), words.next(), words.next()) {
                (Some(part), Some(from), Some(column)) if from.eq_ignore_ascii_case("from") => {
                    (part, column.trim())
                }
                _ => return Err(format!("{text:?} is not EXTRACT(part FROM column)")),
            }
        } else {
            (word, inner)
        };
        let part = DatePart::named(part).ok_or_else(|| {
            format!("{part:?} is not a part of a date: use year, quarter, month or day")
        })?;
        Ok(Self {
            part: Some(part),
            column: column.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{DatePart, DimensionName};

    #[test]
    fn a_dimension_is_a_column_or_a_part_of_a_date() {
        for (text, part, column) in [
            ("region", None, "region"),
            ("Sales Region", None, "Sales Region"),
            ("month(order_date)", Some(DatePart::Month), "order_date"),
            ("YEAR( d )", Some(DatePart::Year), "d"),
            ("extract(quarter from d)", Some(DatePart::Quarter), "d"),
        ] {
            let name = DimensionName::parse(text).unwrap();
            assert_eq!((name.part, name.column.as_str()), (part, column), "{text}");
        }
        for text in ["week(d)", "month(d", "extract(month d)", "upper(x)"] {
            assert!(DimensionName::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            DimensionName::parse("EXTRACT(MONTH FROM D)").unwrap(),
            DimensionName::parse("month(d)").unwrap()
        );
    }
}
