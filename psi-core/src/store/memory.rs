//! The store that keeps every list in memory.
//!
//! Spec 04 §6. Used by tests, by small jobs, and as the oracle for stores that spill to disk. Every
//! buffer that held records is overwritten before it is given back, also those that a growing list
//! outgrows.

use rayon::slice::ParallelSliceMut;
use zeroize::{Zeroize, Zeroizing};

use super::{RecordList, RecordReader, RecordStore, RecordWriter, StoreError};

/// Keeps every list in memory and zeroizes it when it is dropped.
///
/// Time: one `n log n` sort of whole records per unsorted list, in parallel. Memory: `n * width`;
/// three times that for a moment while a list grows, twice while one of another width than 32 sorts.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryStore;

impl MemoryStore {
    fn writer(width: usize, sorted: bool) -> Result<Box<dyn RecordWriter>, StoreError> {
        if width == 0 {
            return Err(failed("making a list", "records of no bytes"));
        }
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

fn failed(what: &'static str, why: &'static str) -> StoreError {
    StoreError {
        what,
        source: why.into(),
    }
}

/// An empty buffer with room for exactly `bytes`, or an error instead of an abort.
fn buffer(bytes: usize) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).map_err(|why| StoreError {
        what: "keeping a list in memory",
        source: why.into(),
    })?;
    Ok(Zeroizing::new(buffer))
}

struct MemoryWriter {
    width: usize,
    sorted: bool,
    records: Zeroizing<Vec<u8>>,
}

impl MemoryWriter {
    /// Makes room for `more` bytes. `Vec` would free the outgrown buffer without overwriting it.
    fn reserve(&mut self, more: usize) -> Result<(), StoreError> {
        let needed =
            self.records.len().checked_add(more).ok_or_else(|| {
                failed("keeping a list in memory", "longer than the address space")
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
        if !self.sorted {
            return Ok(());
        }
        match self.width {
            32 => sort_digests(&mut self.records),
            width @ 1..=16 => sort_short(&mut self.records, width)?,
            width => sort_by_index(&mut self.records, width)?,
        }
        Ok(())
    }

    fn into_list(mut self) -> Box<dyn RecordList> {
        Box::new(MemoryList {
            width: self.width,
            records: std::mem::take(&mut self.records),
        })
    }
}

impl RecordWriter for MemoryWriter {
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError> {
        if !records.len().is_multiple_of(self.width) {
            return Err(failed("adding to a list", "a part of a record"));
        }
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

fn sort_digests(records: &mut [u8]) {
    let (digests, rest) = records.as_chunks_mut::<32>();
    debug_assert!(rest.is_empty(), "push takes whole records only");
    digests.par_sort_unstable();
}

/// Sorts records of at most 16 bytes (tags) as integers: several times faster than comparing bytes.
fn sort_short(records: &mut [u8], width: usize) -> Result<(), StoreError> {
    let mut numbers: Zeroizing<Vec<u128>> = Zeroizing::new(Vec::new());
    numbers
        .try_reserve_exact(records.len() / width)
        .map_err(|why| StoreError {
            what: "sorting a list in memory",
            source: why.into(),
        })?;
    for record in records.chunks_exact(width) {
        let mut bytes = [0; 16];
        bytes[16 - width..].copy_from_slice(record);
        numbers.push(u128::from_be_bytes(bytes));
    }
    numbers.par_sort_unstable();
    for (record, number) in records.chunks_exact_mut(width).zip(numbers.iter()) {
        record.copy_from_slice(&number.to_be_bytes()[16 - width..]);
    }
    Ok(())
}

/// Sorts records of any width: their numbers first, then one copy in the order found.
fn sort_by_index(records: &mut Zeroizing<Vec<u8>>, width: usize) -> Result<(), StoreError> {
    let mut sorted = buffer(records.len())?;
    let mut order: Vec<&[u8]> = records.chunks_exact(width).collect();
    order.par_sort_unstable();
    for record in order {
        sorted.extend_from_slice(record);
    }
    *records = sorted;
    Ok(())
}

fn keep_distinct(records: &mut Zeroizing<Vec<u8>>, width: usize) {
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

struct MemoryList {
    width: usize,
    records: Zeroizing<Vec<u8>>,
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
