//! Reads sorted runs as one list, and merges several runs into one.
//!
//! A merge holds a buffer for each run, counted in the budget and erased at the end. Readers of
//! finished lists call this, and writers with too many runs. Where the node has threads for lists,
//! it also holds a block of merged records, which they make ([`super::block`]).

use std::cmp::Ordering;

use zeroize::{Zeroize as _, Zeroizing};

use super::Home;
use super::block;
use super::loser_tree::LoserTree;
use super::source::Source;
use crate::limits::{MERGE_RUNS_MAX, READ_BUFFER_BYTES_MIN};
use crate::store::budget::Grant;
use crate::store::list_threads::ListThreads;
use crate::store::memory::keep_distinct;
use crate::store::runs::SortedRun;
use crate::store::{RecordReader, StoreError, buffer};

/// Bytes of all buffers of one merge together, unless that leaves a buffer less than its minimum.
const READ_BYTES: usize = MERGE_RUNS_MAX * READ_BUFFER_BYTES_MIN;

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: the tree was made over these sources"
)]
fn less(sources: &[Source<'_>], width: usize, a: usize, b: usize) -> bool {
    let (a, b) = (&sources[a], &sources[b]);
    match (a.prefix, b.prefix) {
        (Some(x), Some(y)) => match x.cmp(&y) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => a.record(width) < b.record(width),
        },
        (here, _) => here.is_some(),
    }
}

/// Which records of a merge are handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Equals {
    /// All.
    Keep,
    /// One of each run of equal neighbours.
    Drop,
}

/// Buffers for one run that a block of merged records is as large as.
const BLOCK_BUFFERS: usize = 4;

/// Reads runs, each in order, as one ordered list.
pub(super) struct Merge<'a> {
    sources: Vec<Source<'a>>,
    way: Way,
    width: usize,
    equals: Equals,
    /// The most records still to come.
    left: u64,
    /// The last record handed out, if equals are dropped.
    last: Zeroizing<Vec<u8>>,
    threads: ListThreads,
    /// Covers the buffers of all sources, and the block.
    _grant: Grant,
}

/// How records come from the sources.
enum Way {
    /// From a single one, as they are.
    Copied,
    /// On the thread that reads; without a source there is no tree.
    OneByOne(Option<LoserTree>),
    /// From blocks that threads for lists merge.
    Blocks {
        bytes_max: usize,
        block: Zeroizing<Vec<u8>>,
        /// Where in `block` the next record is.
        at: usize,
    },
}

impl<'a> Merge<'a> {
    /// Starts at the first record. `left` is the number of records to come, or more.
    pub(super) fn new(
        home: &Home,
        runs: &'a [Box<dyn SortedRun>],
        width: usize,
        equals: Equals,
        left: u64,
    ) -> Result<Self, StoreError> {
        let tuning = &home.tuning;
        let each =
            (READ_BYTES / runs.len().max(1)).clamp(tuning.read_buffer_min, tuning.read_buffer_max);
        let each = (each / width).max(1) * width;
        // A run shorter than the buffer needs no more than its length.
        let sizes = || {
            runs.iter()
                .map(|run| usize::try_from(run.bytes()).map_or(each, |bytes| bytes.min(each)))
        };
        // What fits one block is merged before other threads have begun.
        let block_bytes = (BLOCK_BUFFERS * tuning.read_buffer_max / width).max(1) * width;
        let pays = home.threads.count() > 1
            && runs.len() > 1
            && left.saturating_mul(width as u64) > block_bytes as u64;
        let block_bytes = if pays { block_bytes } else { 0 };
        let grant = home.budget.take(sizes().sum::<usize>() + block_bytes);
        let sources = runs
            .iter()
            .zip(sizes())
            .map(|(run, bytes)| Source::new(run.as_ref(), bytes, width))
            .collect::<Result<Vec<_>, _>>()?;
        let way = if block_bytes > 0 {
            Way::Blocks {
                bytes_max: block_bytes,
                block: buffer(block_bytes)?,
                at: 0,
            }
        } else if let [_] = sources.as_slice()
            && equals == Equals::Keep
        {
            Way::Copied
        } else {
            Way::OneByOne(
                (!sources.is_empty())
                    .then(|| LoserTree::new(sources.len(), |a, b| less(&sources, width, a, b))),
            )
        };
        Ok(Self {
            sources,
            way,
            width,
            equals,
            left,
            last: Zeroizing::new(Vec::new()),
            threads: home.threads.clone(),
            _grant: grant,
        })
    }

    /// Appends records to `out` until it holds `bytes_max` or the list ends.
    fn append_to(&mut self, out: &mut Vec<u8>, bytes_max: usize) -> Result<(), StoreError> {
        match (&self.way, self.sources.as_mut_slice()) {
            (Way::Copied, [source]) => source.append_to(out, bytes_max),
            (Way::Blocks { .. }, _) => self.append_blocks(out, bytes_max),
            _ => self.append_one_by_one(out, bytes_max),
        }
    }

    fn append_blocks(&mut self, out: &mut Vec<u8>, bytes_max: usize) -> Result<(), StoreError> {
        while out.len() < bytes_max {
            let Way::Blocks { block, at, .. } = &mut self.way else {
                break;
            };
            let rest = block.get(*at..).unwrap_or_default();
            if rest.is_empty() {
                if !self.next_block()? {
                    break;
                }
                continue;
            }
            let now = rest.len().min(bytes_max - out.len());
            out.extend_from_slice(rest.get(..now).unwrap_or_default());
            *at += now;
        }
        Ok(())
    }

    /// Merges the next block. Returns whether there was one.
    fn next_block(&mut self) -> Result<bool, StoreError> {
        let Self { sources, way, .. } = self;
        let Way::Blocks {
            bytes_max,
            block,
            at,
        } = way
        else {
            return Ok(false);
        };
        block::next(sources, self.width, &self.threads, block, *bytes_max)?;
        *at = 0;
        if block.is_empty() {
            return Ok(false);
        }
        if self.equals == Equals::Drop {
            keep_distinct(block, self.width);
            // One that the block before has ended with.
            if block.starts_with(&self.last) && !self.last.is_empty() {
                *at = self.width;
            }
            self.last.clear();
            let last = block.rchunks_exact(self.width).next();
            self.last.extend_from_slice(last.unwrap_or_default());
        }
        Ok(true)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: the tree was made over these sources, and `at` is the length of `out` less a width"
    )]
    fn append_one_by_one(&mut self, out: &mut Vec<u8>, bytes_max: usize) -> Result<(), StoreError> {
        let Self {
            sources,
            way: Way::OneByOne(Some(tree)),
            width,
            ..
        } = self
        else {
            return Ok(());
        };
        let width = *width;
        while out.len() < bytes_max {
            let source = &mut sources[tree.winner()];
            if source.prefix.is_none() {
                break;
            }
            let record = source.record(width);
            let repeats = self.equals == Equals::Drop && {
                let last = out
                    .len()
                    .checked_sub(width)
                    .map_or(&self.last[..], |at| &out[at..]);
                record == last
            };
            if !repeats {
                out.extend_from_slice(record);
            }
            source.advance(width)?;
            tree.replay(|a, b| less(sources, width, a, b));
        }
        if self.equals == Equals::Drop
            && let Some(at) = out.len().checked_sub(width)
        {
            self.last.clear();
            self.last.extend_from_slice(&out[at..]);
        }
        Ok(())
    }
}

impl RecordReader for Merge<'_> {
    fn next_batch(&mut self, out: &mut Vec<u8>, records_max: usize) -> Result<(), StoreError> {
        let most = usize::try_from(self.left).map_or(records_max, |left| left.min(records_max));
        let bytes_max = most.saturating_mul(self.width);
        out.clear();
        if out.capacity() < bytes_max {
            // `Vec` would free the old memory without overwriting it.
            out.zeroize();
            out.try_reserve_exact(bytes_max)
                .map_err(|why| StoreError::memory("reading a list", why))?;
        }
        self.append_to(out, bytes_max)?;
        self.left -= (out.len() / self.width) as u64;
        Ok(())
    }
}

/// Makes one run of several, all records kept.
pub(super) fn into_one(
    home: &Home,
    runs: &[Box<dyn SortedRun>],
    width: usize,
) -> Result<Box<dyn SortedRun>, StoreError> {
    let bytes = (home.tuning.read_buffer_max / width).max(1) * width;
    let records = runs.iter().map(|run| run.bytes() / width as u64).sum();
    let mut merge = Merge::new(home, runs, width, Equals::Keep, records)?;
    let grant = home.budget.take(bytes);
    let mut batch = buffer(bytes)?;
    let mut merged = home.storage.create()?;
    loop {
        merge.next_batch(&mut batch, bytes / width)?;
        if batch.is_empty() {
            break;
        }
        merged.append(&batch)?;
    }
    drop(batch);
    drop(grant);
    merged.finish()
}
