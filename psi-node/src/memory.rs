//! How a node's `memory_limit` is divided.
//!
//! Spec 09 §4. Three things take memory: the data engine's own pool, the lists of all running jobs,
//! and everything else, which does not grow with tables: the program, the windows of open
//! connections, the pieces that wait between the threads of a job. The first two get fixed shares
//! here; the daemon hands them out. A list that outgrows its share goes to disk.

use bytesize::ByteSize;

/// The smallest limit under which every part has room to work.
pub const MEMORY_LIMIT_MIN: ByteSize = ByteSize::mib(256);

/// The largest share of the data engine: it scans and evaluates, and never sorts or joins.
const ENGINE_BYTES_MAX: u64 = 96 << 20;

/// What is left to everything that does not grow with a table.
const BASE_BYTES: u64 = 96 << 20;

/// The shares of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryShares {
    /// The pool of the data engine.
    pub engine_bytes: u64,
    /// The lists of all jobs together.
    pub list_bytes: u64,
}

impl MemoryShares {
    /// Divides `limit`, which is at least [`MEMORY_LIMIT_MIN`].
    #[must_use]
    pub fn of(limit: ByteSize) -> Self {
        let above_base = limit.as_u64().max(MEMORY_LIMIT_MIN.as_u64()) - BASE_BYTES;
        let engine_bytes = (above_base / 3).min(ENGINE_BYTES_MAX);
        Self {
            engine_bytes,
            list_bytes: above_base - engine_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_and_the_base_make_up_the_limit() {
        for mib in [256, 300, 512, 4096] {
            let shares = MemoryShares::of(ByteSize::mib(mib));
            assert_eq!(
                shares.engine_bytes + shares.list_bytes + BASE_BYTES,
                mib << 20
            );
            assert!(shares.engine_bytes <= ENGINE_BYTES_MAX);
            assert!(shares.list_bytes > shares.engine_bytes);
        }
    }
}
