//! Key columns as text, whatever their storage type.
//!
//! Spec 02 §1 and 10 §2.4. An identifier is normalised from text, so INT32, INT64, unsigned,
//! decimal without fraction, and digits as text give the same identity under `int`. Called per
//! batch while a table is scanned.

use std::borrow::Cow;

use arrow_schema::DataType;
use psi_core::identifier::IdentifierKind;

use crate::column::Column;
use crate::column::unpack::is_text;
use crate::sql::temporal;

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
        Column::Text(text) => Some(Cow::Borrowed(text.value(row))),
        Column::Whole(numbers) => Some(Cow::Owned(numbers.value(row).to_string())),
        Column::Decimal(units, 0) => Some(Cow::Owned(units.value(row).to_string())),
        Column::Date(days) => temporal::iso_date(days.value(row)).map(Cow::Owned),
        // No key has such a column: see `problem`.
        Column::Decimal(..)
        | Column::Boolean(_)
        | Column::Double(_)
        | Column::Bytes(_)
        | Column::Instant(_) => None,
    }
}
