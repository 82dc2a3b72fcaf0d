//! The follower's half of a settlement: it checks each entry that the sequencer adds, and reports
//! what its own log lacks.
//!
//! Spec 06 §4, in the same order as [`Lead`](super::lead::Lead).

use super::align::Align;
use super::append::accept;
use super::missing::after;
use super::states::{States, check_sound, check_state, own_state};
use super::step::{misbehaved, misuse, unexpected};
use super::{Change, LogError, LogView, Machine, Member, Step, StepResult};
use crate::error::Code;
use crate::limits::{LIVE_JOBS_MAX, STATEMENTS_PER_DAY_MAX};
use crate::messages::{Control, EntryMessage};
use crate::receipt::{Body, ClosedStatus};
use crate::spec::JobId;

/// The follower, by what it awaits.
#[derive(Debug)]
pub(super) enum Follow {
    /// The state of the sequencer's log.
    ExpectSettle,
    /// Nothing: it has sent the state of its log, and aligns.
    Align(Known),
    /// That both logs have the same number of entries.
    Aligning(Known, Align),
    /// Nothing: both have the same number of entries.
    Aligned(Known),
    /// An entry that the settlement adds, or the end of the settlement.
    ExpectEntry(Known),
}

/// What the follower knows when the settlement begins.
#[derive(Debug)]
pub(super) struct Known {
    states: Box<States>,
    /// Jobs whose opening is awaited and that do not run here any more.
    given_up: Vec<JobId>,
}

impl Follow {
    fn aligning<V: LogView>(
        member: &Member<'_, V>,
        known: Known,
        message: Option<(Align, Control)>,
    ) -> StepResult<Self, V> {
        let step = match message {
            None => Align::start(member, &known.states)?,
            Some((align, message)) => align.handle(member, &known.states, message)?,
        };
        Ok(step.within(known, Self::Aligning, Self::Aligned))
    }
}

impl Machine for Follow {
    fn handle<V: LogView>(self, member: &Member<'_, V>, message: Control) -> StepResult<Self, V> {
        match (self, message) {
            (Self::ExpectSettle, Control::Settle(theirs)) => {
                check_state(member, &theirs)?;
                let given_up = given_up(member)?;
                let own = own_state(member)?;
                let send = Control::Settle(own.clone());
                let states = Box::new(States { own, theirs });
                let known = Known { states, given_up };
                Ok(Step::go(Vec::new(), Some(send), Self::Align(known)))
            }
            (Self::ExpectSettle, other) => {
                Err(unexpected(&other, "something else than the state of a log"))
            }
            (Self::Aligning(known, align), message) => {
                Self::aligning(member, known, Some((align, message)))
            }
            (Self::ExpectEntry(known), Control::Entry(message)) => {
                let (store, send) = accept_added(member, &known.states, message)?;
                Ok(Step::expect(store, Some(send), Self::ExpectEntry(known)))
            }
            (Self::ExpectEntry(known), Control::Settled { live }) => {
                if live.len() > LIVE_JOBS_MAX {
                    let detail = "too many running jobs at the end of a settlement";
                    return Err(misbehaved(Code::MalformedMessage, detail));
                }
                // The log is complete. A job that neither side runs and that is not on it will not
                // be opened.
                let given_up = known.given_up.into_iter();
                let forgotten = given_up.filter(|job_id| !live.contains(job_id));
                let mut store: Vec<_> = forgotten.map(Change::Forget).collect();
                store.push(Change::Settled);
                Ok(Step::done(store, None))
            }
            (Self::ExpectEntry(_), other) => Err(unexpected(
                &other,
                "something else than an entry of a settlement",
            )),
            (Self::Align(_) | Self::Aligned(_), _) => Err(misuse()),
        }
    }

    fn go_on<V: LogView>(self, member: &Member<'_, V>) -> StepResult<Self, V> {
        match self {
            Self::Align(known) => Self::aligning(member, known, None),
            Self::Aligned(known) => {
                check_sound(member, &known.states)?;
                Ok(Step::expect(Vec::new(), None, Self::ExpectEntry(known)))
            }
            Self::ExpectSettle | Self::Aligning(..) | Self::ExpectEntry(_) => Err(misuse()),
        }
    }
}

/// Jobs whose opening is awaited and that do not run here any more.
fn given_up<V: LogView>(member: &Member<'_, V>) -> Result<Vec<JobId>, V::Error> {
    let mut awaited = member.view.awaited_openings()?;
    let running = member.view.running_jobs();
    awaited.retain(|job_id| !running.contains(job_id));
    Ok(awaited)
}

/// Checks an entry that the sequencer adds in a settlement. It must be a statement that one of the
/// two asked for, or the end of a job that one of the two no longer runs.
fn accept_added<V: LogView>(
    member: &Member<'_, V>,
    states: &States,
    message: EntryMessage,
) -> Result<(Vec<Change>, Control), LogError<V::Error>> {
    let open = member.view.open_jobs()?;
    // Two days of the sequencer's clock may fall into one of this node's.
    let has_room = member.view.statements_today(&member.peer)? < 2 * STATEMENTS_PER_DAY_MAX;
    let accepted = accept(member, message, |body| match body {
        Body::Opened { .. } | Body::Refused { .. } => false,
        Body::Closed { job_id, status, .. } => {
            *status == ClosedStatus::Aborted && open.contains(job_id)
        }
        Body::Statement { node_id, text } if *node_id == member.own => {
            states.own.statement.as_ref() == Some(text)
        }
        Body::Statement { node_id, text } => {
            has_room && *node_id == member.peer && states.theirs.statement.as_ref() == Some(text)
        }
    })?;
    let after = after(member, &accepted.body);
    let (append, signature) = accepted.parts();
    let store = std::iter::once(append).chain(after).collect();
    Ok((store, Control::Countersign { signature }))
}
