//! What both sides do once a job is agreed: freeze the input, open the job on both receipt logs,
//! match, close it.
//!
//! Spec 04 §1 and Spec 07 §3. Nothing that depends on data leaves this function, apart from a
//! hiding commitment, before the opened entry and its debit are durable on both sides.

use std::sync::Arc;

use psi_core::Code;
use psi_core::messages::Control;
use psi_core::receipt::{Body, Cell, ClosedStatus, opening_commitment};
use psi_core::seed::{JobSeed, Purpose};
use psi_core::session::{BATCH_RECORDS, MatchSetup, SharedList, Tools};
use psi_core::spec::{Half, JobSpec, Party};
use psi_core::store::StoreError;
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use super::chain::Chain;
use super::exchange::{self, MatchEnd};
use super::failure::Failure;
use super::link::{Link, compute, unexpected, violation};
use super::live::LiveJob;
use super::registry::JobHandle;
use super::{JobContext, NodeId};
use crate::collab::Collaboration;

/// A job that both sides have signed.
pub(super) struct Agreed {
    pub(super) collab: Collaboration,
    pub(super) peer: NodeId,
    pub(super) spec: JobSpec,
    /// The requester's and the responder's signature over the job.
    pub(super) agreements: [[u8; 64]; 2],
    pub(super) own: Party,
    pub(super) side: aggregator::SidePlan,
    pub(super) seed: Arc<JobSeed>,
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

/// Two sides that do not fit together are a refusal, not a broken protocol.
pub(super) fn incompatible(error: psi_core::Error) -> Failure {
    match error {
        psi_core::Error::PeerIncompatible { code, detail } => {
            Failure::OwnRefusal(aggregator::Refusal {
                code,
                rule: "job specification".into(),
                sentence: detail.into(),
                remedy: "compare both sides' table sections: kinds, `unique`, who may receive"
                    .into(),
            })
        }
        other => Failure::Protocol(other),
    }
}

/// How a job ended for this side.
pub(super) struct Finished {
    /// The cell and the salt of its commitment, if this side is a recipient.
    pub(super) opened: Option<(Cell, [u8; 32])>,
}

/// Runs an agreed job to its closing entry. Meanwhile a settlement can end it.
pub(super) async fn run(
    ctx: &JobContext,
    job: &JobHandle,
    link: &mut Link,
    agreed: Agreed,
) -> Result<Finished, Failure> {
    let job_id = agreed.spec.job_id();
    let live = ctx.live.begin(agreed.collab.id(), job_id);
    let result = tokio::select! {
        result = run_live(ctx, job, link, &agreed) => result,
        () = live.interrupted() => Err(Failure::PeerAborted(Code::Interrupted)),
    };
    if let Err(failure) = &result {
        ctx.live.note_end(job_id, failure.code());
    }
    drop::<LiveJob>(live);
    result
}

async fn run_live(
    ctx: &JobContext,
    job: &JobHandle,
    link: &mut Link,
    agreed: &Agreed,
) -> Result<Finished, Failure> {
    let job_id = agreed.spec.job_id();
    let seed = Arc::clone(&agreed.seed);
    let tools = Tools {
        kernel: Arc::clone(&ctx.kernel),
        store: ctx.lists.store(&job.id).map_err(psi_core::Error::from)?,
        progress: job.progress(),
    };
    let identities = freeze(ctx, link, agreed, &tools).await?;
    let list = Arc::clone(&identities);
    let digest = compute(move || Ok(input_digest(&list)?)).await?;
    let own = opening_commitment(&job_id, &seed, &digest);
    link.send(&Control::Commitment(own)).await?;
    let Control::Commitment(theirs) = link.control().await? else {
        return Err(unexpected("something else than a commitment"));
    };
    let commitments = match agreed.own {
        Party::Requester => [own, theirs],
        Party::Responder => [theirs, own],
    };

    let chain = ctx.chain(&agreed.collab, agreed.peer);
    let opened = Body::Opened {
        spec: agreed.spec.encode(),
        agreements: agreed.agreements,
        commitments,
    };
    chain.record(link, opened).await?;

    let end = exchange(link, agreed, seed, identities, tools).await?;
    close(link, &chain, agreed, &end).await?;
    Ok(Finished { opened: end.opened })
}

/// The job's seed: the one value from which all randomness of this side's half is derived. It
/// stays in memory.
pub(super) fn fresh_seed() -> Result<Arc<JobSeed>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut())
        .map_err(|error| Failure::Internal(format!("no randomness from the system: {error}")))?;
    Ok(Arc::new(JobSeed::new(*bytes)))
}

/// The own nonce of the job specification.
pub(super) fn nonce(seed: &JobSeed) -> [u8; 32] {
    let mut nonce = [0; 32];
    seed.stream(Purpose::Nonce, 0, 0).fill(&mut nonce);
    nonce
}

async fn freeze(
    ctx: &JobContext,
    link: &mut Link,
    agreed: &Agreed,
    tools: &Tools,
) -> Result<SharedList, Failure> {
    let (catalog, side, tools) = (ctx.catalog.clone(), agreed.side.clone(), tools.clone());
    let scan = ctx.engine.run(async move {
        catalog
            .freeze(&side, tools.store.as_ref(), tools.progress.as_ref())
            .await
    });
    let frozen = link.working_while(scan).await?;
    let frozen = frozen.map_err(|error| Failure::Internal(error.to_string()))??;
    tracing::info!(
        rows = frozen.rows_scanned,
        selected = frozen.rows_selected,
        nulls = frozen.nulls,
        "input frozen"
    );
    Ok(Arc::from(frozen.identities))
}

/// `SHA-512("psi/v1/input" || number of identities || digests in ascending order)`.
fn input_digest(identities: &SharedList) -> Result<[u8; 64], StoreError> {
    let mut hash = Sha512::new()
        .chain_update(b"psi/v1/input")
        .chain_update(identities.len().to_be_bytes());
    let mut reader = identities.reader()?;
    let mut batch = Vec::new();
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() {
            return Ok(hash.finalize().into());
        }
        hash.update(&batch);
    }
}

async fn exchange(
    link: &mut Link,
    agreed: &Agreed,
    seed: Arc<JobSeed>,
    identities: SharedList,
    tools: Tools,
) -> Result<MatchEnd, Failure> {
    let setup = MatchSetup::new(&agreed.spec)?;
    if agreed.spec.receiver == agreed.own {
        let recipient = agreed.spec.recipients.include(agreed.own);
        exchange::receive(link, setup, seed, identities, tools, recipient).await
    } else {
        exchange::send(link, setup, seed, identities, tools).await
    }
}

async fn close(
    link: &mut Link,
    chain: &Chain,
    agreed: &Agreed,
    end: &MatchEnd,
) -> Result<(), Failure> {
    let body = Body::Closed {
        job_id: agreed.spec.job_id(),
        status: ClosedStatus::Completed,
        code: None,
        output_commitment: Some(end.output_commitment),
        transcripts: Some(end.transcripts),
    };
    chain.record(link, body).await
}
