//! Runs in memory, for tests: they count what they hold, and can be full at any byte.

use std::sync::{Arc, Mutex};

use super::{SortedRun, SortedRunStorage, SortedRunWriter};
use crate::store::{StoreError, StoreErrorKind};

/// Keeps runs in memory.
#[derive(Clone)]
pub(crate) struct MemoryRuns {
    state: Arc<Mutex<State>>,
}

struct State {
    /// Bytes that may still be appended.
    room: u64,
    usage: Usage,
}

/// What a [`MemoryRuns`] holds and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Runs that exist, finished or not.
    pub(crate) runs: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// The most bytes that ever existed at once.
    pub(crate) peak_bytes: u64,
    /// The most runs that ever existed at once.
    pub(crate) peak_runs: usize,
    /// Runs ever made.
    pub(crate) made: usize,
    /// Bytes ever appended.
    pub(crate) written: u64,
    /// Calls to append.
    pub(crate) appends: usize,
}

impl MemoryRuns {
    pub(crate) fn new() -> Self {
        Self::full_after(u64::MAX)
    }

    /// Has room for `bytes` in its whole life: dropped runs give no room back.
    pub(crate) fn full_after(bytes: u64) -> Self {
        let usage = Usage::default();
        Self {
            state: Arc::new(Mutex::new(State { room: bytes, usage })),
        }
    }

    /// From now on has room for `bytes` more.
    pub(crate) fn set_room(&self, bytes: u64) {
        self.state.lock().unwrap().room = bytes;
    }

    pub(crate) fn usage(&self) -> Usage {
        self.state.lock().unwrap().usage
    }
}

impl SortedRunStorage for MemoryRuns {
    fn create(&self) -> Result<Box<dyn SortedRunWriter>, StoreError> {
        let usage = &mut self.state.lock().unwrap().usage;
        usage.runs += 1;
        usage.made += 1;
        usage.peak_runs = usage.peak_runs.max(usage.runs);
        Ok(Box::new(MemoryRun {
            bytes: Vec::new(),
            runs: self.clone(),
        }))
    }
}

struct MemoryRun {
    bytes: Vec<u8>,
    runs: MemoryRuns,
}

impl SortedRunWriter for MemoryRun {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let mut state = self.runs.state.lock().unwrap();
        let State { room, usage } = &mut *state;
        let more = bytes.len() as u64;
        usage.appends += 1;
        let Some(left) = room.checked_sub(more) else {
            return Err(StoreError {
                kind: StoreErrorKind::DiskFull,
                what: "writing a run",
                source: "no space left".into(),
            });
        };
        *room = left;
        usage.bytes += more;
        usage.written += more;
        usage.peak_bytes = usage.peak_bytes.max(usage.bytes);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn SortedRun>, StoreError> {
        Ok(self)
    }
}

impl SortedRun for MemoryRun {
    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        let start = usize::try_from(offset).expect("a run in memory has such a place");
        out.copy_from_slice(&self.bytes[start..start + out.len()]);
        Ok(())
    }
}

impl Drop for MemoryRun {
    fn drop(&mut self) {
        let usage = &mut self.runs.state.lock().unwrap().usage;
        usage.runs -= 1;
        usage.bytes -= self.bytes.len() as u64;
    }
}
