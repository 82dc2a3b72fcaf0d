//! Bytes that the lists of all jobs have on disk, and the most they may have.
//!
//! Spec 09 §4 and 10 §4. A job is promised the room that its whole table needs before it reads a row,
//! so that neither its own ending nor that of another job depends on how many rows a filter selects.
//! The jobs of one peer have half of the limit, so that others find room; and lists leave room on
//! the file system for the state, which must be written whatever happens.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psi_core::store::{StoreError, StoreErrorKind};

use crate::identity::NodeId;
use crate::places::Whose;

/// What lists leave free for the state: this, or a fiftieth of the file system if that is more.
const RESERVE_BYTES: u64 = 1 << 30;
/// See [`RESERVE_BYTES`].
const RESERVE_PART: u64 = 50;

/// A count of bytes on disk, shared by everyone who holds a clone of it.
#[derive(Clone, Debug)]
pub struct DiskSpace {
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    limit: u64,
    /// Bytes of the file system that are left to others.
    reserve: u64,
    /// Held while the disk is looked at for a promise and the promise is made.
    promising: Mutex<()>,
    /// What jobs were promised and have not written yet.
    promised: AtomicU64,
    used: AtomicU64,
    peak: AtomicU64,
    /// What of [`Self::used`] the jobs of each peer have.
    peers: Mutex<HashMap<NodeId, u64>>,
}

impl DiskSpace {
    /// As much as the disk has, or `limit` bytes. For a command that runs for one job.
    #[must_use]
    pub fn new(limit: Option<u64>) -> Self {
        Self::with_reserve(limit.unwrap_or(u64::MAX), 0)
    }

    /// For a node whose state is in `folder`: `limit` bytes, or what is free there now; and always
    /// the reserve of the state is left. On a file system that has less than twice the reserve free,
    /// half of what is free is left instead.
    #[must_use]
    pub fn beside_state(folder: &Path, limit: Option<u64>) -> Self {
        let Some(disk) = disk_of(folder) else {
            return Self::new(limit);
        };
        let wanted = RESERVE_BYTES.max(disk.size / RESERVE_PART);
        let reserve = wanted.min(disk.free / 2);
        Self::with_reserve(limit.unwrap_or(disk.free - reserve), reserve)
    }

    fn with_reserve(limit: u64, reserve: u64) -> Self {
        Self {
            counts: Arc::new(Counts {
                limit,
                reserve,
                promising: Mutex::default(),
                promised: AtomicU64::new(0),
                used: AtomicU64::new(0),
                peak: AtomicU64::new(0),
                peers: Mutex::default(),
            }),
        }
    }

    /// The most bytes that may be in use.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.counts.limit
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
    fn take(&self, whose: Whose, bytes: u64) -> Result<(), StoreError> {
        let counts = &self.counts;
        // Held to the end, so that no other job of the peer counts meanwhile.
        let mut peers = counts.peers();
        let of_peer = match whose {
            Whose::Owner => None,
            Whose::Peer(peer) => Some(peers.entry(peer).or_default()),
        };
        if let Some(taken) = &of_peer {
            let most = counts.limit / 2;
            if taken.saturating_add(bytes) > most {
                return Err(too_much(format!(
                    "the lists of one peer's jobs may take {most} bytes on disk, half of what all \
                     may, and no more"
                )));
            }
        }
        let limit = counts.limit;
        let taken = counts
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|&after| after <= limit)
            });
        match taken {
            Ok(before) => {
                counts.peak.fetch_max(before + bytes, Ordering::Relaxed);
                if let Some(taken) = of_peer {
                    *taken += bytes;
                }
                Ok(())
            }
            Err(_) => Err(too_much(format!(
                "the node's lists may take {limit} bytes on disk, and no more"
            ))),
        }
    }

    /// Counts bytes that are gone.
    fn give_back(&self, whose: Whose, bytes: u64) {
        self.counts.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Whose::Peer(peer) = whose {
            let mut peers = self.counts.peers();
            if let Some(taken) = peers.get_mut(&peer) {
                *taken = taken.saturating_sub(bytes);
                if *taken == 0 {
                    peers.remove(&peer);
                }
            }
        }
    }

    /// Checks that a peer's jobs have no more than half of what lists could have now: others may have
    /// filled the disk since the node started.
    fn check_share(&self, folder: &Path, whose: Whose, more: u64) -> Result<(), StoreError> {
        let (Whose::Peer(peer), Some(disk)) = (whose, disk_of(folder)) else {
            return Ok(());
        };
        let taken = self.counts.peers().get(&peer).copied().unwrap_or_default();
        let free = disk.free.saturating_sub(self.counts.reserve);
        let most = self.used().saturating_add(free) / 2;
        if taken.saturating_add(more) <= most {
            return Ok(());
        }
        Err(too_much(format!(
            "the lists of one peer's jobs may take {most} bytes on disk, half of what all could take \
             now, and no more"
        )))
    }

    /// Checks that the file system of `folder` has `more` bytes beside its reserve and what jobs
    /// were promised and have not written yet.
    ///
    /// # Errors
    /// [`StoreError`] of the kind [`StoreErrorKind::DiskFull`].
    pub(crate) fn check_disk(&self, folder: &Path, more: u64) -> Result<(), StoreError> {
        let promised = self.counts.promised.load(Ordering::Relaxed);
        // If the disk cannot be looked at, writing to it will say what is wrong.
        let Some(disk) = disk_of(folder) else {
            return Ok(());
        };
        let free = disk.free.saturating_sub(self.counts.reserve);
        if promised.saturating_add(more) <= free {
            return Ok(());
        }
        Err(StoreError {
            kind: StoreErrorKind::DiskFull,
            what: "reserving room for lists",
            source: format!(
                "{more} bytes are needed beside {promised} that running jobs were promised, and \
                 {free} are free beside the {} that are left to the state",
                self.counts.reserve
            )
            .into(),
        })
    }
}

impl Counts {
    fn peers(&self) -> MutexGuard<'_, HashMap<NodeId, u64>> {
        // Each change is one number, so a poisoned lock is as good as any.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_much(why: String) -> StoreError {
    StoreError {
        kind: StoreErrorKind::DiskLimit,
        what: "writing a list to disk",
        source: why.into(),
    }
}

/// A file system.
struct Disk {
    size: u64,
    free: u64,
}

/// The file system of a folder that exists or will.
fn disk_of(folder: &Path) -> Option<Disk> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let found = rustix::fs::statvfs(there).ok()?;
    Some(Disk {
        size: found.f_blocks.saturating_mul(found.f_frsize),
        free: found.f_bavail.saturating_mul(found.f_frsize),
    })
}

/// The bytes of one job on disk: what it was promised, or what it has written if that is more.
#[derive(Debug)]
pub(super) struct JobSpace {
    space: DiskSpace,
    whose: Whose,
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
    pub(super) fn new(space: DiskSpace, whose: Whose) -> Self {
        Self {
            space,
            whose,
            held: Mutex::default(),
        }
    }

    /// Counts bytes that are about to be written in `folder`.
    pub(super) fn take(&self, folder: &Path, bytes: u64) -> Result<(), StoreError> {
        if self.space.counts.reserve > 0 && !self.is_promised(bytes) {
            self.space.check_share(folder, self.whose, bytes)?;
            self.space.check_disk(folder, bytes)?;
        }
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
        self.space.check_share(folder, self.whose, bytes)?;
        self.space.check_disk(folder, bytes)?;
        self.change(|held| held.promised += bytes)
    }

    /// Whether the job was promised room for so much more than it has written.
    fn is_promised(&self, bytes: u64) -> bool {
        self.held().open() >= bytes
    }

    /// Takes a promise back.
    pub(super) fn release(&self, bytes: u64) {
        let _ = self.change(|held| held.promised -= bytes);
    }

    fn change(&self, change: impl FnOnce(&mut Held)) -> Result<(), StoreError> {
        let mut held = self.held();
        let mut after = *held;
        change(&mut after);
        let (before, now) = (held.counted(), after.counted());
        if now > before {
            self.space.take(self.whose, now - before)?;
        } else {
            self.space.give_back(self.whose, before - now);
        }
        let promised = &self.space.counts.promised;
        promised.fetch_add(after.open(), Ordering::Relaxed);
        promised.fetch_sub(held.open(), Ordering::Relaxed);
        *held = after;
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
