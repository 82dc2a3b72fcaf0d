//! What a job costs this node's own tables and populations, and the reservation that holds it.
//!
//! Spec 13 §4. The debit of a job follows from its specification and the own configuration, so the
//! same debit comes out when an entry is taken back after a rollback. Called where both sides
//! accept a job, by the receipt log, and at start.

use aggregator::TableConfig;
use aggregator::budget::{Amount, Limits, RunLimits};
use psi_core::Code;
use psi_core::facts::TableFacts;
use psi_core::receipt::{Body, Charge, Entry};
use psi_core::spec::{AskedMode, JobId, JobSpec, Party};

use super::JobContext;
use super::failure::Failure;
use super::link::violation;
use super::live::LiveJob;
use super::privacy;
use crate::collab::{Collaboration, Member};
use crate::config::NodeConfig;
use crate::identity::NodeId;
use crate::state::{Debit, State, StateError, now_unix};

/// Holds what an accepted job has reserved, and marks it as running until it is dropped. What was
/// not opened by then is given back, and the debit of an opened job stays.
///
/// A follower that has signed the job gives nothing back here: with that signature the sequencer
/// may have opened it already. The settlement does, once the sequencer says that it has not.
pub(super) struct Reservation {
    state: State,
    job_id: JobId,
    live: LiveJob,
    follows: bool,
    signed: bool,
}

impl Reservation {
    /// To be called before the own signature over the job leaves.
    pub(super) fn sign(&mut self) {
        self.signed = true;
    }

    /// Waits until the job is to end because the other member no longer runs it.
    pub(super) async fn interrupted(&self) {
        self.live.interrupted().await;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.follows && self.signed {
            return;
        }
        if let Err(error) = self.state.budget_release(&self.job_id) {
            // The next start or settlement gives it back.
            tracing::error!(%error, "a reservation could not be given back");
        }
    }
}

/// Reserves what the job costs, durably, or refuses it. Nothing was signed before.
pub(super) fn reserve(
    ctx: &JobContext,
    collab: &Collaboration,
    spec: &JobSpec,
) -> Result<Reservation, Failure> {
    let debit = debit(spec, &ctx.key.id(), &ctx.config)?;
    let limits = limits(&ctx.config, &debit.table, &debit.peer);
    // First, so that no settlement finds a reservation of a job that does not run.
    let live = ctx.live.begin(collab.id(), debit.job_id);
    ctx.state
        .budget_reserve(&collab.id(), &debit, &limits)?
        .map_err(Failure::OwnRefusal)?;
    Ok(Reservation {
        state: ctx.state.clone(),
        job_id: debit.job_id,
        live,
        follows: debit.peer_id < ctx.key.id().0,
        signed: false,
    })
}

/// Refuses a job that would not fit now, before the owner is asked about it. Reserves nothing.
pub(super) fn check_job(ctx: &JobContext, spec: &JobSpec) -> Result<(), Failure> {
    let debit = debit(spec, &ctx.key.id(), &ctx.config)?;
    let limits = limits(&ctx.config, &debit.table, &debit.peer);
    ctx.state
        .budget_would_reserve(&debit, &limits)?
        .map_err(Failure::OwnRefusal)
}

/// Refuses what the own table does not let a job spend.
pub(super) fn check_asked(
    ctx: &JobContext,
    mode: AskedMode,
    facts: &TableFacts,
) -> Result<(), Failure> {
    privacy::check_own(mode, facts, section(&ctx.config, &facts.table))
}

/// Refuses an own question that would not fit now, before the peer is asked. What it costs exactly
/// is not known before: that follows from both halves.
pub(super) fn check(
    ctx: &JobContext,
    mode: AskedMode,
    facts: &TableFacts,
    peer: &Member,
) -> Result<(), Failure> {
    check_asked(ctx, mode, facts)?;
    let limits = limits(&ctx.config, &facts.table, &peer.name);
    let debit = Debit {
        job_id: [0; 64],
        peer_id: peer.id.0,
        peer: peer.name.clone(),
        table: facts.table.clone(),
        population: None,
        amount: Amount::ZERO,
        unix: now_unix(),
    };
    ctx.state
        .budget_would_reserve(&debit, &limits)?
        .map_err(Failure::OwnRefusal)
}

/// The section of a table that a query names, upper and lower case aside, as SQL does.
fn section<'a>(config: &'a NodeConfig, table: &str) -> Option<&'a TableConfig> {
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
        runs: section.map_or_else(RunLimits::default, |section| section.runs),
        population: population
            .and_then(|name| config.population.get(name).map(|config| (name, config))),
    }
}

/// The debit of a job, now.
pub(super) fn debit(spec: &JobSpec, own: &NodeId, config: &NodeConfig) -> Result<Debit, Failure> {
    let halves = [&spec.requester, &spec.responder];
    let party = match halves.map(|half| half.node_id == own.0) {
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
/// answer has no epsilon: nothing but the number of runs limits it.
pub(super) fn amount(spec: &JobSpec, party: Party) -> Amount {
    let debit = spec.debit(party).unwrap_or_default();
    Amount {
        micro_epsilon: debit.epsilon,
        delta_units: debit.delta.0,
    }
}

/// The same, as it stands on the opened entry.
pub(super) fn charge_of(spec: &JobSpec, party: Party) -> Charge {
    let Amount {
        micro_epsilon,
        delta_units,
    } = amount(spec, party);
    Charge {
        epsilon: micro_epsilon,
        delta: delta_units,
    }
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

/// Brings the ledger up to the receipt logs, at start: gives back what was reserved before a crash
/// and that no peer can have opened, and charges opened jobs that have no debit yet.
///
/// # Errors
/// [`StateError`] if the state cannot be read or written.
pub fn recover(state: &State, own: &NodeId, config: &NodeConfig) -> Result<(), StateError> {
    let released = state.budget_release_sequenced(&own.0)?;
    if released > 0 {
        tracing::warn!(
            released,
            "jobs were accepted and never opened; their reservations end"
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
