//! Whether a job has handed anything over that epsilon pays for (Spec 13 §4.1).
//!
//! The thread that computes notes it before it puts such a message into the queue of
//! [`super::outbound`]. When the job has ended, its [`crate::job::negotiate::account::Reservation`]
//! asks, and gives back what the job cost if no note was made. Once the end of the queue at the
//! stream is gone, nothing more can be handed over, so a note that comes later means nothing.
//!
//! # Discussion
//! What costs nothing is named, not what is paid for: a message that is new counts until somebody
//! has thought about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use psi_core::messages::Control;
use psi_core::messages::frame::ListId;
use psi_core::session::Outgoing;

/// One job's note.
#[derive(Clone, Debug, Default)]
pub(in crate::job) struct Handed(Arc<AtomicBool>);

impl Handed {
    /// Something that is paid for is about to be handed over. For good.
    pub(in crate::job) fn note(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// The same, if `outgoing` is paid for.
    pub(in crate::job) fn note_if_paid(&self, outgoing: &Outgoing) {
        if is_paid(outgoing) {
            self.note();
        }
    }

    pub(in crate::job) fn is_noted(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Whether epsilon pays for it: it depends on this side's rows in another way than through blinded
/// points and tags, of which the peer can tell nothing without R.
fn is_paid(outgoing: &Outgoing) -> bool {
    match outgoing {
        Outgoing::Control(message) => !matches!(message, Control::SenderKey { .. }),
        Outgoing::List { header, .. } | Outgoing::Rows { header, .. } => !matches!(
            header.list,
            ListId::Blinded | ListId::SenderKey | ListId::Tags | ListId::BasePoints
        ),
    }
}

#[cfg(test)]
mod tests {
    use psi_core::messages::frame::RowsHeader;

    use super::*;

    fn rows(list: ListId) -> Outgoing {
        Outgoing::Rows {
            header: RowsHeader {
                list,
                match_index: 0,
                part: 0,
            },
            bytes: vec![1],
        }
    }

    #[test]
    fn blinded_points_keys_and_tags_cost_nothing_and_all_else_is_paid_for() {
        let key = Control::SenderKey {
            match_index: 0,
            point: [0; 32],
        };
        let free = [ListId::Blinded, ListId::Tags, ListId::BasePoints].map(rows);
        for outgoing in free.into_iter().chain([Outgoing::Control(key)]) {
            let handed = Handed::default();
            handed.note_if_paid(&outgoing);
            assert!(!handed.is_noted());
        }
        let paid = [
            ListId::Evaluated,
            ListId::BaseKeys,
            ListId::Columns,
            ListId::ColumnCheck,
            ListId::Corrections,
        ]
        .map(rows);
        let total = Control::MatchTotal {
            match_index: 0,
            count: 3,
        };
        let output = Control::Output {
            salt: None,
            output_commitment: [0; 64].into(),
        };
        let messages = [total, output].map(Outgoing::Control);
        for outgoing in paid.into_iter().chain(messages) {
            let handed = Handed::default();
            let seen = handed.clone();
            handed.note_if_paid(&outgoing);
            assert!(seen.is_noted());
        }
    }
}
