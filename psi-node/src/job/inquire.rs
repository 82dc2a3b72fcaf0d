//! Answering what a job would be, without one (Spec 06 §3.1).
//!
//! The responder's half of `psi-node explain --with-peer`. It evaluates everything that it would
//! evaluate for a job, and tells its public facts or its code of refusal. It signs, opens and reads
//! nothing, and records only a line in its own log. A member that may propose learns no more from
//! it than from a proposal that it then breaks off. Inquiries take no place of a job: a peer has
//! separate places for them.

use std::sync::Arc;

use aggregator::Refusal;
use psi_core::Code;
use psi_core::messages::{Control, Proposal};
use psi_core::spec::{LiteralCommitment, Nonce, Party};

use super::context::JobContext;
use super::deadlines::within;
use super::failure::Failure;
use super::link::{Link, violation};
use super::log::chain::Chain;
use super::negotiate::admission::{self, Admitted};
use super::negotiate::{approval, record_room};
use super::registry::InquiryPlace;
use crate::collab::Collaboration;
use crate::identity::NodeId;
use crate::job::shares::notes::NoteShare;
use crate::net::PeerConnection;
use crate::places::Whose;

/// Answers one inquiry on its stream.
pub(super) async fn inquire(
    ctx: &Arc<JobContext>,
    conn: &PeerConnection,
    mut link: Link,
    proposal: Proposal,
) {
    let collab = admission::collab_of(ctx, conn.peer, &proposal);
    let collab = collab.ok();
    let share = NoteShare::of(collab.as_ref().map(Collaboration::id), conn.peer);
    let limit = ctx.deadlines().answer() / 2;
    match within(limit, answer(ctx, conn, proposal, &mut link)).await {
        Ok(facts) => link.end(&facts).await,
        Err(failure) => {
            admission::warn(ctx, &share, conn.peer, collab.as_ref(), &failure);
            let end = match &failure {
                Failure::OwnRefusal(refusal) => Control::Refuse {
                    code: refusal.code,
                    recorded: false,
                },
                other => Control::Abort(other.code()),
            };
            link.end(&end).await;
        }
    }
}

/// Judges an inquiry.
async fn answer(
    ctx: &Arc<JobContext>,
    conn: &PeerConnection,
    proposal: Proposal,
    link: &mut Link,
) -> Result<Control, Failure> {
    let collab = admission::collab_of(ctx, conn.peer, &proposal)?;
    admission::check_may_ask(ctx, conn.peer, &collab)?;
    let _place: InquiryPlace = ctx.registry.begin_inquiry(conn.peer).ok_or_else(|| {
        refusal(
            "as many inquiries of this peer are being answered as may be at once",
            "ask again when one of them is answered",
        )
    })?;
    let _door = link.working_while(ctx.doors.of(conn.peer)).await?;
    if proposal.half.nonce != Nonce::ZERO
        || proposal
            .hidden
            .iter()
            .any(|hidden| *hidden != LiteralCommitment([0; 64]))
    {
        return Err(violation(
            Code::MalformedMessage,
            "an inquiry that commits to something",
        ));
    }
    let text = format!(
        "the other member asked what this would be: {}",
        proposal.query
    );
    if !ctx.notes.inquired(&NoteShare::Collab(collab.id()), &text)? {
        // The owner could not find an answer later that leaves no trace.
        return Err(refusal(
            "this node's own log has no room for more inquiries of this collaboration in this hour",
            "ask again in an hour",
        ));
    }
    facts(ctx, conn.peer, &collab, &proposal).await
}

/// What the proposal would meet as a job's: the same room on the log and among the records, the same
/// judgement. Nothing of it is kept.
pub(super) async fn facts(
    ctx: &Arc<JobContext>,
    peer: NodeId,
    collab: &Collaboration,
    proposal: &Proposal,
) -> Result<Control, Failure> {
    Chain::new(ctx, collab, peer).check_room(&ctx.live)?;
    let Admitted { plan, spec, .. } =
        admission::judge(ctx, peer, collab, proposal, Nonce::ZERO).await?;
    drop(record_room::reserve(
        ctx,
        Whose::Peer(peer),
        &spec,
        Party::Responder,
    )?);
    Ok(Control::Facts {
        facts: plan.facts,
        approval: approval::is_by_hand(ctx, plan.side.table()),
    })
}

fn refusal(sentence: &str, remedy: &str) -> Failure {
    Failure::OwnRefusal(Refusal {
        code: Code::TooManyJobs,
        rule: "inquiries".into(),
        sentence: sentence.into(),
        remedy: remedy.into(),
    })
}
