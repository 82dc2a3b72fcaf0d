//! Threads that sort and merge lists for the thread that writes or reads one.
//!
//! Spec 04 §6. A node of many cores makes them and gives them to its [`super::ExternalStore`];
//! without them, the thread of each list does all of it. What a list holds does not depend on them.
//!
//! INVARIANT: they wait for nobody but the disk. So both a thread that rayon's others wait for, and
//! one of these others, may wait for them.

use std::sync::Arc;

use rayon::ThreadPool;

use super::StoreError;
use super::sort::{self, Threads};

/// Threads for lists, or none. Clones share them.
#[derive(Clone, Default)]
pub struct ListThreads {
    pool: Option<Arc<ThreadPool>>,
}

impl ListThreads {
    /// The threads of `pool`, which must be used for nothing else. A pool of one thread is none.
    #[must_use]
    pub fn of(pool: ThreadPool) -> Self {
        let pool = (pool.current_num_threads() > 1).then(|| Arc::new(pool));
        Self { pool }
    }

    /// How many there are; 1, that of the caller, if there are none.
    pub(super) fn count(&self) -> usize {
        let pool = self.pool.as_ref();
        pool.map_or(1, |pool| pool.current_num_threads())
    }

    /// Runs `work`, whose parallel parts are then theirs.
    pub(super) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Sorts whole records of `width` bytes.
    ///
    /// # Errors
    /// Those of [`sort::sort_records`].
    pub(super) fn sort(&self, records: &mut [u8], width: usize) -> Result<(), StoreError> {
        match &self.pool {
            Some(pool) => pool.install(|| sort::sort_records(records, width, Threads::All)),
            None => sort::sort_records(records, width, Threads::This),
        }
    }
}
