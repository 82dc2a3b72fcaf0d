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

#[cfg(test)]
mod tests {
    use aggregator::budget::{Period, PopulationConfig, RunLimits};

    use super::*;
    use crate::receipts::tests::Fixture;

    const fn epsilon(micro_epsilon: u64) -> Amount {
        Amount {
            micro_epsilon,
            delta_units: 0,
        }
    }

    fn outlined(
        state: &State,
        config: Option<&PopulationConfig>,
        cost: u64,
    ) -> Option<BudgetOutline> {
        let limits = Limits {
            table: "people",
            peer: "snowy",
            runs: RunLimits::NONE,
            population: config.map(|config| ("persons", config)),
        };
        outline(state, &limits, epsilon(cost)).unwrap()
    }

    #[test]
    fn what_is_left_after_a_job_is_said_only_of_one_that_fits() {
        let fixture = Fixture::new();
        let config = PopulationConfig {
            limit: epsilon(700_000),
            refresh: Period::Month,
            per_peer: std::collections::BTreeMap::new(),
        };
        let state = &fixture.state;
        assert_eq!(outlined(state, None, 1), None);
        let fits = outlined(state, Some(&config), 300_000).unwrap();
        assert_eq!(fits.population, "persons");
        assert_eq!(fits.epsilon_left, "0.7");
        assert_eq!(fits.epsilon_left_after.as_deref(), Some("0.4"));
        let too_dear = outlined(state, Some(&config), 700_001).unwrap();
        assert_eq!(too_dear.epsilon_left, "0.7");
        assert_eq!(
            (too_dear.epsilon_left_after, too_dear.delta_left_after),
            (None, None)
        );
        // Two collaborations share the population: half of it is a peer's.
        fixture.join_another();
        let shared = outlined(state, Some(&config), 100_000).unwrap();
        assert_eq!(shared.epsilon_left, "0.35");
        assert_eq!(shared.epsilon_left_after.as_deref(), Some("0.25"));
    }
}
