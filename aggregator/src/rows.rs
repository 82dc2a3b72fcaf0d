//! What is kept of a row beside its key: its groups and its values, as bytes of fixed width.
//!
//! Spec 10 §4.1. Records of digest, [`Extras`] and flag are sorted by the store, so that all rows of
//! one identity, and within it all rows of one group, lie beside each other. Called per batch by the
//! scan, at load and when the input of a job is frozen.
//!
//! ```text
//! | digest, 32 | group (u16) per group expression | NULL flags, 1 bit per value | value (i64) each |
//! | selected, 1 |
//! ```
//! All numbers are big-endian; the value of a NULL is 0, and a value that does not fit is a NULL. The last
//! byte is 1 for a row that the condition selects and 0 for another, so that every row has a record
//! whatever the condition says.

use std::sync::Arc;

use psi_core::store::RecordList;
use zeroize::Zeroizing;

use crate::column::{Column, projected};
use crate::domain::Domain;
use crate::error::FreezeError;
use crate::value::{Units, ValueProgram, units};

/// Bytes of one digest.
pub(crate) const DIGEST_BYTES: usize = 32;

/// Bytes of one group index.
const GROUP_BYTES: usize = 2;

/// Bytes of one value.
const VALUE_BYTES: usize = 8;

/// Bytes of the flag of a selected row.
const FLAG_BYTES: usize = 1;

/// The widths of a record's pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowLayout {
    pub(crate) groups: usize,
    pub(crate) values: usize,
}

impl RowLayout {
    /// Bytes of a whole record.
    pub(crate) const fn width(self) -> usize {
        DIGEST_BYTES + self.extra() + FLAG_BYTES
    }

    /// Bytes between the digest and the flag.
    pub(crate) const fn extra(self) -> usize {
        self.groups * GROUP_BYTES + self.values.div_ceil(8) + self.values * VALUE_BYTES
    }

    const fn flags_at(self) -> usize {
        DIGEST_BYTES + self.groups * GROUP_BYTES
    }

    /// The digest that a record begins with, in every layout.
    #[expect(
        clippy::expect_used,
        reason = "INVARIANT: lists of row records are at least as wide as a digest"
    )]
    pub(crate) fn digest(record: &[u8]) -> &[u8; DIGEST_BYTES] {
        record.first_chunk().expect("a record begins with a digest")
    }

    /// The index of a record's group by expression number `group`. Groups are at the same place
    /// in every layout.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: `group` is below the number of groups of the list's layout"
    )]
    pub(crate) fn group(record: &[u8], group: usize) -> usize {
        let at = DIGEST_BYTES + group * GROUP_BYTES;
        usize::from(u16::from_be_bytes([record[at], record[at + 1]]))
    }

    /// Whether the record is of a selected row.
    pub(crate) fn is_selected(record: &[u8]) -> bool {
        record.last() == Some(&1)
    }

    /// Value number `value` of a record; `None` for NULL.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: the record is of this layout, and `value` below its number of values"
    )]
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

/// A value to keep. Columns are known by their places in the projection.
#[derive(Clone, Debug)]
pub(crate) enum RowValue {
    /// Whether one of the columns is NULL, and nothing else.
    Presence(Vec<usize>),
    /// The result of an expression over columns.
    Number {
        program: ValueProgram,
        /// The columns of the program, in its order.
        columns: Vec<usize>,
    },
}

/// What is kept of each row beside its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    /// The place of each group's column, and its domain.
    pub(crate) groups: Vec<(usize, Arc<Domain>)>,
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

/// The bytes of one row of [`Encoded::bytes`], of which each has `width`.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: `row` is one of the batch, and `width` that of its layout"
)]
pub(crate) fn of_row(bytes: &[u8], row: usize, width: usize) -> &[u8] {
    &bytes[row * width..(row + 1) * width]
}

impl Extras {
    pub(crate) fn layout(&self) -> RowLayout {
        RowLayout {
            groups: self.groups.len(),
            values: self.values.len(),
        }
    }

    /// The bytes of every row of a batch.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: all places follow from the layout, which gives the width of a record too"
    )]
    pub(crate) fn encode(&self, columns: &[Column], rows: usize) -> Encoded {
        let layout = self.layout();
        let width = layout.extra();
        let mut encoded = Encoded {
            bytes: Zeroizing::new(vec![0; rows * width]),
            nulls: vec![0; layout.values],
            misfits: vec![0; layout.values],
            unfit_rows: vec![false; if width == 0 { 0 } else { rows }],
        };
        if width == 0 {
            return encoded;
        }
        for (number, (column, domain)) in self.groups.iter().enumerate() {
            let indices = domain.indices(projected(columns, *column));
            for (record, index) in encoded.bytes.chunks_exact_mut(width).zip(indices) {
                let at = number * GROUP_BYTES;
                record[at..at + GROUP_BYTES].copy_from_slice(&index.to_be_bytes());
            }
        }
        for (number, value) in self.values.iter().enumerate() {
            let of = |places: &[usize]| -> Vec<&Column> {
                places
                    .iter()
                    .map(|place| projected(columns, *place))
                    .collect()
            };
            let results = match value {
                RowValue::Presence(places) => presence(&of(places), rows),
                RowValue::Number { program, columns } => numbers(program, &of(columns), rows),
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
                        record[flags + number / 8] |= 1 << (number % 8);
                        *unfit = true;
                    }
                }
            }
        }
        encoded
    }
}

/// NULL where one of the columns is.
fn presence(columns: &[&Column], rows: usize) -> Vec<Units> {
    (0..rows)
        .map(|row| {
            if columns.iter().all(|column| column.is_valid(row)) {
                Units::Is(0)
            } else {
                Units::Null
            }
        })
        .collect()
}

/// The expression's result in every row: NULL if one of its columns is.
fn numbers(program: &ValueProgram, columns: &[&Column], rows: usize) -> Vec<Units> {
    let mut columns: Vec<_> = columns
        .iter()
        .zip(&program.columns)
        .map(|(column, of)| units(column, of.decimals).into_iter())
        .collect();
    let mut row_values = vec![0_i128; columns.len()];
    (0..rows)
        .map(|_| {
            let (mut null, mut misfit) = (false, false);
            for (value, column) in row_values.iter_mut().zip(&mut columns) {
                *value = 0;
                match column.next() {
                    Some(Units::Is(units)) => *value = units.into(),
                    Some(Units::Misfit) => misfit = true,
                    Some(Units::Null) | None => null = true,
                }
            }
            let result = i64::try_from(program.evaluate(&row_values));
            match result {
                _ if null => Units::Null,
                Ok(value) if !misfit => Units::Is(value),
                _ => Units::Misfit,
            }
        })
        .collect()
}

/// Records read at a time.
const BATCH_RECORDS: usize = 4096;

/// Calls `visit` for every record of `list`, in its order.
///
/// # Errors
/// Those of the store, and what `visit` returns, which ends the reading.
pub(crate) fn for_each_record(
    list: &dyn RecordList,
    visit: &mut dyn FnMut(&[u8]) -> Result<(), FreezeError>,
) -> Result<(), FreezeError> {
    let mut reader = list.reader()?;
    let mut batch = Zeroizing::new(Vec::new());
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() {
            return Ok(());
        }
        for record in batch.chunks_exact(list.width()) {
            visit(record)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::{DIGEST_BYTES, Extras, RowLayout, RowValue};
    use crate::column::Column;
    use crate::config::DomainValue;
    use crate::domain::Domain;
    use crate::sql::typing::ColumnClass;

    #[test]
    fn groups_flags_and_values_read_back_as_they_were_written() {
        let domain = [DomainValue::Text("a".into()), DomainValue::Text("b".into())];
        let domain = Domain::new(Some(&ColumnClass::Text), None, &domain).unwrap();
        let extras = Extras {
            groups: vec![(0, Arc::new(domain))],
            values: vec![RowValue::Presence(vec![1]); 9],
        };
        let layout = extras.layout();
        assert_eq!(layout.width(), 32 + 2 + 2 + 72 + 1);
        let columns = [
            Column::Text(StringArray::from(vec![Some("b"), None])),
            Column::Whole(Int64Array::from(vec![Some(5), None])),
        ];
        let encoded = extras.encode(&columns, 2);
        assert_eq!((encoded.nulls[8], encoded.misfits[8]), (1, 0));
        let width = layout.extra();
        let record = |row: usize| {
            let extra = &encoded.bytes[row * width..(row + 1) * width];
            [&[7; DIGEST_BYTES], extra, &[u8::from(row == 0)]].concat()
        };
        assert!(RowLayout::is_selected(&record(0)) && !RowLayout::is_selected(&record(1)));
        assert_eq!(RowLayout::group(&record(0), 0), 1);
        assert_eq!(RowLayout::group(&record(1), 0), 2);
        for value in 0..9 {
            assert_eq!(layout.value(&record(0), value), Some(0));
            assert_eq!(layout.value(&record(1), value), None);
        }
        assert_eq!(record(0)[..34], [&[7; 32][..], &[0, 1]].concat());
    }
}
