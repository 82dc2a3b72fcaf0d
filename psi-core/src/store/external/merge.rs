//! Reads sorted runs as one list, and merges several runs into one.
//!
//! A merge holds a buffer for each run, counted in the budget and erased at the end. Readers of
//! finished lists call this, and writers with too many runs.

use std::cmp::Ordering;

use zeroize::{Zeroize as _, Zeroizing};

use super::Home;
use super::loser_tree::LoserTree;
use crate::limits::{MERGE_RUNS_MAX, READ_BUFFER_BYTES_MIN};
use crate::store::budget::Grant;
use crate::store::runs::Run;
use crate::store::sort::prefix;
use crate::store::{RecordReader, StoreError, buffer};

/// Bytes of all buffers of one merge together, unless that leaves a buffer less than its minimum.
const READ_BYTES: usize = MERGE_RUNS_MAX * READ_BUFFER_BYTES_MIN;

/// A place in one run.
struct Source<'a> {
    run: &'a dyn Run,
    /// Where in the run the bytes after `buffer` are.
    next: u64,
    buffer: Zeroizing<Vec<u8>>,
    /// Where in `buffer` the current record is.
    at: usize,
    /// The first bytes of the current record; `None` at the end of the run.
    prefix: Option<u64>,
}

impl<'a> Source<'a> {
    /// Starts at the first record of the run; `bytes` is a multiple of the width.
    fn new(run: &'a dyn Run, bytes: usize, width: usize) -> Result<Self, StoreError> {
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

    fn refill(&mut self) -> Result<(), StoreError> {
        let left = self.run.bytes() - self.next;
        let now =
            usize::try_from(left).map_or(self.buffer.len(), |left| left.min(self.buffer.len()));
        // It gets shorter once, at the end of the run, and never longer again.
        self.buffer.truncate(now);
        self.run.read_at(self.next, &mut self.buffer)?;
        self.next += now as u64;
        self.at = 0;
        Ok(())
    }

    #[inline]
    fn advance(&mut self, width: usize) -> Result<(), StoreError> {
        self.at += width;
        if self.at >= self.buffer.len() {
            self.refill()?;
        }
        self.look(width);
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
    fn record(&self, width: usize) -> &[u8] {
        &self.buffer[self.at..self.at + width]
    }
}

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

/// Reads runs, each in order, as one ordered list.
pub(super) struct Merge<'a> {
    sources: Vec<Source<'a>>,
    tree: Option<LoserTree>,
    width: usize,
    equals: Equals,
    /// The most records still to come.
    left: u64,
    /// The last record handed out, if equals are dropped.
    last: Zeroizing<Vec<u8>>,
    /// Covers the buffers of all sources.
    _grant: Grant,
}

impl<'a> Merge<'a> {
    /// Starts at the first record. `left` is the number of records to come, or more.
    pub(super) fn new(
        home: &Home,
        runs: &'a [Box<dyn Run>],
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
        let grant = home.budget.take(sizes().sum());
        let sources = runs
            .iter()
            .zip(sizes())
            .map(|(run, bytes)| Source::new(run.as_ref(), bytes, width))
            .collect::<Result<Vec<_>, _>>()?;
        let tree = (!sources.is_empty())
            .then(|| LoserTree::new(sources.len(), |a, b| less(&sources, width, a, b)));
        Ok(Self {
            sources,
            tree,
            width,
            equals,
            left,
            last: Zeroizing::new(Vec::new()),
            _grant: grant,
        })
    }

    /// Appends records to `out` until it holds `bytes_max` or the list ends.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: the tree was made over these sources, and `at` is the length of `out` less a width"
    )]
    fn append_to(&mut self, out: &mut Vec<u8>, bytes_max: usize) -> Result<(), StoreError> {
        let Self {
            sources,
            tree: Some(tree),
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
    runs: &[Box<dyn Run>],
    width: usize,
) -> Result<Box<dyn Run>, StoreError> {
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
