//! The text of CSV files as values: which type all values of a column have, and the column of that
//! type.
//!
//! Spec 10 §2.2. [`Seen`] is asked at load, over all values; [`column`] for every batch afterwards.
//! Both read a value by the same functions, so no value becomes NULL silently that the load took
//! for one of its type.

use arrow_array::builder::StringBuilder;
use arrow_array::{Array as _, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray};

use super::{Column, DECIMAL_DIGITS, Form, Int128Array};
use crate::sql::temporal::{self, Moment, NANOS_PER_DAY};

/// The largest whole number up to which a double holds every one.
const DOUBLE_WHOLE_MAX: u64 = 1 << 53;

/// Digits of an exponent. A number in a table has no more.
const EXPONENT_DIGITS_MAX: usize = 4;

/// What the values of one column have been so far.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one question about the values"
)]
pub(crate) struct Seen {
    any: bool,
    whole: bool,
    double: bool,
    /// Digits before and after the point that all values fit.
    decimal: Option<(u32, u32)>,
    boolean: bool,
    date: bool,
    moment: bool,
    with_offset: bool,
    without_offset: bool,
    padded: bool,
}

/// What numbers look like that are written as text.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(not(feature = "sql"), expect(dead_code, reason = "only SQL asks"))]
pub(crate) struct Numbers {
    /// Whether one begins with a zero that a number does not keep, as postcodes do.
    pub(crate) padded: bool,
    /// The scale at which all of them are decimals.
    pub(crate) scale: Option<u8>,
}

/// What a column of text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inferred {
    /// Values of this form. Instants without zone.
    Form(Form),
    /// Instants that all say their offset.
    InstantInUtc,
    /// No value at all.
    Empty,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            any: false,
            whole: true,
            double: true,
            decimal: Some((0, 0)),
            boolean: true,
            date: true,
            moment: true,
            with_offset: false,
            without_offset: false,
            padded: false,
        }
    }
}

impl Seen {
    /// Looks at a value that is not NULL.
    pub(crate) fn value(&mut self, value: &str) {
        let value = trimmed(value);
        if value.is_empty() {
            // Blanks alone say nothing about a type; in a column of text they stay what they are.
            return;
        }
        self.any = true;
        self.whole = self.whole && whole(value).is_some();
        self.padded |= is_padded(value);
        let digits = Digits::of(value);
        self.double = self.double
            && digits.as_ref().is_some_and(|digits| {
                digits.is_safe_double() && double(value).is_some_and(f64::is_finite)
            });
        let places = digits.and_then(|digits| digits.places());
        self.decimal = self
            .decimal
            .zip(places)
            .map(|(seen, here)| (seen.0.max(here.0), seen.1.max(here.1)));
        self.boolean = self.boolean && boolean(value).is_some();
        if self.moment {
            if let Some(moment) = temporal::parse(value) {
                self.date = self.date && moment.is_date();
                self.with_offset |= moment.has_offset();
                self.without_offset |= !moment.has_offset();
            } else {
                (self.date, self.moment) = (false, false);
            }
        }
    }

    /// What the values are if they are numbers.
    pub(crate) fn numbers(&self) -> Numbers {
        Numbers {
            padded: self.padded,
            scale: self.scale(),
        }
    }

    /// The first type that all values have.
    pub(crate) fn inferred(&self) -> Inferred {
        if !self.any {
            return Inferred::Empty;
        }
        let form = match (self, self.scale()) {
            (Self { whole: true, .. }, _) => Form::Whole,
            (Self { double: true, .. }, _) => Form::Double,
            (_, Some(scale)) => Form::Decimal(scale),
            (Self { boolean: true, .. }, _) => Form::Boolean,
            (Self { date: true, .. }, _) => Form::Date,
            (
                Self {
                    moment: true,
                    with_offset: false,
                    ..
                },
                _,
            ) => Form::Instant,
            (
                Self {
                    moment: true,
                    without_offset: false,
                    ..
                },
                _,
            ) => return Inferred::InstantInUtc,
            _ => Form::Text,
        };
        Inferred::Form(form)
    }

    /// The scale at which all values are decimals.
    fn scale(&self) -> Option<u8> {
        let (before, after) = self.decimal?;
        let fits = before.checked_add(after)? <= u32::from(DECIMAL_DIGITS);
        fits.then(|| u8::try_from(after).ok())?
    }
}

/// A column of text in `form`; blanks around values do not count, unless it is text.
pub(crate) fn column(text: &StringArray, form: Form) -> Column {
    let values = || text.iter().map(|value| value.map(trimmed));
    match form {
        Form::Boolean => Column::Boolean(
            values()
                .map(|value| boolean(value?))
                .collect::<BooleanArray>(),
        ),
        Form::Whole => Column::Whole(values().map(|value| whole(value?)).collect::<Int64Array>()),
        Form::Decimal(scale) => {
            let units = values().map(|value| Digits::of(value?)?.units(scale));
            Column::Decimal(units.collect::<Int128Array>(), scale)
        }
        Form::Double => Column::Double(
            values()
                .map(|value| double(value?))
                .collect::<Float64Array>(),
        ),
        Form::Date => Column::Date(
            values()
                .map(|value| days(&temporal::parse(value?)?))
                .collect::<Date32Array>(),
        ),
        Form::Instant => Column::Instant(
            values()
                .map(|value| Some(temporal::parse(value?)?.nanos()))
                .collect::<Int128Array>(),
        ),
        // No column of a CSV file holds bytes.
        Form::Text | Form::Bytes => Column::Text(text.clone()),
    }
}

/// The dates of a column of text, without a time; NULL for all else.
pub(crate) fn dates(text: &StringArray) -> StringArray {
    let is_one = |value: &str| temporal::parse(value).is_some_and(|moment| moment.is_date());
    those(text, is_one)
}

/// The numbers of a column of text that a double may hold, by the rule of [`Seen`]; NULL for all else.
pub(crate) fn safe_doubles(text: &StringArray) -> StringArray {
    let is_one = |value: &str| {
        let is_safe = Digits::of(value).is_some_and(|digits| digits.is_safe_double());
        is_safe && double(value).is_some_and(f64::is_finite)
    };
    those(text, is_one)
}

/// The moments of a column of text that have an offset, or those that have none; NULL for all else.
pub(crate) fn moments(text: &StringArray, with_offset: bool) -> StringArray {
    let is_one = |value: &str| {
        temporal::parse(value).is_some_and(|moment| moment.has_offset() == with_offset)
    };
    those(text, is_one)
}

/// The values of which `is_one` is true without blanks around; NULL for all else.
fn those(text: &StringArray, is_one: impl Fn(&str) -> bool) -> StringArray {
    text.iter()
        .map(|value| value.filter(|value| is_one(trimmed(value))))
        .collect()
}

/// How many values of a column of text are more than blanks, and NULL in `column`.
pub(crate) fn lost(text: &StringArray, column: &Column) -> u64 {
    lost_rows(text, column).count() as u64
}

/// The row of the first of them.
pub(crate) fn first_lost(text: &StringArray, column: &Column) -> Option<usize> {
    lost_rows(text, column).next()
}

fn lost_rows(text: &StringArray, column: &Column) -> impl Iterator<Item = usize> {
    let rows = text.iter().enumerate();
    let lost = rows.filter(|(row, value)| {
        value.is_some_and(|value| !trimmed(value).is_empty()) && !column.is_valid(*row)
    });
    lost.map(|(row, _)| row)
}

/// The values unchanged, with the words that mean NULL as NULL.
pub(crate) fn with_null_words(text: &StringArray, words: &[String]) -> StringArray {
    let mut out = StringBuilder::with_capacity(text.len(), text.value_data().len());
    for value in text {
        // The CSV reader gives NULL for empty values and for nothing else.
        let value = value.unwrap_or("");
        let is_null = words.iter().any(|word| word == value);
        out.append_option((!is_null).then_some(value));
    }
    out.finish()
}

/// Whether a text is a number, blanks around aside.
pub(crate) fn is_number(value: &str) -> bool {
    Digits::of(trimmed(value)).is_some()
}

fn trimmed(value: &str) -> &str {
    value.trim_matches(' ')
}

fn whole(value: &str) -> Option<i64> {
    begins_with_digit(value).then(|| value.parse().ok())?
}

fn is_padded(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value).as_bytes();
    matches!(digits, [b'0', b'0'..=b'9', ..])
}

fn boolean(value: &str) -> Option<bool> {
    if value.eq_ignore_ascii_case("true") {
        Some(true)
    } else if value.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn double(value: &str) -> Option<f64> {
    Digits::of(value)?;
    value.parse().ok()
}

fn days(moment: &Moment) -> Option<i32> {
    i32::try_from(moment.nanos().div_euclid(NANOS_PER_DAY)).ok()
}

fn begins_with_digit(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value).as_bytes();
    digits.first().is_some_and(u8::is_ascii_digit)
}

/// A number taken apart: digits, perhaps with a point and an exponent; no words.
struct Digits<'a> {
    negative: bool,
    before: &'a str,
    after: &'a str,
    exponent: i32,
    /// Whether there is neither point nor exponent.
    plain: bool,
}

impl<'a> Digits<'a> {
    fn of(value: &'a str) -> Option<Self> {
        let (negative, rest) = match value.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, value),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (rest, None),
        };
        let (before, after) = match mantissa.split_once('.') {
            Some((before, after)) => (before, Some(after)),
            None => (mantissa, None),
        };
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = after.is_none() && exponent.is_none();
        let after = after.unwrap_or("");
        if before.is_empty() || !all_digits(before) || !all_digits(after) {
            return None;
        }
        let exponent = match exponent {
            None => 0,
            Some(text) => {
                let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
                let fits = (1..=EXPONENT_DIGITS_MAX).contains(&digits.len()) && all_digits(digits);
                fits.then(|| text.parse().ok())??
            }
        };
        Some(Self {
            negative,
            before,
            after,
            exponent,
            plain,
        })
    }

    /// Whether a column of doubles may hold it: a longer whole number is an identifier, which a
    /// double would round.
    fn is_safe_double(&self) -> bool {
        !self.plain
            || self
                .before
                .parse::<u64>()
                .is_ok_and(|whole| whole <= DOUBLE_WHOLE_MAX)
    }

    /// The digits without zeros at either end, and the power of ten of the last of them.
    fn significant(&self) -> (String, i32) {
        let mut digits = format!("{}{}", self.before, self.after);
        let mut last =
            i32::try_from(self.after.len()).map_or(i32::MIN, |after| self.exponent - after);
        let kept = digits.trim_end_matches('0').len();
        last = last.saturating_add(i32::try_from(digits.len() - kept).unwrap_or(i32::MAX));
        digits.truncate(kept);
        let zeros = digits.len() - digits.trim_start_matches('0').len();
        digits.drain(..zeros);
        (digits, last)
    }

    /// Digits before and after the point that hold the number exactly; `None` if there are more
    /// than any decimal has.
    fn places(&self) -> Option<(u32, u32)> {
        let (digits, last) = self.significant();
        if digits.is_empty() {
            return Some((0, 0));
        }
        let first = last.checked_add(i32::try_from(digits.len()).ok()?)?;
        let (before, after) = (first.max(0).unsigned_abs(), last.min(0).unsigned_abs());
        let most = u32::from(DECIMAL_DIGITS);
        (before <= most && after <= most).then_some((before, after))
    }

    /// The number in units of ten to the minus `scale`; `None` if it does not fit.
    fn units(&self, scale: u8) -> Option<i128> {
        let (digits, last) = self.significant();
        if digits.is_empty() {
            return Some(0);
        }
        let digits: i128 = digits.parse().ok()?;
        let power = u32::try_from(last.checked_add(scale.into())?).ok()?;
        let units = digits.checked_mul(10_i128.checked_pow(power)?)?;
        Some(if self.negative { -units } else { units })
    }
}

#[cfg(test)]
mod tests;
