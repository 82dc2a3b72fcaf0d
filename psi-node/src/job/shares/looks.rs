//! How often the files of a table are looked at on behalf of peers, and that it is loaded once.
//!
//! Spec 10 §2.7. Asked by [`crate::job::negotiate::table_files`].

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
pub(in crate::job) enum Due {
    /// Nobody has looked for a while; the caller does.
    Look,
    /// Somebody looked just now.
    Current,
    /// The table is being loaded again.
    Loading,
}

impl Looks {
    pub(in crate::job) fn due(&self, table: &str, now: Instant) -> Due {
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
    pub(in crate::job) fn begin_loading(&self, table: &str) -> bool {
        let loading = Look {
            at: Instant::now(),
            loading: true,
        };
        let before = self.table().insert(table.to_owned(), loading);
        before.is_none_or(|look| !look.loading)
    }

    pub(in crate::job) fn end_loading(&self, table: &str) {
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
