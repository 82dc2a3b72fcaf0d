//! The records that a list being written holds in memory, and the memory counted for them.
//!
//! The buffer grows by doubling: freely up to the guaranteed part, then as the budget allows, up to
//! the cap. Outgrown memory is erased. It touches the storage only to move out a finished list that
//! memory has no room for.

use zeroize::Zeroizing;

use super::Home;
use super::list::RunList;
use crate::store::budget::Grant;
use crate::store::memory::MemoryList;
use crate::store::{RecordList, StoreError, buffer};

/// The first size of a list's buffer.
const FIRST_BYTES: usize = 4 * 1024;

pub(super) struct Buffer {
    records: Zeroizing<Vec<u8>>,
    /// For `bytes_for(capacity)`. Declared after `records`, so that memory goes before its grant.
    grant: Option<Grant>,
    /// Records for which there is room.
    capacity: usize,
    width: usize,
    /// Bytes that each record needs beside itself when the list is sorted.
    extra: usize,
    home: Home,
}

impl Buffer {
    pub(super) fn new(home: Home, width: usize, extra: usize) -> Self {
        Self {
            records: Zeroizing::new(Vec::new()),
            grant: None,
            capacity: 0,
            width,
            extra,
            home,
        }
    }

    pub(super) fn records(&self) -> &[u8] {
        &self.records
    }

    pub(super) fn records_mut(&mut self) -> &mut Zeroizing<Vec<u8>> {
        &mut self.records
    }

    /// Takes as many of the whole records as there is room for and returns the rest.
    pub(super) fn fill<'a>(&mut self, records: &'a [u8]) -> &'a [u8] {
        let room = self.capacity * self.width - self.records.len();
        let (now, later) = records.split_at(room.min(records.len()));
        self.records.extend_from_slice(now);
        later
    }

    /// Forgets the records and keeps the memory. Their bytes are overwritten or erased later.
    pub(super) fn clear(&mut self) {
        self.records.clear();
    }

    /// Makes more room. Returns whether it did.
    ///
    /// # Errors
    /// [`StoreErrorKind::Memory`](crate::store::StoreErrorKind::Memory) if the system does not even
    /// give the guaranteed part.
    pub(super) fn grow(&mut self) -> Result<bool, StoreError> {
        let guaranteed = self.records_in(self.home.tuning.guaranteed_bytes);
        let most = self.records_in(self.home.tuning.list_bytes_max);
        let budget = &self.home.budget;
        if self.capacity < guaranteed {
            let first = self.records_in(FIRST_BYTES);
            let next = self.capacity.saturating_mul(2).max(first).min(guaranteed);
            let grant = budget.take(self.bytes_for(next));
            self.move_to(buffer(next * self.width)?, next, grant);
            return Ok(true);
        }
        let next = self.capacity.saturating_mul(2).min(most);
        // INVARIANT: capacity <= most, because it was clipped to it or to `guaranteed`, which is
        // less.
        if next - self.capacity <= self.capacity / 4 {
            // A little more room is not worth holding the records twice while they are moved.
            return Ok(false);
        }
        let Some(grant) = budget.try_take(self.bytes_for(next)) else {
            return Ok(false);
        };
        // If the system gives no more memory, do not fail: a disk can take the list.
        let Ok(grown) = buffer(next * self.width) else {
            return Ok(false);
        };
        self.move_to(grown, next, grant);
        Ok(true)
    }

    fn records_in(&self, bytes: usize) -> usize {
        (bytes / (self.width + self.extra)).max(1)
    }

    fn bytes_for(&self, records: usize) -> usize {
        records.saturating_mul(self.width + self.extra)
    }

    fn move_to(&mut self, mut to: Zeroizing<Vec<u8>>, capacity: usize, grant: Grant) {
        to.extend_from_slice(&self.records);
        // The assignments drop, and so overwrite, the old buffer, and then give back its grant.
        self.records = to;
        self.grant = Some(grant);
        self.capacity = capacity;
    }

    /// The finished list, which never left memory until now. It leaves memory now if the budget is
    /// overdrawn: memory taken without asking is for lists that are being written.
    ///
    /// # Errors
    /// Those of the storage.
    pub(super) fn into_list(self) -> Result<Box<dyn RecordList>, StoreError> {
        let Self {
            records,
            grant,
            capacity,
            width,
            home,
            ..
        } = self;
        let (records, grant) = fitted(records, grant, capacity * width, &home);
        let held = grant.as_ref().map_or(0, Grant::bytes);
        if held > home.tuning.small_list_bytes && home.budget.is_overdrawn() {
            let mut run = home.storage.create()?;
            run.append(&records)?;
            // Memory goes before its grant.
            drop(records);
            drop(grant);
            return Ok(Box::new(RunList::new(home, width, vec![run.finish()?])));
        }
        Ok(Box::new(MemoryList {
            width,
            records,
            _grant: grant,
        }))
    }
}

/// Moves a list into less memory if at least half of its memory is unused, and if the budget has
/// room for the copy or the copy is small.
fn fitted(
    records: Zeroizing<Vec<u8>>,
    grant: Option<Grant>,
    held_bytes: usize,
    home: &Home,
) -> (Zeroizing<Vec<u8>>, Option<Grant>) {
    if records.len() > held_bytes / 2 {
        return (records, grant);
    }
    let less = if records.len() <= home.tuning.small_list_bytes {
        home.budget.take(records.len())
    } else if let Some(less) = home.budget.try_take(records.len()) {
        less
    } else {
        return (records, grant);
    };
    let Ok(mut copy) = buffer(records.len()) else {
        return (records, grant);
    };
    copy.extend_from_slice(&records);
    // Memory goes before its grant.
    drop(records);
    drop(grant);
    (copy, Some(less))
}
