//! Whether a refusal belongs on the log.
//!
//! Spec 07 §2.1. Asked by the responder alone, before anything is signed; both members then append
//! the entry with [`Append`](super::Append).
//!
//! # Discussion
//! One bound counts entries since the last opened job: both nodes hold these entries, no clock can be
//! wrong, and a log cannot grow by more than 17 entries for each job. The other counts those of a
//! day. What is beyond them is in the responder's own log, which has bounds too.

use super::{LogView, Member};
use crate::error::Code;
use crate::limits::{REFUSALS_PER_DAY_MAX, REFUSALS_RECORDED_MAX};

/// Whether a refusal with this code is to be recorded: not if it says that the node is busy or cannot
/// answer now, or that the log cannot be continued, and not if there is no more room for refusals. A
/// state that cannot be read has no room.
pub fn is_recorded<V: LogView>(member: &Member<'_, V>, code: Code) -> bool {
    is_about_the_question(code) && has_room(member).unwrap_or(false)
}

fn is_about_the_question(code: Code) -> bool {
    code.is_refusal()
        && !matches!(
            code,
            Code::TooManyJobs
                | Code::Unavailable
                | Code::ReceiptsDisagree
                | Code::VersionUnsupported
        )
}

fn has_room<V: LogView>(member: &Member<'_, V>) -> Result<bool, V::Error> {
    let view = member.view;
    Ok(view.refusals_in_a_row()? < REFUSALS_RECORDED_MAX
        // A sequencer that never brings the entries of refusals gets no more of them.
        && view.refusals_awaited()? < REFUSALS_RECORDED_MAX
        && view.refusals_today()? < REFUSALS_PER_DAY_MAX
        && view.broken()?.is_none())
}
