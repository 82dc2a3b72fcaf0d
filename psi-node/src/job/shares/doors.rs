//! One question of a peer at a time, up to its acceptance, and one settlement, ping or offer; and not
//! too many in a second.
//!
//! Spec 09 §5. Judging a question costs processor time and writes to the state, one after the other.
//! A peer that asks a hundred times at once waits in its own queue: others, and this node's owner,
//! wait for one of its questions at most. One that asks as fast as it is answered is slowed down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use crate::identity::NodeId;

/// How often a peer goes through a door at once, before it is slowed down.
const AT_ONCE: u32 = 200;
/// How often it does so in a second then.
const PER_SECOND: u32 = 50;

/// The queues, by peer. Peers are members of joined collaborations, so there are few.
#[derive(Default)]
pub struct Doors(Mutex<HashMap<NodeId, Arc<tokio::sync::Mutex<Pace>>>>);

impl Doors {
    /// Waits until nothing else of `peer` is being done here, and until it may go on.
    pub(in crate::job) async fn of(&self, peer: NodeId) -> OwnedMutexGuard<Pace> {
        let door = {
            let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(doors.entry(peer).or_default())
        };
        let mut pace = door.lock_owned().await;
        // Whoever gives up meanwhile has used nothing.
        let wait = pace.until_next(Instant::now());
        // A sleep of nothing takes a millisecond or two.
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        pace.pass(Instant::now());
        pace
    }
}

/// How fast one peer goes through a door.
#[derive(Default)]
pub(in crate::job) struct Pace {
    /// When the peer has used nothing any more; none if it never came.
    idle_at: Option<Instant>,
}

impl Pace {
    const EACH: Duration = Duration::from_nanos(1_000_000_000 / PER_SECOND as u64);

    /// How long it has to wait.
    fn until_next(&self, now: Instant) -> Duration {
        let used = self
            .idle_at
            .map_or(Duration::ZERO, |idle| idle.saturating_duration_since(now));
        used.saturating_sub(Self::EACH * (AT_ONCE - 1))
    }

    fn pass(&mut self, now: Instant) {
        let from = self.idle_at.map_or(now, |idle| idle.max(now));
        self.idle_at = Some(from + Self::EACH);
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_peer_that_comes_as_fast_as_it_can_is_slowed_down_until_it_has_rested() {
        let mut pace = Pace::default();
        let start = Instant::now();
        let mut now = start;
        let mut come = |times: u32, now: &mut Instant| {
            for _ in 0..times {
                *now += pace.until_next(*now);
                pace.pass(*now);
            }
        };
        come(AT_ONCE, &mut now);
        assert_eq!(now, start);
        come(10 * PER_SECOND, &mut now);
        assert_eq!(now - start, Duration::from_secs(10));
        let rested = now + Duration::from_secs(10);
        let mut now = rested;
        come(AT_ONCE, &mut now);
        assert_eq!(now, rested);
    }

    #[tokio::test]
    async fn a_flood_of_one_peer_waits_at_its_door_and_others_do_not() {
        let doors = Doors::default();
        let mut waits = false;
        for _ in 0..100 * AT_ONCE {
            let came = tokio::time::timeout(Duration::ZERO, doors.of(NodeId([1; 32]))).await;
            waits = came.is_err();
            if waits {
                break;
            }
        }
        assert!(waits);
        let other = tokio::time::timeout(Duration::ZERO, doors.of(NodeId([2; 32]))).await;
        assert!(other.is_ok());
    }
}
