//! This node's own question: planned, and tried by every rule of its own that needs no peer.
//!
//! Called by the requester's side of a job and by explanations, which therefore refuse the same. The
//! order is: the collaboration, the members, the table as its files are now, the plan, what it may
//! spend, the accounts.

use aggregator::policy::at_fault::at_fault;
use aggregator::policy::compared;
use aggregator::{MemberNames, OutputPlan, Refusal, RequestPlan};
use psi_core::Code;
use psi_core::messages::Proposal;
use psi_core::spec::{
    AskedMode, Half, JobSpec, LiteralCommitment, Nonce, PROTOCOL_VERSION, Party, Recipients,
};

use super::approval::Asking;
use super::spend::Spend;
use super::terms::Terms;
use super::{account, table_files};
use crate::collab::{Collaboration, Member, Mode};
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::log::chain::Chain;
use crate::job::outcome::answer_file::ListFile;
use crate::state::CollabStanding;

/// What an analyst asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRequest {
    /// The name of a joined collaboration.
    pub collab: String,
    /// The query.
    pub sql: String,
    /// Who is to get the result.
    pub recipients: Recipients,
    /// What the answer may cost, under a collaboration with differential privacy.
    pub spend: Spend,
    /// Where the answer is written, if it is a list.
    pub output: Option<ListFile>,
}

/// A question that this node's own rules allow, ready to be proposed.
pub(in crate::job) struct OwnQuestion {
    pub(in crate::job) collab: Collaboration,
    /// This node's member.
    pub(in crate::job) own: Member,
    /// The member that is asked.
    pub(in crate::job) peer: Member,
    /// The plan; its facts are those of the collaboration's mode.
    pub(in crate::job) plan: RequestPlan,
    pub(in crate::job) recipients: Recipients,
    pub(in crate::job) mode: AskedMode,
}

/// The collaboration of this name, if this node's owner takes part in it.
///
/// # Errors
/// [`Failure::Input`].
pub(in crate::job) fn find_collab(ctx: &JobContext, name: &str) -> Result<Collaboration, Failure> {
    let found = ctx.state.collab_by_name(name)?;
    let collab = found.ok_or_else(|| Failure::Input {
        what: format!("this node has not joined a collaboration named `{name}`"),
        remedy: "list them with `psi-node collab list`; join one with `psi-node collab join`"
            .into(),
    })?;
    let remedy = match ctx.state.collab_standing(&collab.id())? {
        CollabStanding::InForce => return Ok(collab),
        CollabStanding::Suspended => {
            format!("take part again with `psi-node collab resume {name}`")
        }
        CollabStanding::Left => "make a new collaboration with the other member".into(),
    };
    let what = format!("this node's owner takes no part in `{name}` now");
    Err(Failure::Input { what, remedy })
}

impl OwnQuestion {
    /// Plans a question under `collab` and tries it. Reserves nothing and sends nothing.
    ///
    /// # Errors
    /// [`Failure`] as the query is told: what an explanation refuses, a job refuses, and the other
    /// way round.
    pub(in crate::job) async fn plan(
        ctx: &JobContext,
        collab: Collaboration,
        request: &JobRequest,
    ) -> Result<Self, Failure> {
        request.spend.check(&collab)?;
        let Members { own, peer } = members(ctx, &collab, request.recipients)?;
        let plan = plan(ctx, request, collab.mode(), &own, &peer).await?;
        let mode = request.spend.asked(&collab, &plan.facts)?;
        account::check_question(ctx, mode, &plan.facts, &peer)?;
        Ok(Self {
            collab,
            own,
            peer,
            plan,
            recipients: request.recipients,
            mode,
        })
    }

    /// Whether the peer may be asked now: the owner still takes part, and the receipt log can be
    /// continued and has room. Asked once more than at the beginning, because the collaboration may
    /// have been suspended while this node's table was loaded.
    ///
    /// # Errors
    /// [`Failure::Input`], [`Failure::OwnRefusal`], [`Failure::Receipts`].
    pub(in crate::job) fn check_may_begin(&self, ctx: &JobContext) -> Result<(), Failure> {
        find_collab(ctx, self.collab.name())?;
        let chain = Chain::new(ctx, &self.collab, self.peer.id);
        chain.check_room(&ctx.live)?;
        // A log that the owner repairs is settled before the question is proposed.
        if ctx
            .state
            .chain_repair_requested(&self.collab.id())?
            .is_none()
        {
            chain.check_sound()?;
        }
        Ok(())
    }

    /// What this node's own owner is asked, where the table wants that.
    pub(in crate::job) fn asking(&self) -> Asking<'_> {
        Asking {
            collab: &self.collab,
            query: &self.plan.canonical,
            hidden: self.plan.hidden.len(),
            recipients: self.recipients,
            mode: self.mode,
            requester: &self.plan.facts,
            own: &self.plan.facts,
            side: &self.plan.side,
            spec: None,
        }
    }

    /// The proposal. An inquiry has a zero nonce and as many zero commitments as there are hidden
    /// literals, so that it cannot be the proposal of a job (Spec 06 §3.1).
    pub(in crate::job) fn proposal(
        &self,
        ctx: &JobContext,
        nonce: Nonce,
        hidden: Vec<LiteralCommitment>,
    ) -> Proposal {
        Proposal {
            version: PROTOCOL_VERSION,
            collab_id: self.collab.id(),
            revision: self.collab.revision_hash(),
            query: self.plan.canonical.clone(),
            hidden,
            recipients: self.recipients,
            mode: self.mode,
            half: Half {
                node_id: ctx.key.id(),
                nonce,
                facts: self.plan.facts.clone(),
            },
        }
    }

    /// A refusal of the peer, with the part of the query that it can mean by what the peer has said
    /// of its tables.
    pub(in crate::job) fn refused_by_peer(&self, ctx: &JobContext, code: Code) -> Failure {
        // A state that cannot be read shows elsewhere; here it costs a hint.
        let told = ctx.state.offer(&self.collab.id()).ok().flatten();
        let offer = told.and_then(|told| told.offer);
        let (member, question) = (&self.peer.name, &self.plan.peer_question);
        let sentence = if code == Code::QueryNotAccepted {
            let named = format!("{member}.{}", question.table);
            compared::at_fault(&named, &self.plan.peer_compared)
        } else {
            at_fault(code, member, question, offer.as_ref())
        };
        match sentence {
            Some(sentence) => Failure::PeerRefusalOf(code, sentence),
            None => Failure::PeerRefusal(code),
        }
    }

    /// What of the question is probably a slip, by what this node's configuration and the peer's offer
    /// list. Rows are not looked at.
    pub(in crate::job) fn slips(&self, ctx: &JobContext) -> Vec<String> {
        let mut slips = self.plan.slips.clone();
        // A state that cannot be read shows elsewhere; here it costs a hint.
        let told = ctx.state.offer(&self.collab.id()).ok().flatten();
        let tables = told.and_then(|told| told.offer).map(|offer| offer.tables);
        let table = &self.plan.peer_question.table;
        let offered = tables.into_iter().flatten();
        let offered = offered.filter(|offered| offered.name.to_lowercase() == table.to_lowercase());
        for offered in offered {
            let dimensions = offered.dimensions.iter();
            let dimensions = dimensions
                .filter_map(|dimension| Some((dimension.name.as_str(), dimension.values.clone()?)));
            let named = format!("{}.{table}", self.peer.name);
            let compared = &self.plan.peer_compared;
            slips.extend(compared::nearly_listed(&named, compared, &dimensions));
        }
        slips
    }

    /// The job that follows from `proposal` and the peer's half.
    ///
    /// # Errors
    /// [`Failure::Protocol`] if the half is about something else; [`Failure::OwnRefusal`] if the
    /// halves do not fit together, or for a size.
    pub(in crate::job) fn job(
        &self,
        ctx: &JobContext,
        proposal: &Proposal,
        theirs: Half,
    ) -> Result<JobSpec, Failure> {
        let terms = Terms {
            collab: &self.collab,
            own: Party::Requester,
            peer: self.peer.id,
            shape: &self.plan.output.shape,
            peer_table: &self.plan.peer_table,
            peer_key_columns: &self.plan.peer_key_columns,
        };
        terms.check_half(&theirs)?;
        terms.job(ctx, proposal, theirs)
    }
}

/// Who takes part in a question.
struct Members {
    own: Member,
    peer: Member,
}

/// This node's own entry and the peer's in the collaboration, if this node may ask and every
/// recipient may receive.
fn members(
    ctx: &JobContext,
    collab: &Collaboration,
    recipients: Recipients,
) -> Result<Members, Failure> {
    let id = ctx.key.id();
    let (Some(own), Some(peer)) = (collab.member_by_id(&id), collab.peer_of(&id)) else {
        return Err(Failure::Input {
            what: format!("this node's key is not a member of `{}`", collab.name()),
            remedy: "the node's key was replaced; make a new collaboration with its present id"
                .into(),
        });
    };
    let peer_receives = recipients.include(Party::Responder);
    let receive = (Code::RecipientNotAllowed, "receive results");
    for (member, allowed, (code, verb)) in [
        (own, own.may_query, (Code::RequesterNotAllowed, "query")),
        (own, own.may_receive, receive),
        (peer, peer.may_receive || !peer_receives, receive),
    ] {
        if !allowed {
            return Err(Failure::OwnRefusal(Refusal {
                code,
                rule: format!("collaboration.{}.member.{}", collab.name(), member.name),
                sentence: format!("the collaboration does not let `{}` {verb}", member.name),
                remedy: "both members would have to sign a collaboration that allows it".into(),
            }));
        }
    }
    Ok(Members {
        own: own.clone(),
        peer: peer.clone(),
    })
}

/// Plans the query against the table as it is on disk now. The plan's facts are those of the mode.
async fn plan(
    ctx: &JobContext,
    request: &JobRequest,
    mode: Mode,
    own: &Member,
    peer: &Member,
) -> Result<RequestPlan, Failure> {
    let names = MemberNames {
        own: &own.name,
        peer: &peer.name,
    };
    let table = ctx.catalog.own_table(&request.sql, names)?;
    // Before anything is judged: a column may be of another type by now, or the table served again.
    let refreshed = table_files::refresh(ctx, &table).await;
    let planned = ctx
        .catalog
        .plan_request_for(&request.sql, names, request.recipients);
    let mut plan = planned?;
    check_list(&plan.output, mode, request.recipients)?;
    if mode == Mode::Dp {
        plan.facts = plan.private_facts.clone().map_err(Failure::OwnRefusal)?;
    }
    // The plan's own error says more, so it comes first.
    refreshed?;
    Ok(plan)
}

/// Refuses a list where nothing could answer it, whatever the two tables allow.
fn check_list(output: &OutputPlan, mode: Mode, recipients: Recipients) -> Result<(), Failure> {
    let refuse = |code, rule: &str, sentence: &str, remedy: &str| {
        Err(Failure::OwnRefusal(Refusal {
            code,
            rule: rule.into(),
            sentence: sentence.into(),
            remedy: remedy.into(),
        }))
    };
    if !output.shape.is_list() {
        return Ok(());
    }
    if mode == Mode::Dp {
        return refuse(
            Code::FormNotAllowed,
            "collaboration mode",
            "a list names single persons, and the collaboration answers with noise alone",
            "ask for counts or sums, or ask under a collaboration in mode `exact`",
        );
    }
    if recipients != Recipients::Requester {
        return refuse(
            Code::RecipientNotAllowed,
            "list",
            "a list is for the member that asks, whose identifiers it holds",
            "ask without `--recipients both`",
        );
    }
    Ok(())
}
