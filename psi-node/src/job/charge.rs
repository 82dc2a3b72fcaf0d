//! What a job costs this node's own tables and populations, and the reservation that holds it.
//!
//! Spec 13 §4. The debit of a job follows from its specification and the own configuration, so the
//! same debit comes out when an entry is taken back after a rollback. Called where both sides
//! accept a job, by the receipt log, and at start.

use std::sync::Arc;

use aggregator::TableConfig;
use aggregator::budget::{Amount, Limits, RunLimits, delta_text, epsilon_text};
use psi_core::Code;
use psi_core::facts::TableFacts;
use psi_core::receipt::{Body, Entry, query_digest};
use psi_core::spec::{AskedMode, JobId, JobSpec, Party};

use super::JobContext;
use super::failure::Failure;
use super::link::violation;
use super::live::LiveJob;
use super::matches::handed::Handed;
use super::outcome::privacy;
use crate::collab::{Collaboration, Member};
use crate::config::NodeConfig;
use crate::identity::{NodeId, NodeKey};
use crate::state::{Debit, State, StateError, now_unix};

/// Holds what an accepted job has reserved, and marks it as running until it is dropped. If nothing
/// that is paid for was handed over by then, what the job cost is given back, opened or not. No word
/// of the peer is needed for that: what it could still bring is an opening that costs nothing.
pub(super) struct Reservation {
    state: State,
    key: Arc<NodeKey>,
    job_id: JobId,
    amount: Amount,
    live: LiveJob,
    handed: Handed,
    /// Who the job is with, and the signature by which it agreed; known once freezing begins.
    with: Option<String>,
}

impl Reservation {
    /// Counts the job as a run for good, durably, before the first row is read.
    pub(super) fn freezing(
        &mut self,
        spec: &JobSpec,
        own: Party,
        agreements: &[[u8; 64]; 2],
    ) -> Result<(), Failure> {
        let peer = spec.half(own.other());
        let job = format!(
            "job {} with {} ({})",
            hex::encode(self.job_id),
            peer.facts.member,
            NodeId(peer.node_id)
        );
        let text = format!(
            "{job} about table {}: this node begins to read its rows; digest of the query {}",
            spec.half(own).facts.table,
            hex::encode(query_digest(&spec.query))
        );
        self.state.budget_freezing(&self.job_id, &self.key, &text)?;
        let [requester, responder] = agreements;
        let signature = match own {
            Party::Requester => responder,
            Party::Responder => requester,
        };
        self.with = Some(format!(
            "{job}, which signed it: {}",
            hex::encode(signature)
        ));
        Ok(())
    }

    /// Where the job notes what it hands over.
    pub(super) fn handed(&self) -> &Handed {
        &self.handed
    }

    /// Waits until the job is to end because the other member no longer runs it.
    pub(super) async fn interrupted(&self) {
        self.live.interrupted().await;
    }

    /// What this node's own log says of an amount that is given back.
    fn note(&self) -> Option<String> {
        let with = self.with.as_ref().filter(|_| self.amount != Amount::ZERO)?;
        Some(format!(
            "epsilon {} and delta {} are given back, because nothing had left that they pay for: \
             {with}",
            epsilon_text(self.amount.micro_epsilon),
            delta_text(self.amount.delta_units)
        ))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.handed.is_noted() {
            return;
        }
        let note = self.note();
        let note = note.as_deref().map(|text| (self.key.as_ref(), text));
        if let Err(error) = self.state.budget_return(&self.job_id, note) {
            // It stays charged.
            tracing::error!(%error, "what a job had reserved could not be given back");
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
        key: Arc::clone(&ctx.key),
        job_id: debit.job_id,
        amount: debit.amount,
        live,
        handed: Handed::default(),
        with: None,
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
    let section = section(&ctx.config, &facts.table);
    privacy::check_own(mode, facts, section, ctx.config.epsilon_min)
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
        runs: section.map_or_else(RunLimits::unless_said, |section| section.runs),
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
