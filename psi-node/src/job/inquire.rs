//! Answering what a job would be, without one (Spec 06 §3.1).
//!
//! The responder's half of `psi-node explain --with-peer`. It evaluates everything that it would
//! evaluate for a job, tells its public facts or its code of refusal, and signs, opens, reads and
//! records nothing but a line in its own log. Whoever may propose learns no more from it than from
//! a proposal that it then breaks off.

use std::sync::Arc;

use aggregator::Refusal;
use psi_core::Code;
use psi_core::messages::{Control, Proposal};
use psi_core::spec::{Half, JobSpec, Party};

use super::failure::Failure;
use super::link::{Link, violation};
use super::registry::JobHandle;
use super::request::agreement;
use super::respond::{admit, plan};
use super::run::check_half;
use super::{JobContext, charge, privacy};
use crate::collab::Collaboration;
use crate::net::PeerConnection;

/// Answers one inquiry on its stream.
pub(super) async fn inquire(
    ctx: &Arc<JobContext>,
    conn: &PeerConnection,
    mut link: Link,
    proposal: Proposal,
) {
    let answer = match admit(ctx, conn, &proposal) {
        Err(failure) => Err(failure),
        Ok((collab, job)) => {
            let answer = tokio::select! {
                answer = answer(ctx, conn, &collab, proposal, &mut link) => answer,
                () = job.cancelled() => Err(Failure::Cancelled),
            };
            forget(ctx, &job);
            answer
        }
    };
    match answer {
        Ok(facts) => link.end(&facts).await,
        Err(failure) => {
            tracing::warn!(peer = %conn.peer, %failure, "an inquiry was refused");
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

async fn answer(
    ctx: &JobContext,
    conn: &PeerConnection,
    collab: &Collaboration,
    proposal: Proposal,
    link: &mut Link,
) -> Result<Control, Failure> {
    if proposal.half.nonce != [0; 32] || proposal.hidden.iter().any(|hidden| *hidden != [0; 64]) {
        return Err(violation(
            Code::MalformedMessage,
            "an inquiry that commits to something",
        ));
    }
    let text = format!(
        "the other member asked what this would be: {}",
        proposal.query
    );
    if !ctx.state.local_note(&ctx.key, &text)? {
        // An answer that leaves no trace is none that the owner could find later.
        return Err(Failure::OwnRefusal(Refusal {
            code: Code::TooManyJobs,
            rule: "inquiries".into(),
            sentence: "the own log has no room for more inquiries in this hour".into(),
            remedy: "ask again in an hour".into(),
        }));
    }
    privacy::check_mode(collab, proposal.mode)?;
    let plan = plan(ctx, conn, collab, &proposal, link).await?;
    let (table, key_columns) = (&plan.peer_table, &plan.peer_key_columns);
    check_half(&proposal.half, conn.peer, collab, table, key_columns)?;
    charge::check_asked(ctx, proposal.mode, &plan.facts)?;
    let own = Half {
        node_id: ctx.key.id().0,
        nonce: [0; 32],
        facts: plan.facts.clone(),
    };
    let asked = (
        proposal.query.as_str(),
        proposal.hidden,
        proposal.recipients,
        proposal.mode,
    );
    let agreement = agreement(collab, asked, &plan.output, &conn.peer);
    let spec = JobSpec::assemble(agreement, proposal.half, own).map_err(Failure::of_agreement)?;
    ctx.check_sizes(&spec, Party::Responder)?;
    charge::check_job(ctx, &spec)?;
    Ok(Control::Facts {
        facts: plan.facts,
        approval: ctx.is_approved_by_hand(plan.side.table()),
    })
}

/// An inquiry counts as a running job while it is answered, and is none of the jobs that were run.
fn forget(ctx: &JobContext, job: &JobHandle) {
    if let Err(error) = ctx.state.job_forget(&job.id) {
        tracing::error!(%error, job = job.id, "an inquiry could not be forgotten");
    }
}
