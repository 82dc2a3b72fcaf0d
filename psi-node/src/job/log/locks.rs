//! The locks of the receipt logs, one for each collaboration.
//!
//! Held while an entry is being appended or a log is being settled (Spec 07 §2). The node has one of
//! these, in [`crate::job::context::JobContext`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use psi_core::spec::CollabId;
use tokio::sync::OwnedMutexGuard;

/// One lock per collaboration, held while an entry is being appended.
#[derive(Default)]
pub struct ChainLocks(Mutex<HashMap<CollabId, Arc<tokio::sync::Mutex<()>>>>);

impl ChainLocks {
    pub(in crate::job) async fn lock(&self, collab_id: CollabId) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(collab_id).or_default())
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_log_is_held_by_one_at_a_time_and_another_log_is_not() {
        let locks = ChainLocks::default();
        let held = locks.lock(CollabId([1; 32])).await;
        let soon = Duration::from_millis(50);
        assert!(
            tokio::time::timeout(soon, locks.lock(CollabId([1; 32])))
                .await
                .is_err()
        );
        assert!(
            tokio::time::timeout(soon, locks.lock(CollabId([2; 32])))
                .await
                .is_ok()
        );
        drop(held);
        drop(locks.lock(CollabId([1; 32])).await);
    }
}
