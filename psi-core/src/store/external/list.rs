//! A finished list that is kept as runs.

use zeroize::Zeroizing;

use super::Home;
use super::merge::{Equals, Merge};
use crate::store::runs::SortedRun;
use crate::store::{RecordList, RecordReader, StoreError};

/// Bytes of records counted at a time.
const COUNT_BYTES: usize = 64 * 1024;

pub(super) struct RunList {
    home: Home,
    width: usize,
    runs: Vec<Box<dyn SortedRun>>,
    equals: Equals,
    len: u64,
}

impl RunList {
    /// A list of all records of `runs`, at most as many runs as are merged at once.
    pub(super) fn new(home: Home, width: usize, runs: Vec<Box<dyn SortedRun>>) -> Self {
        // INVARIANT: writers append whole records only, so runs hold whole records.
        let len = runs.iter().map(|run| run.bytes() / width as u64).sum();
        Self {
            home,
            width,
            runs,
            equals: Equals::Keep,
            len,
        }
    }

    /// The list with one of each run of equal neighbours. Reads all of it once, to count.
    ///
    /// # Errors
    /// Those of the storage.
    pub(super) fn into_distinct(mut self) -> Result<Self, StoreError> {
        self.equals = Equals::Drop;
        let records_max = (COUNT_BYTES / self.width).max(1);
        let _grant = self.home.budget.take(records_max * self.width);
        let mut batch = Zeroizing::new(Vec::new());
        let mut reader = self.reader()?;
        let mut len = 0;
        loop {
            reader.next_batch(&mut batch, records_max)?;
            if batch.is_empty() {
                break;
            }
            len += (batch.len() / self.width) as u64;
        }
        drop(reader);
        self.len = len;
        Ok(self)
    }
}

impl RecordList for RunList {
    fn width(&self) -> usize {
        self.width
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn reader(&self) -> Result<Box<dyn RecordReader + '_>, StoreError> {
        Ok(Box::new(Merge::new(
            &self.home,
            &self.runs,
            self.width,
            self.equals,
            self.len,
        )?))
    }
}
