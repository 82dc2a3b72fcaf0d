//! Looks at the files of this node's tables while nobody asks.
//!
//! Spec 10 §2.7. A nightly export is loaded when it is complete, so that the first question of the
//! day finds it, and a table that could not be loaded is tried again as soon as its files are others.
//! The daemon runs it for as long as it runs; the load is that of [`super::negotiate::table_files`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aggregator::Look;

use super::context::Current;
use super::negotiate::table_files;

/// The shortest time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A folder of many files is looked at less often: looking takes at most this part of the time.
const PART_OF_TIME: u32 = 100;

/// How often files are tried again that could not be read and are the same ones, such as after a
/// full disk.
const TRY_EVERY: Duration = Duration::from_mins(1);

/// Looks at all tables that are configured, again and again.
pub async fn watch_tables(node: Current) {
    let mut tables: HashMap<String, Watched> = HashMap::new();
    loop {
        let (start, ctx) = (Instant::now(), node.get());
        for name in ctx.config.table.keys() {
            let Ok(look) = ctx.catalog.look(name).await else {
                continue;
            };
            let table = tables.entry(name.clone()).or_default();
            if table.is_due(look, Instant::now()) {
                table_files::load_again(&ctx, name);
            }
        }
        // Jobs of an earlier load may have ended meanwhile.
        node.get().catalog.sweep();
        let pause = start.elapsed().saturating_mul(PART_OF_TIME);
        tokio::time::sleep(pause.max(LOOK_EVERY)).await;
    }
}

/// One table.
#[derive(Default)]
struct Watched {
    last: Option<Look>,
    /// What was loaded last, and when.
    tried: Option<(Look, Instant)>,
}

impl Watched {
    /// Whether the table is to be loaded: its files changed, and did not since the last look, so
    /// that one which is being written is not loaded again and again.
    fn is_due(&mut self, look: Look, now: Instant) -> bool {
        let has_settled = self.last.as_ref() == Some(&look);
        self.last = Some(look.clone());
        if !(has_settled && (look.changed || look.may_pass)) {
            return false;
        }
        if let Some((tried, at)) = &self.tried
            && *tried == look
            && now.saturating_duration_since(*at) < TRY_EVERY
        {
            return false;
        }
        self.tried = Some((look, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::NodeKey;
    use crate::job::context::fixture;

    #[tokio::test]
    async fn files_that_changed_are_loaded_once_they_are_at_rest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.csv");
        std::fs::write(&file, "name\na\n").unwrap();
        let text = "name = \"brand\"\nlisten = \"127.0.0.1:0\"\n[table.people]\n\
                    source = \"people.csv\"\n[[table.people.key]]\ncolumns = [\"name\"]\n\
                    kinds = [\"text\"]\n";
        let key = NodeKey::generate().unwrap();
        let ctx = fixture::context(folder.path(), text, key).await;
        let mut table = Watched::default();
        let now = Instant::now();
        let mut due = async |at| table.is_due(ctx.catalog.look("people").await.unwrap(), at);
        assert!(!due(now).await);
        std::fs::write(&file, "name\na\nbb\n").unwrap();
        assert!(!due(now).await, "it may still grow");
        std::fs::write(&file, "name\na\nbb\nccc\n").unwrap();
        assert!(!due(now).await, "it has grown");
        assert!(due(now).await);
        assert!(!due(now).await, "once");
        assert!(due(now + TRY_EVERY).await, "it is still not loaded");
        ctx.catalog.refresh("people").await.unwrap();
        assert!(!due(now + TRY_EVERY * 2).await);
    }
}
