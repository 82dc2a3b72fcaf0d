//! `query --wait`: the same question again and again, until an owner has decided about it.
//!
//! Each attempt is a job of its own, so nothing is held on either node meanwhile, and restarts of
//! both are survived. Spec 10 §5.3 says what makes two attempts the same question.

use std::time::Duration;

use psi_core::Code;
use tokio::signal::unix::{SignalKind, signal};

use super::ask;
use crate::api::client::Client;
use crate::api::types::NewJob;
use crate::cli::output;
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::outcome::Ended;

/// Pauses grow to this: about as long as a person who has just approved likes to wait.
const PAUSE_MAX: Duration = Duration::from_mins(1);
const PAUSE_MIN: Duration = Duration::from_secs(2);

/// Asks until the answer is something else than that an owner has not decided.
///
/// # Errors
/// Those of [`ask`], or [`Exit::Interrupted`] if the wait was ended by Ctrl-C.
pub(super) async fn ask_until_decided(client: &Client, job: &NewJob) -> Result<Ended, UserError> {
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|e| UserError::machine("cannot watch for signals", e))?;
    let mut said = None;
    let mut pause = PAUSE_MIN;
    loop {
        let ended = ask(client, job).await?;
        if !is_worth_waiting(&ended, said.is_some()) {
            return Ok(ended);
        }
        let waits_for = waits_for(&ended);
        if said != Some(waits_for) {
            output::print_note(waits_for);
            said = Some(waits_for);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = interrupt.recv() => return Err(UserError::new(
                Exit::Interrupted,
                "stopped waiting; the request for approval stays with its owner",
                "ask again later; the answer to the same question is found again",
            )),
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Whether asking again can bring another answer. A peer that is away counts once the wait has
/// begun: it may be restarting.
fn is_worth_waiting(ended: &Ended, waiting: bool) -> bool {
    let reason = ended.document.reason.as_deref();
    let pending = reason == Some(Code::ApprovalPending.as_str());
    pending || (waiting && ended.exit == Exit::PeerUnreachable.number())
}

fn waits_for(ended: &Ended) -> &'static str {
    if ended.exit == Exit::RefusedByPolicy.number() {
        "waiting for the approval of this node's owner"
    } else if ended.exit == Exit::PeerUnreachable.number() {
        "waiting for the other node, which cannot be reached"
    } else {
        "waiting for the other owner's approval"
    }
}

#[cfg(test)]
mod tests {
    use super::{is_worth_waiting, waits_for};
    use crate::exit::Exit;
    use crate::job::outcome::Ended;
    use crate::job::outcome::document::ResultDocument;

    fn ended(exit: Exit, reason: &str) -> Ended {
        let mut document = ResultDocument::new("exact");
        document.reason = Some(reason.into());
        Ended::new(exit, document)
    }

    #[test]
    fn only_what_an_owner_has_not_decided_is_asked_again() {
        let pending = ended(Exit::RefusedByPeer, "approval_pending");
        assert!(is_worth_waiting(&pending, false));
        assert!(waits_for(&pending).contains("other owner"));
        let own = ended(Exit::RefusedByPolicy, "approval_pending");
        assert!(is_worth_waiting(&own, false));
        assert!(waits_for(&own).contains("this node's owner"));
        let denied = ended(Exit::RefusedByPeer, "not_approved");
        assert!(!is_worth_waiting(&denied, true));
        let away = ended(Exit::PeerUnreachable, "peer_unreachable");
        assert!(!is_worth_waiting(&away, false));
        assert!(is_worth_waiting(&away, true));
    }
}
