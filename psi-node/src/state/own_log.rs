//! The node's own log: what leaves no countersigned entry, such as refusals by its own policy, jobs
//! that began to read rows, and what was given back of them (Spec 07 §6).
//!
//! Hash-chained and signed by the node alone. It shows the owner's auditor that nothing was edited
//! later; it proves nothing to the peer, and the node that holds the key could rewrite all of it.

use std::fmt;

use psi_core::Code;
use psi_core::limits::NOTES_PER_HOUR_MAX;
use psi_core::receipt::{Signature, signature_holds};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use sha2::{Digest as _, Sha512};

use super::{State, StateError, StoredJob, bytes, jobs, now_unix};
use crate::identity::{NodeId, NodeKey};

/// The kind of notes that a peer can cause.
const PROPOSAL: &str = "proposal";
/// What the last such note of an hour ends with.
const COUNTED_FROM_HERE: &str = " (what follows in this hour is counted, not noted)";
/// Seconds of an hour.
const HOUR: i64 = 3600;
/// Bytes of one note's text; longer ones are cut.
const TEXT_BYTES_MAX: usize = 4096;

/// The hash of a note; zero is the hash before note 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteHash([u8; 64]);

impl NoteHash {
    /// The previous hash of note 0.
    pub const ZERO: Self = Self([0; 64]);
}

/// All bytes in hexadecimal digits.
impl fmt::Display for NoteHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl From<[u8; 64]> for NoteHash {
    fn from(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
}

/// One note of the node's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its number, from 0.
    pub seq: u64,
    /// The hash of the note before.
    pub previous: NoteHash,
    /// When it was written.
    pub unix: i64,
    /// What it is about: `refused`, `unreachable`, `failed`, `proposal`, `job`, `returned`.
    pub kind: String,
    /// The owner's sentence.
    pub text: String,
    /// The node's signature over [`Self::hash`].
    pub signature: Signature,
}

impl Note {
    /// `SHA-512("psi/v1/local" || seq || previous || unix || kind || text)`, numbers big-endian,
    /// texts with a 64-bit length.
    #[must_use]
    pub fn hash(&self) -> NoteHash {
        let mut hash = Sha512::new()
            .chain_update(b"psi/v1/local")
            .chain_update(self.seq.to_be_bytes())
            .chain_update(self.previous.0)
            .chain_update(self.unix.to_be_bytes());
        for text in [&self.kind, &self.text] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        NoteHash(hash.finalize().into())
    }

    fn signing_text(&self) -> Vec<u8> {
        [b"psi/v1/local-sign".as_slice(), &self.hash().0].concat()
    }
}

/// The number of the first of `notes` (the whole log) that is not the one the node wrote there, if
/// any.
#[must_use]
pub fn first_wrong(notes: &[Note], id: &NodeId) -> Option<u64> {
    let mut previous = NoteHash::ZERO;
    for (seq, note) in (0..).zip(notes) {
        let in_place = note.seq == seq && note.previous == previous;
        if !in_place || !signature_holds(id, &note.signing_text(), &note.signature) {
            return Some(seq);
        }
        previous = note.hash();
    }
    None
}

/// How often something was left out of the present hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Whose share of the hour was used up: the id of a collaboration or of a node.
    pub whose: [u8; 32],
    /// What became of the question.
    pub code: Code,
    /// How often.
    pub times: u64,
}

impl State {
    /// Appends a note that is signed with `key`.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn note(&self, key: &NodeKey, kind: &str, text: &str) -> Result<(), StateError> {
        self.write(|transaction| append(transaction, key, kind, text))
    }

    /// Appends a note about what a peer asked under a collaboration, which has a share of the
    /// hour: [`NOTES_PER_HOUR_MAX`]. Beyond it nothing is written, and the caller counts.
    /// With a `job` that came to nothing, that is recorded too. Returns whether there was room.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn note_of_peer(
        &self,
        key: &NodeKey,
        whose: &[u8; 32],
        text: &str,
        job: Option<&StoredJob>,
    ) -> Result<bool, StateError> {
        let hour = now_unix().div_euclid(HOUR);
        // Without the write lock first: a peer that goes on asking costs no write.
        if noted(&self.lock(), whose, hour)? >= NOTES_PER_HOUR_MAX {
            return Ok(false);
        }
        self.write(|transaction| {
            let noted = noted(transaction, whose, hour)?;
            if noted >= NOTES_PER_HOUR_MAX {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO note_hours (whose, hour, noted) VALUES (?1, ?2, 1) \
                 ON CONFLICT (whose) DO UPDATE SET hour = excluded.hour, \
                 noted = CASE note_hours.hour WHEN excluded.hour THEN noted + 1 ELSE 1 END",
                params![whose, hour],
            )?;
            let is_last = noted.saturating_add(1) == NOTES_PER_HOUR_MAX;
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
    pub fn notes_left_out(&self, counts: &[LeftOut]) -> Result<(), StateError> {
        let hour = now_unix().div_euclid(HOUR);
        self.write(|transaction| {
            for LeftOut { whose, code, times } in counts {
                let times = i64::try_from(*times).unwrap_or(i64::MAX);
                transaction.execute(
                    "INSERT INTO left_out (whose, hour, code, times) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (whose, hour, code) DO UPDATE SET times = times + excluded.times",
                    params![whose, hour, code.as_str(), times],
                )?;
            }
            Ok(())
        })
    }

    /// Puts what was left out of the hours that are over on the log: one note for each hour and
    /// collaboration.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn notes_sum_up(&self, key: &NodeKey) -> Result<(), StateError> {
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
    /// [`StateError::Damaged`] if a note cannot be read.
    pub fn notes(&self) -> Result<Vec<Note>, StateError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM local_log ORDER BY seq"))?;
        let mut rows = statement.query([])?;
        let mut notes = Vec::new();
        while let Some(row) = rows.next()? {
            notes.push(read(row)?);
        }
        Ok(notes)
    }
}

/// Notes of this hour about what peers asked under a collaboration.
fn noted(connection: &Connection, whose: &[u8; 32], hour: i64) -> Result<u64, StateError> {
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
    let mut note = Note {
        seq: head.as_ref().map_or(0, |head| head.seq.saturating_add(1)),
        previous: head.as_ref().map_or(NoteHash::ZERO, Note::hash),
        unix: now_unix(),
        kind: kind.to_owned(),
        text: cut(text).to_owned(),
        signature: Signature([0; 64]),
    };
    note.signature = key.sign(&note.signing_text());
    let seq = i64::try_from(note.seq)
        .map_err(|_| StateError::Damaged("the node's own log has no number left".into()))?;
    transaction.execute(
        "INSERT INTO local_log (seq, previous, unix, kind, text, signature) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            seq,
            note.previous.0,
            note.unix,
            note.kind,
            note.text,
            note.signature.as_bytes()
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

fn read(row: &Row<'_>) -> Result<Note, StateError> {
    let seq: i64 = row.get("seq")?;
    let previous: Vec<u8> = row.get("previous")?;
    let signature: Vec<u8> = row.get("signature")?;
    Ok(Note {
        seq: u64::try_from(seq)
            .map_err(|_| StateError::Damaged("a note has a negative number".into()))?,
        previous: bytes(&previous, "a note's hash")?,
        unix: row.get("unix")?,
        kind: row.get("kind")?,
        text: row.get("text")?,
        signature: bytes(&signature, "a note's signature")?,
    })
}
