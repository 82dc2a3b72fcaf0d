//! A place in one sorted run, and the records that were read ahead of it.
//!
//! Merges read runs through this. Its buffer is counted by the merge and erased at the end.

use zeroize::Zeroizing;

use crate::store::runs::SortedRun;
use crate::store::sort::prefix;
use crate::store::{StoreError, buffer};

pub(super) struct Source<'a> {
    run: &'a dyn SortedRun,
    /// Where in the run the bytes after `buffer` are.
    next: u64,
    buffer: Zeroizing<Vec<u8>>,
    /// Where in `buffer` the current record is.
    at: usize,
    /// The first bytes of the current record; `None` at the end of the run. [`Self::pass`] does not
    /// keep it.
    pub(super) prefix: Option<u64>,
}

impl<'a> Source<'a> {
    /// Starts at the first record of the run; `bytes` is a multiple of the width.
    pub(super) fn new(
        run: &'a dyn SortedRun,
        bytes: usize,
        width: usize,
    ) -> Result<Self, StoreError> {
        let mut source = Self {
            run,
            next: 0,
            buffer: buffer(bytes)?,
            at: 0,
            prefix: None,
        };
        source.buffer.resize(bytes, 0);
        source.refill()?;
        source.look(width);
        Ok(source)
    }

    /// Whether the run goes on behind what was read.
    pub(super) fn has_more(&self) -> bool {
        self.next < self.run.bytes()
    }

    /// The records from here on that were read.
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// Goes past `bytes` of [`Self::rest`], whole records.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Reads on if half of what was read is used up, so that at least half of the buffer is full
    /// wherever the run goes on.
    ///
    /// # Errors
    /// Those of the storage.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: what is kept and what is read fit the buffer together"
    )]
    pub(super) fn top_up(&mut self) -> Result<(), StoreError> {
        if !self.has_more() || self.at < self.buffer.len() / 2 {
            return Ok(());
        }
        let at = self.at.min(self.buffer.len());
        let kept = self.buffer.len() - at;
        self.buffer.copy_within(at.., 0);
        self.at = 0;
        let now = self.bytes_to_come(at);
        self.buffer.truncate(kept + now);
        self.run.read_at(self.next, &mut self.buffer[kept..])?;
        self.next += now as u64;
        Ok(())
    }

    fn refill(&mut self) -> Result<(), StoreError> {
        let now = self.bytes_to_come(self.buffer.len());
        // It gets shorter once, at the end of the run, and never longer again.
        self.buffer.truncate(now);
        self.run.read_at(self.next, &mut self.buffer)?;
        self.next += now as u64;
        self.at = 0;
        Ok(())
    }

    /// The bytes that the run still has, at most `most`.
    fn bytes_to_come(&self, most: usize) -> usize {
        let left = self.run.bytes() - self.next;
        usize::try_from(left).map_or(most, |left| left.min(most))
    }

    /// Goes to the next record.
    ///
    /// # Errors
    /// Those of the storage.
    #[inline]
    pub(super) fn advance(&mut self, width: usize) -> Result<(), StoreError> {
        self.at += width;
        if self.at >= self.buffer.len() {
            self.refill()?;
        }
        self.look(width);
        Ok(())
    }

    /// Appends whole records to `out` until it holds `bytes_max` or the run ends, for a run that is
    /// a list by itself.
    ///
    /// # Errors
    /// Those of the storage.
    pub(super) fn append_to(
        &mut self,
        out: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<(), StoreError> {
        while out.len() < bytes_max {
            if self.rest().is_empty() {
                self.refill()?;
            }
            let rest = self.rest();
            let now = rest.len().min(bytes_max - out.len());
            if now == 0 {
                break;
            }
            out.extend_from_slice(rest.get(..now).unwrap_or_default());
            self.pass(now);
        }
        Ok(())
    }

    #[inline]
    fn look(&mut self, width: usize) {
        self.prefix = self.buffer.get(self.at..self.at + width).map(prefix);
    }

    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: only asked for while `prefix` says that a record is there"
    )]
    pub(super) fn record(&self, width: usize) -> &[u8] {
        &self.buffer[self.at..self.at + width]
    }
}
