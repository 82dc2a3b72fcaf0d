//! Sizes as people write them: `10k`, `1M`, an overlap of `0.5`; and `f64` for ratios of them.

use std::str::FromStr;

const UNITS: [(char, u64); 4] = [
    ('G', 1_000_000_000),
    ('M', 1_000_000),
    ('k', 1_000),
    ('K', 1_000),
];

/// Reads a number of rows: digits, underscores, and one of the units k, M, G.
///
/// # Errors
/// A sentence that says what is expected.
pub(crate) fn parse_rows(text: &str) -> Result<u64, String> {
    let (digits, unit) = UNITS
        .iter()
        .find_map(|(letter, unit)| Some((text.strip_suffix(*letter)?, *unit)))
        .unwrap_or((text, 1));
    digits
        .replace('_', "")
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .filter(|rows| *rows > 0)
        .ok_or_else(|| format!("`{text}` is not a number of rows; write 20000, 20k, 1M or 1G"))
}

/// The shortest way to write a number of rows that [`parse_rows`] reads back.
pub(crate) fn shown(rows: u64) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, unit)| rows >= *unit && rows.is_multiple_of(*unit));
    match unit {
        Some((letter, unit)) => format!("{}{letter}", rows / unit),
        None => rows.to_string(),
    }
}

/// How many rows two tables share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Overlap {
    /// Of the smaller table, from 0 to 1.
    Fraction(f64),
    /// In rows.
    Rows(u64),
}

impl Overlap {
    /// The shared rows where the smaller table has `smaller` rows.
    ///
    /// # Errors
    /// A sentence, if that is more than there are.
    pub(crate) fn of(self, smaller: u64) -> Result<u64, String> {
        let rows = match self {
            Self::Rows(rows) => rows,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a fraction from 0 to 1 of a row count is one"
            )]
            Self::Fraction(fraction) => (float(smaller) * fraction).round() as u64,
        };
        if rows <= smaller {
            Ok(rows)
        } else {
            Err(format!(
                "an overlap of {rows} rows does not fit into a table of {smaller}"
            ))
        }
    }
}

impl FromStr for Overlap {
    type Err = String;

    /// A text with a point is a fraction, any other a number of rows.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self::Rows(0));
        }
        if !text.contains('.') {
            return parse_rows(text).map(Self::Rows);
        }
        text.parse::<f64>()
            .ok()
            .filter(|fraction| (0.0..=1.0).contains(fraction))
            .map(Self::Fraction)
            .ok_or_else(|| format!("`{text}` is not a fraction from 0.0 to 1.0"))
    }
}

/// A count as a floating-point number, for rates and ratios.
#[expect(
    clippy::cast_precision_loss,
    reason = "row and byte counts are far below 2^52"
)]
pub(crate) const fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::{Overlap, parse_rows, shown};

    #[test]
    fn sizes_are_read_with_units_and_shown_the_same_way() {
        for (text, rows) in [
            ("1M", 1_000_000),
            ("20k", 20_000),
            ("7", 7),
            ("3G", 3_000_000_000),
        ] {
            assert_eq!(parse_rows(text), Ok(rows));
            assert_eq!(shown(rows), text);
        }
        assert_eq!(parse_rows("1_500K"), Ok(1_500_000));
        for bad in ["", "0", "M", "-1", "1.5M", "99999999999G"] {
            assert!(parse_rows(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_overlap_is_a_fraction_of_the_smaller_table_or_a_number_of_rows() {
        let of = |text: &str| {
            text.parse::<Overlap>()
                .and_then(|overlap| overlap.of(1_000))
        };
        assert_eq!(of("0.25"), Ok(250));
        assert_eq!(of("1.0"), Ok(1_000));
        assert_eq!(of("1"), Ok(1));
        assert_eq!(of("0"), Ok(0));
        assert_eq!(of("1k"), Ok(1_000));
        assert!(of("1001").is_err() && of("1.1").is_err() && of("half").is_err());
    }
}
