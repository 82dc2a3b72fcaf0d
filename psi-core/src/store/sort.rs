//! Sorts fixed-width records in memory, in place, on one thread or on all of rayon's.
//!
//! Spec 04 §6. The order is that of the records' bytes. Every store calls this: while a list is
//! written, on the writing thread alone ([`Threads::This`]); when it is finished, on all.
//!
//! 1. Records of the common widths are sorted as arrays, by comparing their first eight bytes as
//!    one number, and the rest only where those agree. No extra memory.
//! 2. Others are sorted by an index of first eight bytes and place, and then moved along the cycles
//!    of the permutation. Extra memory: [`extra_bytes`], and one record.
//!
//! Time: `n log n` comparisons; for other widths also one move of each record.

use std::cmp::Ordering;

use rayon::slice::ParallelSliceMut as _;
use zeroize::{Zeroize, Zeroizing};

use super::StoreError;

/// The threads on which records are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threads {
    /// The caller's alone, for a thread that others may wait for. One of rayon's threads takes up
    /// other work while it waits for its share of a sort, and that work may wait for the caller.
    This,
    /// All of rayon's, for a thread that nobody on them waits for.
    All,
}

macro_rules! direct_widths {
    ($($width:literal)+) => {
        /// Whether records of this width are sorted without an index.
        const fn is_direct(width: usize) -> bool {
            matches!(width, $($width)|+)
        }

        fn sort_direct(records: &mut [u8], width: usize, threads: Threads) {
            match width {
                $($width => sort_arrays::<$width>(records, threads),)+
                _ => unreachable!("the caller asks for widths of the table"),
            }
        }
    };
}

// Tags have 6 to 16 bytes at any size that is served, digests and points 32. The other widths are a
// tag or a digest with numbers beside it.
direct_widths! { 6 7 8 9 10 11 12 13 14 15 16 24 32 40 48 64 }

/// Sorts whole records of `width` bytes.
///
/// # Errors
/// [`StoreErrorKind::Memory`](super::StoreErrorKind::Memory) if the system gives no memory for an
/// index.
///
/// # Security
/// The time depends on the records, as with any sort by comparison. Nobody outside sees the moment:
/// a list is finished before any of it is sent.
pub(super) fn sort_records(
    records: &mut [u8],
    width: usize,
    threads: Threads,
) -> Result<(), StoreError> {
    debug_assert!(
        records.len().is_multiple_of(width),
        "writers take whole records only"
    );
    if is_direct(width) {
        sort_direct(records, width, threads);
        Ok(())
    } else {
        sort_by_index(records, width, threads)
    }
}

/// The bytes that [`sort_records`] takes for each record beside the record itself.
pub(super) const fn extra_bytes(width: usize) -> usize {
    if is_direct(width) {
        0
    } else {
        size_of::<SortKey>()
    }
}

/// The first eight bytes as a number, filled up with zeros. The numbers have the order of the
/// bytes.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: the record is shorter than eight bytes"
)]
pub(crate) fn prefix(record: &[u8]) -> u64 {
    if let Some(first) = record.first_chunk::<8>() {
        u64::from_be_bytes(*first)
    } else {
        let mut bytes = [0; 8];
        bytes[..record.len()].copy_from_slice(record);
        u64::from_be_bytes(bytes)
    }
}

fn sort_arrays<const WIDTH: usize>(records: &mut [u8], threads: Threads) {
    let (arrays, _) = records.as_chunks_mut::<WIDTH>();
    match threads {
        Threads::This => arrays.sort_unstable_by(compare),
        Threads::All => arrays.par_sort_unstable_by(compare),
    }
}

#[inline]
fn compare<const WIDTH: usize>(a: &[u8; WIDTH], b: &[u8; WIDTH]) -> Ordering {
    prefix(a).cmp(&prefix(b)).then_with(|| {
        // Up to 16 bytes, the last eight overlap the first, which are equal here.
        match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
            (Some(a), Some(b)) if WIDTH <= 16 => {
                u64::from_be_bytes(*a).cmp(&u64::from_be_bytes(*b))
            }
            _ => a.cmp(b),
        }
    })
}

/// What an index holds for each record.
#[derive(Clone, Copy)]
struct SortKey {
    prefix: u64,
    place: usize,
}

impl Zeroize for SortKey {
    fn zeroize(&mut self) {
        self.prefix.zeroize();
        self.place.zeroize();
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: places are those of whole records"
)]
fn sort_by_index(records: &mut [u8], width: usize, threads: Threads) -> Result<(), StoreError> {
    let mut index: Zeroizing<Vec<SortKey>> = Zeroizing::new(Vec::new());
    index
        .try_reserve_exact(records.len() / width)
        .map_err(|why| StoreError::memory("sorting a list", why))?;
    index.extend(
        records
            .chunks_exact(width)
            .enumerate()
            .map(|(place, record)| SortKey {
                prefix: prefix(record),
                place,
            }),
    );
    let at = |entry: &SortKey| &records[entry.place * width..][..width];
    let order = |a: &SortKey, b: &SortKey| a.prefix.cmp(&b.prefix).then_with(|| at(a).cmp(at(b)));
    match threads {
        Threads::This => index.sort_unstable_by(order),
        Threads::All => index.par_sort_unstable_by(order),
    }
    permute(records, width, &mut index);
    Ok(())
}

/// Moves the record that the index names to each place.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: the index is a permutation of the places of whole records"
)]
fn permute(records: &mut [u8], width: usize, index: &mut [SortKey]) {
    let mut held = Zeroizing::new(vec![0; width]);
    for start in 0..index.len() {
        if index[start].place == start {
            continue;
        }
        // One cycle: lift the first record out, pull each of the others to where it belongs.
        held.copy_from_slice(&records[start * width..][..width]);
        let mut to = start;
        loop {
            let from = std::mem::replace(&mut index[to].place, to);
            if from == start {
                break;
            }
            records.copy_within(from * width..(from + 1) * width, to * width);
            to = from;
        }
        records[to * width..][..width].copy_from_slice(&held);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Threads, is_direct, prefix, sort_records};

    proptest! {
        #[test]
        fn every_width_is_sorted_as_slices_are(
            width in 1_usize..70,
            // Few different bytes, so that records agree in long prefixes.
            mut bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..2_000),
        ) {
            bytes.truncate(bytes.len() / width * width);
            let mut expected: Vec<&[u8]> = bytes.chunks_exact(width).collect();
            expected.sort_unstable();
            let expected = expected.concat();
            for threads in [Threads::This, Threads::All] {
                let mut sorted = bytes.clone();
                sort_records(&mut sorted, width, threads).unwrap();
                prop_assert_eq!(&sorted, &expected, "{:?}", threads);
            }
        }

        #[test]
        fn prefixes_have_the_order_of_their_bytes(
            a in prop::collection::vec(0_u8..3, 8),
            b in prop::collection::vec(0_u8..3, 8),
            width in 1_usize..9,
        ) {
            let (a, b) = (&a[..width], &b[..width]);
            prop_assert_eq!(prefix(a).cmp(&prefix(b)), a.cmp(b));
        }
    }

    #[test]
    fn records_that_agree_in_all_but_the_last_byte_are_sorted_by_it() {
        for width in 1..70 {
            let mut bytes = Vec::new();
            for last in [3_u8, 1, 2, 0] {
                bytes.resize(bytes.len() + width - 1, 7);
                bytes.push(last);
            }
            sort_records(&mut bytes, width, Threads::This).unwrap();
            let last: Vec<u8> = bytes
                .chunks(width)
                .map(|record| record[width - 1])
                .collect();
            assert_eq!(
                last,
                [0, 1, 2, 3],
                "width {width}, direct: {}",
                is_direct(width)
            );
        }
    }
}
