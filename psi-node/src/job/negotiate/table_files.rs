//! Whether this node's tables are as their files are, when a peer asks.
//!
//! Spec 10 §2.7. A peer's question never loads a table: that would let it make this node work, and
//! tell it by the time how much there is. The files are looked at, without reading a row and no more
//! often than every [`LOOK_EVERY`]; where they changed, the question is refused as `unavailable` and
//! the table is loaded again in the background, once for each change. The owner's own questions load
//! at once and do not come here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aggregator::Refusal;
use psi_core::Code;

use crate::job::JobContext;
use crate::job::failure::Failure;

/// How often the files of a table are looked at on behalf of peers.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// When each table was looked at last. By name, as the configuration gives it.
#[derive(Default)]
pub struct Looks(Mutex<HashMap<String, Look>>);

#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    loading: bool,
}

/// What a question finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Nobody has looked for a while; the caller does.
    Look,
    /// Somebody looked just now.
    Current,
    /// The table is being loaded again.
    Loading,
}

impl Looks {
    fn due(&self, table: &str, now: Instant) -> Due {
        let mut looks = self.table();
        match looks.get(table) {
            Some(look) if look.loading => Due::Loading,
            Some(look) if now.saturating_duration_since(look.at) < LOOK_EVERY => Due::Current,
            _ => {
                // Before looking, so that nobody else looks meanwhile.
                let look = Look {
                    at: now,
                    loading: false,
                };
                looks.insert(table.to_owned(), look);
                Due::Look
            }
        }
    }

    /// Whether the caller is to load the table; not if somebody does.
    fn begin_loading(&self, table: &str) -> bool {
        let loading = Look {
            at: Instant::now(),
            loading: true,
        };
        let before = self.table().insert(table.to_owned(), loading);
        before.is_none_or(|look| !look.loading)
    }

    fn end_loading(&self, table: &str) {
        let look = Look {
            at: Instant::now(),
            loading: false,
        };
        self.table().insert(table.to_owned(), look);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, Look>> {
        // Each change is one insertion, so a poisoned lock is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    load_again(ctx, table);
    Err(unavailable(table))
}

/// Has a table loaded again in the background, if its files changed and nobody does so: where a
/// question finds out, or a job whose rows could not be read.
pub(in crate::job) fn load_again(ctx: &Arc<JobContext>, table: &str) {
    if !ctx.looks.begin_loading(table) {
        return;
    }
    let (ctx, name) = (Arc::clone(ctx), table.to_owned());
    tokio::spawn(async move {
        if let Err(failure) = ctx.refresh(&name).await {
            tracing::warn!(table = name, %failure, "the table is not served");
        }
        ctx.looks.end_loading(&name);
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_looked_at_once_in_a_while_and_not_while_it_is_loaded() {
        let looks = Looks::default();
        let start = Instant::now();
        assert_eq!(looks.due("people", start), Due::Look);
        assert_eq!(looks.due("people", start), Due::Current);
        assert_eq!(looks.due("orders", start), Due::Look);
        assert_eq!(looks.due("people", start + LOOK_EVERY), Due::Look);
        assert!(looks.begin_loading("people"));
        assert!(!looks.begin_loading("people"), "once");
        assert_eq!(looks.due("people", start + LOOK_EVERY * 2), Due::Loading);
        looks.end_loading("people");
        let later = Instant::now() + LOOK_EVERY;
        assert_eq!(looks.due("people", later), Due::Look);
    }
}
