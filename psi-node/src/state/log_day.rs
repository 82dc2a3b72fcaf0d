//! What a day has brought on each receipt log: bytes, refused entries, statements of each member.
//!
//! Spec 07 §2.1. Counted in the transaction that appends an entry, by the machine's clock; asked
//! before a question is accepted, and never about an entry that was agreed to.

use psi_core::receipt::Body;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::StateError;
use crate::collab::CollabId;
use crate::identity::NodeId;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A day of one log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogDay {
    /// Bytes of entries.
    pub bytes: u64,
    /// Refused entries.
    pub refusals: u64,
}

/// What the day of `unix` has brought.
pub(super) fn of(
    connection: &Connection,
    collab_id: &CollabId,
    unix: i64,
) -> Result<LogDay, StateError> {
    let found: Option<(i64, i64)> = connection
        .prepare_cached("SELECT bytes, refusals FROM log_days WHERE collab_id = ?1 AND day = ?2")?
        .query_row(params![collab_id.as_bytes(), unix.div_euclid(DAY)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (bytes, refusals) = found.unwrap_or_default();
    let number = |value| u64::try_from(value).unwrap_or_default();
    Ok(LogDay {
        bytes: number(bytes),
        refusals: number(refusals),
    })
}

/// Statements of a member on the day of `unix`.
pub(super) fn statements(
    connection: &Connection,
    collab_id: &CollabId,
    node_id: &NodeId,
    unix: i64,
) -> Result<u64, StateError> {
    let found: Option<i64> = connection
        .prepare_cached(
            "SELECT statements FROM statement_days \
             WHERE collab_id = ?1 AND node_id = ?2 AND day = ?3",
        )?
        .query_row(
            params![
                collab_id.as_bytes(),
                node_id.as_bytes(),
                unix.div_euclid(DAY)
            ],
            |row| row.get(0),
        )
        .optional()?;
    Ok(u64::try_from(found.unwrap_or_default()).unwrap_or_default())
}

/// Counts an entry that is being appended.
pub(super) fn count(
    transaction: &Transaction<'_>,
    collab_id: &CollabId,
    body: &Body,
    bytes: usize,
    unix: i64,
) -> Result<(), StateError> {
    let day = unix.div_euclid(DAY);
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let refused = i64::from(matches!(body, Body::Refused { .. }));
    transaction
        .prepare_cached(
            "INSERT INTO log_days (collab_id, day, bytes, refusals) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (collab_id) DO UPDATE SET day = excluded.day, \
             bytes = CASE log_days.day WHEN excluded.day THEN bytes ELSE 0 END + excluded.bytes, \
             refusals = CASE log_days.day WHEN excluded.day THEN refusals ELSE 0 END \
             + excluded.refusals",
        )?
        .execute(params![collab_id.as_bytes(), day, bytes, refused])?;
    if let Body::Statement { node_id, .. } = body {
        transaction
            .prepare_cached(
                "INSERT INTO statement_days (collab_id, node_id, day, statements) \
                 VALUES (?1, ?2, ?3, 1) ON CONFLICT (collab_id, node_id) DO UPDATE SET \
                 statements = CASE statement_days.day WHEN excluded.day THEN statements ELSE 0 END \
                 + 1, day = excluded.day",
            )?
            .execute(params![collab_id.as_bytes(), node_id.as_bytes(), day])?;
    }
    Ok(())
}

#[cfg(test)]
impl super::State {
    /// As if so many bytes had come today on every log.
    pub(crate) fn fill_log_day(&self, bytes: u64) {
        let day = super::now_unix().div_euclid(DAY);
        let sql = "INSERT INTO log_days (collab_id, day, bytes, refusals) \
                   SELECT id, ?1, ?2, 0 FROM collabs WHERE true ON CONFLICT (collab_id) \
                   DO UPDATE SET bytes = excluded.bytes, day = excluded.day";
        let bytes = i64::try_from(bytes).unwrap();
        self.lock().execute(sql, params![day, bytes]).unwrap();
    }
}
