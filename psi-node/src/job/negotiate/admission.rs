//! A peer's question: whether it may ask at all, and whether this node would sign the job.
//!
//! Called by the responder's side of a job and by inquiries, which therefore answer the same (Spec
//! 06 §3.1). Reserves nothing, asks no owner, sends nothing.

use std::sync::Arc;

use aggregator::{MemberNames, Refusal, ResponsePlan};
use psi_core::Code;
use psi_core::messages::Proposal;
use psi_core::spec::{AskedMode, Half, JobSpec, Nonce, PROTOCOL_VERSION, Party};

use super::terms::Terms;
use super::{account, spend, table_files};
use crate::collab::{Collaboration, Member};
use crate::identity::NodeId;
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::log::chain::Chain;
use crate::job::membership::{joined_with, takes_part};
use crate::job::shares::notes::NoteShare;

/// A peer's question that this node's rules allow, and the job that it would be.
pub(in crate::job) struct Admitted {
    /// The plan; its facts are those of the mode.
    pub(in crate::job) plan: ResponsePlan,
    /// This node's half.
    pub(in crate::job) half: Half,
    /// What follows from both halves.
    pub(in crate::job) spec: JobSpec,
}

/// The collaboration under which `peer` asks.
///
/// # Errors
/// [`Failure::OwnRefusal`] with the code for the peer.
pub(in crate::job) fn collab_of(
    ctx: &JobContext,
    peer: NodeId,
    proposal: &Proposal,
) -> Result<Collaboration, Failure> {
    if proposal.version != PROTOCOL_VERSION {
        let sentence = "the peer speaks another version of the protocol";
        return turn_away(Code::VersionUnsupported, "protocol", sentence);
    }
    let Some(collab) = joined_with(ctx, &proposal.collab_id, peer)? else {
        let sentence = "the peer asks under a collaboration that this node has not joined with it";
        return turn_away(Code::UnknownCollaboration, "collaboration", sentence);
    };
    if !takes_part(ctx, &collab) {
        let sentence = format!("this node's owner takes no part in `{}` now", collab.name());
        return turn_away(Code::Unavailable, "collaboration", &sentence);
    }
    if proposal.revision != collab.revision_hash() {
        let sentence = format!(
            "the peer asks under another revision of `{}` than revision {}, which this node has \
             joined",
            collab.name(),
            collab.revision()
        );
        return turn_away(Code::RevisionDiffers, "collaboration", &sentence);
    }
    Ok(collab)
}

/// Whether the peer may ask at all under this collaboration, now.
///
/// # Errors
/// [`Failure::OwnRefusal`], or [`Failure::Receipts`] if the logs are known to disagree.
pub(in crate::job) fn check_may_ask(
    ctx: &JobContext,
    peer: NodeId,
    collab: &Collaboration,
) -> Result<(), Failure> {
    let requester = collab.member_by_id(&peer);
    if !requester.is_some_and(|member| member.may_query) {
        let sentence = "the collaboration does not let the peer query";
        return turn_away(Code::RequesterNotAllowed, "collaboration", sentence);
    }
    Chain::new(ctx, collab, peer).check_sound()
}

/// Judges a proposal by everything but the owner: the mode, this node's policy, the other half,
/// what the table lets a job spend, sizes, and whether the accounts have room now. `nonce` is that
/// of this node's half.
///
/// # Errors
/// [`Failure::OwnRefusal`] with the code for the peer; [`Failure::Protocol`] if the peer's half is
/// about something else, or its mode is not that of the collaboration.
pub(in crate::job) async fn judge(
    ctx: &Arc<JobContext>,
    peer: NodeId,
    collab: &Collaboration,
    proposal: &Proposal,
    nonce: Nonce,
) -> Result<Admitted, Failure> {
    spend::check_mode(collab, proposal.mode)?;
    let plan = plan(ctx, peer, collab, proposal).await?;
    let terms = Terms {
        collab,
        own: Party::Responder,
        peer,
        shape: &plan.output.shape,
        peer_table: &plan.peer_table,
        peer_key_columns: &plan.peer_key_columns,
    };
    terms.check_half(&proposal.half)?;
    account::check_asked(ctx, proposal.mode, &plan.facts)?;
    let half = Half {
        node_id: ctx.key.id(),
        nonce,
        facts: plan.facts.clone(),
    };
    let spec = terms.job(ctx, proposal, half.clone())?;
    account::check_job(ctx, &spec)?;
    Ok(Admitted { plan, half, spec })
}

/// Plans the peer's query against this node's table, unless its files have changed. The plan's facts
/// are those of the mode.
async fn plan(
    ctx: &Arc<JobContext>,
    peer: NodeId,
    collab: &Collaboration,
    proposal: &Proposal,
) -> Result<ResponsePlan, Failure> {
    let name_of =
        |member: Option<&Member>| member.map(|member| member.name.clone()).unwrap_or_default();
    let own = name_of(collab.member_by_id(&ctx.key.id()));
    let peer = name_of(collab.member_by_id(&peer));
    let members = MemberNames {
        own: &own,
        peer: &peer,
    };
    let planned = ctx.catalog.plan_response_for(
        &proposal.query,
        members,
        proposal.recipients,
        proposal.hidden.len(),
    );
    let mut plan = match planned {
        Ok(plan) => plan,
        Err(refusal) => {
            // A table that is not served may be right again. The peer hears the same, and no later:
            // it is not to learn which tables there are that it may not use.
            if let Ok(table) = ctx.catalog.asked_table(&proposal.query, members) {
                let ctx = Arc::clone(ctx);
                tokio::spawn(async move { table_files::check(&ctx, &table).await });
            }
            return Err(Failure::OwnRefusal(refusal));
        }
    };
    table_files::check(ctx, &plan.facts.table).await?;
    if proposal.mode != AskedMode::Exact {
        plan.facts = plan.private_facts.clone().map_err(Failure::OwnRefusal)?;
    }
    Ok(plan)
}

/// A refusal that needs no remedy here: the peer's side is told a code alone.
pub(in crate::job) fn turn_away<T>(code: Code, rule: &str, sentence: &str) -> Result<T, Failure> {
    Err(Failure::OwnRefusal(Refusal {
        code,
        rule: rule.into(),
        sentence: sentence.into(),
        remedy: String::new(),
    }))
}

/// The operator's line about a question that came to nothing, within the share of its collaboration.
pub(in crate::job) fn warn(
    ctx: &JobContext,
    share: &NoteShare,
    peer: NodeId,
    collab: Option<&Collaboration>,
    failure: &Failure,
) {
    if !ctx.notes.has_line(share) {
        return;
    }
    let Some(collab) = collab else {
        return tracing::warn!(%peer, %failure, "a peer's question came to nothing");
    };
    let member = collab.members().iter().find(|member| member.id == peer);
    let peer = member.map_or_else(|| peer.to_string(), |member| member.name.clone());
    tracing::warn!(collab = collab.name(), peer, %failure, "a peer's question came to nothing");
}
