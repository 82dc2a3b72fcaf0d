//! The state of a log: what each member says first in a settlement, and the bounds of it.
//!
//! Spec 06 §4. [`super::lead`] and [`super::follow`] call this.

use super::step::misbehaved;
use super::{LogError, LogView, Member};
use crate::error::Code;
use crate::limits::{LIVE_JOBS_MAX, STATEMENT_BYTES_MAX, STATEMENTS_PER_DAY_MAX};
use crate::messages::SettleState;
use crate::spec::JobId;

/// The states of both logs when the settlement began.
#[derive(Debug)]
pub(super) struct States {
    pub(super) own: SettleState,
    pub(super) theirs: SettleState,
}

/// The state of this member's log.
pub(super) fn own_state<V: LogView>(member: &Member<'_, V>) -> Result<SettleState, V::Error> {
    let head = member.view.head()?;
    let (entries, hash) = member.place()?;
    Ok(SettleState {
        collab_id: member.collab_id,
        entries,
        head: hash,
        signature: head.and_then(|head| *member.own_of(&head.signatures)),
        live: running_jobs(member),
        statement: own_statement(member)?,
    })
}

/// The owner's statement that is not on the log yet, if the day has room for one more. A statement
/// that finds no room waits, and the log stays as it was found.
fn own_statement<V: LogView>(member: &Member<'_, V>) -> Result<Option<String>, V::Error> {
    let has_room = member.view.statements_today(&member.own)? < STATEMENTS_PER_DAY_MAX;
    Ok(member.view.statement()?.filter(|_| has_room))
}

/// The jobs that run here, at most as many as a message holds: a node never runs more at once.
pub(super) fn running_jobs<V: LogView>(member: &Member<'_, V>) -> Vec<JobId> {
    let mut running = member.view.running_jobs();
    running.truncate(LIVE_JOBS_MAX);
    running
}

/// Checks the bounds that the peer's state must hold.
pub(super) fn check_state<V: LogView>(
    member: &Member<'_, V>,
    state: &SettleState,
) -> Result<(), LogError<V::Error>> {
    let malformed = |detail| Err(misbehaved(Code::MalformedMessage, detail));
    if state.collab_id != member.collab_id {
        return malformed("a settlement of another collaboration");
    }
    if state.live.len() > LIVE_JOBS_MAX {
        return malformed("too many running jobs in a settlement");
    }
    let statement = state.statement.as_ref();
    if statement.is_some_and(|text| text.is_empty() || text.len() > STATEMENT_BYTES_MAX) {
        return malformed("the length of a statement");
    }
    Ok(())
}

/// Checks that the log is sound. A log that was found broken stays so until its owner's statement
/// is about to be recorded.
pub(super) fn check_sound<V: LogView>(
    member: &Member<'_, V>,
    states: &States,
) -> Result<(), LogError<V::Error>> {
    match member.view.broken()? {
        Some(why) if states.own.statement.is_none() => Err(LogError::Disagree(why.into())),
        _ => Ok(()),
    }
}
