//! The node's own log: what leaves no countersigned entry, such as refusals by its own policy, jobs
//! that began to read rows, and what was given back of them (Spec 07 §6).
//!
//! Hash-chained and signed by the node alone. It shows the owner's auditor that nothing was edited
//! later; it proves nothing to the peer, and the node that holds the key could rewrite all of it.

use psi_core::limits::LOCAL_NOTES_PER_HOUR_MAX;
use psi_core::receipt::{Signature, signature_holds};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use sha2::{Digest as _, Sha512};

use super::{JobRecord, State, StateError, bytes, jobs, now_unix};
use crate::identity::{NodeId, NodeKey};

/// The kind of entries that a peer can cause.
const PROPOSAL: &str = "proposal";
/// What the last such entry of an hour ends with.
const COUNTED_FROM_HERE: &str = " (what follows in this hour is counted, not noted)";
/// Seconds of an hour.
const HOUR: i64 = 3600;
/// Bytes of one entry's text; longer ones are cut.
const TEXT_BYTES_MAX: usize = 4096;

/// One entry of the node's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalEntry {
    /// Its number, from 0.
    pub seq: u64,
    /// The hash of the entry before; zero for entry 0.
    pub previous: [u8; 64],
    /// When it was written.
    pub unix: i64,
    /// What it is about: `refused`, `unreachable`, `failed`, `proposal`, `job`, `returned`.
    pub kind: String,
    /// The owner's sentence.
    pub text: String,
    /// The node's signature over [`Self::hash`].
    pub signature: Signature,
}

impl LocalEntry {
    /// `SHA-512("psi/v1/local" || seq || previous || unix || kind || text)`, numbers big-endian,
    /// texts with a 64-bit length.
    #[must_use]
    pub fn hash(&self) -> [u8; 64] {
        let mut hash = Sha512::new()
            .chain_update(b"psi/v1/local")
            .chain_update(self.seq.to_be_bytes())
            .chain_update(self.previous)
            .chain_update(self.unix.to_be_bytes());
        for text in [&self.kind, &self.text] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize().into()
    }

    fn signing_text(&self) -> Vec<u8> {
        [b"psi/v1/local-sign".as_slice(), &self.hash()].concat()
    }
}

/// The first entry of `entries` (the whole log) that is not the one the node wrote there, if any.
#[must_use]
pub fn first_wrong(entries: &[LocalEntry], id: &NodeId) -> Option<u64> {
    let mut previous = [0; 64];
    for (seq, entry) in (0..).zip(entries) {
        let in_place = entry.seq == seq && entry.previous == previous;
        if !in_place || !signature_holds(id, &entry.signing_text(), &entry.signature) {
            return Some(seq);
        }
        previous = entry.hash();
    }
    None
}

impl State {
    /// Appends an entry that is signed with `key`.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn local_append(&self, key: &NodeKey, kind: &str, text: &str) -> Result<(), StateError> {
        self.write(|transaction| append(transaction, key, kind, text))
    }

    /// Appends an entry about what a peer asked under a collaboration, which has a share of the
    /// hour: [`LOCAL_NOTES_PER_HOUR_MAX`]. Beyond it nothing is written, and the caller counts.
    /// With a `job` that came to nothing, that is recorded too. Returns whether there was room.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn local_note(
        &self,
        key: &NodeKey,
        whose: &[u8; 32],
        text: &str,
        job: Option<&JobRecord>,
    ) -> Result<bool, StateError> {
        let hour = now_unix().div_euclid(HOUR);
        // Without the write lock first: a peer that goes on asking costs no write.
        if notes(&self.lock(), whose, hour)? >= LOCAL_NOTES_PER_HOUR_MAX {
            return Ok(false);
        }
        self.write(|transaction| {
            let noted = notes(transaction, whose, hour)?;
            if noted >= LOCAL_NOTES_PER_HOUR_MAX {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO note_hours (whose, hour, noted) VALUES (?1, ?2, 1) \
                 ON CONFLICT (whose) DO UPDATE SET hour = excluded.hour, \
                 noted = CASE note_hours.hour WHEN excluded.hour THEN noted + 1 ELSE 1 END",
                params![whose, hour],
            )?;
            let is_last = noted.saturating_add(1) == LOCAL_NOTES_PER_HOUR_MAX;
            let more = if is_last { COUNTED_FROM_HERE } else { "" };
            append(transaction, key, PROPOSAL, &format!("{text}{more}"))?;
            if let Some(job) = job {
                jobs::insert_refused(transaction, job)?;
            }
            Ok(true)
        })
    }

    /// Adds to the counts of what was left out of the present hour.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn local_left_out(&self, counts: &[([u8; 32], &str, u64)]) -> Result<(), StateError> {
        let hour = now_unix().div_euclid(HOUR);
        self.write(|transaction| {
            for (whose, code, times) in counts {
                let times = i64::try_from(*times).unwrap_or(i64::MAX);
                transaction.execute(
                    "INSERT INTO left_out (whose, hour, code, times) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (whose, hour, code) DO UPDATE SET times = times + excluded.times",
                    params![whose, hour, code, times],
                )?;
            }
            Ok(())
        })
    }

    /// Puts what was left out of the hours that are over on the log: one entry for each hour and
    /// collaboration.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn local_sum_up(&self, key: &NodeKey) -> Result<(), StateError> {
        let hour = now_unix().div_euclid(HOUR);
        let is_over = "SELECT EXISTS (SELECT 1 FROM left_out WHERE hour < ?1)";
        if !self.lock().query_row(is_over, [hour], |row| row.get(0))? {
            return Ok(());
        }
        self.write(|transaction| {
            let sums: Vec<(Vec<u8>, i64, Option<String>, String)> = transaction
                .prepare(
                    "SELECT whose, hour, (SELECT name FROM collabs WHERE id = whose), \
                     group_concat(code || ' ' || times, ', ') FROM \
                     (SELECT * FROM left_out WHERE hour < ?1 ORDER BY whose, hour, code) \
                     GROUP BY whose, hour ORDER BY hour, whose",
                )?
                .query_map([hour], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?
                .collect::<Result<_, _>>()?;
            for (whose, hour, name, counts) in sums {
                let whose = name.unwrap_or_else(|| hex::encode(whose));
                let from = hour.saturating_mul(HOUR);
                let text = format!("{whose}: left out in the hour from {from}: {counts}");
                append(transaction, key, PROPOSAL, &text)?;
            }
            transaction.execute("DELETE FROM left_out WHERE hour < ?1", [hour])?;
            Ok(())
        })
    }

    /// The whole log, in order.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if an entry cannot be read.
    pub fn local_entries(&self) -> Result<Vec<LocalEntry>, StateError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM local_log ORDER BY seq"))?;
        let mut rows = statement.query([])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(read(row)?);
        }
        Ok(entries)
    }
}

/// Entries of this hour about what peers asked under a collaboration.
fn notes(connection: &Connection, whose: &[u8; 32], hour: i64) -> Result<u64, StateError> {
    let noted = connection
        .prepare_cached("SELECT noted FROM note_hours WHERE whose = ?1 AND hour = ?2")?
        .query_row(params![whose, hour], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(u64::try_from(noted.unwrap_or_default()).unwrap_or_default())
}

pub(super) fn append(
    transaction: &Transaction<'_>,
    key: &NodeKey,
    kind: &str,
    text: &str,
) -> Result<(), StateError> {
    let sql = format!("SELECT {COLUMNS} FROM local_log ORDER BY seq DESC LIMIT 1");
    let head = transaction
        .query_row(&sql, [], |row| Ok(read(row)))
        .optional()?;
    let head = head.transpose()?;
    let mut entry = LocalEntry {
        seq: head.as_ref().map_or(0, |head| head.seq.saturating_add(1)),
        previous: head.as_ref().map_or([0; 64], LocalEntry::hash),
        unix: now_unix(),
        kind: kind.to_owned(),
        text: cut(text).to_owned(),
        signature: Signature([0; 64]),
    };
    entry.signature = key.sign(&entry.signing_text());
    let seq = i64::try_from(entry.seq)
        .map_err(|_| StateError::Damaged("the local log has no number left".into()))?;
    transaction.execute(
        "INSERT INTO local_log (seq, previous, unix, kind, text, signature) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            seq,
            entry.previous,
            entry.unix,
            entry.kind,
            entry.text,
            entry.signature.as_bytes()
        ],
    )?;
    Ok(())
}

const COLUMNS: &str = "seq, previous, unix, kind, text, signature";

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn read(row: &Row<'_>) -> Result<LocalEntry, StateError> {
    let seq: i64 = row.get("seq")?;
    let previous: Vec<u8> = row.get("previous")?;
    let signature: Vec<u8> = row.get("signature")?;
    Ok(LocalEntry {
        seq: u64::try_from(seq)
            .map_err(|_| StateError::Damaged("a local entry has a negative number".into()))?,
        previous: bytes(&previous, "a local entry's hash")?,
        unix: row.get("unix")?,
        kind: row.get("kind")?,
        text: row.get("text")?,
        signature: bytes(&signature, "a local entry's signature")?,
    })
}
