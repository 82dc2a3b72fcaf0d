//! The locks of the receipt logs, one for each collaboration, and who waits for one.
//!
//! Held while an entry is being appended or a log is being settled (Spec 07 §2). What holds one while
//! it waits for a silent peer gives way to whatever else wants a log with that peer ([`super::driver`]),
//! so it can ask here whether anything does. The node has one of these, in
//! [`crate::job::context::JobContext`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psi_core::spec::CollabId;
use tokio::sync::{OwnedMutexGuard, watch};

use crate::identity::NodeId;

/// One lock per collaboration, held while an entry is being appended.
#[derive(Default)]
pub struct ChainLocks {
    locks: Mutex<HashMap<CollabId, Arc<tokio::sync::Mutex<()>>>>,
    /// How many wait for a log with a peer. Peers are members of joined collaborations, so there are
    /// few.
    waiting: Mutex<HashMap<NodeId, Waiters>>,
}

type Waiters = Arc<watch::Sender<usize>>;

/// Somebody waits for a log with a peer, until this is dropped.
pub(in crate::job) struct Waiting(Waiters);

impl ChainLocks {
    pub(in crate::job) async fn lock(&self, collab_id: CollabId) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = held(&self.locks);
            Arc::clone(locks.entry(collab_id).or_default())
        };
        lock.lock_owned().await
    }

    /// Notes that somebody waits for a log with `peer`.
    pub(in crate::job) fn wait_for(&self, peer: NodeId) -> Waiting {
        let waiters = self.waiters(peer);
        waiters.send_modify(|waiting| *waiting += 1);
        Waiting(waiters)
    }

    /// Waits until somebody waits for a log with `peer`.
    pub(in crate::job) async fn wanted(&self, peer: NodeId) {
        let waiters = self.waiters(peer);
        // The sender is held here, so it is there.
        let _ = waiters.subscribe().wait_for(|waiting| *waiting > 0).await;
    }

    fn waiters(&self, peer: NodeId) -> Waiters {
        Arc::clone(held(&self.waiting).entry(peer).or_default())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0
            .send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }
}

/// Each change is one insertion, so a poisoned lock is as good as any.
fn held<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[tokio::test]
    async fn a_log_is_wanted_as_long_as_somebody_waits_for_one_with_that_peer() {
        let locks = ChainLocks::default();
        let (one, other) = (NodeId([1; 32]), NodeId([2; 32]));
        let soon = Duration::from_millis(50);
        let waiting = locks.wait_for(one);
        locks.wanted(one).await;
        let wanted = tokio::time::timeout(soon, locks.wanted(other)).await;
        assert!(wanted.is_err(), "nobody waits for a log with the other one");
        drop(waiting);
        let wanted = tokio::time::timeout(soon, locks.wanted(one)).await;
        assert!(wanted.is_err(), "nobody waits any more");
    }
}
