//! Storage for lists of fixed-width records: an interface, a store that keeps them in memory, and
//! one that moves them to disk when they grow.
//!
//! Spec 04 §6. A list holds records of one width. It is written once, then read any number of
//! times. Matching, blinding and sending only read a list from front to back. So an implementation
//! may keep it on disk as sorted runs and merge them while reading.

mod background;
mod budget;
#[cfg(test)]
mod conformance;
mod cursor;
mod external;
mod list_threads;
mod memory;
mod runs;
mod sort;

use std::error::Error as StdError;

use zeroize::Zeroizing;

pub use background::BackgroundStore;
pub use budget::{Grant, MemoryBudget};
pub(crate) use cursor::Cursor;
pub use external::{ExternalStore, Tuning};
pub use list_threads::ListThreads;
pub use memory::MemoryStore;
#[cfg(test)]
pub(crate) use runs::testing::MemoryRuns;
pub use runs::{SortedRun, SortedRunStorage, SortedRunWriter};
pub(crate) use sort::prefix;

/// What sort of failure a [`StoreError`] is, for a caller who can work around some sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The disk that keeps lists has no space left.
    DiskFull,
    /// Lists take as much space as the operator allows.
    DiskLimit,
    /// The system gives no more memory.
    Memory,
    /// Reading or writing failed for another reason.
    Io,
    /// The caller broke a promise of [`RecordStore`].
    Misuse,
}

/// A list could not be kept or read, for example because a disk is full.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct StoreError {
    /// What sort of failure it is.
    pub kind: StoreErrorKind,
    /// What the store was doing.
    pub what: &'static str,
    /// Why it failed.
    #[source]
    pub source: Box<dyn StdError + Send + Sync>,
}

impl StoreError {
    pub(crate) fn misuse(what: &'static str, why: &'static str) -> Self {
        Self {
            kind: StoreErrorKind::Misuse,
            what,
            source: why.into(),
        }
    }

    fn memory(what: &'static str, why: impl StdError + Send + Sync + 'static) -> Self {
        Self {
            kind: StoreErrorKind::Memory,
            what,
            source: why.into(),
        }
    }
}

/// The errors that every store answers alike: records of no bytes, parts of records.
fn check_width(width: usize) -> Result<(), StoreError> {
    if width == 0 {
        return Err(StoreError::misuse("making a list", "records of no bytes"));
    }
    Ok(())
}

fn check_whole(records: &[u8], width: usize) -> Result<(), StoreError> {
    if records.len().is_multiple_of(width) {
        Ok(())
    } else {
        Err(StoreError::misuse("adding to a list", "a part of a record"))
    }
}

/// An empty buffer with room for exactly `bytes`, or an error instead of an abort.
fn buffer(bytes: usize) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut buffer = Vec::new();
    buffer
        .try_reserve_exact(bytes)
        .map_err(|why| StoreError::memory("keeping a list in memory", why))?;
    Ok(Zeroizing::new(buffer))
}

/// Makes empty lists.
pub trait RecordStore: Send + Sync {
    /// An empty list of records of `width` bytes. Finishing it sorts them in ascending byte order.
    ///
    /// # Errors
    /// [`StoreError`] if the store has no space for it.
    fn unsorted(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError>;

    /// An empty list of records of `width` bytes that keeps the order in which they are pushed.
    ///
    /// # Errors
    /// [`StoreError`] if the store has no space for it.
    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError>;

    /// Reserves room for `bytes` of the lists that this store makes, however much others take
    /// meanwhile, until the answer is dropped. A store that keeps lists in memory promises nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the store does not have that much room.
    fn reserve(&self, bytes: u64) -> Result<Reserved, StoreError> {
        let _ = bytes;
        Ok(Reserved::nothing())
    }
}

/// Room for lists, held until this is dropped.
#[derive(Default)]
pub struct Reserved(Option<Box<dyn Send + Sync>>);

impl Reserved {
    /// Holds nothing.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(None)
    }

    /// Holds `held`, whose drop releases the room.
    #[must_use]
    pub fn holding(held: Box<dyn Send + Sync>) -> Self {
        Self(Some(held))
    }

    /// Whether it holds something.
    #[must_use]
    pub const fn is_something(&self) -> bool {
        self.0.is_some()
    }
}

/// A list that is being written.
pub trait RecordWriter: Send {
    /// Appends whole records; `records.len()` is a multiple of the width.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be kept.
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError>;

    /// Ends the list. It is sorted if [`RecordStore::unsorted`] made it; equal records are kept.
    ///
    /// # Errors
    /// [`StoreError`] if the list could not be finished.
    fn finish(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError>;

    /// Ends the list like [`Self::finish`], and keeps one record of each run of equal neighbours.
    ///
    /// # Errors
    /// [`StoreError`] if the list could not be finished.
    fn finish_distinct(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError>;
}

/// A finished list.
pub trait RecordList: Send + Sync {
    /// Bytes of one record.
    fn width(&self) -> usize;

    /// The number of records.
    fn len(&self) -> u64;

    /// Whether the list holds no record.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A reader that starts at the first record.
    ///
    /// # Errors
    /// [`StoreError`] if the list can no longer be read.
    fn reader(&self) -> Result<Box<dyn RecordReader + '_>, StoreError>;
}

/// Reads a list from front to back.
pub trait RecordReader: Send {
    /// Replaces the contents of `out` by the next records, at most `records_max` of them; leaves
    /// `out` empty at the end of the list.
    ///
    /// # Errors
    /// [`StoreError`] if the list can no longer be read.
    fn next_batch(&mut self, out: &mut Vec<u8>, records_max: usize) -> Result<(), StoreError>;
}
