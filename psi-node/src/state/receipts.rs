//! The receipt logs, one hash chain per collaboration.
//!
//! What may be appended is decided by the job runner; what must never happen whatever it decides
//! (a gap, a second opening of a job, a closing without an opening) is refused here, inside the
//! transaction that would write it.

use psi_core::receipt::{Body, Entry, EntryHash, Signature, entry_hash};
use psi_core::spec::{JobId, JobSpec, NodeId};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::log_day::{self, LogDay};
use super::{Debit, State, StateError, StoredEntry, awaited, bytes, ledger, now_unix};
use crate::collab::CollabId;

/// The entries about one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobEntries {
    /// The log.
    pub collab_id: CollabId,
    /// The number of the opened entry.
    pub opened: u64,
    /// The number of the closed one.
    pub closed: Option<u64>,
}

const COLUMNS: &str = "seq, entry, hash, signature_0, signature_1";

impl State {
    /// The last entry of a log.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it cannot be read.
    pub fn chain_head(&self, collab_id: &CollabId) -> Result<Option<StoredEntry>, StateError> {
        let sql =
            format!("SELECT {COLUMNS} FROM entries WHERE collab_id = ?1 ORDER BY seq DESC LIMIT 1");
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([collab_id.as_bytes()])?;
        rows.next()?.map(read).transpose()
    }

    /// The entry with this number.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it cannot be read.
    pub fn entry(&self, collab_id: &CollabId, seq: u64) -> Result<Option<StoredEntry>, StateError> {
        Ok(self
            .entries(collab_id, seq, 1)?
            .into_iter()
            .find(|entry| entry.seq == seq))
    }

    /// At most `limit` entries from number `from_seq` on, in order.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if one cannot be read.
    pub fn entries(
        &self,
        collab_id: &CollabId,
        from_seq: u64,
        limit: u32,
    ) -> Result<Vec<StoredEntry>, StateError> {
        let Ok(from_seq) = i64::try_from(from_seq) else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM entries WHERE collab_id = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3"
        );
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![collab_id.as_bytes(), from_seq, limit])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(read(row)?);
        }
        Ok(entries)
    }

    /// Appends an entry and, in the same transaction, what follows from it: an opening is charged
    /// and its job taken for good, a closing marks its job closed. On disk when this returns.
    ///
    /// # Errors
    /// [`StateError::OutOfPlace`] if it does not continue the log, or a debit comes without an
    /// opening; [`StateError::JobReused`]; [`StateError::NotOpen`]; [`StateError::UnknownCollab`].
    pub fn entry_append(
        &self,
        collab_id: &CollabId,
        stored: &StoredEntry,
        debit: Option<&Debit>,
    ) -> Result<(), StateError> {
        let entry = Entry::decode(&stored.entry)
            .map_err(|_| StateError::OutOfPlace("it is not a well-formed entry"))?;
        if entry_hash(&stored.entry) != stored.hash || entry.seq != stored.seq {
            return Err(StateError::OutOfPlace(
                "its bytes are not what is said of them",
            ));
        }
        if entry.collab_id != *collab_id {
            return Err(StateError::OutOfPlace(
                "it belongs to another collaboration",
            ));
        }
        self.write(|transaction| {
            let known = "SELECT EXISTS (SELECT 1 FROM collabs WHERE id = ?1)";
            if !transaction.query_row(known, [collab_id.as_bytes()], |row| row.get::<_, bool>(0))? {
                return Err(StateError::UnknownCollab);
            }
            check_continues(transaction, &entry)?;
            let seq = number(stored.seq)?;
            transaction.execute(
                "INSERT INTO entries (collab_id, seq, entry, hash, signature_0, signature_1) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    collab_id.as_bytes(),
                    seq,
                    stored.entry,
                    stored.hash.as_bytes(),
                    stored.signatures[0].map(|signature| signature.0),
                    stored.signatures[1].map(|signature| signature.0),
                ],
            )?;
            let bytes = stored.entry.len();
            log_day::count(transaction, collab_id, &entry.body, bytes, now_unix())?;
            apply(transaction, collab_id, seq, &entry.body, debit)
        })
    }

    /// Adds a member's signature (0: the smaller node id) to a stored entry. The caller has
    /// verified it. The signature that is there already stays, if it is the same. That of an entry
    /// which closes a job is synced with the next commit: nothing of the job follows it, and a
    /// settlement brings one that was lost.
    ///
    /// # Errors
    /// [`StateError::OutOfPlace`] if the log has no such entry, or holds another signature.
    pub fn entry_countersign(
        &self,
        collab_id: &CollabId,
        seq: u64,
        member: usize,
        signature: &Signature,
    ) -> Result<(), StateError> {
        let column = match member {
            0 => "signature_0",
            1 => "signature_1",
            _ => return Err(StateError::OutOfPlace("a collaboration has two members")),
        };
        let seq = number(seq)?;
        let sign = |transaction: &Transaction<'_>| {
            let changed = transaction.execute(
                &format!(
                    "UPDATE entries SET {column} = ?3 WHERE collab_id = ?1 AND seq = ?2 \
                     AND ({column} IS NULL OR {column} = ?3)"
                ),
                params![collab_id.as_bytes(), seq, signature.as_bytes()],
            )?;
            match changed {
                0 => Err(StateError::OutOfPlace("no entry waits for this signature")),
                _ => Ok(()),
            }
        };
        let sql = "SELECT 1 FROM opened_jobs WHERE collab_id = ?1 AND closed_seq = ?2";
        let closes = self
            .lock()
            .prepare_cached(sql)?
            .exists(params![collab_id.as_bytes(), seq])?;
        if closes {
            self.write_behind(sign)
        } else {
            self.write(sign)
        }
    }

    /// Jobs that were opened and not closed, in the order of their openings.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if one cannot be read.
    pub fn open_jobs(&self, collab_id: &CollabId) -> Result<Vec<JobId>, StateError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT job_id FROM opened_jobs WHERE collab_id = ?1 AND closed_seq IS NULL \
             ORDER BY opened_seq",
        )?;
        let rows = statement.query_map([collab_id.as_bytes()], |row| row.get::<_, Vec<u8>>(0))?;
        rows.map(|row| bytes(&row?, "a job id")).collect()
    }

    /// Refusals on a log since the last job that was opened.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn refusals_in_a_row(&self, collab_id: &CollabId) -> Result<u64, StateError> {
        let count: i64 = self.lock().query_row(
            "SELECT COUNT(*) FROM refusals WHERE collab_id = ?1 AND seq > \
             (SELECT COALESCE(MAX(opened_seq), -1) FROM opened_jobs WHERE collab_id = ?1)",
            [collab_id.as_bytes()],
            |row| row.get(0),
        )?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// What today has brought on a log so far.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn log_day(&self, collab_id: &CollabId) -> Result<LogDay, StateError> {
        log_day::of(&self.lock(), collab_id, now_unix())
    }

    /// Statements of a member that came on a log today.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn statements_today(
        &self,
        collab_id: &CollabId,
        node_id: &NodeId,
    ) -> Result<u64, StateError> {
        log_day::statements(&self.lock(), collab_id, node_id, now_unix())
    }

    /// Where a job was opened, and where it was closed.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it cannot be read.
    pub fn entries_of_job(&self, job_id: &JobId) -> Result<Option<JobEntries>, StateError> {
        let connection = self.lock();
        let found: Option<(Vec<u8>, i64, Option<i64>)> = connection
            .query_row(
                "SELECT collab_id, opened_seq, closed_seq FROM opened_jobs WHERE job_id = ?1",
                [job_id.as_bytes()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        let number = |seq: i64| {
            u64::try_from(seq)
                .map_err(|_| StateError::Damaged("an entry has a negative number".into()))
        };
        found
            .map(|(collab_id, opened, closed)| {
                Ok(JobEntries {
                    collab_id: bytes(&collab_id, "a collaboration's id")?,
                    opened: number(opened)?,
                    closed: closed.map(number).transpose()?,
                })
            })
            .transpose()
    }

    /// Records why a log cannot be continued; the first reason stays.
    ///
    /// # Errors
    /// [`StateError::UnknownCollab`].
    pub fn chain_set_broken(&self, collab_id: &CollabId, why: &str) -> Result<(), StateError> {
        self.set_status(
            "INSERT INTO chain_status (collab_id, broken) VALUES (?1, ?2) \
             ON CONFLICT (collab_id) DO UPDATE SET broken = COALESCE(broken, excluded.broken)",
            collab_id,
            why,
        )
    }

    /// Why a log cannot be continued, if that was found.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn chain_broken(&self, collab_id: &CollabId) -> Result<Option<String>, StateError> {
        self.status(collab_id, "broken")
    }

    /// Records the owner's statement; the next settlement with the peer fetches what is missing and
    /// puts the statement on the log.
    ///
    /// # Errors
    /// [`StateError::UnknownCollab`].
    pub fn chain_repair(&self, collab_id: &CollabId, statement: &str) -> Result<(), StateError> {
        self.set_status(
            "INSERT INTO chain_status (collab_id, repair) VALUES (?1, ?2) \
             ON CONFLICT (collab_id) DO UPDATE SET repair = excluded.repair",
            collab_id,
            statement,
        )
    }

    /// The owner's statement that is not on the log yet.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn chain_repair_requested(
        &self,
        collab_id: &CollabId,
    ) -> Result<Option<String>, StateError> {
        self.status(collab_id, "repair")
    }

    /// The statement is on the log, and the log is sound again.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn chain_repair_done(&self, collab_id: &CollabId) -> Result<(), StateError> {
        self.write(|transaction| {
            let sql = "DELETE FROM chain_status WHERE collab_id = ?1";
            transaction.execute(sql, [collab_id.as_bytes()])?;
            Ok(())
        })
    }

    fn set_status(&self, sql: &str, collab_id: &CollabId, text: &str) -> Result<(), StateError> {
        self.write(|transaction| {
            transaction
                .execute(sql, params![collab_id.as_bytes(), text])
                .map_err(|error| {
                    let code = error.sqlite_error_code();
                    if code == Some(rusqlite::ErrorCode::ConstraintViolation) {
                        StateError::UnknownCollab
                    } else {
                        error.into()
                    }
                })?;
            Ok(())
        })
    }

    fn status(&self, collab_id: &CollabId, column: &str) -> Result<Option<String>, StateError> {
        let sql = format!("SELECT {column} FROM chain_status WHERE collab_id = ?1");
        let found = self
            .lock()
            .query_row(&sql, [collab_id.as_bytes()], |row| row.get(0))
            .optional()?;
        Ok(found.flatten())
    }
}

fn check_continues(transaction: &Transaction<'_>, entry: &Entry) -> Result<(), StateError> {
    let head: Option<(i64, Vec<u8>)> = transaction
        .query_row(
            "SELECT seq, hash FROM entries WHERE collab_id = ?1 ORDER BY seq DESC LIMIT 1",
            [entry.collab_id.as_bytes()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let (next, previous) = match head {
        Some((seq, hash)) => (seq.saturating_add(1), bytes(&hash, "the hash of an entry")?),
        None => (0, EntryHash::ZERO),
    };
    if number(entry.seq)? != next {
        return Err(StateError::OutOfPlace("its number is not the next"));
    }
    if entry.previous != previous {
        return Err(StateError::OutOfPlace(
            "it continues another entry than the last",
        ));
    }
    Ok(())
}

/// Writes what follows from an entry.
fn apply(
    transaction: &Transaction<'_>,
    collab_id: &CollabId,
    seq: i64,
    body: &Body,
    debit: Option<&Debit>,
) -> Result<(), StateError> {
    match body {
        Body::Opened { spec, .. } => {
            let job_id = JobSpec::decode(spec)
                .map_err(|_| StateError::OutOfPlace("its job specification is malformed"))?
                .job_id();
            let debit = debit.filter(|debit| debit.job_id == job_id);
            let debit = debit.ok_or(StateError::OutOfPlace("a job is opened without its debit"))?;
            let inserted = transaction.execute(
                "INSERT INTO opened_jobs (job_id, collab_id, opened_seq) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (job_id) DO NOTHING",
                params![job_id.as_bytes(), collab_id.as_bytes(), seq],
            )?;
            if inserted == 0 {
                return Err(StateError::JobReused);
            }
            ledger::commit(transaction, collab_id, debit)
        }
        Body::Closed { .. } | Body::Statement { .. } | Body::Refused { .. } if debit.is_some() => {
            let what = "only the opening of a job is charged";
            Err(StateError::OutOfPlace(what))
        }
        Body::Closed { job_id, .. } => {
            let closed = transaction.execute(
                "UPDATE opened_jobs SET closed_seq = ?3 \
                 WHERE job_id = ?1 AND collab_id = ?2 AND closed_seq IS NULL",
                params![job_id.as_bytes(), collab_id.as_bytes(), seq],
            )?;
            if closed == 0 {
                return Err(StateError::NotOpen);
            }
            awaited::job_done(transaction, job_id)
        }
        Body::Statement { .. } => Ok(()),
        Body::Refused {
            requester,
            query,
            code,
            ..
        } => {
            let sql = "INSERT INTO refusals (collab_id, seq) VALUES (?1, ?2)";
            transaction.execute(sql, params![collab_id.as_bytes(), seq])?;
            awaited::refusal_done(transaction, collab_id, requester, query, *code)
        }
    }
}

fn number(seq: u64) -> Result<i64, StateError> {
    i64::try_from(seq).map_err(|_| StateError::OutOfPlace("its number is beyond any log"))
}

fn read(row: &Row<'_>) -> Result<StoredEntry, StateError> {
    let hash: Vec<u8> = row.get("hash")?;
    let seq: i64 = row.get("seq")?;
    let signature = |column| -> Result<Option<Signature>, StateError> {
        let blob: Option<Vec<u8>> = row.get(column)?;
        blob.map(|blob| bytes(&blob, "a signature")).transpose()
    };
    Ok(StoredEntry {
        seq: u64::try_from(seq)
            .map_err(|_| StateError::Damaged("an entry has a negative number".into()))?,
        entry: row.get("entry")?,
        hash: bytes(&hash, "the hash of an entry")?,
        signatures: [signature("signature_0")?, signature("signature_1")?],
    })
}
