//! Plain values of all forms that a column has (Spec 10 §2.3), and how two of them are ordered.
//!
//! Spec 10 §3.4. Used by [`super::reference`] alone to decide comparisons. Numbers are compared as
//! written digits, so that no width of integers can be wrong.

use std::cmp::Ordering;

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Whole(i128),
    Decimal {
        units: i128,
        scale: usize,
    },
    Double(f64),
    Text(String),
    /// Days after 1970-01-01.
    Date(i32),
    /// Nanoseconds after 1970-01-01T00:00:00, in UTC where the column has a zone.
    Instant(i128),
}

/// What all cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Boolean,
    /// Whole numbers and decimals.
    Exact,
    Double,
    Text,
    Date,
    Instant {
        zone: Option<&'static str>,
    },
}

impl Form {
    /// Whether Spec 10 §3.4 lets two columns be compared.
    pub(super) fn comparable(self, other: Self) -> bool {
        let number = |form| matches!(form, Self::Exact | Self::Double);
        match (self, other) {
            (Self::Instant { zone: a }, Self::Instant { zone: b }) => a.is_some() == b.is_some(),
            (Self::Date, Self::Instant { zone }) | (Self::Instant { zone }, Self::Date) => {
                zone.is_none()
            }
            (a, b) => a == b || (number(a) && number(b)),
        }
    }
}

/// A number as its digits: no zeros before the first digit or behind the last decimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digits {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Digits {
    /// Reads digits with perhaps a sign and a point.
    pub(super) fn read(text: &str) -> Self {
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        Self {
            negative: negative && !(whole.is_empty() && fraction.is_empty()),
            whole: whole.to_owned(),
            fraction: fraction.to_owned(),
        }
    }

    /// The nearest double, ties to even.
    fn double(&self) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}0{}.{}0", self.whole, self.fraction)
            .parse()
            .unwrap()
    }

    fn order(&self, other: &Self) -> Ordering {
        let amount = |a: &Self, b: &Self| {
            let whole = a.whole.len().cmp(&b.whole.len());
            whole
                .then_with(|| a.whole.cmp(&b.whole))
                .then_with(|| a.fraction.cmp(&b.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => amount(self, other),
            (true, true) => amount(other, self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

/// The text of `units` at `scale`, with all its decimals.
pub(super) fn decimal_text(units: i128, scale: usize) -> String {
    let digits = format!("{:0width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if units < 0 { "-" } else { "" };
    let point = if scale == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// A value as it is compared.
#[derive(Clone, Debug)]
pub(super) enum Key {
    Null,
    Boolean(bool),
    Exact(Digits),
    Double(f64),
    Text(String),
    /// A date is its midnight.
    Nanos(i128),
}

pub(super) const NANOS_PER_DAY: i128 = 86_400_000_000_000;

impl Key {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Whole(value) => Self::Exact(Digits::read(&value.to_string())),
            Value::Decimal { units, scale } => {
                Self::Exact(Digits::read(&decimal_text(*units, *scale)))
            }
            Value::Double(value) => Self::Double(*value),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Date(days) => Self::Nanos(i128::from(*days) * NANOS_PER_DAY),
            Value::Instant(nanos) => Self::Nanos(*nanos),
        }
    }

    /// The order of two values, or `None` if one is NULL.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            (Self::Exact(a), Self::Exact(b)) => Some(a.order(b)),
            (Self::Double(a), Self::Double(b)) => Some(doubles(*a, *b)),
            (Self::Double(a), Self::Exact(b)) => Some(doubles(*a, b.double())),
            (Self::Exact(a), Self::Double(b)) => Some(doubles(a.double(), *b)),
            (Self::Text(a), Self::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Self::Nanos(a), Self::Nanos(b)) => Some(a.cmp(b)),
            (a, b) => panic!("{a:?} and {b:?} are never compared"),
        }
    }
}

/// All NaN are equal and larger than every other number; zeros are equal.
fn doubles(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[test]
fn digits_and_doubles_are_ordered_as_numbers() {
    let sorted = [
        "-10", "-9.5", "-9.05", "-0.1", "0", "0.05", "0.1", "2", "10",
    ];
    for two in sorted.windows(2) {
        let [a, b] = [two[0], two[1]].map(Digits::read);
        assert_eq!(a.order(&b), Ordering::Less, "{two:?}");
        assert_eq!(b.order(&a), Ordering::Greater, "{two:?}");
    }
    assert_eq!(Digits::read("-0.00"), Digits::read("0"));
    assert_eq!(Digits::read("007.50"), Digits::read("7.5"));
    assert_eq!(decimal_text(-5, 2), "-0.05");
    let tie = Digits::read("9007199254740993").double();
    assert_eq!(tie.to_bits(), 9_007_199_254_740_992_f64.to_bits());
    assert_eq!(doubles(f64::NAN, f64::INFINITY), Ordering::Greater);
    assert_eq!(doubles(f64::NAN, -f64::NAN), Ordering::Equal);
    assert_eq!(doubles(-0.0, 0.0), Ordering::Equal);
}
