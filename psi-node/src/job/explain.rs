//! `explain`: what a query would tell whom, and what it would cost, before any row is touched.
//!
//! Everything follows from the query and from both tables' public facts, as a job's specification
//! does. The own facts are at hand. The other side's are asked for (`with_peer`), or taken from an
//! earlier job on the receipt log, or, for a count, supposed; the answer says which. Called by the
//! local API. Records nothing, asks no owner for approval, spends nothing.

mod budget;
mod cost;
mod earlier;
mod learns;
mod rate;

use std::sync::Arc;

use aggregator::RequestPlan;
use psi_core::Code;
use psi_core::facts::TableFacts;
use psi_core::messages::{Control, Proposal};
use psi_core::spec::{
    AskedMode, Half, JobSpec, MatchSpec, PROTOCOL_VERSION, PartSize, Party, Recipients,
};
use serde::{Deserialize, Serialize};

pub use budget::BudgetOutline;
pub use cost::Cost;
pub use learns::Learns;
pub use rate::Rate;

use super::deadlines::within;
use super::failure::Failure;
use super::link::{Link, unexpected};
use super::outcome::privacy::PrivacyDocument;
use super::request::{agreement, find_collab, members, plan_now};
use super::run::check_half;
use super::{JobContext, JobRequest, charge};
use crate::collab::{Collaboration, Member};

/// What a query would be as a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The collaboration's name.
    pub collab: String,
    /// The revision in force.
    pub revision: u32,
    /// `exact` or `dp`.
    pub mode: String,
    /// The canonical query, as the other side would see it.
    pub query: String,
    /// Literals that the other side would not see.
    pub hidden_literals: usize,
    /// This node's side.
    pub own: OwnSide,
    /// The other side.
    pub peer: PeerSide,
    /// What follows from both; absent where the other side's facts are not known.
    pub job: Option<JobOutline>,
}

/// The own side of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSide {
    /// The member's name.
    pub member: String,
    /// Its table.
    pub table: String,
    /// The rules that allow the query.
    pub rules: Vec<String>,
    /// Whether the owner approves each run.
    pub approval: bool,
    /// The registered number of identities.
    pub identities: u64,
    /// Fewest identities that a row of the answer may rest on.
    pub minimum: u64,
}

/// What is known of the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSide {
    /// The member's name.
    pub member: String,
    /// Its table.
    pub table: String,
    /// Where its facts are from.
    pub facts: FactsSource,
    /// Whether its rules allow the query; known only if it was asked.
    pub allowed: Option<bool>,
    /// Whether its owner approves each run; known only if it was asked.
    pub approval: Option<bool>,
    /// The registered number of identities.
    pub identities: Option<u64>,
    /// Fewest identities that a row of the answer may rest on.
    pub minimum: Option<u64>,
}

/// Where the other side's facts are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactsSource {
    /// It was asked just now.
    Asked,
    /// A receipt of an earlier job.
    EarlierJob,
    /// Supposed: as many identities as the own side, a unique key.
    Supposed,
    /// Not known, and not to be supposed.
    Unknown,
}

/// What follows from both sides' facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobOutline {
    /// Fewest identities that a row of the answer may rest on: the stricter side's.
    pub minimum: u64,
    /// One, or two with the roles swapped.
    pub matches: Vec<MatchOutline>,
    /// Combinations of all groups: the rows of the answer before HAVING and LIMIT.
    pub cells: u64,
    /// What each side would learn, this side first.
    pub learns: Vec<Learns>,
    /// In mode `dp`: what it would cost in privacy, and how far its numbers would stray.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<PrivacyDocument>,
    /// In mode `dp`: what that would do to the budget of the own table's population.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetOutline>,
    /// What it would cost in bytes and time.
    pub cost: Cost,
    /// From which the time follows.
    pub rate: Rate,
}

/// One match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchOutline {
    /// The member that is Receiver.
    pub receiver: String,
    /// Points that it sends, over all parts.
    pub receiver_size: u64,
    /// Parts of its list.
    pub parts: u64,
    /// Dummies of each part, whose marked ones are the noise of its count; 0 in mode `exact`.
    #[serde(default)]
    pub dummies: u64,
    /// Tags that the Sender sends.
    pub sender_size: u64,
    /// Numbers that the Sender attaches to each position.
    pub numbers_per_position: u64,
}

/// Explains a query; asks the other node for its facts if `with_peer`.
///
/// # Errors
/// [`Failure`] as for a job that does not begin: what is refused has no explanation.
pub async fn explain(
    ctx: &Arc<JobContext>,
    request: &JobRequest,
    with_peer: bool,
) -> Result<Explanation, Failure> {
    let collab = find_collab(ctx, &request.collab)?;
    request.spend.check(&collab)?;
    let (own, peer) = members(ctx, &collab, request.recipients)?;
    let plan = plan_now(ctx, request, collab.mode(), (&own, &peer))?;
    let mode = request.spend.asked(&collab, &plan.facts)?;
    charge::check_asked(ctx, mode, &plan.facts)?;
    let proposal = proposal(ctx, &collab, &plan, (request.recipients, mode));
    let (facts, source, approval) = if with_peer {
        let (facts, approval) = ask(ctx, &collab, &peer, &plan, &proposal).await?;
        (Some(facts), FactsSource::Asked, Some(approval))
    } else {
        let (facts, source) = earlier::facts(ctx, &collab, &peer, &plan)?;
        (facts, source, None)
    };
    let job = match &facts {
        None => None,
        Some(facts) => {
            let spec = assemble(ctx, &collab, &peer, &plan, &proposal, facts.clone())?;
            let mut job = outline(ctx, &spec).await?;
            job.privacy = PrivacyDocument::of(&spec, Party::Requester, &plan.output)?;
            if job.privacy.is_some() {
                let limits = charge::limits(&ctx.config, &plan.facts.table, &peer.name);
                let cost = charge::amount(&spec, Party::Requester);
                job.budget = budget::outline(&ctx.state, &limits, cost)?;
            }
            Some(job)
        }
    };
    Ok(Explanation {
        collab: collab.name().to_owned(),
        revision: collab.revision(),
        mode: collab.mode().as_str().into(),
        query: plan.canonical.clone(),
        hidden_literals: plan.hidden.len(),
        own: OwnSide {
            member: own.name,
            table: plan.side.table().to_owned(),
            rules: plan.side.rules().to_vec(),
            approval: ctx.is_approved_by_hand(plan.side.table()),
            identities: plan.facts.identities,
            minimum: plan.facts.minimum,
        },
        peer: PeerSide {
            member: peer.name,
            table: plan.peer_table,
            facts: source,
            allowed: (source == FactsSource::Asked).then_some(true),
            approval,
            identities: facts.as_ref().map(|facts| facts.identities),
            // A minimum that is only supposed says nothing about the other side.
            minimum: facts
                .filter(|_| source != FactsSource::Supposed)
                .map(|facts| facts.minimum),
        },
        job,
    })
}

/// What would be proposed, without what makes a proposal a job: nonce and commitments are zero.
fn proposal(
    ctx: &JobContext,
    collab: &Collaboration,
    plan: &RequestPlan,
    (recipients, mode): (Recipients, AskedMode),
) -> Proposal {
    Proposal {
        version: PROTOCOL_VERSION,
        collab_id: collab.id(),
        revision: collab.revision_hash(),
        query: plan.canonical.clone(),
        hidden: vec![[0; 64]; plan.hidden.len()],
        recipients,
        mode,
        half: Half {
            node_id: ctx.key.id().0,
            nonce: [0; 32],
            facts: plan.facts.clone(),
        },
    }
}

/// Asks the other node for its facts.
async fn ask(
    ctx: &JobContext,
    collab: &Collaboration,
    peer: &Member,
    plan: &RequestPlan,
    proposal: &Proposal,
) -> Result<(TableFacts, bool), Failure> {
    let conn = ctx.connect(peer).await?;
    let asking = async {
        let mut link = Link::new(conn.open_stream().await?);
        let answer = within(ctx.deadlines().answer(), async {
            link.send(&Control::Inquire(proposal.clone())).await?;
            link.control().await
        });
        match answer.await? {
            Control::Facts { facts, approval } => Ok((facts, approval)),
            Control::Refuse { code, .. } => Err(Failure::PeerRefusal(code)),
            _ => Err(unexpected("something else than an answer to an inquiry")),
        }
    };
    let answer: Result<_, Failure> = asking.await;
    conn.close(Code::Interrupted);
    let (facts, approval) = answer?;
    let half = Half {
        node_id: peer.id.0,
        nonce: [0; 32],
        facts,
    };
    let (table, key_columns) = (&plan.peer_table, &plan.peer_key_columns);
    check_half(&half, peer.id, collab, table, key_columns)?;
    Ok((half.facts, approval))
}

fn assemble(
    ctx: &JobContext,
    collab: &Collaboration,
    peer: &Member,
    plan: &RequestPlan,
    proposal: &Proposal,
    facts: TableFacts,
) -> Result<JobSpec, Failure> {
    let asked = (
        proposal.query.as_str(),
        proposal.hidden.clone(),
        proposal.recipients,
        proposal.mode,
    );
    let agreement = agreement(collab, asked, &plan.output, &ctx.key.id());
    let theirs = Half {
        node_id: peer.id.0,
        nonce: [0; 32],
        facts,
    };
    let spec = JobSpec::assemble(agreement, proposal.half.clone(), theirs)
        .map_err(Failure::of_agreement)?;
    ctx.check_sizes(&spec, Party::Requester)?;
    Ok(spec)
}

async fn outline(ctx: &JobContext, spec: &JobSpec) -> Result<JobOutline, Failure> {
    let rate = rate::measure(Arc::clone(&ctx.kernel)).await?;
    let matches = spec.matches();
    Ok(JobOutline {
        minimum: spec.minimum,
        matches: matches.iter().map(|m| match_outline(spec, m)).collect(),
        cells: cells(spec),
        learns: vec![
            learns::of(spec, Party::Requester),
            learns::of(spec, Party::Responder),
        ],
        privacy: None,
        budget: None,
        cost: Cost::of(
            &matches,
            spec.shape.list,
            Party::Requester,
            rate.multiplications_per_second,
        ),
        rate,
    })
}

fn match_outline(spec: &JobSpec, one: &MatchSpec) -> MatchOutline {
    MatchOutline {
        receiver: spec.half(one.receiver).facts.member.clone(),
        receiver_size: points(one),
        parts: one.parts.len() as u64,
        dummies: spec.dp().map_or(0, |terms| terms.dummies),
        sender_size: one.sender_size,
        numbers_per_position: numbers(one),
    }
}

/// Combinations of all groups of both sides.
fn cells(spec: &JobSpec) -> u64 {
    let [a, b] = [&spec.requester, &spec.responder].map(|half| half.facts.group_count());
    a.saturating_mul(b)
}

/// Points that the Receiver sends, over all parts.
fn points(one: &MatchSpec) -> u64 {
    let points = one.parts.iter().map(PartSize::points);
    points.fold(0, u64::saturating_add)
}

/// Numbers at one position of the Sender.
fn numbers(one: &MatchSpec) -> u64 {
    let components = one.payload.components.len() as u64;
    one.payload.groups.saturating_mul(components)
}

#[cfg(test)]
mod tests;
