//! `explain`: what a query would tell whom, and what it would cost, before any row is touched.
//!
//! Everything follows from the query and from both tables' public facts, as a job's specification
//! does. This node's facts are at hand. The other side's are asked for (`with_peer`), or taken from an
//! earlier job on the receipt log, or, for a count, supposed; the answer says which. What the query
//! would be refused for here, `negotiate::question` refuses for both. Called by the local API.
//! Records nothing, asks no owner for approval, reserves and spends nothing.

mod ask_peer;
mod budget;
mod cost;
mod counts;
mod document;
mod earlier;
mod learns;
mod rate;

use std::sync::Arc;

use psi_core::facts::TableFacts;
use psi_core::spec::{Half, JobSpec, LiteralCommitment, MatchSpec, Nonce, Party};

pub use budget::BudgetOutline;
pub use cost::Cost;
pub use document::{Explanation, FactsSource, JobOutline, MatchOutline, OwnSide, PeerSide};
pub use learns::Learns;
pub use rate::Rate;

use self::counts::{cells, numbers, points};
use super::charge;
use super::contact;
use super::context::JobContext;
use super::failure::Failure;
use super::negotiate::question::{JobRequest, OwnQuestion, find_collab};
use super::negotiate::{account, approval};
use super::outcome::privacy::PrivacyDocument;

/// The other side's facts, and where they are from.
struct Known {
    facts: Option<TableFacts>,
    source: FactsSource,
    /// Whether its owner approves each run, if it said so.
    approval: Option<bool>,
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
    contact::complete_awaited(ctx, &request.collab).await?;
    let collab = find_collab(ctx, &request.collab)?;
    let question = OwnQuestion::plan(ctx, collab, request).await?;
    question.check_may_begin(ctx)?;
    // No proposal: nonce and commitments are zero.
    let hidden = vec![LiteralCommitment([0; 64]); question.plan.hidden.len()];
    let inquiry = question.proposal(ctx, Nonce::ZERO, hidden);
    let known = if with_peer {
        let answer = ask_peer::ask(ctx, &question.peer, &question.collab, &inquiry).await;
        let answer = answer.map_err(|failure| match failure {
            Failure::PeerRefusal(code) => question.refused_by_peer(ctx, code),
            other => other,
        })?;
        Known {
            facts: Some(answer.facts),
            source: FactsSource::Asked,
            approval: Some(answer.approval),
        }
    } else {
        earlier::facts(ctx, &question)?
    };
    let job = match &known.facts {
        None => None,
        Some(facts) => {
            let theirs = Half {
                node_id: question.peer.id,
                nonce: Nonce::ZERO,
                facts: facts.clone(),
            };
            let spec = question.job(ctx, &inquiry, theirs)?;
            if !matches!(known.source, FactsSource::Supposed | FactsSource::Told) {
                // Now it is known what the job would cost here. Of facts that are only supposed, the
                // budget that is left says whether it would fit.
                account::check_job(ctx, &spec)?;
            }
            Some(outline(ctx, &question, &spec).await?)
        }
    };
    Ok(explanation(ctx, question, known, job))
}

fn explanation(
    ctx: &JobContext,
    question: OwnQuestion,
    known: Known,
    job: Option<JobOutline>,
) -> Explanation {
    let slips = question.slips(ctx);
    let OwnQuestion {
        collab,
        own,
        peer,
        plan,
        ..
    } = question;
    let Known {
        facts,
        source,
        approval,
    } = known;
    Explanation {
        collab: collab.name().to_owned(),
        revision: collab.revision(),
        mode: collab.mode().as_str().into(),
        query: plan.canonical,
        hidden_literals: plan.hidden.len(),
        own: OwnSide {
            member: own.name,
            table: plan.side.table().to_owned(),
            rules: plan.side.rules().to_vec(),
            approval: approval::is_by_hand(ctx, plan.side.table()),
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
        slips,
        job,
    }
}

async fn outline(
    ctx: &JobContext,
    question: &OwnQuestion,
    spec: &JobSpec,
) -> Result<JobOutline, Failure> {
    let rate = rate::measure(Arc::clone(&ctx.kernel)).await?;
    let matches = spec.matches();
    let privacy = PrivacyDocument::of(spec, Party::Requester, &question.plan.output)?;
    let budget = if privacy.is_some() {
        let facts = &question.plan.facts;
        let limits = charge::limits(&ctx.config, &facts.table, &question.peer.name);
        let cost = charge::amount(spec, Party::Requester);
        budget::outline(&ctx.state, &limits, cost)?
    } else {
        None
    };
    Ok(JobOutline {
        minimum: spec.minimum,
        matches: matches.iter().map(|m| match_outline(spec, m)).collect(),
        cells: cells(spec),
        learns: vec![
            learns::of(spec, Party::Requester),
            learns::of(spec, Party::Responder),
        ],
        privacy,
        budget,
        cost: Cost::of(
            &matches,
            spec.shape.is_list(),
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

#[cfg(test)]
mod tests;
