//! Which collaborations this node is settling of its own accord.
//!
//! A peer can break off as many jobs as it likes, and each of them leaves something to settle. One
//! settlement at a time is enough: whoever finds one under way has it look again when it is done.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::collab::CollabId;

/// The settlements under way, and whether each is to look again.
#[derive(Default)]
pub struct Settling(Mutex<HashMap<CollabId, bool>>);

impl Settling {
    /// Whether the caller is to settle. If not, the one that does will look again.
    pub(super) fn begin(&self, collab_id: CollabId) -> bool {
        match self.table().entry(collab_id) {
            Entry::Occupied(mut again) => {
                again.insert(true);
                false
            }
            Entry::Vacant(free) => {
                free.insert(false);
                true
            }
        }
    }

    /// To be called after a settlement. Whether it is over; if not, there is something to look at.
    pub(super) fn end(&self, collab_id: &CollabId) -> bool {
        let mut table = self.table();
        match table.get_mut(collab_id) {
            Some(again) if *again => {
                *again = false;
                false
            }
            _ => {
                table.remove(collab_id);
                true
            }
        }
    }

    /// Gives up: the next one that asks begins anew.
    pub(super) fn give_up(&self, collab_id: &CollabId) {
        self.table().remove(collab_id);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<CollabId, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Settling;

    #[test]
    fn one_settlement_runs_at_a_time_and_looks_again_once_for_all_that_asked_meanwhile() {
        let settling = Settling::default();
        assert!(settling.begin([1; 32]));
        assert!(settling.begin([2; 32]), "another collaboration");
        assert!(!settling.begin([1; 32]) && !settling.begin([1; 32]));
        assert!(!settling.end(&[1; 32]), "it looks again");
        assert!(settling.end(&[1; 32]), "once");
        assert!(settling.begin([1; 32]));
        assert!(!settling.begin([1; 32]));
        settling.give_up(&[1; 32]);
        assert!(settling.begin([1; 32]));
    }
}
