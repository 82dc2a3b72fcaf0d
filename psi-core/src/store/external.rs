//! The store that moves lists out of memory when they outgrow their share of a budget.
//!
//! Spec 04 §6. The node calls it through the traits of [`crate::store`]. It touches no file itself:
//! a [`SortedRunStorage`] keeps the runs.
//!
//! 1. A list grows in memory, by doubling, as long as the [`MemoryBudget`] and its own cap allow. A
//!    list that never outgrows them is sorted there and stays there: no byte reaches the storage,
//!    unless the budget is overdrawn when the list is finished.
//! 2. When a list may not grow, what it holds is sorted in place and appended to the storage as one
//!    run. The memory is used again.
//! 3. When the list is finished, the rest becomes the last run and the memory is given back. Beyond
//!    [`MERGE_RUNS_MAX`] runs, the shortest are merged into one until no more than that are left.
//! 4. A reader merges the runs by a tree of losers, and leaves out equal neighbours if the list is
//!    to be distinct. When such a list is finished, one merge counts its length.
//! 5. A list that keeps its order becomes a single unsorted run, to which records are appended as
//!    they come.
//!
//! With [`ListThreads`], these sort what becomes a run and merge for readers; else the thread that
//! writes or reads does.
//!
//! Cost of a list of `n` records, `w` bytes each, that fills its memory `k` times:
//!
//! * Time: `n log n` comparisons of sorting and merging together. Each reader merges anew: `log k`
//!   comparisons per record.
//! * Memory: the cap at most, beside the guaranteed part (see [`Tuning`]); then only readers'
//!   buffers.
//! * Bytes written: `n * w` up to [`MERGE_RUNS_MAX`] runs, at most about twice that up to its square,
//!   and so on. Bytes read: as many as are written again, and `n * w` per reader and counting pass.
//! * Bytes on disk: `n * w`, and once more the runs that are being merged into one.
//!
//! # Discussion
//! Merging all runs into one would make later readers cheaper and let one pass count. But it writes
//! every byte twice and needs twice the disk, and a list is read only two or three times. A merge
//! costs tens of nanoseconds per record and reader; the arithmetic on that record costs tens of
//! microseconds.

mod block;
mod buffer;
mod list;
mod loser_tree;
mod merge;
mod sorted;
mod source;
mod streamed;

use std::sync::Arc;

use super::budget::MemoryBudget;
use super::list_threads::ListThreads;
use super::runs::SortedRunStorage;
use super::{RecordStore, RecordWriter, Reserved, StoreError, check_width};
use crate::limits::{
    LIST_BYTES_GUARANTEED, LIST_RUNS_MAX, MERGE_RUNS_MAX, READ_BUFFER_BYTES_MAX,
    READ_BUFFER_BYTES_MIN, SMALL_LIST_BYTES,
};
use sorted::SortedWriter;
use streamed::StreamedWriter;

/// One list may take the budget divided by this number.
const LISTS_PER_BUDGET: usize = 4;

/// How an [`ExternalStore`] divides memory. Only tests change the defaults.
///
/// Work goes on however little is free, because two kinds of memory are taken without asking, and
/// counted:
///
/// * A list that is being written takes one and a half times `guaranteed_bytes`; it needs the half
///   only for a moment, while it grows.
/// * A reader of a list with runs, and a merge, take a buffer for each run. Together these are at
///   most [`MERGE_RUNS_MAX`] times [`READ_BUFFER_BYTES_MIN`], which is 3 MiB. With threads for
///   lists, a block of merged records comes beside them, four times [`READ_BUFFER_BYTES_MAX`], which
///   is 1 MiB.
///
/// The memory taken stays below the budget's total and these parts, for as many writers and readers
/// as run at once. A match writes at most two lists at once, one of which may be merging, and reads
/// at most two: 15 MiB in total.
///
/// A list that is finished while more is taken than the budget has goes to the storage, so what it
/// took without asking does not last. Each part of a match has lists of its own, so small lists can
/// be many; each of them keeps at most `small_list_bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Bytes that a list may always hold in memory.
    pub guaranteed_bytes: usize,
    /// Bytes that a finished list may hold in memory even if the budget is used up; at most
    /// `guaranteed_bytes`.
    pub small_list_bytes: usize,
    /// Bytes that a list may hold in memory, if the budget has them.
    pub list_bytes_max: usize,
    /// Runs that are merged at once; at least 2.
    pub merge_runs_max: usize,
    /// Runs of one list, while it is written, before some are merged; at least `merge_runs_max`.
    pub list_runs_max: usize,
    /// Bytes of the buffer for one run of many.
    pub read_buffer_min: usize,
    /// Bytes of the buffer for one run of few, and of one that is written by a merge.
    pub read_buffer_max: usize,
}

impl Tuning {
    /// The division of a budget.
    #[must_use]
    pub fn of(budget: &MemoryBudget) -> Self {
        Self {
            guaranteed_bytes: LIST_BYTES_GUARANTEED,
            small_list_bytes: SMALL_LIST_BYTES,
            list_bytes_max: (budget.total() / LISTS_PER_BUDGET).max(LIST_BYTES_GUARANTEED),
            merge_runs_max: MERGE_RUNS_MAX,
            list_runs_max: LIST_RUNS_MAX,
            read_buffer_min: READ_BUFFER_BYTES_MIN,
            read_buffer_max: READ_BUFFER_BYTES_MAX,
        }
    }

    /// The same with every number in its range, so that the code below needs no checks.
    fn in_range(self) -> Self {
        let merge_runs_max = self.merge_runs_max.max(2);
        Self {
            guaranteed_bytes: self.guaranteed_bytes.max(1),
            small_list_bytes: self.small_list_bytes.min(self.guaranteed_bytes),
            list_bytes_max: self.list_bytes_max.max(self.guaranteed_bytes),
            merge_runs_max,
            list_runs_max: self.list_runs_max.max(merge_runs_max),
            read_buffer_min: self.read_buffer_min.max(1),
            read_buffer_max: self.read_buffer_max.max(self.read_buffer_min),
        }
    }
}

/// Keeps lists in memory while a budget lasts, and as sorted runs beyond. See the head of this file
/// for the algorithm and its cost.
#[derive(Clone)]
pub struct ExternalStore {
    home: Home,
}

/// What every list of a store needs: where runs go, and what memory there is.
#[derive(Clone)]
struct Home {
    storage: Arc<dyn SortedRunStorage>,
    budget: MemoryBudget,
    tuning: Tuning,
    threads: ListThreads,
}

impl ExternalStore {
    /// A store over `storage`. Its lists share `budget` with everybody who holds a clone of it.
    #[must_use]
    pub fn new(storage: Arc<dyn SortedRunStorage>, budget: MemoryBudget) -> Self {
        let tuning = Tuning::of(&budget);
        Self::with_tuning(storage, budget, tuning)
    }

    /// Like [`Self::new`] with another division of the budget, for tests that want many runs of few
    /// records.
    #[must_use]
    pub fn with_tuning(
        storage: Arc<dyn SortedRunStorage>,
        budget: MemoryBudget,
        tuning: Tuning,
    ) -> Self {
        let home = Home {
            storage,
            budget,
            tuning: tuning.in_range(),
            threads: ListThreads::default(),
        };
        Self { home }
    }

    /// The same with threads that sort and merge its lists.
    #[must_use]
    pub fn with_threads(mut self, threads: ListThreads) -> Self {
        self.home.threads = threads;
        self
    }
}

impl RecordStore for ExternalStore {
    fn unsorted(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        check_width(width)?;
        Ok(Box::new(SortedWriter::new(self.home.clone(), width)))
    }

    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        check_width(width)?;
        Ok(Box::new(StreamedWriter::new(self.home.clone(), width)))
    }

    fn reserve(&self, bytes: u64) -> Result<Reserved, StoreError> {
        self.home.storage.reserve(bytes)
    }
}

#[cfg(test)]
mod tests;
