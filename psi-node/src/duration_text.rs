//! Spans of time as configurations write them: `"30m"`, `"24h"`, `"7d"`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Error as _};

/// A whole number of seconds, from one second to ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(i64);

const UNITS: [(&str, i64); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
const SECONDS_MAX: i64 = 10 * 366 * 86_400;

/// The text is not a valid time span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a span of time from \"1s\" to \"3660d\", such as \"30m\", \"24h\" or \"7d\"")]
pub struct SpanError;

impl Span {
    /// So many hours.
    #[must_use]
    pub const fn hours(hours: u16) -> Self {
        Self(hours as i64 * 3600)
    }

    /// Its length.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let unit = |(unit, seconds): &(&str, i64)| Some((text.strip_suffix(unit)?, *seconds));
        let (digits, seconds) = UNITS.iter().find_map(unit).ok_or(SpanError)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SpanError);
        }
        let number: i64 = digits.parse().map_err(|_| SpanError)?;
        let seconds = number.checked_mul(seconds).ok_or(SpanError)?;
        if !(1..=SECONDS_MAX).contains(&seconds) {
            return Err(SpanError);
        }
        Ok(Self(seconds))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, seconds): &&(&str, i64)| self.0 % seconds == 0;
        let (unit, seconds) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn spans_are_a_number_and_a_unit_and_nothing_else() {
        for (text, seconds) in [
            ("1s", 1),
            ("30m", 1800),
            ("24h", 86_400),
            ("90d", 7_776_000),
        ] {
            assert_eq!(text.parse::<Span>().unwrap().seconds(), seconds, "{text}");
        }
        for text in [
            "",
            "h",
            "24",
            "0h",
            "-1h",
            "+1h",
            "1.5h",
            " 1h",
            "1 h",
            "24H",
            "3661d",
            "99999999999999999999d",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_is_shown_in_its_largest_whole_unit() {
        for text in ["1s", "90m", "23h", "7d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!(Span::hours(48).to_string(), "2d");
    }
}
