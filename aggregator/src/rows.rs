//! What is kept of a row beside its key: its groups and its values, as bytes of fixed width.
//!
//! Spec 10 §4.1. Records of digest and [`Extras`] are sorted by the store, so that all rows of one
//! identity, and within it all rows of one group, lie beside each other. Called per batch by the
//! scan, at load and when the input of a job is frozen.
//!
//! ```text
//! | digest, 32 | group (u16) per group expression | NULL flags, 1 bit per value | value (i64) each |
//! ```
//! All numbers are big-endian; the value of a NULL is 0.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::error::ArrowError;
use datafusion::logical_expr::Expr;
use zeroize::Zeroizing;

use crate::domain::Domain;
use crate::value::{Units, ValueProgram, units};

/// Bytes of one digest.
pub(crate) const DIGEST_BYTES: usize = 32;

/// Bytes of one group index.
const GROUP_BYTES: usize = 2;

/// Bytes of one value.
const VALUE_BYTES: usize = 8;

/// The widths of a record's pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowLayout {
    pub(crate) groups: usize,
    pub(crate) values: usize,
}

impl RowLayout {
    /// Bytes of a whole record.
    pub(crate) const fn width(self) -> usize {
        DIGEST_BYTES + self.extra()
    }

    /// Bytes behind the digest.
    const fn extra(self) -> usize {
        self.groups * GROUP_BYTES + self.values.div_ceil(8) + self.values * VALUE_BYTES
    }

    const fn flags_at(self) -> usize {
        DIGEST_BYTES + self.groups * GROUP_BYTES
    }

    /// The index of a record's group by expression number `group`. Groups stand at the same place
    /// in every layout.
    pub(crate) fn group(record: &[u8], group: usize) -> usize {
        let at = DIGEST_BYTES + group * GROUP_BYTES;
        usize::from(u16::from_be_bytes([record[at], record[at + 1]]))
    }

    /// Value number `value` of a record; `None` for NULL.
    pub(crate) fn value(self, record: &[u8], value: usize) -> Option<i64> {
        let flags = self.flags_at();
        if record[flags + value / 8] & (1 << (value % 8)) != 0 {
            return None;
        }
        let at = flags + self.values.div_ceil(8) + value * VALUE_BYTES;
        let mut bytes = [0; VALUE_BYTES];
        bytes.copy_from_slice(&record[at..at + VALUE_BYTES]);
        Some(i64::from_be_bytes(bytes))
    }
}

/// A value to keep.
#[derive(Clone, Debug)]
pub(crate) enum RowValue {
    /// Whether one of the columns is NULL, and nothing else.
    Presence(Vec<Expr>),
    /// The result of an expression over columns.
    Number {
        program: ValueProgram,
        /// The columns of the program, in its order.
        columns: Vec<Expr>,
    },
}

impl RowValue {
    fn exprs(&self) -> &[Expr] {
        match self {
            Self::Presence(columns) | Self::Number { columns, .. } => columns,
        }
    }
}

/// What is kept of each row beside its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) groups: Vec<(Expr, Arc<Domain>)>,
    pub(crate) values: Vec<RowValue>,
}

/// What a batch held beside its keys.
pub(crate) struct Encoded {
    /// [`RowLayout`] without the digest, for every row.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// For each value, the rows in which it is NULL.
    pub(crate) nulls: Vec<u64>,
    /// For each value, the rows in which it does not fit.
    pub(crate) misfits: Vec<u64>,
    /// For each row, whether one of its values does not fit; empty if nothing is kept.
    pub(crate) unfit_rows: Vec<bool>,
}

impl Extras {
    pub(crate) fn layout(&self) -> RowLayout {
        RowLayout {
            groups: self.groups.len(),
            values: self.values.len(),
        }
    }

    /// The columns that the scan has to deliver, in the order in which [`Self::encode`] takes them.
    pub(crate) fn exprs(&self) -> Vec<Expr> {
        let groups = self.groups.iter().map(|(expr, _)| expr);
        let values = self.values.iter().flat_map(RowValue::exprs);
        groups.chain(values).cloned().collect()
    }

    /// The bytes of every row of a batch.
    ///
    /// # Errors
    /// [`ArrowError`] if a column is missing or of another type than at load.
    pub(crate) fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<Encoded, ArrowError> {
        let layout = self.layout();
        let width = layout.extra();
        let mut encoded = Encoded {
            bytes: Zeroizing::new(vec![0; rows * width]),
            nulls: vec![0; layout.values],
            misfits: vec![0; layout.values],
            unfit_rows: vec![false; if width == 0 { 0 } else { rows }],
        };
        let mut columns = columns.iter();
        let mut next = || {
            columns
                .next()
                .ok_or_else(|| ArrowError::SchemaError("a column is missing".to_owned()))
        };
        if width == 0 {
            return Ok(encoded);
        }
        for (number, (_, domain)) in self.groups.iter().enumerate() {
            let indices = domain.indices(next()?)?;
            for (record, index) in encoded.bytes.chunks_exact_mut(width).zip(indices) {
                let at = number * GROUP_BYTES;
                record[at..at + GROUP_BYTES].copy_from_slice(&index.to_be_bytes());
            }
        }
        for (number, value) in self.values.iter().enumerate() {
            let columns = value.exprs().iter().map(|_| next());
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let results = match value {
                RowValue::Presence(_) => presence(&columns, rows),
                RowValue::Number { program, .. } => numbers(program, &columns, rows)?,
            };
            let flags = layout.groups * GROUP_BYTES;
            let at = flags + layout.values.div_ceil(8) + number * VALUE_BYTES;
            let records = encoded.bytes.chunks_exact_mut(width);
            let records = records.zip(&mut encoded.unfit_rows);
            for ((record, unfit), result) in records.zip(results) {
                match result {
                    Units::Is(value) => {
                        record[at..at + VALUE_BYTES].copy_from_slice(&value.to_be_bytes());
                    }
                    Units::Null => {
                        encoded.nulls[number] += 1;
                        record[flags + number / 8] |= 1 << (number % 8);
                    }
                    Units::Misfit => {
                        encoded.misfits[number] += 1;
                        *unfit = true;
                    }
                }
            }
        }
        Ok(encoded)
    }
}

/// NULL where one of the columns is.
fn presence(columns: &[&ArrayRef], rows: usize) -> Vec<Units> {
    let nulls = columns.iter().filter_map(Array::logical_nulls);
    let nulls: Vec<_> = nulls.collect();
    (0..rows)
        .map(|row| {
            if nulls.iter().any(|nulls| nulls.is_null(row)) {
                Units::Null
            } else {
                Units::Is(0)
            }
        })
        .collect()
}

/// The expression's result in every row: NULL if one of its columns is.
fn numbers(
    program: &ValueProgram,
    columns: &[&ArrayRef],
    rows: usize,
) -> Result<Vec<Units>, ArrowError> {
    let columns = columns
        .iter()
        .zip(&program.columns)
        .map(|(array, column)| units(array, column.decimals))
        .collect::<Result<Vec<_>, _>>()?;
    let mut row_values = vec![0_i128; columns.len()];
    Ok((0..rows)
        .map(|row| {
            let mut misfit = false;
            for (value, column) in row_values.iter_mut().zip(&columns) {
                match column[row] {
                    Units::Null => return Units::Null,
                    Units::Is(units) => *value = units.into(),
                    Units::Misfit => misfit = true,
                }
            }
            let result = program.evaluate(&row_values).filter(|_| !misfit);
            result
                .and_then(|value| i64::try_from(value).ok())
                .map_or(Units::Misfit, Units::Is)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    use datafusion::logical_expr::lit;

    use super::{DIGEST_BYTES, Extras, RowLayout, RowValue};
    use crate::config::DomainValue;
    use crate::domain::Domain;
    use crate::sql::typing::ColumnClass;

    #[test]
    fn groups_flags_and_values_read_back_as_they_were_written() {
        let domain = [DomainValue::Text("a".into()), DomainValue::Text("b".into())];
        let domain = Domain::new(Some(&ColumnClass::Text), None, &domain).unwrap();
        let extras = Extras {
            groups: vec![(lit(1), Arc::new(domain))],
            values: vec![RowValue::Presence(vec![lit(1)]); 9],
        };
        let layout = extras.layout();
        assert_eq!(layout.width(), 32 + 2 + 2 + 72);
        let words: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None]));
        let present: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None]));
        let columns: Vec<ArrayRef> = std::iter::once(words)
            .chain(std::iter::repeat_n(present, 9))
            .collect();
        let encoded = extras.encode(&columns, 2).unwrap();
        assert_eq!((encoded.nulls[8], encoded.misfits[8]), (1, 0));
        let width = layout.width() - DIGEST_BYTES;
        let record = |row: usize| {
            let extra = &encoded.bytes[row * width..(row + 1) * width];
            [&[7; DIGEST_BYTES], extra].concat()
        };
        assert_eq!(RowLayout::group(&record(0), 0), 1);
        assert_eq!(RowLayout::group(&record(1), 0), 2);
        for value in 0..9 {
            assert_eq!(layout.value(&record(0), value), Some(0));
            assert_eq!(layout.value(&record(1), value), None);
        }
        assert_eq!(record(0)[..34], [&[7; 32][..], &[0, 1]].concat());
    }
}
