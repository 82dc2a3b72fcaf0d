//! Reads a list record by record, for merges of two lists.

use zeroize::Zeroizing;

use super::{RecordList, RecordReader, StoreError};

/// A place in a list. Reads batches ahead, and zeroizes them when dropped.
pub(crate) struct Cursor<'a> {
    reader: Box<dyn RecordReader + 'a>,
    width: usize,
    batch: Zeroizing<Vec<u8>>,
    batch_records: usize,
    /// Where the current record starts in `batch`; the length of `batch` at the end of the list.
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first record, and reads `batch_records` at a time.
    pub(crate) fn new(list: &'a dyn RecordList, batch_records: usize) -> Result<Self, StoreError> {
        let mut cursor = Self {
            reader: list.reader()?,
            width: list.width(),
            batch: Zeroizing::new(Vec::new()),
            batch_records,
            at: 0,
        };
        cursor.refill()?;
        Ok(cursor)
    }

    /// The record here, or `None` at the end of the list.
    pub(crate) fn current(&self) -> Option<&[u8]> {
        self.batch.get(self.at..self.at + self.width)
    }

    /// Goes to the next record.
    pub(crate) fn advance(&mut self) -> Result<(), StoreError> {
        self.at += self.width;
        if self.at < self.batch.len() {
            Ok(())
        } else {
            self.refill()
        }
    }

    fn refill(&mut self) -> Result<(), StoreError> {
        self.reader
            .next_batch(&mut self.batch, self.batch_records)?;
        self.at = 0;
        Ok(())
    }
}
