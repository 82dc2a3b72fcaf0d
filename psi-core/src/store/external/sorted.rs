//! Writes a list that is to be sorted. It fills memory, and moves the contents out as sorted runs.

use std::cmp::Reverse;

use super::Home;
use super::buffer::Buffer;
use super::list::RunList;
use super::merge;
use crate::store::memory::keep_distinct;
use crate::store::runs::SortedRun;
use crate::store::sort::{self, Threads};
use crate::store::{RecordList, RecordWriter, StoreError, check_whole};

pub(super) struct SortedWriter {
    home: Home,
    width: usize,
    buffer: Buffer,
    /// Runs, by how often their records were merged.
    levels: Vec<Vec<Box<dyn SortedRun>>>,
}

impl SortedWriter {
    pub(super) fn new(home: Home, width: usize) -> Self {
        Self {
            buffer: Buffer::new(home.clone(), width, sort::extra_bytes(width)),
            home,
            width,
            levels: Vec::new(),
        }
    }

    /// Moves what is in memory to a run of its own.
    ///
    /// # Discussion
    /// Sorts on this thread alone, or on the threads for lists. The writer of the list may be one of
    /// rayon's threads that waits for this one, in the middle of a sort that all of them share: then
    /// neither would ever go on.
    fn spill(&mut self) -> Result<(), StoreError> {
        if self.buffer.records().is_empty() {
            return Ok(());
        }
        let threads = self.home.threads.clone();
        threads.sort(self.buffer.records_mut(), self.width)?;
        let mut run = self.home.storage.create()?;
        run.append(self.buffer.records())?;
        let run = run.finish()?;
        self.buffer.clear();
        self.keep(run, 0);
        self.merge_early()
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: the levels were just made as many"
    )]
    fn keep(&mut self, run: Box<dyn SortedRun>, level: usize) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        self.levels[level].push(run);
    }

    /// Merges many runs into one if the list has more than it may.
    ///
    /// # Discussion
    /// Only runs of one level are merged. So a record is written once per level, and the number of
    /// levels is small: the logarithm of the number of runs, to the base of how many are merged at
    /// once. While every level has fewer runs than can be merged, nothing is merged; that many runs
    /// reach the number allowed, or exceed it, only with eight levels.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: `position` found the level"
    )]
    fn merge_early(&mut self) -> Result<(), StoreError> {
        let runs: usize = self.levels.iter().map(Vec::len).sum();
        if runs <= self.home.tuning.list_runs_max {
            return Ok(());
        }
        let many = self.home.tuning.merge_runs_max;
        let full = self.levels.iter().position(|level| level.len() >= many);
        if let Some(level) = full {
            let merged = merge_last(&self.home, &mut self.levels[level], self.width, many)?;
            self.keep(merged, level + 1);
        }
        Ok(())
    }

    /// The finished list, with the memory given back.
    fn into_runs(mut self) -> Result<RunList, StoreError> {
        self.spill()?;
        let Self {
            home,
            width,
            buffer,
            levels,
        } = self;
        drop(buffer);
        let mut runs = levels.into_iter().flatten().collect();
        merge_down(&home, &mut runs, width)?;
        Ok(RunList::new(home, width, runs))
    }
}

/// Merges runs until one reader can merge the rest.
///
/// # Discussion
/// The shortest runs are merged first. The first merge takes only as many of them as let every
/// later merge be a full one. So few records are written again, as in a Huffman code.
fn merge_down(
    home: &Home,
    runs: &mut Vec<Box<dyn SortedRun>>,
    width: usize,
) -> Result<(), StoreError> {
    let most = home.tuning.merge_runs_max;
    while runs.len() > most {
        let surplus = runs.len() - most;
        runs.sort_unstable_by_key(|run| Reverse(run.bytes()));
        let merged = merge_last(home, runs, width, (surplus - 1) % (most - 1) + 2)?;
        runs.push(merged);
    }
    Ok(())
}

/// Takes the last `count` runs off the vector, and returns one run of all their records.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: callers count the runs before"
)]
fn merge_last(
    home: &Home,
    runs: &mut Vec<Box<dyn SortedRun>>,
    width: usize,
    count: usize,
) -> Result<Box<dyn SortedRun>, StoreError> {
    let kept = runs.len() - count;
    let merged = merge::into_one(home, &runs[kept..], width)?;
    runs.truncate(kept);
    Ok(merged)
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
        if !self.levels.is_empty() {
            return Ok(Box::new(self.into_runs()?));
        }
        sort::sort_records(self.buffer.records_mut(), self.width, Threads::All)?;
        self.buffer.into_list()
    }

    fn finish_distinct(mut self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        if !self.levels.is_empty() {
            return Ok(Box::new(self.into_runs()?.into_distinct()?));
        }
        sort::sort_records(self.buffer.records_mut(), self.width, Threads::All)?;
        keep_distinct(self.buffer.records_mut(), self.width);
        self.buffer.into_list()
    }
}
