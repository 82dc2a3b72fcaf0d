//! What a job would do to the budget of this node's table's population (Spec 13 §2).

use aggregator::budget::{Amount, Limits, PeerShare, delta_text, epsilon_text};
use serde::{Deserialize, Serialize};

use crate::job::failure::Failure;
use crate::state::{State, now_unix};

/// A budget before a job and after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetOutline {
    /// The population.
    pub population: String,
    /// What is left of this period's epsilon, for this peer.
    pub epsilon_left: String,
    /// The same of delta.
    pub delta_left: String,
    /// What would be left of epsilon; null if the job would be refused.
    pub epsilon_left_after: Option<String>,
    /// The same of delta.
    pub delta_left_after: Option<String>,
}

/// Budget left before and after a job that costs `cost`; `None` for a table without a population.
pub(super) fn outline(
    state: &State,
    limits: &Limits<'_>,
    cost: Amount,
) -> Result<Option<BudgetOutline>, Failure> {
    let Some((population, config)) = limits.population else {
        return Ok(None);
    };
    let now = state.budget_now(now_unix())?;
    let (all, peers) = state.budget_of(population, config.refresh, now)?;
    let of_peer = peers.iter().find(|(name, _)| name == limits.peer);
    let of_peer = of_peer.map(|(_, odometer)| *odometer).unwrap_or_default();
    let PeerShare { limit, at_once } = config.of_peer(limits.peer, state.budget_is_shared()?);
    let left = all.left(config.limit).least(of_peer.left(limit));
    // What its running jobs leave of what they may hold; they give it up as they are opened.
    let now_left = left.least(at_once.saturating_sub(of_peer.reserved));
    let fits = cost.least(now_left) == cost;
    let after = fits.then(|| left.saturating_sub(cost));
    Ok(Some(BudgetOutline {
        population: population.to_owned(),
        epsilon_left: epsilon_text(left.micro_epsilon),
        delta_left: delta_text(left.delta_units),
        epsilon_left_after: after.map(|after| epsilon_text(after.micro_epsilon)),
        delta_left_after: after.map(|after| delta_text(after.delta_units)),
    }))
}
