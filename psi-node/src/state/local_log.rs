//! The node's own log: what leaves no countersigned entry, such as refusals by its own policy, jobs
//! that began to read rows, and what was given back of them (Spec 07 §6).
//!
//! Hash-chained and signed by the node alone. It shows the owner's auditor that nothing was edited
//! later; it proves nothing to the peer, and the node that holds the key could rewrite all of it.

use psi_core::limits::LOCAL_NOTES_PER_HOUR_MAX;
use psi_core::receipt::signature_holds;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use sha2::{Digest as _, Sha512};

use super::{State, StateError, bytes, now_unix};
use crate::identity::{NodeId, NodeKey};

/// The kind of entries that a peer can cause.
const PROPOSAL: &str = "proposal";
/// What the last such entry of an hour ends with.
const LEFT_OUT: &str = " (more in the hour after this are left out)";
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
    pub signature: [u8; 64],
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
        if !in_place || !signature_holds(&id.0, &entry.signing_text(), &entry.signature) {
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

    /// Appends an entry about a peer's proposal, of which an hour has at most
    /// [`LOCAL_NOTES_PER_HOUR_MAX`]; the last of them says that more may be left out. Returns
    /// whether it was added.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn local_note(&self, key: &NodeKey, text: &str) -> Result<bool, StateError> {
        let now = now_unix();
        self.write(|transaction| {
            let recent: i64 = transaction.query_row(
                "SELECT COUNT(*) FROM local_log WHERE kind = ?1 AND unix > ?2 AND unix <= ?3",
                // Entries from the future, after a clock was set back, are not of this hour.
                params![PROPOSAL, now.saturating_sub(3600), now],
                |row| row.get(0),
            )?;
            let recent = u64::try_from(recent).unwrap_or_default();
            if recent >= LOCAL_NOTES_PER_HOUR_MAX {
                return Ok(false);
            }
            let last = recent.saturating_add(1) == LOCAL_NOTES_PER_HOUR_MAX;
            let more = if last { LEFT_OUT } else { "" };
            append(transaction, key, PROPOSAL, &format!("{text}{more}"))?;
            Ok(true)
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
        signature: [0; 64],
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
            entry.signature
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
