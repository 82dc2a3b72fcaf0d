//! How a node's `memory_limit` is divided.
//!
//! Spec 09 §4. Three things take memory: reading tables, the lists of all running jobs,
//! and everything else, which does not grow with tables but with the number of jobs: the program,
//! the windows of open connections, the pieces that wait between the threads of a job, what its
//! lists take without asking. The first two get fixed shares here; the daemon hands them out. A list
//! that outgrows its share goes to disk.

use bytesize::ByteSize;

/// What reading and lists need at least, together.
const SHARES_BYTES_MIN: u64 = 64 << 20;

/// The largest share of reading: decoded pages and batches on their way.
const READ_BYTES_MAX: u64 = 96 << 20;

/// The program and its state, and 64 connections over which no job was agreed to: a window of 256 KiB
/// and the first messages of four streams each.
const BASE_BYTES: u64 = 96 << 20;

/// One job beside its lists: windows of 4 MiB to receive and 8 MiB to send, 19 MiB that a match may
/// take beyond the budget (Spec 04 §6), the frames between its threads, and 4 MiB for a connection
/// that has kept its wide window after another job.
const JOB_BYTES: u64 = 36 << 20;

/// What each further batch that a job multiplies at once takes: a frame, and its points before,
/// during and after the arithmetic. One batch is in [`JOB_BYTES`].
const BATCH_BYTES: u64 = 5 << 18;

/// The smallest limit of a node that runs `jobs_max` jobs at once.
#[must_use]
pub const fn limit_min(jobs_max: usize) -> ByteSize {
    ByteSize::b(fixed_bytes(jobs_max) + SHARES_BYTES_MIN)
}

const fn fixed_bytes(jobs_max: usize) -> u64 {
    BASE_BYTES + JOB_BYTES.saturating_mul(jobs_max as u64)
}

/// The shares of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryShares {
    /// What reading tables takes.
    pub read_bytes: u64,
    /// The lists of all jobs together.
    pub list_bytes: u64,
}

impl MemoryShares {
    /// Divides `limit`, which is at least [`limit_min`], on a machine that multiplies so many batches
    /// of each job at once.
    #[must_use]
    pub fn of(limit: ByteSize, jobs_max: usize, batches_at_once: usize) -> Self {
        let shared = limit.as_u64().saturating_sub(fixed_bytes(jobs_max));
        let shared = shared.max(SHARES_BYTES_MIN);
        let read_bytes = (shared / 3).min(READ_BYTES_MAX);
        let further = batches_at_once.saturating_sub(1) as u64;
        let batches = BATCH_BYTES * further * jobs_max as u64;
        Self {
            read_bytes,
            list_bytes: (shared - read_bytes).saturating_sub(batches),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_and_the_base_make_up_the_limit() {
        for (mib, jobs) in [(304, 4), (300, 1), (512, 8), (4096, 64)] {
            let limit = ByteSize::mib(mib);
            assert!(limit >= limit_min(jobs));
            let shares = MemoryShares::of(limit, jobs, 1);
            assert_eq!(
                shares.read_bytes + shares.list_bytes + fixed_bytes(jobs),
                mib << 20
            );
            assert!(shares.read_bytes <= READ_BYTES_MAX);
            assert!(shares.list_bytes > shares.read_bytes);
            let more = MemoryShares::of(limit, jobs, 4);
            assert_eq!(more.read_bytes, shares.read_bytes);
            let batches = 3 * BATCH_BYTES * jobs as u64;
            assert_eq!(more.list_bytes, shares.list_bytes.saturating_sub(batches));
        }
    }
}
