//! Key columns as text, whatever their storage type.
//!
//! Spec 02 §1 and 10 §2.4. An identifier is normalised from text, so INT32, INT64, unsigned,
//! decimal without fraction, and digits as text give the same identity under `int`. Called per
//! batch while a table is scanned.

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, LargeStringArray, StringArray, StringViewArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use psi_core::identifier::IdentifierKind;

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
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::Null => true,
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

/// A key column of one batch, as text.
pub(crate) enum TextColumn {
    Utf8(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
    Bytes(BinaryArray),
}

impl TextColumn {
    /// Converts a column.
    ///
    /// # Errors
    /// [`ArrowError`] if the type is none of those that [`problem`] accepts.
    pub(crate) fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Utf8(array.as_string::<i32>().clone()),
            DataType::LargeUtf8 => Self::Large(array.as_string::<i64>().clone()),
            DataType::Utf8View => Self::View(array.as_string_view().clone()),
            DataType::Binary => Self::Bytes(array.as_binary::<i32>().clone()),
            DataType::LargeBinary | DataType::BinaryView => {
                Self::Bytes(cast(array, &DataType::Binary)?.as_binary::<i32>().clone())
            }
            DataType::Dictionary(_, values) => Self::new(&cast(array, values)?)?,
            _ => Self::Utf8(cast(array, &DataType::Utf8)?.as_string::<i32>().clone()),
        })
    }

    /// The value in `row`; `None` for NULL and for bytes that are no UTF-8.
    pub(crate) fn value(&self, row: usize) -> Option<&str> {
        match self {
            Self::Utf8(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Bytes(array) => {
                let bytes = array.is_valid(row).then(|| array.value(row));
                bytes.and_then(|bytes| std::str::from_utf8(bytes).ok())
            }
        }
    }
}
