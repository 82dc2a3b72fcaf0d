//! The columns of one batch, in one of eight plain forms.
//!
//! Spec 10 §2.3. Whatever a file stores, the rest of this crate sees one of these forms, with
//! dictionaries and views unpacked. Made by [`unpack`] from what Parquet holds and by [`parse`]
//! from the text of CSV; read by conditions, keys, groups and values. Never fails on a value: what
//! its form cannot hold is NULL, and counted.

pub(crate) mod parse;
pub(crate) mod unpack;

use std::sync::Arc;

use arrow_array::types::Decimal128Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array,
    PrimitiveArray, StringArray, make_array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::ArrowError;

/// 128-bit integers: the units of a decimal, or the nanoseconds of an instant. Arrow has no plain
/// type for them; the precision and the scale of this one mean nothing here.
pub(crate) type Int128Array = PrimitiveArray<Decimal128Type>;

/// The digits that a decimal holds.
pub(crate) const DECIMAL_DIGITS: u8 = 38;

/// How the values of a column are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// TRUE and FALSE.
    Boolean,
    /// Whole numbers of 64 bits, signed.
    Whole,
    /// Units of ten to the minus this scale.
    Decimal(u8),
    /// IEEE 754 binary64.
    Double,
    /// UTF-8.
    Text,
    /// Bytes that are not text.
    Bytes,
    /// Days since 1970-01-01.
    Date,
    /// Nanoseconds since 1970-01-01T00:00:00, in UTC where the column has a zone.
    Instant,
}

/// One column of a batch.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    /// [`Form::Boolean`].
    Boolean(BooleanArray),
    /// [`Form::Whole`].
    Whole(Int64Array),
    /// [`Form::Decimal`], with its scale.
    Decimal(Int128Array, u8),
    /// [`Form::Double`].
    Double(Float64Array),
    /// [`Form::Text`].
    Text(StringArray),
    /// [`Form::Bytes`].
    Bytes(BinaryArray),
    /// [`Form::Date`].
    Date(Date32Array),
    /// [`Form::Instant`].
    Instant(Int128Array),
}

/// The column of a batch at the place that a [`crate::source::Projection`] gave it.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: a batch has a column for each place of the projection that it was read with"
)]
pub(crate) fn projected(columns: &[Column], place: usize) -> &Column {
    &columns[place]
}

impl Column {
    /// The array, whatever its form.
    pub(crate) fn array(&self) -> &dyn Array {
        match self {
            Self::Boolean(array) => array,
            Self::Whole(array) => array,
            Self::Decimal(array, _) | Self::Instant(array) => array,
            Self::Double(array) => array,
            Self::Text(array) => array,
            Self::Bytes(array) => array,
            Self::Date(array) => array,
        }
    }

    /// The array as a list shows it, a decimal with its scale.
    ///
    /// # Errors
    /// [`ArrowError`] if a scale is beyond the digits of a decimal, which no form is.
    pub(crate) fn shown(&self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Decimal(units, scale) => {
                let units = units.clone();
                Arc::new(units.with_precision_and_scale(DECIMAL_DIGITS, scale.cast_signed())?)
            }
            other => make_array(other.array().to_data()),
        })
    }

    /// Rows of the batch.
    pub(crate) fn len(&self) -> usize {
        self.array().len()
    }

    /// Which rows are not NULL; `None` if none is.
    pub(crate) fn nulls(&self) -> Option<&NullBuffer> {
        self.array().nulls()
    }

    /// Whether the row's value is not NULL.
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.array().is_valid(row)
    }
}
