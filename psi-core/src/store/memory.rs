//! The store that keeps every list in memory.
//!
//! Spec 04 §6. Used by tests, by small jobs, and as the oracle for stores that spill to disk. Every
//! buffer that held records is overwritten before it is given back, and so is every buffer that a
//! growing list outgrows.

use zeroize::{Zeroize as _, Zeroizing};

use super::budget::Grant;
use super::{
    RecordList, RecordReader, RecordStore, RecordWriter, StoreError, buffer, check_whole,
    check_width, sort,
};

/// Keeps every list in memory and zeroizes it when it is dropped.
///
/// Time: one `n log n` sort of whole records per unsorted list, in parallel. Memory: `n * width`.
/// For a moment, a growing list takes three times that, and sorting one of an unusual width takes
/// 16 bytes more per record.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryStore;

impl MemoryStore {
    fn writer(width: usize, sorted: bool) -> Result<Box<dyn RecordWriter>, StoreError> {
        check_width(width)?;
        Ok(Box::new(MemoryWriter {
            width,
            sorted,
            records: Zeroizing::new(Vec::new()),
        }))
    }
}

impl RecordStore for MemoryStore {
    fn unsorted(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        Self::writer(width, true)
    }

    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        Self::writer(width, false)
    }
}

struct MemoryWriter {
    width: usize,
    sorted: bool,
    records: Zeroizing<Vec<u8>>,
}

impl MemoryWriter {
    /// Makes room for `more` bytes. `Vec` would free the outgrown buffer without overwriting it.
    fn reserve(&mut self, more: usize) -> Result<(), StoreError> {
        let needed = self.records.len().checked_add(more).ok_or_else(|| {
            StoreError::misuse("keeping a list in memory", "longer than the address space")
        })?;
        if needed > self.records.capacity() {
            let mut grown = buffer(needed.max(self.records.capacity().saturating_mul(2)))?;
            grown.extend_from_slice(&self.records);
            // The assignment drops, and so overwrites, the old buffer.
            self.records = grown;
        }
        Ok(())
    }

    fn sort(&mut self) -> Result<(), StoreError> {
        if self.sorted {
            sort::sort_records(&mut self.records, self.width, sort::Threads::All)?;
        }
        Ok(())
    }

    fn into_list(mut self) -> Box<dyn RecordList> {
        Box::new(MemoryList {
            width: self.width,
            records: std::mem::take(&mut self.records),
            _grant: None,
        })
    }
}

impl RecordWriter for MemoryWriter {
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError> {
        check_whole(records, self.width)?;
        self.reserve(records.len())?;
        self.records.extend_from_slice(records);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        self.sort()?;
        Ok(self.into_list())
    }

    fn finish_distinct(mut self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        self.sort()?;
        keep_distinct(&mut self.records, self.width);
        Ok(self.into_list())
    }
}

/// Keeps one of each run of equal neighbours and erases the memory behind them.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: whole records, so every step of a width ends within them, and no more are kept than were read"
)]
pub(super) fn keep_distinct(records: &mut Zeroizing<Vec<u8>>, width: usize) {
    let mut kept = 0;
    for start in (0..records.len()).step_by(width) {
        let differs = kept == 0 || records[start..start + width] != records[kept - width..kept];
        if differs {
            records.copy_within(start..start + width, kept);
            kept += width;
        }
    }
    records[kept..].zeroize();
    records.truncate(kept);
}

/// A finished list in memory.
pub(super) struct MemoryList {
    pub(super) width: usize,
    pub(super) records: Zeroizing<Vec<u8>>,
    /// Counts the memory that the records take, if anybody counts it.
    pub(super) _grant: Option<Grant>,
}

impl RecordList for MemoryList {
    fn width(&self) -> usize {
        self.width
    }

    fn len(&self) -> u64 {
        (self.records.len() / self.width) as u64
    }

    fn reader(&self) -> Result<Box<dyn RecordReader + '_>, StoreError> {
        Ok(Box::new(MemoryReader {
            width: self.width,
            rest: &self.records,
        }))
    }
}

struct MemoryReader<'a> {
    width: usize,
    rest: &'a [u8],
}

impl RecordReader for MemoryReader<'_> {
    fn next_batch(&mut self, out: &mut Vec<u8>, records_max: usize) -> Result<(), StoreError> {
        let bytes = records_max.saturating_mul(self.width).min(self.rest.len());
        let (batch, rest) = self.rest.split_at(bytes);
        out.clear();
        out.extend_from_slice(batch);
        self.rest = rest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::MemoryStore;
    use crate::store::{RecordList, RecordStore as _, RecordWriter, conformance};

    #[test]
    fn the_memory_store_keeps_the_promises_of_every_store() {
        conformance::check(&MemoryStore);
    }

    fn pushed(pieces: &[Vec<[u8; 2]>]) -> Box<dyn RecordWriter> {
        let mut writer = MemoryStore.unsorted(2).unwrap();
        for piece in pieces {
            writer.push(piece.as_flattened()).unwrap();
        }
        writer
    }

    fn contents(list: &dyn RecordList) -> Vec<[u8; 2]> {
        let mut bytes = Vec::new();
        list.reader()
            .unwrap()
            .next_batch(&mut bytes, usize::MAX)
            .unwrap();
        bytes.as_chunks().0.to_vec()
    }

    proptest! {
        #[test]
        fn lists_agree_with_sorting_and_with_sets(
            pieces in prop::collection::vec(
                prop::collection::vec([0_u8..8, 0_u8..8], 0..40),
                0..6,
            ),
        ) {
            let mut expected = pieces.concat();
            let distinct: BTreeSet<[u8; 2]> = expected.iter().copied().collect();
            expected.sort_unstable();
            prop_assert_eq!(contents(&*pushed(&pieces).finish().unwrap()), expected);
            let found = contents(&*pushed(&pieces).finish_distinct().unwrap());
            prop_assert_eq!(found, Vec::from_iter(distinct));
        }
    }
}
