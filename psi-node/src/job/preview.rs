//! What a question would cost and how far its answer would stray, before anything is spent.
//!
//! Spec 12 §4 and §7: all of it follows from both sides' halves. So the question is proposed to the
//! peer as a job is (Spec 06 §3), and withdrawn where this side would sign: the peer's node learns
//! the question and sees an attempt that ended, nothing is opened, charged or counted as a run, and
//! no row is touched on either side. Called by the local API.

use aggregator::budget::{delta_text, epsilon_text};
use psi_core::Code;
use psi_core::messages::Control;
use psi_core::spec::{JobSpec, PartSize, Party};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::link::Link;
use super::privacy::PrivacyDocument;
use super::request::{self, Accepted, JobRequest, Question};
use super::{JobContext, charge};
use crate::collab::Member;
use crate::state::now_unix;

/// A question as it would be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreviewDocument {
    /// The canonical query, as the peer sees it.
    pub query: String,
    /// `exact` or `dp`.
    pub mode: String,
    /// The names of the output columns.
    pub columns: Vec<String>,
    /// The fewest identities that an output row may rest on: by the true number in mode `exact`, by
    /// the noisy one in mode `dp`.
    pub minimum: u64,
    /// The lists of each match.
    pub matches: Vec<MatchPreview>,
    /// What the job would cost, and how far its numbers would stray; none in mode `exact`.
    pub privacy: Option<PrivacyDocument>,
    /// What this would do to the budget of the own table's population, if it has one.
    pub budget: Option<BudgetPreview>,
}

/// The lists of one match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchPreview {
    /// Whether this node is the Receiver, which learns how many positions match.
    pub own_receives: bool,
    /// Parts of the Receiver's list.
    pub parts: u64,
    /// Dummies of each part, whose marked ones are the noise of a count; 0 in mode `exact`.
    pub dummies: u64,
    /// Points of the Receiver's list.
    pub receiver_size: u64,
    /// Records of the Sender's list.
    pub sender_size: u64,
}

/// What a job would do to a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetPreview {
    /// The population.
    pub population: String,
    /// What is left of this period's epsilon, for this peer.
    pub epsilon_left: String,
    /// The same of delta.
    pub delta_left: String,
    /// What would be left of epsilon; none if the job would be refused.
    pub epsilon_left_after: Option<String>,
    /// The same of delta.
    pub delta_left_after: Option<String>,
}

/// Looks at a question with the peer, and withdraws it.
///
/// # Errors
/// [`Failure`], as if the question had been asked.
pub async fn preview(ctx: &JobContext, request: &JobRequest) -> Result<PreviewDocument, Failure> {
    let collab = request::find_collab(ctx, &request.collab)?;
    let (question, peer) = request::question(ctx, request, &collab).await?;
    let conn = ctx.connect(&peer).await?;
    ctx.settle_over(&conn, &collab).await?;
    let mut link = Link::new(conn.open_stream().await?);
    let accepted = request::propose(ctx, &mut link, peer.id, &collab, &question).await;
    let code = match &accepted {
        Ok(_) => Some(Code::Cancelled),
        Err(Failure::PeerAborted(_) | Failure::PeerRefusal(_)) => None,
        Err(failure) => Some(failure.code()),
    };
    if let Some(code) = code {
        link.end(&Control::Abort(code)).await;
    }
    conn.close(Code::Interrupted);
    let Accepted { spec, .. } = accepted?;
    Ok(PreviewDocument {
        query: spec.query.clone(),
        mode: collab.mode().as_str().into(),
        columns: question.plan.output.columns.clone(),
        minimum: spec.minimum,
        matches: matches(&spec),
        privacy: PrivacyDocument::of(&spec, Party::Requester, &question.plan.output)?,
        budget: budget(ctx, &question, &peer, &spec)?,
    })
}

fn matches(spec: &JobSpec) -> Vec<MatchPreview> {
    let dummies = spec.dp().map_or(0, |terms| terms.dummies);
    let matches = spec.matches();
    let matches = matches.iter().map(|of| MatchPreview {
        own_receives: of.receiver == Party::Requester,
        parts: of.parts.len() as u64,
        dummies,
        receiver_size: of.parts.iter().map(PartSize::points).sum(),
        sender_size: of.sender_size,
    });
    matches.collect()
}

/// What is left of the own population's budget for this peer, before and after.
fn budget(
    ctx: &JobContext,
    question: &Question,
    peer: &Member,
    spec: &JobSpec,
) -> Result<Option<BudgetPreview>, Failure> {
    let limits = charge::limits(&ctx.config, &question.plan.facts.table, &peer.name);
    let Some((population, config)) = limits.population else {
        return Ok(None);
    };
    let now = ctx.state.budget_now(now_unix())?;
    let (all, peers) = ctx.state.budget_of(population, config.refresh, now)?;
    let mut left = all.left(config.limit);
    if let Some(own) = config.per_peer.get(&peer.name) {
        let spent = peers.iter().find(|(name, _)| *name == peer.name);
        let spent = spent.map(|(_, odometer)| *odometer).unwrap_or_default();
        let of_peer = spent.left(own.within(config.limit));
        left.micro_epsilon = left.micro_epsilon.min(of_peer.micro_epsilon);
        left.delta_units = left.delta_units.min(of_peer.delta_units);
    }
    let cost = charge::amount(spec, Party::Requester);
    let epsilon = left.micro_epsilon.checked_sub(cost.micro_epsilon);
    let fits = epsilon.zip(left.delta_units.checked_sub(cost.delta_units));
    Ok(Some(BudgetPreview {
        population: population.to_owned(),
        epsilon_left: epsilon_text(left.micro_epsilon),
        delta_left: delta_text(left.delta_units),
        epsilon_left_after: fits.map(|(epsilon, _)| epsilon_text(epsilon)),
        delta_left_after: fits.map(|(_, delta)| delta_text(delta)),
    }))
}
