//! What a job costs this node's own tables and populations.
//!
//! Spec 13 §4. The debit of a job follows from its specification and this node's configuration, so
//! the same debit comes out when an entry is taken back after a rollback. Called where a job is
//! weighed against its account (`negotiate::account`), by the receipt log, and at start. Reserves
//! nothing.

use aggregator::TableConfig;
use aggregator::budget::{Amount, Limits, RunLimits};
use psi_core::Code;
use psi_core::receipt::{Body, Entry};
use psi_core::spec::{JobSpec, Party};

use super::failure::Failure;
use super::link::violation;
use crate::config::NodeConfig;
use crate::identity::NodeId;
use crate::state::{Debit, State, StateError, now_unix};

/// The section of a table that a query names, upper and lower case aside, as SQL does.
pub(super) fn section<'a>(config: &'a NodeConfig, table: &str) -> Option<&'a TableConfig> {
    let folded = table.to_lowercase();
    let named = |(name, _): &(&String, _)| name.to_lowercase() == folded;
    config.table.iter().find(named).map(|(_, section)| section)
}

/// Whether any table has limits that the ledger must be right for.
pub(super) fn any_limits(config: &NodeConfig) -> bool {
    let mut tables = config.table.keys();
    tables.any(|table| limits(config, table, "").any())
}

pub(super) fn limits<'a>(config: &'a NodeConfig, table: &'a str, peer: &'a str) -> Limits<'a> {
    let section = section(config, table);
    let population = section.and_then(|section| section.population.as_deref());
    Limits {
        table,
        peer,
        runs: section.map_or_else(RunLimits::unless_said, |section| section.runs),
        population: population
            .and_then(|name| config.population.get(name).map(|config| (name, config))),
    }
}

/// The debit of a job, now.
pub(super) fn debit(spec: &JobSpec, own: &NodeId, config: &NodeConfig) -> Result<Debit, Failure> {
    let halves = [&spec.requester, &spec.responder];
    let party = match halves.map(|half| half.node_id == *own) {
        [true, false] => Party::Requester,
        [false, true] => Party::Responder,
        _ => return Err(violation(Code::EntryMismatch, "a job of other nodes")),
    };
    let (own, peer) = (spec.half(party), spec.half(party.other()));
    let section = section(config, &own.facts.table);
    Ok(Debit {
        job_id: spec.job_id(),
        peer_id: peer.node_id,
        peer: peer.facts.member.clone(),
        table: own.facts.table.clone(),
        population: section.and_then(|section| section.population.clone()),
        amount: amount(spec, party),
        unix: now_unix(),
    })
}

/// What a job costs the population of `party`, by what the other node sees (Spec 12 §7). An exact
/// answer has no epsilon: nothing but the number of runs limits it. The opened entry says the same.
pub(super) fn amount(spec: &JobSpec, party: Party) -> Amount {
    spec.debit(party).unwrap_or_default()
}

/// The debit of an entry: the opening of a job has one, whatever becomes of the job.
pub(super) fn debit_of(
    body: &Body,
    own: &NodeId,
    config: &NodeConfig,
) -> Result<Option<Debit>, Failure> {
    match body {
        Body::Opened { spec, .. } => debit(&JobSpec::decode(spec)?, own, config).map(Some),
        Body::Closed { .. } | Body::Statement { .. } | Body::Refused { .. } => Ok(None),
    }
}

/// Brings the ledger up to date at start: keeps what was reserved when the node went down, and
/// charges opened jobs that have no debit yet.
///
/// # Errors
/// [`StateError`] if the state cannot be read or written.
pub fn recover(state: &State, own: &NodeId, config: &NodeConfig) -> Result<(), StateError> {
    let kept = state.budget_keep()?;
    if kept > 0 {
        tracing::warn!(
            kept,
            "jobs were running when this node went down; what they had reserved stays charged"
        );
    }
    for job in state.budget_uncharged()? {
        let entry = Entry::decode(&job.entry)
            .map_err(|_| StateError::Damaged("a receipt entry is not well-formed".into()))?;
        // Another key's jobs, which this node had before, are not this node's.
        match debit_of(&entry.body, own, config) {
            Ok(Some(mut debit)) => {
                debit.unix = job.unix.unwrap_or(debit.unix);
                state.budget_charge(&job.collab_id, &debit)?;
            }
            Ok(None) => {}
            Err(failure) => tracing::warn!(%failure, "an opened job is not charged at start"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
