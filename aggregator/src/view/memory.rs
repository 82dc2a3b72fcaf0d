//! How the memory of one run is divided: sorts leave room for merging, and one merge for another.
//!
//! Spec 10 §2.9. A sort that finds its memory full writes to disk, and then needs some to merge what it
//! wrote. It merges as many pieces at once as it finds memory for, and fewer in several rounds. The
//! engine's own pools let the first sort or merge take everything, so that the next one fails that had
//! only to do with less.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// One part in two is for what can go to disk.
const PART_THAT_SPILLS: usize = 2;

/// What is less than one in so many of a share is little.
const SMALL_PART: usize = 16;

/// What the engine calls the memory in which a sort merges.
const MERGE: &str = "ExternalSorterMerge";

/// The memory of one run.
#[derive(Debug)]
pub(super) struct RunMemory {
    bytes: usize,
    spilling: FairSpillPool,
    others: Mutex<Others>,
}

/// What cannot go to disk.
#[derive(Debug, Default)]
struct Others {
    /// Bytes of all of it.
    held: usize,
    /// Sorts that merge or may have to.
    merges: usize,
}

impl RunMemory {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            bytes,
            spilling: FairSpillPool::new(bytes / PART_THAT_SPILLS),
            others: Mutex::default(),
        }
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        // Each change is one number, so a poisoned lock is as good as any.
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one merge may hold.
    fn merge_share(&self, merges: usize) -> usize {
        (self.bytes - self.bytes / PART_THAT_SPILLS) / merges.max(1)
    }
}

impl fmt::Display for RunMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes for one run", self.bytes)
    }
}

impl MemoryPool for RunMemory {
    fn name(&self) -> &'static str {
        "run"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() {
            self.spilling.register(consumer);
        } else if is_merge(consumer) {
            self.others().merges += 1;
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() {
            self.spilling.unregister(consumer);
        } else if is_merge(consumer) {
            let mut others = self.others();
            others.merges = others.merges.saturating_sub(1);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if reservation.consumer().can_spill() {
            self.spilling.grow(reservation, additional);
        } else {
            self.others().held += additional;
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if reservation.consumer().can_spill() {
            self.spilling.shrink(reservation, shrink);
        } else {
            let mut others = self.others();
            others.held = others.held.saturating_sub(shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut others = self.others();
        let consumer = reservation.consumer();
        let held = others.held.saturating_add(self.spilling.reserved());
        let of_all = held.saturating_add(additional) > self.bytes;
        let wanted = reservation.size().saturating_add(additional);
        let share = self.merge_share(others.merges);
        // What a merge asks for one batch or cursor is little; what it asks for one more piece is not,
        // and it can do without.
        let is_large = additional > share / SMALL_PART;
        let of_share = is_merge(consumer) && is_large && wanted > share;
        if of_all || of_share {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{} needs {additional} more bytes of memory beside {held}, of {}",
                consumer.name(),
                self.bytes
            )));
        }
        if consumer.can_spill() {
            return self.spilling.try_grow(reservation, additional);
        }
        others.held += additional;
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.others().held + self.spilling.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}

fn is_merge(consumer: &MemoryConsumer) -> bool {
    consumer.name().starts_with(MERGE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_spills_leaves_a_part_and_all_of_it_is_bounded() {
        let pool: Arc<dyn MemoryPool> = Arc::new(RunMemory::new(1000));
        let sort = MemoryConsumer::new("sort")
            .with_can_spill(true)
            .register(&pool);
        let window = MemoryConsumer::new("window").register(&pool);
        assert!(sort.try_grow(501).is_err(), "that is for merging");
        sort.try_grow(500).unwrap();
        window.try_grow(500).unwrap();
        assert!(window.try_grow(1).is_err());
        assert_eq!(pool.reserved(), 1000);
        sort.free();
        // Nothing sorts: all of it is for the others.
        window.try_grow(500).unwrap();
        assert!(sort.try_grow(1).is_err());
        window.free();
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn one_merge_leaves_another_its_share() {
        let pool: Arc<dyn MemoryPool> = Arc::new(RunMemory::new(1000));
        let [first, second] =
            [0, 1].map(|number| MemoryConsumer::new(format!("{MERGE}[{number}]")).register(&pool));
        first.try_grow(250).unwrap();
        assert!(first.try_grow(16).is_err());
        first.try_grow(15).unwrap();
        second.try_grow(250).unwrap();
        first.free();
        drop(first);
        second.try_grow(250).unwrap();
        assert!(second.try_grow(32).is_err());
    }
}
