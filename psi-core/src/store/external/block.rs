//! Merges the next block of several sorted runs in parts that are merged at the same time.
//!
//! Spec 04 §6. Readers call this where a node has threads for lists; the records and their order
//! are those of a merge on one thread, whatever the number of parts.
//!
//! 1. Each run is read on. The block may hold every record up to the *bound*: the least of the last
//!    records that were read of the runs that go on.
//! 2. Samples of these records, sorted, give *splitters*, which cut each run into parts of about
//!    the same size all together.
//! 3. The sizes of the parts say where in the block each of them goes. Each is merged there by a
//!    tree of losers.
//!
//! Cost of a block of `n` records of `k` runs in `p` parts: `n log k` comparisons, divided by the
//! threads; `k p log n` for the cuts. Memory: the block and the runs' buffers, whatever the records
//! are. Where many are equal, a part is larger than others; one that does not fit the block is
//! merged as far as it does.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::loser_tree::LoserTree;
use super::source::Source;
use crate::store::StoreError;
use crate::store::list_threads::ListThreads;
use crate::store::sort::prefix;

/// Samples for each part of a block: with so many, the largest part has seldom more than half as
/// much again as the others.
const SAMPLES_PER_PART: usize = 16;

/// Parts for each thread, so that the threads are done at about the same time.
const PARTS_PER_THREAD: usize = 2;

/// Replaces the contents of `block`, which has room for `bytes_max` bytes, whole records, by the next
/// ones of all `sources`. It is empty only at the end.
///
/// # Errors
/// Those of the storage.
pub(super) fn next(
    sources: &mut [Source<'_>],
    width: usize,
    threads: &ListThreads,
    block: &mut Zeroizing<Vec<u8>>,
    bytes_max: usize,
) -> Result<(), StoreError> {
    let parts = threads.count() * PARTS_PER_THREAD;
    threads.install(|| {
        sources.par_iter_mut().try_for_each(Source::top_up)?;
        let passed = merge_next(sources, width, parts, block, bytes_max);
        for (source, bytes) in sources.iter_mut().zip(passed) {
            source.pass(bytes);
        }
        Ok(())
    })
}

/// Merges what was read into `block`. Returns the bytes of each source that are there.
fn merge_next(
    sources: &[Source<'_>],
    width: usize,
    parts: usize,
    block: &mut Zeroizing<Vec<u8>>,
    bytes_max: usize,
) -> Vec<usize> {
    let mut slices = up_to_bound(sources, width);
    let splitters = splitters(&slices, width, parts, bytes_max);
    let cuts: Vec<Vec<usize>> = slices
        .par_iter()
        .map(|slice| cuts(slice, width, &splitters))
        .collect();
    let mut work = Vec::new();
    let mut room = bytes_max;
    for part in 0..=splitters.len() {
        let taken: Vec<&[u8]> = slices
            .iter_mut()
            .zip(&cuts)
            .map(|(rest, cuts)| {
                let bytes = cuts.get(part).copied().unwrap_or(rest.len());
                let (now, later) = rest.split_at(bytes.min(rest.len()));
                *rest = later;
                now
            })
            .collect();
        let bytes: usize = taken.iter().map(|slice| slice.len()).sum();
        // One that does not fit is merged in part if nothing is before it, and else left.
        if bytes > room && room < bytes_max {
            break;
        }
        let now = bytes.min(room);
        room -= now;
        work.push((now, taken));
        if bytes > now {
            break;
        }
    }
    // Every byte is overwritten below.
    block.resize(bytes_max - room, 0);
    let mut places = block.as_mut_slice();
    let work: Vec<_> = work
        .into_iter()
        .map(|(bytes, slices)| {
            // INVARIANT: the block was made as long as all parts together.
            let (place, later) = std::mem::take(&mut places).split_at_mut(bytes);
            places = later;
            (place, slices)
        })
        .collect();
    let passed: Vec<Vec<usize>> = work
        .into_par_iter()
        .map(|(place, slices)| merge(&slices, width, place))
        .collect();
    let mut sums = vec![0; sources.len()];
    for part in &passed {
        for (sum, bytes) in sums.iter_mut().zip(part) {
            *sum += bytes;
        }
    }
    sums
}

/// The records of each source that are not greater than any that was not read yet.
fn up_to_bound<'a>(sources: &'a [Source<'_>], width: usize) -> Vec<&'a [u8]> {
    let open = sources.iter().filter(|source| source.has_more());
    let bound = open.filter_map(|source| source.rest().rchunks_exact(width).next());
    let bound = bound.min();
    let slices = sources.iter().map(|source| {
        let rest = source.rest();
        let end = bound.map_or(rest.len(), |bound| {
            first_not(rest, width, |record| record <= bound)
        });
        rest.get(..end).unwrap_or_default()
    });
    slices.collect()
}

/// Records that cut the first `bytes_max` bytes of all slices into about `parts` parts; fewer, or
/// none, where there is little.
fn splitters<'a>(
    slices: &[&'a [u8]],
    width: usize,
    parts: usize,
    bytes_max: usize,
) -> Vec<&'a [u8]> {
    let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
    let blocks = bytes.div_ceil(bytes_max).max(1);
    let step = (bytes / width / (parts * SAMPLES_PER_PART * blocks).max(1)).max(1);
    // A sample for every `step` records, counted through all slices, so that a short one has its
    // share as well.
    let mut samples = Vec::new();
    let mut skip = step / 2;
    for slice in slices {
        let records = slice.len() / width;
        samples.extend(slice.chunks_exact(width).skip(skip).step_by(step));
        // How many of the next slice come before its first sample.
        skip = if records > skip {
            step - 1 - (records - skip - 1) % step
        } else {
            skip - records
        };
    }
    samples.sort_unstable();
    // Those of this block, with something left for parts that are larger than expected.
    let here = if blocks == 1 {
        samples.len()
    } else {
        let fits = bytes_max - bytes_max / 16;
        // INVARIANT: less than the number of samples, since `bytes` is more than `fits`.
        samples.len() * (fits / width) / (bytes / width).max(1)
    };
    let last = if blocks == 1 { parts } else { parts + 1 };
    let at = |part: usize| samples.get(part * here / parts).copied();
    (1..last).filter_map(at).collect()
}

/// How many bytes of a slice are in each part but the last, which takes the rest. A record that
/// equals a splitter is in the part after it.
fn cuts(slice: &[u8], width: usize, splitters: &[&[u8]]) -> Vec<usize> {
    let mut rest = slice;
    let cut = |splitter: &&[u8]| {
        let bytes = first_not(rest, width, |record| record < *splitter);
        rest = rest.get(bytes..).unwrap_or_default();
        bytes
    };
    splitters.iter().map(cut).collect()
}

/// Where in ascending records the first is that is not `before`, in bytes.
fn first_not(records: &[u8], width: usize, before: impl Fn(&[u8]) -> bool) -> usize {
    let (mut low, mut high) = (0, records.len() / width);
    while low < high {
        let middle = low.midpoint(high);
        let record = records.get(middle * width..(middle + 1) * width);
        if record.is_some_and(&before) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low * width
}

/// Where a slice is, and the first bytes of the record there.
struct Head<'a> {
    rest: &'a [u8],
    prefix: Option<u64>,
}

impl<'a> Head<'a> {
    fn new(rest: &'a [u8], width: usize) -> Self {
        let prefix = rest.get(..width).map(prefix);
        Self { rest, prefix }
    }
}

/// Merges the records of ascending slices until `out` is full. Returns the bytes of each that are
/// there.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: the tree was made over these heads, which hold at least as much as `out`"
)]
fn merge(slices: &[&[u8]], width: usize, out: &mut [u8]) -> Vec<usize> {
    let mut heads: Vec<Head<'_>> = slices.iter().map(|slice| Head::new(slice, width)).collect();
    let less = |heads: &[Head<'_>], a: usize, b: usize| {
        let (a, b) = (&heads[a], &heads[b]);
        match (a.prefix, b.prefix) {
            (Some(x), Some(y)) => x < y || x == y && a.rest[..width] < b.rest[..width],
            (here, _) => here.is_some(),
        }
    };
    if !heads.is_empty() {
        let mut tree = LoserTree::new(heads.len(), |a, b| less(&heads, a, b));
        for place in out.chunks_exact_mut(width) {
            let head = &mut heads[tree.winner()];
            let (record, rest) = head.rest.split_at(width);
            place.copy_from_slice(record);
            *head = Head::new(rest, width);
            tree.replay(|a, b| less(&heads, a, b));
        }
    }
    let passed = slices.iter().zip(&heads);
    passed
        .map(|(slice, head)| slice.len() - head.rest.len())
        .collect()
}
