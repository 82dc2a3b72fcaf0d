//! A settlement as one machine, whichever of the two members leads.
//!
//! Spec 06 §4. The node drives it when two nodes connect, when it starts, and after a job that was
//! broken off. The sequencer holds the log's lock from the first step to the last, so nothing else
//! is appended meanwhile; the follower holds it for each step.

use super::follow::Follow;
use super::lead::Lead;
use super::step::unexpected;
use super::{LogView, Machine, Member, Step, StepResult};
use crate::messages::Control;

/// One member's part in a settlement.
#[derive(Debug)]
pub struct Settlement(Role);

#[derive(Debug)]
enum Role {
    Lead(Box<Lead>),
    Follow(Follow),
}

impl Settlement {
    /// Begins a settlement on a stream of its own.
    ///
    /// # Errors
    /// [`LogError::View`](super::LogError::View).
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

    /// Answers a settlement that the peer began with `first`.
    ///
    /// # Errors
    /// [`LogError::Protocol`](super::LogError::Protocol) if the peer may not begin one like this,
    /// or its state breaks a bound; [`LogError::View`](super::LogError::View).
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
