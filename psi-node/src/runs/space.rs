//! Bytes that the lists of all jobs have on disk, and the most they may have.
//!
//! Spec 10 §4. A job is promised the room that its whole table needs before it reads a row, so that
//! neither its own ending nor that of another job depends on how many rows a filter selects.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use psi_core::store::{StoreError, StoreErrorKind};

/// A count of bytes on disk, shared by everyone who holds a clone of it.
#[derive(Clone, Debug)]
pub struct DiskSpace {
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    limit: Option<u64>,
    /// Held while the disk is looked at for a promise and the promise is made.
    promising: Mutex<()>,
    /// What jobs were promised and have not written yet.
    promised: AtomicU64,
    used: AtomicU64,
    peak: AtomicU64,
}

impl DiskSpace {
    /// As much as the disk has, or `limit` bytes.
    #[must_use]
    pub fn new(limit: Option<u64>) -> Self {
        Self {
            counts: Arc::new(Counts {
                limit,
                promising: Mutex::default(),
                promised: AtomicU64::new(0),
                used: AtomicU64::new(0),
                peak: AtomicU64::new(0),
            }),
        }
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.counts.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were ever in use at once.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.counts.peak.load(Ordering::Relaxed)
    }

    /// Counts bytes that are about to be written.
    fn take(&self, bytes: u64) -> Result<(), StoreError> {
        let counts = &self.counts;
        let limit = counts.limit.unwrap_or(u64::MAX);
        let taken = counts
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|&after| after <= limit)
            });
        match taken {
            Ok(before) => {
                counts.peak.fetch_max(before + bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(_) => Err(StoreError {
                kind: StoreErrorKind::DiskLimit,
                what: "writing a list to disk",
                source: format!("the node's lists may take {limit} bytes on disk, and no more")
                    .into(),
            }),
        }
    }

    /// Counts bytes that are gone.
    fn give_back(&self, bytes: u64) {
        self.counts.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Checks that the file system of `folder` has `more` bytes beside what jobs were promised and
    /// have not written yet.
    fn check_disk(&self, folder: &Path, more: u64) -> Result<(), StoreError> {
        let promised = self.counts.promised.load(Ordering::Relaxed);
        let there = folder.ancestors().find(|folder| folder.exists());
        let Some(Ok(disk)) = there.map(rustix::fs::statvfs) else {
            // Whoever writes there will say what is wrong.
            return Ok(());
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if promised.saturating_add(more) <= free {
            return Ok(());
        }
        Err(StoreError {
            kind: StoreErrorKind::DiskFull,
            what: "reserving room for lists",
            source: format!(
                "{more} bytes are needed beside {promised} that running jobs were promised, and \
                 {free} are free"
            )
            .into(),
        })
    }
}

/// The bytes of one job on disk: what it was promised, or what it has written if that is more.
#[derive(Debug)]
pub(super) struct JobSpace {
    space: DiskSpace,
    held: Mutex<Held>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    promised: u64,
    written: u64,
}

impl Held {
    /// What counts against the limit.
    const fn counted(self) -> u64 {
        if self.promised > self.written {
            self.promised
        } else {
            self.written
        }
    }

    /// What is promised and not written yet.
    const fn open(self) -> u64 {
        self.promised.saturating_sub(self.written)
    }
}

impl JobSpace {
    pub(super) fn new(space: DiskSpace) -> Self {
        Self {
            space,
            held: Mutex::default(),
        }
    }

    /// Counts bytes that are about to be written.
    pub(super) fn take(&self, bytes: u64) -> Result<(), StoreError> {
        self.change(|held| held.written += bytes)
    }

    /// Counts bytes that are gone.
    pub(super) fn give_back(&self, bytes: u64) {
        // Less never fails.
        let _ = self.change(|held| held.written -= bytes);
    }

    /// Promises bytes; `folder` is where they will be written.
    pub(super) fn promise(&self, folder: &Path, bytes: u64) -> Result<(), StoreError> {
        let _one_at_a_time = self.space.counts.promising.lock();
        self.space.check_disk(folder, bytes)?;
        self.change(|held| held.promised += bytes)
    }

    /// Takes a promise back.
    pub(super) fn release(&self, bytes: u64) {
        let _ = self.change(|held| held.promised -= bytes);
    }

    fn change(&self, change: impl FnOnce(&mut Held)) -> Result<(), StoreError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut after = *held;
        change(&mut after);
        let (before, now) = (held.counted(), after.counted());
        if now > before {
            self.space.take(now - before)?;
        } else {
            self.space.give_back(before - now);
        }
        let promised = &self.space.counts.promised;
        promised.fetch_add(after.open(), Ordering::Relaxed);
        promised.fetch_sub(held.open(), Ordering::Relaxed);
        *held = after;
        Ok(())
    }
}
