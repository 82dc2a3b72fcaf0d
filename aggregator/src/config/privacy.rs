//! Epsilon and delta as a person writes them, as the integers in which they are accounted.
//!
//! Spec 10 §1. Both are read from decimal digits, so that `0.1` is a tenth exactly, and rounded
//! downward: a setting never allows more than it says.

use serde::{Deserialize, Deserializer, de};

/// Millionths, for [`super::TableConfig::epsilon_max`].
pub(super) fn epsilon<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    read(d, 1_000_000, "an epsilon such as 0.5")
}

/// Units of 2^-64, for [`super::TableConfig::delta_max`].
pub(super) fn delta<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    read(d, 1 << 64, "a delta such as 1e-9")
}

/// A number above zero, in units of which `per_one` make one.
fn read<'de, D: Deserializer<'de>>(
    d: D,
    per_one: u128,
    expected: &str,
) -> Result<Option<u64>, D::Error> {
    let value = f64::deserialize(d)?;
    match units(value, per_one) {
        Some(units) if units > 0 => Ok(Some(units)),
        _ => Err(de::Error::invalid_value(
            de::Unexpected::Float(value),
            &expected,
        )),
    }
}

/// The value in units, rounded downward; `None` if it is negative, no number, or beyond 64 bits.
fn units(value: f64, per_one: u128) -> Option<u64> {
    // The shortest decimal number that stands for this float: what the person wrote.
    let text = format!("{value}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let ten = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let units = digits.checked_mul(per_one)?.checked_div(ten)?;
    u64::try_from(units).ok()
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn digits_are_read_exactly_and_rounded_downward() {
        let micros = |value| units(value, 1_000_000);
        assert_eq!(micros(0.1), Some(100_000));
        assert_eq!(micros(10.0), Some(10_000_000));
        assert_eq!(micros(0.000_001), Some(1));
        assert_eq!(micros(0.000_001_9), Some(1));
        assert_eq!(micros(1e-9), Some(0));
        let delta = |value| units(value, 1 << 64);
        assert_eq!(delta(1e-9), Some(18_446_744_073));
        assert_eq!(delta(0.5), Some(1 << 63));
        assert_eq!(delta(1.0), None);
        for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e30] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }
}
