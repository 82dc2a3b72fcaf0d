//! A settlement: what both members say first, and which of them leads.
//!
//! Spec 06 §4. Driven by the node when two nodes connect, when it starts, and after a job that was
//! broken off. The sequencer holds the log's lock from the first step to the last, so nothing else is
//! appended meanwhile; the follower holds it for each step.

use super::follow::Follow;
use super::lead::Lead;
use super::step::{misbehaved, unexpected};
use super::{LogError, LogView, Machine, Member, Step, StepResult};
use crate::error::Code;
use crate::limits::{LIVE_JOBS_MAX, STATEMENT_BYTES_MAX, STATEMENTS_PER_DAY_MAX};
use crate::messages::{Control, SettleState};
use crate::spec::JobId;

/// One member's part in a settlement.
#[derive(Debug)]
pub struct Settlement(Role);

#[derive(Debug)]
enum Role {
    Lead(Box<Lead>),
    Follow(Follow),
}

/// Where both logs were when the settlement began.
#[derive(Debug)]
pub(super) struct States {
    pub(super) own: SettleState,
    pub(super) theirs: SettleState,
}

impl Settlement {
    /// Begins one on a stream of its own.
    ///
    /// # Errors
    /// [`LogError::View`].
    pub fn start<V: LogView>(member: &Member<'_, V>) -> StepResult<Self, V> {
        if member.is_sequencer() {
            return Ok(Self::lead(Lead::start(member)?));
        }
        let collab_id = member.collab_id;
        let send = Control::SettleRequest { collab_id };
        Ok(Self::follow(Step::expect(
            Vec::new(),
            Some(send),
            Follow::ExpectSettle,
        )))
    }

    /// Answers one that the peer began with `first`.
    ///
    /// # Errors
    /// [`LogError::Protocol`] if the peer may not begin one like this, or its state breaks a bound;
    /// [`LogError::View`].
    pub fn answer<V: LogView>(member: &Member<'_, V>, first: Control) -> StepResult<Self, V> {
        match first {
            Control::SettleRequest { .. } if member.is_sequencer() => {
                Ok(Self::lead(Lead::start(member)?))
            }
            Control::Settle(_) if !member.is_sequencer() => {
                Ok(Self::follow(Follow::ExpectSettle.handle(member, first)?))
            }
            other => Err(unexpected(
                &other,
                "a settlement started by the wrong member",
            )),
        }
    }

    fn lead(step: Step<Lead>) -> Step<Self> {
        step.map(|state| Self(Role::Lead(Box::new(state))))
    }

    fn follow(step: Step<Follow>) -> Step<Self> {
        step.map(|state| Self(Role::Follow(state)))
    }
}

impl Machine for Settlement {
    fn handle<V: LogView>(self, member: &Member<'_, V>, message: Control) -> StepResult<Self, V> {
        Ok(match self.0 {
            Role::Lead(state) => Self::lead(state.handle(member, message)?),
            Role::Follow(state) => Self::follow(state.handle(member, message)?),
        })
    }

    fn go_on<V: LogView>(self, member: &Member<'_, V>) -> StepResult<Self, V> {
        Ok(match self.0 {
            Role::Lead(state) => Self::lead(state.go_on(member)?),
            Role::Follow(state) => Self::follow(state.go_on(member)?),
        })
    }
}

/// Where this member's log is.
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

/// The owner's statement that is not on the log yet, if the day has room for one more. One that
/// finds none waits, and the log stays as it was found.
fn own_statement<V: LogView>(member: &Member<'_, V>) -> Result<Option<String>, V::Error> {
    let has_room = member.view.statements_today(&member.own)? < STATEMENTS_PER_DAY_MAX;
    Ok(member.view.statement()?.filter(|_| has_room))
}

/// No more than a message holds: a node never runs more at once.
pub(super) fn running_jobs<V: LogView>(member: &Member<'_, V>) -> Vec<JobId> {
    let mut running = member.view.running_jobs();
    running.truncate(LIVE_JOBS_MAX);
    running
}

/// The bounds that the peer's state must hold.
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

/// A log that was found broken stays so until its owner's statement is about to be recorded.
pub(super) fn check_sound<V: LogView>(
    member: &Member<'_, V>,
    states: &States,
) -> Result<(), LogError<V::Error>> {
    match member.view.broken()? {
        Some(why) if states.own.statement.is_none() => Err(LogError::Disagree(why.into())),
        _ => Ok(()),
    }
}
