//! Epsilon and delta from decimal text to the integers of an account, and back (Spec 13 §1).
//!
//! Limits are rounded downward and costs upward, so that rounding never gives anything away. No
//! arithmetic here uses floating point.

use serde::Deserializer;
use serde::de::{self, Visitor};

/// Fraction digits of epsilon that count.
const EPSILON_DIGITS: u32 = 6;
/// Fraction digits of delta that are read: ten to this power, doubled, fits 128 bits.
const DELTA_DIGITS: u32 = 38;
/// The largest exponent in a text such as `1e-9`.
const EXPONENT_MAX: usize = 40;

/// Epsilon as exact decimal text.
#[must_use]
pub fn epsilon_text(micro: u64) -> String {
    let (whole, fraction) = (micro / 1_000_000, micro % 1_000_000);
    let text = format!("{whole}.{fraction:06}");
    let text = text.trim_end_matches('0');
    text.trim_end_matches('.').to_owned()
}

/// Delta as decimal text of seven digits, rounded to the nearest: for people only.
#[must_use]
pub fn delta_text(units: u64) -> String {
    if units == 0 {
        return "0".to_owned();
    }
    // The leading digits of units / 2^64, digit by digit: the remainder stays below 2^64.
    let mut rest = u128::from(units) * 10;
    let mut exponent = 1;
    while rest >> 64 == 0 {
        rest *= 10;
        exponent += 1;
    }
    let mut digits = 0_u32;
    for _ in 0..8 {
        // A digit: `rest` is below 10 * 2^64.
        digits = digits * 10 + u32::try_from(rest >> 64).unwrap_or_default();
        rest = (rest & u128::from(u64::MAX)) * 10;
    }
    digits = (digits + 5) / 10;
    if digits >= 10_000_000 {
        (digits, exponent) = (digits / 10, exponent - 1);
    }
    let text = digits.to_string();
    let (first, others) = text.split_at(1);
    let others = others.trim_end_matches('0');
    let point = if others.is_empty() { "" } else { "." };
    format!("{first}{point}{others}e-{exponent}")
}

/// A decimal number that is not negative: digits before the point, digits after it.
struct Decimal {
    whole: String,
    fraction: String,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<isize>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || exponent.unsigned_abs() > EXPONENT_MAX {
            return None;
        }
        let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
        for _ in 0..exponent.unsigned_abs() {
            if exponent < 0 {
                fraction.insert(0, whole.pop().unwrap_or('0'));
            } else {
                whole.push(if fraction.is_empty() {
                    '0'
                } else {
                    fraction.remove(0)
                });
            }
        }
        Some(Self { whole, fraction })
    }

    fn is_zero(&self) -> bool {
        let zero = |part: &str| part.bytes().all(|b| b == b'0');
        zero(&self.whole) && zero(&self.fraction)
    }

    /// The first `count` digits after the point, as a number.
    fn fraction(&self, count: u32) -> Option<u128> {
        let count = usize::try_from(count).ok()?;
        let digits: String = self.fraction.chars().take(count).collect();
        format!("{digits:0<count$}").parse().ok()
    }

    fn whole(&self) -> Option<u64> {
        match self.whole.trim_start_matches('0') {
            "" => Some(0),
            digits => digits.parse().ok(),
        }
    }

    /// In millionths, rounded downward.
    fn micro(&self) -> Option<u64> {
        let fraction = u64::try_from(self.fraction(EPSILON_DIGITS)?).ok()?;
        self.whole()?.checked_mul(1_000_000)?.checked_add(fraction)
    }

    /// In units of 2^-64, rounded downward; none from 1 on.
    fn units(&self) -> Option<u64> {
        if self.whole()? > 0 {
            return None;
        }
        let one = 10_u128.pow(DELTA_DIGITS);
        let mut rest = self.fraction(DELTA_DIGITS)?;
        let mut units = 0;
        for _ in 0..64 {
            // Below 2 * 10^38, which is below 2^128.
            rest *= 2;
            let bit = rest >= one;
            units = units << 1 | u64::from(bit);
            if bit {
                rest -= one;
            }
        }
        Some(units)
    }
}

/// Amounts fit the signed integers of the database.
fn storable(amount: u64) -> bool {
    i64::try_from(amount).is_ok()
}

/// A positive number as TOML writes it: float, integer or text. A float is taken as the shortest
/// decimal that means it, which is what was typed, up to 15 digits.
struct Number {
    what: &'static str,
    convert: fn(&Decimal) -> Option<u64>,
}

impl Number {
    fn read<E: de::Error>(&self, text: &str) -> Result<u64, E> {
        let Some(decimal) = Decimal::parse(text) else {
            return Err(E::custom(format!("`{text}` is not {}", self.what)));
        };
        match (self.convert)(&decimal) {
            Some(0) if decimal.is_zero() => {
                Err(E::custom("a limit of zero allows nothing; leave it out"))
            }
            Some(0) => Err(E::custom(format!("{text} is too small to be counted"))),
            Some(amount) if storable(amount) => Ok(amount),
            _ => Err(E::custom(format!(
                "{text} is too large; write {}",
                self.what
            ))),
        }
    }
}

impl Visitor<'_> for Number {
    type Value = u64;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.what)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<u64, E> {
        self.read(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
        self.read(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        self.read(&value.to_string())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<u64, E> {
        self.read(value)
    }
}

/// The millionths of an epsilon in decimal text, rounded downward; `None` if the text is not a
/// number above zero that can be counted.
#[must_use]
pub fn epsilon_of(text: &str) -> Option<u64> {
    counted(Decimal::parse(text)?.micro())
}

/// The units of 2^-64 of a delta in decimal text, rounded downward; `None` if the text is not a
/// number above zero and below 0.5 that can be counted.
#[must_use]
pub fn delta_of(text: &str) -> Option<u64> {
    counted(Decimal::parse(text)?.units())
}

fn counted(amount: Option<u64>) -> Option<u64> {
    amount.filter(|amount| *amount > 0 && storable(*amount))
}

/// Reads an epsilon as millionths, rounded downward.
pub(super) fn micro_epsilon<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    d.deserialize_any(Number {
        what: "a positive number such as 10.0",
        convert: Decimal::micro,
    })
}

/// Reads a delta as units of 2^-64, rounded downward.
pub(super) fn delta_units<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    d.deserialize_any(Number {
        what: "a positive number below 0.5 such as 1e-6",
        convert: Decimal::units,
    })
}

/// [`micro_epsilon`] where it may be left out.
pub(crate) fn some_micro_epsilon<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    micro_epsilon(d).map(Some)
}

/// [`delta_units`] where it may be left out.
pub(crate) fn some_delta_units<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    delta_units(d).map(Some)
}

#[cfg(test)]
mod tests {
    use super::{Decimal, delta_of, delta_text, epsilon_of, epsilon_text};

    fn micro(text: &str) -> Option<u64> {
        Decimal::parse(text)?.micro()
    }

    fn units(text: &str) -> Option<u64> {
        Decimal::parse(text)?.units()
    }

    #[test]
    fn decimal_text_becomes_integers_and_is_rounded_downward() {
        assert_eq!(micro("10.0"), Some(10_000_000));
        assert_eq!(micro("0.1"), Some(100_000));
        assert_eq!(micro("1e-6"), Some(1));
        assert_eq!(micro("0.0000019"), Some(1));
        assert_eq!(micro("2.5e1"), Some(25_000_000));
        assert_eq!(micro("18446744073709551615"), None);
        assert_eq!(units("0.5"), Some(1 << 63));
        assert_eq!(units("0.25"), Some(1 << 62));
        // 2^64 / 10^6 = 18446744073709.551615...
        assert_eq!(units("1e-6"), Some(18_446_744_073_709));
        assert_eq!(units("0.000001"), units("1e-6"));
        assert_eq!(units("0.99999999999999999999999999"), Some(u64::MAX));
        assert_eq!(units("1.0"), None);
        assert_eq!(units("1e-30"), Some(0));
    }

    #[test]
    fn what_is_no_decimal_number_is_refused() {
        for text in [
            "", "-1", "+1", "1.", ".5", "nan", "inf", "1,5", "1e", "1e99", "0x1", "1 ",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_amount_that_is_asked_for_can_be_counted() {
        assert_eq!(epsilon_of("0.5"), Some(500_000));
        assert_eq!(delta_of("1e-9"), Some(18_446_744_073));
        for text in ["0", "1e-7", "-1", "", "99999999999999999999"] {
            assert_eq!(epsilon_of(text), None, "{text}");
        }
        for text in ["0.0", "1e-30", "0.5", "1", "x"] {
            assert_eq!(delta_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_float_is_the_decimal_that_was_typed() {
        for (float, text) in [
            (10.0, "10"),
            (1e-6, "0.000001"),
            (0.1, "0.1"),
            (2.3e-9, "2.3e-9"),
        ] {
            let shown = f64::to_string(&float);
            assert_eq!(micro(&shown), micro(text));
            assert_eq!(units(&shown), units(text));
        }
    }

    #[test]
    fn amounts_are_printed_for_people() {
        assert_eq!(epsilon_text(10_000_000), "10");
        assert_eq!(epsilon_text(1), "0.000001");
        assert_eq!(epsilon_text(1_500_000), "1.5");
        assert_eq!(delta_text(0), "0");
        assert_eq!(delta_text(1 << 63), "5e-1");
        assert_eq!(delta_text(18_446_744_073_709), "1e-6");
        assert_eq!(delta_text(1), "5.421011e-20");
        assert_eq!(delta_text(u64::MAX), "1e-0");
    }
}
