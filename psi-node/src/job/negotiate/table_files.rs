//! Whether this node's tables are as their files are, when somebody asks.
//!
//! Spec 10 §2.7. A peer's question never loads a table: that would let it make this node work, and
//! tell it by the time how much there is. The files are looked at, without reading a row and no more
//! often than every ten seconds; where they changed, the question is refused as `unavailable` and
//! the table is loaded again in the background, once for each change; one that SQL makes by its owner's
//! own look at the files. This node's own questions load at once ([`refresh`]).

use std::sync::Arc;
use std::time::Instant;

use aggregator::Refusal;
use psi_core::Code;

use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::shares::looks::Due;

/// Refuses a peer's question about a table whose files changed, and has it loaded again.
///
/// # Errors
/// [`Failure::OwnRefusal`] with [`Code::Unavailable`].
pub(in crate::job) async fn check(ctx: &Arc<JobContext>, table: &str) -> Result<(), Failure> {
    // A name that the peer made up is not looked for, nor kept.
    let folded = table.to_lowercase();
    let mut names = ctx.config.table.keys();
    let Some(table) = names.find(|name| name.to_lowercase() == folded) else {
        return Ok(());
    };
    match ctx.looks.due(table, Instant::now()) {
        Due::Current => return Ok(()),
        Due::Loading => return Err(unavailable(table)),
        Due::Look => {}
    }
    if !ctx.catalog.has_changed(table).await.unwrap_or(false) {
        return Ok(());
    }
    load_for_a_peer(ctx, table);
    Err(unavailable(table))
}

/// [`load_again`] where a peer's question or job finds out. A table that SQL makes is left to who looks
/// at the files ([`crate::job::table_watch`]): no question of a peer has SQL run.
pub(in crate::job) fn load_for_a_peer(ctx: &Arc<JobContext>, table: &str) {
    let section = ctx.config.table.get(table);
    if section.is_some_and(|section| section.sql.is_none()) {
        load_again(ctx, table);
    }
}

/// Has a table loaded again in the background, if its files changed and nobody does so.
pub(in crate::job) fn load_again(ctx: &Arc<JobContext>, table: &str) {
    if !ctx.looks.begin_loading(table) {
        return;
    }
    let (ctx, name) = (Arc::clone(ctx), table.to_owned());
    tokio::spawn(async move {
        // Why it is not served is in the log already, and only its owner is told.
        if let Err(failure @ Failure::Internal(_)) = refresh(&ctx, &name).await {
            tracing::error!(table = name, %failure, "the table could not be loaded");
        }
        ctx.looks.end_loading(&name);
    });
}

/// Loads and checks a table again if its files changed, for this node's own owner.
pub(in crate::job) async fn refresh(ctx: &JobContext, table: &str) -> Result<(), Failure> {
    let (catalog, table) = (ctx.catalog.clone(), table.to_owned());
    let work = async move { catalog.refresh(&table).await };
    let refreshed = ctx.engine.run(work).await;
    Ok(refreshed.map_err(|error| Failure::Internal(error.to_string()))??)
}

fn unavailable(table: &str) -> Failure {
    Failure::OwnRefusal(Refusal {
        code: Code::Unavailable,
        rule: format!("table.{table}"),
        sentence: "the table's files changed, and it is being loaded again".into(),
        remedy: "the other member can ask again when that is done; run `psi-node check` if it \
                 stays so"
            .into(),
    })
}
