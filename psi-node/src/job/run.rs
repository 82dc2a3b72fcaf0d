//! What both sides do once a job is agreed: freeze the input, open the job on both receipt logs,
//! run its matches, close it.
//!
//! Spec 04 §1, Spec 07 §3 and Spec 13 §4. The job counts as a run, durably, before its first row is
//! read. Nothing that depends on data leaves this function, apart from a hiding commitment, before
//! the opened entry and its debit are durable on both sides.

use std::sync::Arc;
use std::time::Instant;

use aggregator::{HiddenLiteral, Refusal};
use psi_core::Code;
use psi_core::messages::Control;
use psi_core::receipt::{Body, ClosedStatus, opening_commitment};
use psi_core::seed::JobSeed;
use psi_core::session::opened::Opened;
use psi_core::session::{Ended, Tools};
use psi_core::spec::{Half, JobId, JobSpec, Party};
use zeroize::Zeroizing;

use super::chain::Chain;
use super::charge::{self, Reservation};
use super::deadlines::within;
use super::failure::Failure;
use super::failure::own_stop::OwnStop;
use super::frozen::Frozen;
use super::link::{Link, compute, unexpected, violation};
use super::matches::{self, Record};
use super::negotiate::sizes;
use super::outcome::answer_file::Listed;
use super::outcome::rows::Answer;
use super::registry::JobHandle;
use super::seeds;
use super::{JobContext, NodeId};
use crate::audit::keep::{Recording, Retention, Subject};
use crate::audit::room::AuditPlace;
use crate::collab::Collaboration;
use crate::places::Whose;
use crate::state::{OwnClosing, OwnOpening, StoredOutput};

pub(in crate::job) mod full_second;

/// A job that both sides have signed.
pub(super) struct Agreed {
    /// When this side knew.
    pub(super) since: Instant,
    /// Room for the record of the job, if this node keeps records.
    pub(super) _record: Option<AuditPlace>,
    pub(super) collab: Collaboration,
    pub(super) peer: NodeId,
    pub(super) spec: JobSpec,
    /// The requester's and the responder's signature over the job.
    pub(super) agreements: [[u8; 64]; 2],
    pub(super) own: Party,
    pub(super) side: aggregator::SidePlan,
    pub(super) output: aggregator::OutputPlan,
    pub(super) seed: Arc<JobSeed>,
    /// What the job costs, until it is known whether that stays.
    pub(super) reservation: Reservation,
    /// As requester: the literals that the peer knows commitments to.
    pub(super) literals: Vec<HiddenLiteral>,
}

/// The peer's half must be its own, and about the table and the key that the query names.
pub(super) fn check_half(
    half: &Half,
    peer: NodeId,
    collab: &Collaboration,
    table: &str,
    key_columns: &[String],
) -> Result<(), Failure> {
    half.facts.validate()?;
    let member = collab
        .member_by_id(&peer)
        .map(|member| member.name.as_str());
    let fits = half.node_id == peer.0
        && member == Some(half.facts.member.as_str())
        && half.facts.table == table
        && half.facts.key_columns == key_columns;
    if fits {
        Ok(())
    } else {
        Err(violation(
            Code::SpecMismatch,
            "the peer's half is about something else",
        ))
    }
}

/// Room for the record of a job, or its refusal.
pub(super) fn audit_place(
    ctx: &JobContext,
    whose: Whose,
    job: (&JobSpec, Party),
) -> Result<Option<AuditPlace>, Failure> {
    let node = (&ctx.state, ctx.config.as_ref());
    let place = ctx.audit_room.reserve(node, whose, job)?;
    let place = place.map_err(|no_room| {
        Failure::OwnRefusal(Refusal {
            code: Code::Unavailable,
            rule: "audit_limit".into(),
            sentence: format!(
                "the record for the auditor could take {} bytes, and {} of its share of {} are taken",
                no_room.wanted, no_room.taken, no_room.limit
            ),
            remedy: "raise `audit_limit`, or keep records for a shorter time".into(),
        })
    })?;
    if let Some(place) = &place {
        // Records leave the state its part of the disk, as lists do.
        ctx.lists.check_disk(place.bytes).map_err(|error| {
            Failure::OwnData(format!(
                "there is no room for a record for the auditor: {error}"
            ))
        })?;
    }
    Ok(place)
}

/// How a job ended for this side.
pub(super) struct Finished {
    /// The rows, if this side is a recipient.
    pub(super) answer: Option<Answer>,
    /// As the requester of a list: what is to be written in place of rows.
    pub(super) list: Option<Listed>,
}

/// Runs an agreed job to its closing entry. Meanwhile a settlement can end it.
pub(super) async fn run(
    ctx: &JobContext,
    job: &JobHandle,
    link: &mut Link,
    mut agreed: Agreed,
) -> Result<Finished, Failure> {
    let Agreed {
        spec,
        own,
        agreements,
        reservation,
        ..
    } = &mut agreed;
    let result = match reservation.freezing(spec, *own, agreements) {
        Ok(()) => tokio::select! {
            result = run_live(ctx, job, link, &agreed) => result,
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

async fn run_live(
    ctx: &JobContext,
    job: &JobHandle,
    link: &mut Link,
    agreed: &Agreed,
) -> Result<Finished, Failure> {
    let job_id = agreed.spec.job_id();
    let tools = Tools {
        kernel: Arc::clone(&ctx.kernel),
        store: ctx.lists.store_of(&job.id, job.whose()),
        progress: job.progress(),
    };
    // For the life of the job: they come with the last list of a match and go with its transfer.
    let bits = sizes::match_bits_bytes(&agreed.spec, agreed.own);
    let _match_bits = ctx.lists.take_match_bits(bits);
    let prepared = prepare(ctx, link, agreed, (job, &tools)).await;
    // Also if it failed: the peer is not to know how long it took.
    let paced = full_second::next_moment(link, &agreed.spec, agreed.since).await;
    let Prepared {
        frozen,
        digest,
        mut record,
    } = prepared?;
    paced?;
    // As long as the job lasts, so that what it takes does not tell what is selected.
    let _others = (frozen.others.clone(), Arc::clone(&frozen.room));
    let own = opening_commitment(&job_id, &agreed.seed, &digest);
    let chain = ctx.chain(&agreed.collab, agreed.peer);
    let opened = commit(ctx, link, &chain, agreed, own).await?;
    let recorded = within(chain.deadlines().signature(), chain.record(link, opened)).await;
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
    let whose = (ctx, job.whose());
    let matches = matches::run(whose, link, agreed, frozen, tools, record);
    let end = within(limit, matches).await?;
    let answer = match &end.opened {
        Some(opened) => keep(ctx, agreed, opened)?,
        None => None,
    };
    let limit = ctx.deadlines().closing(&agreed.spec);
    within(limit, close(link, &chain, agreed, &end)).await?;
    let is_list = agreed.spec.shape.list && agreed.own == Party::Requester;
    let list = is_list.then(|| Listed {
        side: agreed.side.clone(),
        matched: end.list,
    });
    Ok(Finished { answer, list })
}

/// Exchanges what each side puts on the opened entry.
async fn commit(
    ctx: &JobContext,
    link: &mut Link,
    chain: &Chain,
    agreed: &Agreed,
    commitment: [u8; 64],
) -> Result<Body, Failure> {
    // By the name that the configuration gives the table: that of the facts is in lower case.
    let table = agreed.side.table();
    let policy = ctx.config.policies.get(table).ok_or_else(|| {
        Failure::Internal(format!("no policy text is kept of the table `{table}`"))
    })?;
    let own = (
        commitment,
        ctx.state.policy_digest(policy)?,
        charge::amount(&agreed.spec, agreed.own),
    );
    let (commitment, policy, charge) = own;
    if !chain.is_sequencer() {
        // The sequencer may open the job once it has the commitment, whatever becomes of the link.
        let opening = OwnOpening { commitment, policy };
        let job_id = agreed.spec.job_id();
        ctx.state
            .await_opening(&chain.collab_id, &job_id, &opening)?;
    }
    let own_message = Control::Commitment {
        commitment,
        policy,
        charge,
    };
    let left = ctx
        .deadlines()
        .commitment(&agreed.spec, agreed.since.elapsed());
    let answer = within(left, async {
        link.send(&own_message).await?;
        link.control().await
    })
    .await?;
    let Control::Commitment {
        commitment,
        policy,
        charge,
    } = answer
    else {
        return Err(unexpected("something else than a commitment"));
    };
    if charge != charge::amount(&agreed.spec, agreed.own.other()) {
        return Err(violation(
            Code::EntryMismatch,
            "a charge that does not follow from the specification",
        ));
    }
    let theirs = (commitment, policy, charge);
    let (requester, responder) = match agreed.own {
        Party::Requester => (own, theirs),
        Party::Responder => (theirs, own),
    };
    Ok(Body::Opened {
        spec: agreed.spec.encode(),
        agreements: agreed.agreements,
        commitments: [requester.0, responder.0],
        policies: [requester.1, responder.1],
        charges: [requester.2, responder.2],
    })
}

/// Begins the record for the auditor, if this node keeps records.
async fn record(
    ctx: &JobContext,
    link: &mut Link,
    agreed: &Agreed,
    frozen: &Frozen,
) -> Result<Option<Record>, Failure> {
    let Some(retention) = Retention::of(&ctx.config) else {
        return Ok(None);
    };
    let (spec, own, seed) = (agreed.spec.clone(), agreed.own, Arc::clone(&agreed.seed));
    let (input, literals) = (frozen.clone(), salted(agreed));
    let begun = compute(move || {
        Recording::begin(
            &retention,
            &Subject {
                spec: &spec,
                own,
                seed: &seed,
                input: &input,
                literals,
            },
        )
    });
    let recording = link.working_while(begun).await??;
    let state = ctx.state.clone();
    Ok(Some(Record { recording, state }))
}

/// Keeps the record of a job that is opened on this node's log and ends there, so that it can be
/// replayed as far as it came.
fn keep_unfinished(record: Record, job_id: &JobId) -> Result<(), Failure> {
    let Record {
        mut recording,
        state,
    } = record;
    if state.entries_of_job(job_id)?.is_some() {
        recording.opened(&state)?;
        recording.finish(&state, None)?;
    }
    Ok(())
}

/// The own hidden literals with the salts of their commitments.
fn salted(agreed: &Agreed) -> Vec<([u8; 32], Zeroizing<String>)> {
    let mut salts = seeds::literal_salts(&agreed.seed);
    let literals = agreed.literals.iter();
    literals
        .map(|literal| (salts(), Zeroizing::new(literal.reveal().to_owned())))
        .collect()
}

/// As a recipient: makes the rows, if the answer has some, and keeps what opens the commitment on
/// the receipt.
fn keep(ctx: &JobContext, agreed: &Agreed, opened: &Opened) -> Result<Option<Answer>, Failure> {
    if opened.implausible {
        tracing::warn!("some cells hold numbers that no table gives; they are suppressed");
    }
    let answer = if agreed.spec.shape.list {
        None
    } else {
        Some(Answer::new(&agreed.output, &agreed.spec, opened)?)
    };
    let output = StoredOutput {
        salt: opened.salt,
        cells: opened.cells.clone(),
    };
    ctx.state.output_insert(&agreed.spec.job_id(), &output)?;
    Ok(answer)
}

/// What a side has made of its rows before it says so.
struct Prepared {
    frozen: Frozen,
    digest: [u8; 64],
    record: Option<Record>,
}

/// Freezes the input, computes what this side's commitment says of it, and begins the record for
/// the auditor: all of the work on rows that comes before the opening.
async fn prepare(
    ctx: &JobContext,
    link: &mut Link,
    agreed: &Agreed,
    (job, tools): (&JobHandle, &Tools),
) -> Result<Prepared, Failure> {
    let tools = Tools {
        store: ctx.lists.input_store(&job.id, job.whose()),
        ..tools.clone()
    };
    let frozen = freeze(ctx, link, agreed, &tools).await?;
    let committed = frozen.clone();
    let digest = link
        .working_while(compute(move || Ok(committed.digest()?)))
        .await??;
    let record = record(ctx, link, agreed, &frozen).await?;
    Ok(Prepared {
        frozen,
        digest,
        record,
    })
}

async fn freeze(
    ctx: &JobContext,
    link: &mut Link,
    agreed: &Agreed,
    tools: &Tools,
) -> Result<Frozen, Failure> {
    let (catalog, tools) = (ctx.catalog.clone(), tools.clone());
    let (side, spec, own) = (agreed.side.clone(), agreed.spec.clone(), agreed.own);
    let key = spec.dp().map(|_| seeds::row_key(&agreed.seed));
    let scan = ctx.engine.run(async move {
        let Tools {
            store, progress, ..
        } = tools;
        match key {
            None => catalog.freeze_job(&side, &spec, own, store, progress).await,
            Some(key) => {
                let job = (&spec, own);
                catalog
                    .freeze_private_job(&side, job, key, store, progress)
                    .await
            }
        }
    });
    let input = link.working_while(scan).await?;
    let input = input.map_err(|error| Failure::Internal(error.to_string()))??;
    tracing::info!(
        rows = input.rows_scanned,
        selected = input.rows_selected,
        nulls = input.nulls,
        "input frozen"
    );
    Ok(input.into())
}

async fn close(
    link: &mut Link,
    chain: &Chain,
    agreed: &Agreed,
    end: &Ended,
) -> Result<(), Failure> {
    let job_id = agreed.spec.job_id();
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
