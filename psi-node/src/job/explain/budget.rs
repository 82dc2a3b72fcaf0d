//! What a job would do to the budget of the own table's population (Spec 13 §2).

use aggregator::budget::{Amount, Limits, delta_text, epsilon_text};
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

/// What is left before and after a job that costs `cost`; none of a table without a population.
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
    let mut left = all.left(config.limit);
    if let Some(own) = config.per_peer.get(limits.peer) {
        let spent = peers.iter().find(|(name, _)| name == limits.peer);
        let spent = spent.map(|(_, odometer)| *odometer).unwrap_or_default();
        let of_peer = spent.left(own.within(config.limit));
        left.micro_epsilon = left.micro_epsilon.min(of_peer.micro_epsilon);
        left.delta_units = left.delta_units.min(of_peer.delta_units);
    }
    let epsilon = left.micro_epsilon.checked_sub(cost.micro_epsilon);
    let after = epsilon.zip(left.delta_units.checked_sub(cost.delta_units));
    Ok(Some(BudgetOutline {
        population: population.to_owned(),
        epsilon_left: epsilon_text(left.micro_epsilon),
        delta_left: delta_text(left.delta_units),
        epsilon_left_after: after.map(|(epsilon, _)| epsilon_text(epsilon)),
        delta_left_after: after.map(|(_, delta)| delta_text(delta)),
    }))
}
