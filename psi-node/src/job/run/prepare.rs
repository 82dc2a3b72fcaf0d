//! All of a side's work on its rows that comes before the opening: the frozen input, the digest of it,
//! the head of the record for the auditor.
//!
//! Spec 10 §4, Spec 07 §3 and §11. Called by the run of a job, which tells the peer nothing before one of
//! the moments of `run::moment`.

use std::sync::Arc;

use psi_core::receipt::InputDigest;
use psi_core::session::Tools;
use psi_core::spec::{JobId, LiteralSalt};
use zeroize::Zeroizing;

use crate::audit::keep::{Recording, Retention, SaltedLiteral, Subject};
use crate::frozen::Frozen;
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::link::compute;
use crate::job::matches::Record;
use crate::job::negotiate::agreed::Agreed;
use crate::job::registry::JobHandle;
use crate::job::seeds;
use crate::state::short_name;

/// What a side has made of its rows before it says so.
pub(super) struct Prepared {
    pub(super) frozen: Frozen,
    pub(super) digest: InputDigest,
    pub(super) record: Option<Record>,
}

/// Freezes the input, computes what this side's commitment says of it, and begins the record for
/// the auditor: all of the work on rows that comes before the opening.
pub(super) async fn prepare(
    ctx: &JobContext,
    agreed: &Agreed,
    job: &JobHandle,
    tools: &Tools,
) -> Result<Prepared, Failure> {
    let tools = Tools {
        store: ctx.lists.input_store(&job.id, job.whose()),
        ..tools.clone()
    };
    let frozen = freeze(ctx, agreed, &tools).await?;
    let committed = frozen.clone();
    let digest = compute(move || Ok(committed.digest()?)).await?;
    let record = record(ctx, agreed, &frozen).await?;
    Ok(Prepared {
        frozen,
        digest,
        record,
    })
}

async fn freeze(ctx: &JobContext, agreed: &Agreed, tools: &Tools) -> Result<Frozen, Failure> {
    let (catalog, tools) = (ctx.catalog.clone(), tools.clone());
    let (side, spec, own) = (agreed.side.clone(), agreed.spec.clone(), agreed.own);
    let key = spec.dp().map(|_| seeds::row_key(&agreed.seed));
    let scan = ctx.engine.run(async move {
        let Tools {
            store, progress, ..
        } = tools;
        let freezing = catalog.freeze_job(&side, &spec, own, key, store, progress);
        freezing.await
    });
    let input = scan.await;
    let input = input.map_err(|error| Failure::Internal(error.to_string()))??;
    tracing::info!(
        job = short_name(&agreed.spec.job_id()),
        rows = input.rows_scanned,
        selected = input.rows_selected,
        nulls = input.nulls,
        "input frozen"
    );
    Ok(input.into())
}

/// Begins the record for the auditor, if this node keeps records.
async fn record(
    ctx: &JobContext,
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
    let recording = begun.await?;
    let state = ctx.state.clone();
    Ok(Some(Record { recording, state }))
}

/// Keeps the record of a job that is opened on this node's log and ends there, so that it can be
/// replayed as far as it came.
pub(super) fn keep_unfinished(record: Record, job_id: &JobId) -> Result<(), Failure> {
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

/// This node's hidden literals with the salts of their commitments.
fn salted(agreed: &Agreed) -> Vec<SaltedLiteral> {
    let salts = LiteralSalt::all_of(&agreed.seed);
    let salted = agreed.literals.iter().zip(salts);
    salted
        .map(|(literal, salt)| SaltedLiteral {
            salt,
            text: Zeroizing::new(literal.reveal().to_owned()),
        })
        .collect()
}
