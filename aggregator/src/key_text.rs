//! Key columns as text, whatever their storage type.
//!
//! Spec 02 §1 and 10 §2.4. An identifier is normalised from text, so INT32, INT64, unsigned,
//! decimals and doubles with whole values, and digits as text give the same identity under `int`.
//! Bytes come here as hexadecimal digits. Called per batch while a table is scanned.

use std::borrow::Cow;

use arrow_schema::DataType;
use psi_core::digest::Digest;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use psi_core::kernel::Kernel;
use psi_core::kernel::batch::BATCH;

use crate::column::unpack::is_text;
use crate::column::{Column, projected};
use crate::phone::Country;
use crate::sql::temporal;

/// A key to digest.
#[derive(Clone)]
pub(crate) struct ScanKey {
    /// The places of its columns in the projection.
    pub(crate) columns: Vec<usize>,
    pub(crate) kinds: Vec<IdentifierKind>,
    /// The country of telephone numbers that name none; without it they have to be E.164.
    pub(crate) phone: Option<Country>,
}

impl ScanKey {
    /// Calls `take` with each row of a batch and the digest of its key; `None` if that is NULL or does
    /// not normalise.
    pub(crate) fn for_each_digest(
        &self,
        kernel: &dyn Kernel,
        columns: &[Column],
        rows: usize,
        mut take: impl FnMut(usize, Option<Digest>),
    ) {
        let mut hasher = IdentityHasher::new(&self.kinds);
        for first in (0..rows).step_by(BATCH) {
            let piece = first..rows.min(first + BATCH);
            let keys = piece.clone().map(|row| {
                let places = self.columns.iter().zip(&self.kinds);
                places.map(move |(place, kind)| self.value(projected(columns, *place), *kind, row))
            });
            for (row, digest) in piece.zip(hasher.digests(kernel, keys)) {
                take(row, digest);
            }
        }
    }
}

impl ScanKey {
    /// The text that is normalised: the value's own, or the telephone number that it is.
    pub(crate) fn value<'a>(
        &self,
        column: &'a Column,
        kind: IdentifierKind,
        row: usize,
    ) -> Option<Cow<'a, str>> {
        let text = text(column, row)?;
        match self.phone {
            Some(country) if kind.plain() == IdentifierKind::Phone && !is_hash(kind, &text) => {
                // What is not a number keeps its text, which does not normalise either.
                Some(country.e164(&text).map_or(text, Cow::Owned))
            }
            _ => Some(text),
        }
    }
}

/// Whether a value of a kind of hashes is longer than every telephone number.
fn is_hash(kind: IdentifierKind, text: &str) -> bool {
    kind.hashed().is_some() && text.trim().len() >= HASH_CHARS_MIN
}

/// Characters of a SHA-256 in base64, the shorter of its two spellings.
const HASH_CHARS_MIN: usize = 44;

/// Why a column of this type cannot be part of a key of this kind, if it cannot.
pub(crate) fn problem(raw: &DataType, kind: IdentifierKind) -> Option<String> {
    let whole_number = |t: &DataType| {
        t.is_integer()
            || matches!(
                t,
                DataType::Decimal32(_, 0) | DataType::Decimal64(_, 0) | DataType::Decimal128(_, 0)
            )
    };
    let accepted = match raw {
        DataType::Dictionary(_, values) => return problem(values, kind),
        text if is_text(text) => true,
        number if whole_number(number) => matches!(
            kind,
            IdentifierKind::Int
                | IdentifierKind::Text
                | IdentifierKind::Trim
                | IdentifierKind::Lower
        ),
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Float64 => kind == IdentifierKind::Int,
        DataType::FixedSizeBinary(_) => kind == IdentifierKind::Hex || kind.hashed().is_some(),
        DataType::Date32 => matches!(kind, IdentifierKind::Text | IdentifierKind::Trim),
        _ => false,
    };
    (!accepted).then(|| format!("a column of type {raw} cannot be an identifier of kind {kind}"))
}

/// The value of a key column in `row`, as text; `None` for NULL.
pub(crate) fn text(column: &Column, row: usize) -> Option<Cow<'_, str>> {
    if !column.is_valid(row) {
        return None;
    }
    match column {
        Column::Text(text) => return Some(Cow::Borrowed(text.value(row))),
        Column::Whole(numbers) => Some(numbers.value(row).to_string()),
        Column::Decimal(units, scale) => whole(units.value(row), *scale),
        Column::Double(doubles) => whole_double(doubles.value(row)),
        Column::Date(days) => temporal::iso_date(days.value(row)),
        // No key has such a column: see `problem`.
        Column::Boolean(_) | Column::Bytes(_) | Column::Instant(_) => None,
    }
    .map(Cow::Owned)
}

/// A decimal without fraction.
fn whole(units: i128, scale: u8) -> Option<String> {
    let one = 10_i128.checked_pow(scale.into())?;
    (units % one == 0).then(|| (units / one).to_string())
}

/// A double that can only have been written for the whole number that it is.
fn whole_double(value: f64) -> Option<String> {
    // From 2^53 on, a whole number and the next one are the same double.
    const BEYOND: f64 = 9_007_199_254_740_992.0;
    let is_whole = value.abs() < BEYOND && value.fract() == 0.0;
    // Whole numbers have no -0.
    is_whole.then(|| format!("{:.0}", value + 0.0))
}

#[cfg(test)]
mod tests {
    use super::{whole, whole_double};

    #[test]
    fn only_whole_values_that_are_surely_meant_become_integers() {
        for (value, text) in [
            (123.0, Some("123")),
            (-5.0, Some("-5")),
            (-0.0, Some("0")),
            (9_007_199_254_740_991.0, Some("9007199254740991")),
            (9_007_199_254_740_992.0, None),
            (-9_007_199_254_740_992.0, None),
            (1.5, None),
            (f64::NAN, None),
            (f64::NEG_INFINITY, None),
        ] {
            assert_eq!(whole_double(value).as_deref(), text, "{value}");
        }
        assert_eq!(whole(12_300, 2).as_deref(), Some("123"));
        assert_eq!(whole(-12_300, 0).as_deref(), Some("-12300"));
        assert_eq!(whole(12_301, 2), None);
        assert_eq!(whole(0, 38).as_deref(), Some("0"));
    }
}
