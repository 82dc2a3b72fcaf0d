//! The sequencer's half of a settlement: it chooses the entries that the settlement adds.
//!
//! Spec 06 §4: states, align, then the added entries, in this order: its own statement, the
//! follower's, the end of each job that does not run on both sides. Only the sequencer chooses; the
//! follower checks each ([`Follow`](super::follow::Follow)).

use std::vec::IntoIter;

use super::align::Align;
use super::states::{States, check_sound, check_state, own_state, running_jobs};
use super::step::{misuse, unexpected};
use super::{Append, Change, LogView, Machine, Member, Step, StepResult};
use crate::error::Code;
use crate::limits::STATEMENTS_PER_DAY_MAX;
use crate::messages::{Control, SettleState};
use crate::receipt::{Body, ClosedStatus};
use crate::spec::{JobId, NodeId};

/// The sequencer, by what it awaits.
#[derive(Debug)]
pub(super) enum Lead {
    /// The state of the follower's log.
    ExpectSettle(SettleState),
    /// That both logs have the same number of entries.
    Aligning(States, Align),
    /// The follower's signature on an entry that the settlement adds; the turn is what comes after it.
    ExpectCountersign(Turn, Append),
    /// Nothing: this side adds the next entry.
    Add(Turn),
}

/// What the sequencer adds next, in this order.
#[derive(Debug)]
pub(super) enum Turn {
    OwnStatement(States),
    /// This owner's statement is on both logs.
    Repaired(States),
    TheirStatement(States),
    /// Reads which jobs are open.
    Closings(SettleState),
    /// The end of one open job after the other; the follower's state shows which jobs run there.
    Closing(SettleState, IntoIter<JobId>),
    /// Both logs are the same, and the follower knows.
    Settled,
}

impl Lead {
    pub(super) fn start<V: LogView>(member: &Member<'_, V>) -> StepResult<Self, V> {
        let own = own_state(member)?;
        let send = Control::Settle(own.clone());
        Ok(Step::expect(
            Vec::new(),
            Some(send),
            Self::ExpectSettle(own),
        ))
    }

    fn aligning<V: LogView>(
        member: &Member<'_, V>,
        states: States,
        message: Option<(Align, Control)>,
    ) -> StepResult<Self, V> {
        let step = match message {
            None => Align::start(member, &states)?,
            Some((align, message)) => align.handle(member, &states, message)?,
        };
        Ok(step.within(states, Self::Aligning, |states| {
            Self::Add(Turn::OwnStatement(states))
        }))
    }
}

impl Machine for Lead {
    fn handle<V: LogView>(self, member: &Member<'_, V>, message: Control) -> StepResult<Self, V> {
        match (self, message) {
            (Self::ExpectSettle(own), Control::Settle(theirs)) => {
                check_state(member, &theirs)?;
                Self::aligning(member, States { own, theirs }, None)
            }
            (Self::ExpectSettle(_), other) => {
                Err(unexpected(&other, "something else than the state of a log"))
            }
            (Self::Aligning(states, align), message) => {
                Self::aligning(member, states, Some((align, message)))
            }
            (Self::ExpectCountersign(turn, append), message) => {
                let step = append.handle(member, message)?;
                Ok(step.within(turn, Self::ExpectCountersign, Self::Add))
            }
            (Self::Add(_), _) => Err(misuse()),
        }
    }

    fn go_on<V: LogView>(self, member: &Member<'_, V>) -> StepResult<Self, V> {
        let Self::Add(mut turn) = self else {
            return Err(misuse());
        };
        loop {
            turn = match turn {
                Turn::OwnStatement(states) => {
                    check_sound(member, &states)?;
                    match states.own.statement.clone() {
                        Some(text) => {
                            let body = says(member.own, text);
                            return add(member, Vec::new(), body, Turn::Repaired(states));
                        }
                        None => Turn::TheirStatement(states),
                    }
                }
                Turn::Repaired(states) => {
                    let next = Self::Add(Turn::TheirStatement(states));
                    return Ok(Step::go(vec![Change::Repaired], None, next));
                }
                // A statement that the day has no room for comes again with the next settlement.
                Turn::TheirStatement(mut states) => match states.theirs.statement.take() {
                    Some(text)
                        if member.view.statements_today(&member.peer)? < STATEMENTS_PER_DAY_MAX =>
                    {
                        let body = says(member.peer, text);
                        return add(member, Vec::new(), body, Turn::Closings(states.theirs));
                    }
                    _ => Turn::Closings(states.theirs),
                },
                Turn::Closings(theirs) => {
                    let open = member.view.open_jobs()?;
                    Turn::Closing(theirs, open.into_iter())
                }
                Turn::Closing(theirs, mut open) => {
                    let Some(job_id) = open.next() else {
                        // Under the lock: a job that is not here now will not be opened by an
                        // earlier signature.
                        let live = running_jobs(member);
                        let send = Control::Settled { live };
                        let next = Self::Add(Turn::Settled);
                        return Ok(Step::go(Vec::new(), Some(send), next));
                    };
                    // Ask again: a job may have ended here since the settlement began.
                    let here = member.view.running_jobs().contains(&job_id);
                    if !(here && theirs.live.contains(&job_id)) {
                        let end = vec![Change::EndJob(job_id)];
                        let body = aborted(job_id, member.view.end_of(&job_id));
                        return add(member, end, body, Turn::Closing(theirs, open));
                    }
                    Turn::Closing(theirs, open)
                }
                Turn::Settled => return Ok(Step::done(vec![Change::Settled], None)),
            };
        }
    }
}

/// Proposes an entry after the changes `before`.
fn add<V: LogView>(
    member: &Member<'_, V>,
    before: Vec<Change>,
    body: Body,
    then: Turn,
) -> StepResult<Lead, V> {
    let mut step = Append::propose(member, body)?;
    step.store.splice(0..0, before);
    Ok(step.within(then, Lead::ExpectCountersign, Lead::Add))
}

const fn says(node_id: NodeId, text: String) -> Body {
    Body::Statement { node_id, text }
}

fn aborted(job_id: JobId, code: Option<Code>) -> Body {
    Body::Closed {
        job_id,
        status: ClosedStatus::Aborted,
        code: Some(code.unwrap_or(Code::Interrupted)),
        output_commitment: None,
        transcripts: None,
    }
}
