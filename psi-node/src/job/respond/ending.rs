//! How a peer's question ends here: refused, failed, or with a result, and who hears what of it.
//!
//! Spec 06 §3, Spec 07 §2.1 and §6. The peer is told a code, this node's own log a sentence, the owner's
//! list of jobs both. Called by the responder's side of a job.

use std::sync::Arc;

use psi_core::messages::Control;

use crate::collab::Collaboration;
use crate::identity::NodeId;
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::link::Link;
use crate::job::log::chain::Chain;
use crate::job::log::{refusal, settlements};
use crate::job::negotiate::admission;
use crate::job::outcome::document::ResultDocument;
use crate::job::registry::{JobHandle, ending_not_recorded};
use crate::job::shares::notes::NoteShare;
use crate::net::PeerConnection;
use crate::state::{JobRole, JobState, StoredJob, now_unix};

/// Refuses a proposal that does not become a job, before its query was looked at.
pub(super) async fn turned_away(
    ctx: &JobContext,
    conn: &PeerConnection,
    link: Link,
    collab: Option<&Collaboration>,
    query: &str,
    failure: &Failure,
) {
    let share = NoteShare::of(collab.map(Collaboration::id), conn.peer);
    admission::warn(ctx, &share, conn.peer, collab, failure);
    ctx.notes.refused(
        &share,
        &refusal::sentence_of(conn.peer, failure),
        failure.code(),
        None,
    );
    let chain = collab.map(|collab| Chain::new(ctx, collab, conn.peer));
    refusal::refuse(link, chain.as_ref(), query, failure.code()).await;
}

/// A peer's question, as far as its end needs it.
pub(super) struct Asked<'a> {
    pub(super) peer: NodeId,
    pub(super) collab: &'a Collaboration,
    pub(super) query: &'a str,
}

/// Records how the job ended for this side: with the result document, if it is a recipient.
pub(super) fn record_end(
    ctx: &JobContext,
    job: &JobHandle,
    question: &Asked<'_>,
    mut document: ResultDocument,
    shown: Result<JobState, Failure>,
) -> Option<Failure> {
    let Asked {
        peer,
        collab,
        query,
    } = *question;
    let (state, failure) = match shown {
        Ok(state) => {
            if ctx.notes.has_line(&NoteShare::Collab(collab.id())) {
                tracing::info!(job = job.name(), collab = collab.name(), %state, "job ended");
            }
            (state, None)
        }
        Err(failure) => {
            if ctx.notes.has_line(&NoteShare::Collab(collab.id())) {
                let peer = peer_name(collab, peer);
                let (job, collab) = (job.name(), collab.name());
                tracing::warn!(job, collab, peer, query, %failure, "job ended without a result");
            }
            document.reason = Some(failure.reason().into());
            (failure.state(), Some(failure))
        }
    };
    let detail = failure.as_ref().map(ToString::to_string);
    document.status = state.as_str().into();
    let agreed = document.job_id.is_some();
    if failure.as_ref().is_some_and(Failure::is_pending) {
        ctx.notes.came_again(&NoteShare::Collab(collab.id()));
    }
    if let Some(failure) = &failure
        // What waits for approval is among the requests; repeated, it would fill the log.
        && !failure.is_pending()
        && !refusal::was_opened(ctx, document.job_id.as_deref())
    {
        let record = StoredJob {
            state,
            reason: document.reason.clone(),
            detail: detail.clone(),
            finished_unix: Some(now_unix()),
            ..record_of(job, collab, query)
        };
        let text = refusal::sentence_of(peer, failure);
        let (code, job) = (failure.code(), (!agreed).then_some(&record));
        ctx.notes
            .refused(&NoteShare::Collab(collab.id()), &text, code, job);
    }
    if !agreed {
        return failure;
    }
    let received = matches!(state, JobState::Released | JobState::Suppressed);
    let kept = received.then(|| serde_json::to_string(&document).ok());
    let finished = ctx.state.job_finish(
        &job.id,
        state,
        document.reason.as_deref(),
        detail.as_deref(),
        kept.flatten().as_deref(),
    );
    if let Err(error) = finished {
        ending_not_recorded(job, &error);
    }
    failure
}

/// Tells the peer what it has to hear of a job that did not run to its end, and settles what is left.
pub(super) async fn end_badly(
    ctx: &Arc<JobContext>,
    conn: &PeerConnection,
    mut link: Link,
    question: &Asked<'_>,
    failure: &Failure,
) {
    let Asked { collab, query, .. } = *question;
    let chain = Chain::new(ctx, collab, conn.peer);
    match failure {
        // The request for approval is in the log once, however often it is repeated.
        failure if failure.is_pending() => {
            let refuse = Control::Refuse {
                code: failure.code(),
                recorded: false,
            };
            link.end(&refuse).await;
        }
        Failure::OwnRefusal(refusal) => {
            refusal::refuse(link, Some(&chain), query, refusal.code).await;
        }
        failure if !failure.is_news_for_peer() => {}
        // The job is completed on both receipts; this node's output does not concern the peer.
        Failure::Result(_) => {
            link.sender.finish();
            link.sender.delivered().await;
        }
        other => link.end(&Control::Abort(other.code())).await,
    }
    // A job that nobody signed leaves nothing to settle. The peer, which has the connection, comes
    // first.
    if settlements::is_open(&chain).unwrap_or(true) {
        settlements::later(ctx, collab.clone());
    }
}

/// What the collaboration calls the peer.
fn peer_name(collab: &Collaboration, peer: NodeId) -> &str {
    let member = collab.members().iter().find(|member| member.id == peer);
    member.map_or("", |member| &member.name)
}

/// What the owner sees of a peer's job.
pub(super) fn record_of(job: &JobHandle, collab: &Collaboration, query: &str) -> StoredJob {
    StoredJob {
        collab_id: collab.id(),
        collab: collab.name().to_owned(),
        ..StoredJob::begin(&job.id, JobRole::Responder, query)
    }
}
