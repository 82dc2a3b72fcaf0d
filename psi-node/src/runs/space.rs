//! Bytes that the lists of all jobs have on disk, and the most they may have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use psi_core::store::{StoreError, StoreErrorKind};

/// A count of bytes on disk, shared by everyone who holds a clone of it.
#[derive(Clone, Debug)]
pub struct DiskSpace {
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    limit: Option<u64>,
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
    pub(super) fn take(&self, bytes: u64) -> Result<(), StoreError> {
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
    pub(super) fn give_back(&self, bytes: u64) {
        self.counts.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
