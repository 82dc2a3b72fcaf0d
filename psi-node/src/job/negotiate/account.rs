//! Whether a job fits the accounts of this node's own table, and the reservation that holds it.
//!
//! Spec 13 §2 and §4. Called by both sides, by inquiries and by explanations. Only [`reserve`] puts
//! anything down.

use std::sync::Arc;

use aggregator::budget::{Amount, delta_text, epsilon_text};
use psi_core::facts::TableFacts;
use psi_core::receipt::{Signature, query_digest};
use psi_core::spec::{AskedMode, JobId, JobSpec, Party};

use super::spend;
use crate::collab::{Collaboration, Member};
use crate::identity::NodeKey;
use crate::job::charge::{debit, limits, section};
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::log::open_jobs::LiveJob;
use crate::job::matches::handed::Handed;
use crate::state::{Debit, State, now_unix};

/// Holds what an accepted job has reserved, and marks it as running until it is dropped. If nothing
/// that is paid for was handed over by then, what the job cost is given back, opened or not. No word
/// of the peer is needed for that: what it could still bring is an opening that costs nothing.
pub(in crate::job) struct Reservation {
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
    pub(in crate::job) fn freezing(
        &mut self,
        spec: &JobSpec,
        own: Party,
        agreements: &[Signature; 2],
    ) -> Result<(), Failure> {
        let peer = spec.half(own.other());
        let job = format!(
            "job {} with {} ({})",
            hex::encode(self.job_id),
            peer.facts.member,
            peer.node_id
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
    pub(in crate::job) fn handed(&self) -> &Handed {
        &self.handed
    }

    /// Waits until the job is to end because the other member no longer runs it.
    pub(in crate::job) async fn interrupted(&self) {
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
pub(in crate::job) fn reserve(
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

/// Refuses a job that would not fit now: before the owner is asked about it, and where it is only
/// explained. Reserves nothing.
pub(in crate::job) fn check_job(ctx: &JobContext, spec: &JobSpec) -> Result<(), Failure> {
    let debit = debit(spec, &ctx.key.id(), &ctx.config)?;
    let limits = limits(&ctx.config, &debit.table, &debit.peer);
    ctx.state
        .budget_would_reserve(&debit, &limits)?
        .map_err(Failure::OwnRefusal)
}

/// Refuses what this node's table does not let a job spend.
pub(in crate::job) fn check_asked(
    ctx: &JobContext,
    mode: AskedMode,
    facts: &TableFacts,
) -> Result<(), Failure> {
    let section = section(&ctx.config, &facts.table);
    spend::check_own(mode, facts, section, ctx.config.epsilon_min)
}

/// Refuses this node's own question if its table does not let it spend that much, or has no run left,
/// before the peer is asked. What it costs exactly is not known before: that follows from both
/// halves, which [`check_job`] and [`reserve`] have.
pub(in crate::job) fn check_question(
    ctx: &JobContext,
    mode: AskedMode,
    facts: &TableFacts,
    peer: &Member,
) -> Result<(), Failure> {
    check_asked(ctx, mode, facts)?;
    let limits = limits(&ctx.config, &facts.table, &peer.name);
    let debit = Debit {
        job_id: JobId([0; 64]),
        peer_id: peer.id,
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
