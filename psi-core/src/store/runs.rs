//! The interface between a store that moves lists out of memory and a disk.
//!
//! Spec 04 §6. A run is bytes that are written once from front to back and then read at any place.
//! This crate opens no file: the node implements these traits with files, tests with memory.
//! [`super::ExternalStore`] calls them.

use super::{Reserved, StoreError};

/// Makes empty runs.
pub trait SortedRunStorage: Send + Sync {
    /// A run that is being written.
    ///
    /// # Errors
    /// [`StoreError`] if the storage cannot make one.
    fn create(&self) -> Result<Box<dyn SortedRunWriter>, StoreError>;

    /// Reserves room, as [`RecordStore::reserve`](super::RecordStore::reserve) does.
    ///
    /// # Errors
    /// [`StoreError`] if the storage does not have that much room.
    fn reserve(&self, bytes: u64) -> Result<Reserved, StoreError> {
        let _ = bytes;
        Ok(Reserved::nothing())
    }
}

/// A run that is being written. Dropped before [`Self::finish`], it leaves nothing behind.
pub trait SortedRunWriter: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be kept, with the kind
    /// [`DiskFull`](super::StoreErrorKind::DiskFull) or
    /// [`DiskLimit`](super::StoreErrorKind::DiskLimit) where that is why. Give the run up then.
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Ends the run.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be kept.
    fn finish(self: Box<Self>) -> Result<Box<dyn SortedRun>, StoreError>;
}

/// A finished run. It is removed when it is dropped.
///
/// # Discussion
/// Reading takes no state. So the caller owns, counts and erases every buffer that holds records,
/// and an implementation need not keep a file open for each of a hundred runs.
pub trait SortedRun: Send + Sync {
    /// Its length in bytes.
    fn bytes(&self) -> u64;

    /// Fills `out` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read, also if the run ends before `out` is full.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreError>;
}

#[cfg(test)]
pub(crate) mod testing;
