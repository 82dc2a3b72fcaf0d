//! `query --wait`: the same question again and again, until there is a place for it and its owners
//! have decided.
//!
//! Each attempt is a job of its own, so nothing is held on either node meanwhile, and restarts of
//! both are survived. Spec 10 §5.3 says what makes two attempts the same question.

use std::time::{Duration, Instant};

use psi_core::Code;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::ask;
use crate::api::client::Client;
use crate::api::types::NewJob;
use crate::cli::output;
use crate::duration_text::Span;
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::outcome::Ended;

/// Pauses grow to this: about as long as a person who has just approved likes to wait.
const PAUSE_MAX: Duration = Duration::from_mins(1);
const PAUSE_MIN: Duration = Duration::from_secs(2);

/// What an attempt came to.
type Attempt = Result<Ended, UserError>;

/// Asks until the answer is something else than that there is no place or no decision yet, and for
/// `max` at most. The answer of the last attempt counts.
///
/// # Errors
/// Those of [`ask`], or [`Exit::Interrupted`] if the wait was ended by Ctrl-C.
pub(super) async fn ask_until_answered(
    client: &Client,
    job: &NewJob,
    max: Option<Span>,
) -> Result<Ended, UserError> {
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|e| UserError::machine("cannot watch for signals", e))?;
    let start = Instant::now();
    let mut said = None;
    let mut pause = PAUSE_MIN;
    loop {
        let attempt = ask(client, job).await;
        let Some(waits_for) = waits_for(&attempt, said.is_some()) else {
            return attempt;
        };
        let left = max.map_or(pause, |max| left_of(max, start));
        if left.is_zero() {
            return attempt;
        }
        if said != Some(waits_for) {
            output::print_note(waits_for);
            said = Some(waits_for);
        }
        sleep(pause.min(left), &mut interrupt).await?;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn left_of(max: Span, start: Instant) -> Duration {
    let max = Duration::from_secs(max.seconds().unsigned_abs());
    max.saturating_sub(start.elapsed())
}

async fn sleep(pause: Duration, interrupt: &mut Signal) -> Result<(), UserError> {
    tokio::select! {
        () = tokio::time::sleep(pause) => Ok(()),
        _ = interrupt.recv() => Err(UserError::new(
            Exit::Interrupted,
            "stopped waiting; a request for approval stays with its owner",
            "ask again later; a decision about the same question is found again",
        )),
    }
}

/// What asking again would wait for, if it can bring another answer. A peer that is away counts once
/// the wait has begun: it may be restarting.
fn waits_for(attempt: &Attempt, waiting: bool) -> Option<&'static str> {
    let ended = match attempt {
        Ok(ended) => ended,
        Err(error) if error.exit == Exit::Busy => {
            return Some("waiting for a place: this node runs as many jobs as it may");
        }
        Err(_) => return None,
    };
    let reason = ended.document.reason.as_deref();
    let pending = reason == Some(Code::ApprovalPending.as_str());
    let exit = Exit::from_number(ended.exit)?;
    match exit {
        Exit::Busy => Some("waiting for a place: one of the nodes runs as many jobs as it may"),
        Exit::RefusedByPolicy if pending => Some("waiting for the approval of this node's owner"),
        Exit::RefusedByPeer if pending => Some("waiting for the other owner's approval"),
        Exit::PeerUnreachable if waiting => {
            Some("waiting for the other node, which cannot be reached")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{left_of, waits_for};
    use crate::error::UserError;
    use crate::exit::Exit;
    use crate::job::outcome::Ended;
    use crate::job::outcome::document::ResultDocument;

    fn ended(exit: Exit, reason: &str) -> Ended {
        let mut document = ResultDocument::new("exact");
        document.reason = Some(reason.into());
        Ended::new(exit, document)
    }

    #[test]
    fn what_an_owner_has_not_decided_and_what_has_no_place_is_asked_again() {
        for (attempt, word) in [
            (
                Ok(ended(Exit::RefusedByPeer, "approval_pending")),
                "other owner",
            ),
            (
                Ok(ended(Exit::RefusedByPolicy, "approval_pending")),
                "this node's owner",
            ),
            (Ok(ended(Exit::Busy, "too_many_jobs")), "place"),
            (
                Err(UserError::new(Exit::Busy, "2 jobs are running", "wait")),
                "place",
            ),
        ] {
            assert!(waits_for(&attempt, false).unwrap().contains(word));
        }
        let denied = Ok(ended(Exit::RefusedByPeer, "not_approved"));
        assert_eq!(waits_for(&denied, true), None);
        let wrong = Err(UserError::bad_input("no SQL", "write some"));
        assert_eq!(waits_for(&wrong, true), None);
        let away = Ok(ended(Exit::PeerUnreachable, "peer_unreachable"));
        assert_eq!(waits_for(&away, false), None);
        assert!(waits_for(&away, true).is_some());
    }

    #[test]
    fn a_wait_has_an_end_if_it_was_given_one() {
        let start = Instant::now();
        assert!(!left_of("10m".parse().unwrap(), start).is_zero());
        let long_ago = start.checked_sub(std::time::Duration::from_secs(601));
        assert!(left_of("10m".parse().unwrap(), long_ago.unwrap()).is_zero());
    }
}
