//! Which collaborations this node is settling of its own accord, and when it tries again.
//!
//! Spec 08 §6. A peer can break off as many jobs as it likes, and each of them leaves something to
//! settle. One settlement at a time is enough: a task that finds one under way has it look again
//! when it is done. An address that does not answer is tried again after longer and longer pauses,
//! however many jobs are broken off meanwhile. For the peer names the address, and this node must
//! not flood anybody.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::collab::CollabId;

/// The first pause, and the longest.
const PAUSE_MIN: Duration = Duration::from_secs(30);
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// The settlements under way, and what became of the last attempts.
#[derive(Default)]
pub struct Settling(Mutex<HashMap<CollabId, Course>>);

#[derive(Default)]
struct Course {
    under_way: bool,
    /// Whether it is to look again when it is done.
    again: bool,
    /// Attempts without an answer, since there was one.
    failed: u32,
    not_before: Option<Instant>,
}

impl Settling {
    /// Whether the caller is to settle. If not, the one that does will look again.
    pub(in crate::job) fn begin(&self, collab_id: CollabId) -> bool {
        let mut table = self.table();
        let course = table.entry(collab_id).or_default();
        if course.under_way {
            course.again = true;
            return false;
        }
        course.under_way = true;
        true
    }

    /// To be called after a settlement. Whether it is over; if not, there is something to look at.
    pub(in crate::job) fn end(&self, collab_id: &CollabId) -> bool {
        let mut table = self.table();
        match table.get_mut(collab_id) {
            Some(course) if course.again => {
                *course = Course {
                    under_way: true,
                    ..Course::default()
                };
                false
            }
            _ => {
                table.remove(collab_id);
                true
            }
        }
    }

    /// How long to wait before the next attempt, and whether the last one was answered.
    pub(in crate::job) fn pause(&self, collab_id: &CollabId, now: Instant) -> (Duration, bool) {
        let table = self.table();
        let course = table.get(collab_id);
        let not_before = course.and_then(|course| course.not_before);
        let pause = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        (pause, course.is_none_or(|course| course.failed == 0))
    }

    /// To be called after an attempt that nobody answered.
    pub(in crate::job) fn failed(&self, collab_id: &CollabId, now: Instant) {
        let mut table = self.table();
        let course = table.entry(*collab_id).or_default();
        let doubled = 1_u32.checked_shl(course.failed).unwrap_or(u32::MAX);
        course.not_before = Some(now + PAUSE_MIN.saturating_mul(doubled).min(PAUSE_MAX));
        course.failed = course.failed.saturating_add(1);
    }

    /// Gives up: the next one that asks begins anew, after the pause.
    pub(in crate::job) fn give_up(&self, collab_id: &CollabId) {
        if let Some(course) = self.table().get_mut(collab_id) {
            (course.under_way, course.again) = (false, false);
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<CollabId, Course>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_settlement_runs_at_a_time_and_looks_again_once_for_all_that_asked_meanwhile() {
        let settling = Settling::default();
        assert!(settling.begin(CollabId([1; 32])));
        assert!(settling.begin(CollabId([2; 32])), "another collaboration");
        assert!(!settling.begin(CollabId([1; 32])) && !settling.begin(CollabId([1; 32])));
        assert!(!settling.end(&CollabId([1; 32])), "it looks again");
        assert!(settling.end(&CollabId([1; 32])), "once");
        assert!(settling.begin(CollabId([1; 32])));
        assert!(!settling.begin(CollabId([1; 32])));
        settling.give_up(&CollabId([1; 32]));
        assert!(settling.begin(CollabId([1; 32])));
    }

    #[test]
    fn an_address_that_does_not_answer_is_tried_less_and_less_often_whoever_asks() {
        let settling = Settling::default();
        let id = CollabId([1; 32]);
        let start = Instant::now();
        let mut now = start;
        let mut attempts = 0;
        assert!(settling.begin(id));
        assert_eq!(settling.pause(&id, now), (Duration::ZERO, true));
        while now < start + Duration::from_hours(1) {
            let (pause, answered) = settling.pause(&id, now);
            assert_eq!(answered, attempts == 0);
            now += pause;
            settling.failed(&id, now);
            attempts += 1;
            // Beginning anew shortens no pause.
            settling.give_up(&id);
            assert!(settling.begin(id));
        }
        assert!((6..10).contains(&attempts), "{attempts}");
        assert!(settling.end(&id));
        assert!(settling.begin(id));
        assert_eq!(settling.pause(&id, now), (Duration::ZERO, true));
    }
}
