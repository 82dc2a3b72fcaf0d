//! Writes a list that is to be sorted: fills memory, and moves it out as sorted runs.

use super::Home;
use super::buffer::Buffer;
use super::list::RunList;
use super::merge;
use crate::store::memory::keep_distinct;
use crate::store::runs::Run;
use crate::store::{RecordList, RecordWriter, StoreError, check_whole, sort};

pub(super) struct SortedWriter {
    home: Home,
    width: usize,
    buffer: Buffer,
    runs: Vec<Box<dyn Run>>,
}

impl SortedWriter {
    pub(super) fn new(home: Home, width: usize) -> Self {
        Self {
            buffer: Buffer::new(home.clone(), width, sort::extra_bytes(width)),
            home,
            width,
            runs: Vec::new(),
        }
    }

    /// Moves what is in memory to a run of its own.
    fn spill(&mut self) -> Result<(), StoreError> {
        if self.buffer.records().is_empty() {
            return Ok(());
        }
        sort::sort_records(self.buffer.records_mut(), self.width)?;
        let mut run = self.home.storage.create()?;
        run.append(self.buffer.records())?;
        self.runs.push(run.finish()?);
        self.buffer.clear();
        if self.runs.len() > self.home.tuning.list_runs_max {
            self.merge_shortest(self.home.tuning.merge_runs_max)?;
        }
        Ok(())
    }

    /// Merges runs until one reader can merge the rest.
    ///
    /// # Discussion
    /// The shortest first; and of those, at first, only as many as let every later merge be a full
    /// one. So few records are written again, as in a Huffman code.
    fn merge_down(&mut self) -> Result<(), StoreError> {
        let most = self.home.tuning.merge_runs_max;
        while self.runs.len() > most {
            let surplus = self.runs.len() - most;
            self.merge_shortest((surplus - 1) % (most - 1) + 2)?;
        }
        Ok(())
    }

    fn merge_shortest(&mut self, count: usize) -> Result<(), StoreError> {
        self.runs
            .sort_unstable_by_key(|run| std::cmp::Reverse(run.bytes()));
        let kept = self.runs.len() - count;
        let one = merge::into_one(&self.home, &self.runs[kept..], self.width)?;
        self.runs.truncate(kept);
        self.runs.push(one);
        Ok(())
    }

    /// The finished list, with the memory given back.
    fn into_runs(mut self) -> Result<RunList, StoreError> {
        self.spill()?;
        self.buffer = Buffer::new(self.home.clone(), self.width, 0);
        self.merge_down()?;
        Ok(RunList::new(self.home, self.width, self.runs))
    }
}

impl RecordWriter for SortedWriter {
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError> {
        check_whole(records, self.width)?;
        let mut rest = self.buffer.fill(records);
        while !rest.is_empty() {
            if !self.buffer.grow()? {
                self.spill()?;
            }
            rest = self.buffer.fill(rest);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        if !self.runs.is_empty() {
            return Ok(Box::new(self.into_runs()?));
        }
        sort::sort_records(self.buffer.records_mut(), self.width)?;
        Ok(self.buffer.into_list())
    }

    fn finish_distinct(mut self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        if !self.runs.is_empty() {
            return Ok(Box::new(self.into_runs()?.into_distinct()?));
        }
        sort::sort_records(self.buffer.records_mut(), self.width)?;
        keep_distinct(self.buffer.records_mut(), self.width);
        Ok(self.buffer.into_list())
    }
}
