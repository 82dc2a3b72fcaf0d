//! What peers leave behind on this node's own log and in the program's: so much an hour for each
//! collaboration, and a count of the rest.
//!
//! Spec 07 §6. A peer can ask as often as it likes. What it asks is on this node's own log as
//! long as the hour has room for its collaboration; beyond that the codes are counted, and the
//! counts go on the log when the hour is over. So one peer neither hides what it does nor takes the
//! room of another. Counts are kept in memory and written every few seconds, so that going on asking
//! costs no write. Called by both answers to a peer; the daemon calls [`Notes::write_down`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psi_core::Code;
use psi_core::limits::{LOG_LINES_PER_HOUR_MAX, QUESTIONS_FAILED_PER_HOUR_MAX};

use crate::collab::CollabId;
use crate::identity::{NodeId, NodeKey};
use crate::state::{LeftOut, State, StateError, StoredJob, now_unix};

/// Whom a note counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoteShare {
    /// The collaboration under which a peer asked.
    Collab(CollabId),
    /// A peer that names no collaboration of its own.
    Stranger(NodeId),
}

impl NoteShare {
    /// The share of a collaboration, or of a peer that names no collaboration of its own.
    pub(in crate::job) fn of(collab: Option<CollabId>, peer: NodeId) -> Self {
        collab.map_or(Self::Stranger(peer), Self::Collab)
    }

    /// As the state stores it.
    pub(in crate::job) const fn as_bytes(&self) -> &[u8; 32] {
        match self {
            Self::Collab(collab_id) => collab_id.as_bytes(),
            Self::Stranger(peer) => peer.as_bytes(),
        }
    }
}

/// Seconds of an hour.
const HOUR: i64 = 3600;

/// The notes of one node.
pub struct Notes {
    state: State,
    key: Arc<NodeKey>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    left_out: HashMap<(NoteShare, Code), u64>,
    /// The hour of the following.
    hour: i64,
    lines: HashMap<NoteShare, u64>,
    /// Questions that came to nothing, noted or counted.
    failed: HashMap<NoteShare, u64>,
}

impl Counts {
    /// Begins an hour, if it is another one, and says what was left out of the one before.
    fn turn_to(&mut self, hour: i64) {
        if self.hour != hour {
            self.hour = hour;
            self.failed.clear();
            say_what_was_left_out(&std::mem::take(&mut self.lines));
        }
    }
}

impl Notes {
    /// Notes on the log that the node with this key keeps alone.
    #[must_use]
    pub fn new(state: State, key: Arc<NodeKey>) -> Self {
        Self {
            state,
            key,
            counts: Mutex::default(),
        }
    }

    /// Notes what became of a question, and the `job` that it would have been; or counts its code.
    pub(in crate::job) fn refused(
        &self,
        share: &NoteShare,
        text: &str,
        code: Code,
        job: Option<&StoredJob>,
    ) {
        *self.lock().failed.entry(*share).or_default() += 1;
        match self
            .state
            .note_of_peer(&self.key, share.as_bytes(), text, job)
        {
            Ok(true) => {}
            Ok(false) => self.count(share, code),
            Err(error) => tracing::error!(%error, "the node's own log could not be written"),
        }
    }

    /// Notes an inquiry. Returns whether the hour has room: one that leaves no trace is not answered,
    /// and is counted.
    pub(in crate::job) fn inquired(
        &self,
        share: &NoteShare,
        text: &str,
    ) -> Result<bool, StateError> {
        let noted = self
            .state
            .note_of_peer(&self.key, share.as_bytes(), text, None)?;
        if !noted {
            self.count(share, Code::TooManyJobs);
        }
        Ok(noted)
    }

    fn count(&self, share: &NoteShare, code: Code) {
        *self.lock().left_out.entry((*share, code)).or_default() += 1;
    }

    /// A question that waits for the owner came again: it leaves no note, and counts among those that
    /// come to nothing.
    pub(in crate::job) fn came_again(&self, share: &NoteShare) {
        *self.lock().failed.entry(*share).or_default() += 1;
    }

    /// Whether so many questions of a collaboration came to nothing in this hour that no more are
    /// judged in it: judging one writes to the state.
    pub(in crate::job) fn is_flooded(&self, share: &NoteShare) -> bool {
        let mut counts = self.lock();
        counts.turn_to(now_unix().div_euclid(HOUR));
        let failed = counts.failed.get(share).copied().unwrap_or_default();
        failed >= QUESTIONS_FAILED_PER_HOUR_MAX
    }

    /// Whether the operator is to see one more line about a peer in this hour.
    pub(crate) fn has_line(&self, share: &NoteShare) -> bool {
        let mut counts = self.lock();
        counts.turn_to(now_unix().div_euclid(HOUR));
        let lines = counts.lines.entry(*share).or_default();
        *lines += 1;
        *lines <= LOG_LINES_PER_HOUR_MAX
    }

    /// Writes the counts down, and sums up the hours that are over.
    ///
    /// # Errors
    /// [`StateError::Database`]; the counts are kept.
    pub fn write_down(&self) -> Result<(), StateError> {
        let mut held = self.lock();
        held.turn_to(now_unix().div_euclid(HOUR));
        let counts = std::mem::take(&mut held.left_out);
        drop(held);
        let rows: Vec<_> = counts
            .iter()
            .map(|((share, code), times)| LeftOut {
                whose: *share.as_bytes(),
                code: *code,
                times: *times,
            })
            .collect();
        if !rows.is_empty()
            && let Err(error) = self.state.notes_left_out(&rows)
        {
            let mut held = self.lock();
            for (of, times) in counts {
                *held.left_out.entry(of).or_default() += times;
            }
            return Err(error);
        }
        self.state.notes_sum_up(&self.key)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Each change is one number, so a poisoned lock is as good as any.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line for each collaboration that had more lines than its share.
fn say_what_was_left_out(lines: &HashMap<NoteShare, u64>) {
    for (share, lines) in lines {
        let left_out = lines.saturating_sub(LOG_LINES_PER_HOUR_MAX);
        if left_out > 0 {
            let whose = hex::encode(share.as_bytes());
            tracing::warn!(
                whose,
                left_out,
                "lines about a peer were left out of an hour"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use psi_core::limits::NOTES_PER_HOUR_MAX;

    use super::*;
    use crate::state::place::private_tempdir;

    const RUDE: NoteShare = NoteShare::Collab(CollabId([1; 32]));
    const OTHER: NoteShare = NoteShare::Collab(CollabId([2; 32]));

    fn notes() -> (tempfile::TempDir, Notes) {
        let folder = private_tempdir();
        let state = State::open(folder.path()).unwrap();
        let key = Arc::new(NodeKey::generate().unwrap());
        (folder, Notes::new(state, key))
    }

    #[test]
    fn one_peer_takes_no_room_of_another_and_what_is_beyond_its_share_is_counted() {
        let (_folder, notes) = notes();
        let (rude, other) = (RUDE, OTHER);
        for _ in 0..NOTES_PER_HOUR_MAX + 7 {
            notes.refused(&rude, "refused", Code::TableNotOffered, None);
        }
        assert!(!notes.inquired(&rude, "asked").unwrap());
        assert!(notes.inquired(&other, "asked").unwrap());
        let entries = notes.state.notes().unwrap();
        assert_eq!(entries.len() as u64, NOTES_PER_HOUR_MAX + 1);
        let counted = notes.lock().left_out.clone();
        let expected = [
            ((rude, Code::TableNotOffered), 7),
            ((rude, Code::TooManyJobs), 1),
        ];
        assert_eq!(counted, HashMap::from(expected));
        notes.write_down().unwrap();
        assert!(notes.lock().left_out.is_empty(), "written down");
    }

    #[test]
    fn a_collaboration_whose_questions_come_to_nothing_all_the_time_is_not_judged_for_the_rest_of_an_hour()
     {
        let (_folder, notes) = notes();
        for _ in 0..QUESTIONS_FAILED_PER_HOUR_MAX {
            assert!(!notes.is_flooded(&RUDE));
            notes.refused(&RUDE, "refused", Code::TableNotOffered, None);
        }
        assert!(notes.is_flooded(&RUDE) && !notes.is_flooded(&OTHER));
        notes.lock().hour -= 1;
        assert!(!notes.is_flooded(&RUDE), "another hour");
    }

    #[test]
    fn lines_about_one_peer_are_bounded_and_those_about_another_are_not_affected() {
        let (_folder, notes) = notes();
        let shown = (0..500).filter(|_| notes.has_line(&RUDE)).count();
        assert_eq!(shown as u64, LOG_LINES_PER_HOUR_MAX);
        assert!(notes.has_line(&OTHER));
    }
}
