//! One question of a peer at a time, up to its acceptance, and one settlement.
//!
//! Spec 09 §5. Judging a question costs processor time and writes to the state, one after the other.
//! A peer that asks a hundred times at once waits in its own queue: others, and this node's owner,
//! wait for one of its questions at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::identity::NodeId;

/// The queues, by peer. Peers are members of joined collaborations, so there are few.
#[derive(Default)]
pub struct Doors(Mutex<HashMap<NodeId, Arc<tokio::sync::Mutex<()>>>>);

impl Doors {
    /// Waits until nothing else of `peer` is being done here.
    pub(in crate::job) async fn of(&self, peer: NodeId) -> OwnedMutexGuard<()> {
        let door = {
            let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(doors.entry(peer).or_default())
        };
        door.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_peer_waits_for_itself_and_for_no_other() {
        let doors = Doors::default();
        let held = doors.of(NodeId([1; 32])).await;
        let soon = Duration::from_millis(50);
        let second = tokio::time::timeout(soon, doors.of(NodeId([1; 32]))).await;
        assert!(second.is_err());
        let other = tokio::time::timeout(soon, doors.of(NodeId([2; 32]))).await;
        assert!(other.is_ok());
        drop(held);
        drop(doors.of(NodeId([1; 32])).await);
    }
}
