//! What both sides do once a job is agreed: freeze the input, open the job on both receipt logs,
//! run its matches, close it.
//!
//! Spec 04 §1, Spec 07 §3 and Spec 13 §4. The job counts as a run, durably, before its first row is
//! read. Nothing that depends on data leaves this function, apart from a hiding commitment, before
//! the opened entry and its debit are durable on both sides. Called by `request` and `respond`.

mod commitment;
mod moment;
mod prepare;

use std::sync::Arc;

use psi_core::messages::Control;
use psi_core::receipt::{Body, ClosedStatus, opening_commitment};
use psi_core::session::opened::Opened;
use psi_core::session::{Ended, Tools};
use psi_core::spec::{JobId, Party};

use self::commitment::EntryShare;
use self::prepare::{Prepared, keep_unfinished, prepare};
use super::context::JobContext;
use super::deadlines::within;
use super::failure::Failure;
use super::failure::own_stop::OwnStop;
use super::link::{Link, unexpected};
use super::log::chain::Chain;
use super::matches;
use super::negotiate::account::Reservation;
use super::negotiate::agreed::Agreed;
use super::outcome::Outcome;
use super::outcome::answer_file::Matched;
use super::registry::JobHandle;
use super::shares::notes::NoteShare;
use crate::state::{OwnClosing, StoredOutput};
use crate::transfer_size::match_bits_bytes;

/// Runs an agreed job to its closing entry. Meanwhile a settlement can end it.
pub(super) async fn run(
    ctx: &JobContext,
    job: &JobHandle,
    link: &mut Link,
    mut agreed: Agreed,
) -> Result<Outcome, Failure> {
    log_agreed(ctx, job, &agreed);
    let Agreed {
        spec,
        own,
        agreements,
        reservation,
        ..
    } = &mut agreed;
    let result = match reservation.freezing(spec, *own, agreements) {
        Ok(()) => tokio::select! {
            biased;
            result = run_live(ctx, job, link, &agreed) => result.map_err(Failure::of_job),
            // Also here, so that the closing entry says why.
            () = job.cancelled() => Err(Failure::Cancelled),
            () = agreed.reservation.interrupted() => Err(Failure::OwnStop(OwnStop::PeerGaveUp)),
        },
        Err(failure) => Err(failure),
    };
    if let Err(failure) = &result {
        ctx.live.note_end(agreed.spec.job_id(), failure.code());
    }
    drop::<Reservation>(agreed.reservation);
    result
}

/// The owner's line about a job that both have agreed to. The query is the canonical text that both
/// have signed, in which the literals of the asker's side are hidden.
fn log_agreed(ctx: &JobContext, job: &JobHandle, agreed: &Agreed) {
    let collab = &agreed.collab;
    if agreed.own == Party::Responder && !ctx.notes.has_line(&NoteShare::Collab(collab.id())) {
        return;
    }
    tracing::info!(
        job = job.name(),
        local = job.id,
        collab = collab.name(),
        peer = agreed.spec.half(agreed.own.other()).facts.member,
        asked_by = agreed.spec.requester.facts.member,
        query = agreed.spec.query,
        "job agreed"
    );
}

async fn run_live(
    ctx: &JobContext,
    job: &JobHandle,
    link: &mut Link,
    agreed: &Agreed,
) -> Result<Outcome, Failure> {
    let job_id = agreed.spec.job_id();
    let tools = Tools {
        kernel: Arc::clone(&ctx.kernel),
        store: ctx.lists.store_of(&job.id, job.whose()),
        progress: job.progress(),
    };
    // For the life of the job: they come with the last list of a match and go with its transfer.
    let bits = match_bits_bytes(&agreed.spec, agreed.own);
    let _match_bits = ctx.lists.take_match_bits(bits);
    let chain = Chain::new(ctx, &agreed.collab, agreed.peer);
    let work = async {
        let ready = ready(ctx, &chain, agreed, job, &tools).await;
        // Also if it failed: the peer is not to know how long it took.
        moment::next(&agreed.spec, agreed.since).await;
        ready
    };
    // One wait over all of it, so that what the peer hears meanwhile has a clock of its own.
    let ready = link.working_while(Box::pin(work)).await?;
    let (prepared, own) = ready?;
    let Prepared {
        frozen, mut record, ..
    } = prepared;
    // As long as the job lasts, so that what it takes does not tell what is selected.
    let _others = (frozen.others.clone(), Arc::clone(&frozen.room));
    let entry = commitment::exchange(ctx, link, agreed, own).await?;
    let recorded = within(chain.deadlines().signature(), chain.record(link, entry)).await;
    if let Err(failure) = recorded {
        // Opened here, with a countersignature that did not come: there is a job to replay.
        if let Some(record) = record
            && let Err(error) = keep_unfinished(record, &job_id)
        {
            tracing::error!(%error, "the record of an opened job could not be kept");
        }
        return Err(failure);
    }
    if let Some(record) = &mut record {
        record.recording.opened(&ctx.state)?;
    }

    let limit = ctx.deadlines().matches(&agreed.spec);
    let opened = matches::Opened {
        whose: job.whose(),
        spec: &agreed.spec,
        own: agreed.own,
        seed: Arc::clone(&agreed.seed),
        lists: frozen.into(),
        tools,
        handed: agreed.reservation.handed(),
        record,
    };
    let mut end = within(limit, matches::run(ctx, link, opened)).await?;
    let list = agreed.file.clone().map(|place| Matched {
        place,
        side: agreed.side.clone(),
        list: end.list.take(),
    });
    // Before the closing entry: cells that are not those of the job end it here.
    let opened = end.opened.as_ref();
    let outcome = Outcome::of(&agreed.output, &agreed.spec, opened, list)?;
    if let Some(opened) = opened {
        keep(ctx, &job_id, opened)?;
    }
    let limit = ctx.deadlines().closing(&agreed.spec);
    within(limit, close(link, &chain, job_id, &end)).await?;
    Ok(outcome)
}

/// All that is done before the moment at which this side's commitment leaves.
async fn ready(
    ctx: &JobContext,
    chain: &Chain,
    agreed: &Agreed,
    job: &JobHandle,
    tools: &Tools,
) -> Result<(Prepared, EntryShare), Failure> {
    let prepared = prepare(ctx, agreed, job, tools).await?;
    let commitment = opening_commitment(&agreed.spec.job_id(), &agreed.seed, &prepared.digest);
    let own = EntryShare::make(ctx, chain, agreed, commitment)?;
    Ok((prepared, own))
}

/// As a recipient: keeps what opens the commitment on the receipt.
fn keep(ctx: &JobContext, job_id: &JobId, opened: &Opened) -> Result<(), Failure> {
    if opened.implausible {
        tracing::warn!("some cells hold numbers that no table gives; they are suppressed");
    }
    let output = StoredOutput {
        salt: opened.salt,
        cells: opened.cells.clone(),
    };
    Ok(ctx.state.output_insert(job_id, &output)?)
}

async fn close(link: &mut Link, chain: &Chain, job_id: JobId, end: &Ended) -> Result<(), Failure> {
    if !chain.is_sequencer() {
        let closing = OwnClosing {
            output_commitment: end.output_commitment,
            transcripts: end.transcripts,
        };
        chain.state.await_closing(&job_id, &closing)?;
        link.send(&Control::ReadyToClose).await?;
    } else if link.control().await? != Control::ReadyToClose {
        return Err(unexpected("something else than the end of a job"));
    }
    let body = Body::Closed {
        job_id,
        status: ClosedStatus::Completed,
        code: None,
        output_commitment: Some(end.output_commitment),
        transcripts: Some(end.transcripts),
    };
    chain.record(link, body).await
}
