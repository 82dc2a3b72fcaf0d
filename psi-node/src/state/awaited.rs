//! What this node, as the follower of a receipt log, can be brought in a settlement of its own jobs
//! and questions (Spec 06 §4).
//!
//! A sequencer stores an entry before the follower does, so a connection that breaks, or a crash,
//! leaves the follower without it. The follower takes it later if it is what it would have signed
//! in the job, and that it reads here. Each row is durable before the message leaves that lets the
//! sequencer make the entry, and goes with the entry.

use psi_core::Code;
use psi_core::limits::{LIVE_JOBS_MAX, REFUSALS_RECORDED_MAX};
use psi_core::receipt::QueryDigest;
use psi_core::receipt::log::{AwaitedJob, OwnClosing, OwnOpening};
use psi_core::spec::{JobId, NodeId};
use psi_core::transcript::Transcripts;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{State, StateError, bytes};
use crate::collab::CollabId;

/// Refusals of one collaboration that are waited for; an older one gives way. An honest sequencer
/// has no more under way at the same time.
const REFUSALS_AWAITED_MAX: u64 = REFUSALS_RECORDED_MAX + LIVE_JOBS_MAX as u64;

/// Of awaited jobs those that are not on the log.
const UNOPENED: &str =
    "NOT EXISTS (SELECT 1 FROM opened_jobs WHERE opened_jobs.job_id = awaited_jobs.job_id)";

/// A question of which a refusal may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitedRefusal {
    /// The node that asks.
    pub requester: NodeId,
    /// The digest of the query.
    pub query: QueryDigest,
    /// Why this node refused; absent if the peer is the one that answers.
    pub code: Option<Code>,
}

impl State {
    /// Before this side's commitment leaves.
    ///
    /// # Errors
    /// [`StateError::JobReused`] if the job has one.
    pub fn await_opening(
        &self,
        collab_id: &CollabId,
        job_id: &JobId,
        opening: &OwnOpening,
    ) -> Result<(), StateError> {
        self.write(|transaction| {
            let inserted = transaction.execute(
                "INSERT INTO awaited_jobs (job_id, collab_id, commitment, policy) \
                 VALUES (?1, ?2, ?3, ?4) ON CONFLICT (job_id) DO NOTHING",
                params![
                    job_id.as_bytes(),
                    collab_id.as_bytes(),
                    opening.commitment.as_bytes(),
                    opening.policy.as_bytes()
                ],
            )?;
            match inserted {
                0 => Err(StateError::JobReused),
                _ => Ok(()),
            }
        })
    }

    /// Before this node says that it is ready to close the job.
    ///
    /// # Errors
    /// [`StateError::NotOpen`] if the job's opening was never awaited, or its end is there already.
    pub fn await_closing(&self, job_id: &JobId, closing: &OwnClosing) -> Result<(), StateError> {
        let Transcripts {
            to_sender,
            to_receiver,
        } = closing.transcripts;
        self.write(|transaction| {
            let updated = transaction.execute(
                "UPDATE awaited_jobs SET output_commitment = ?2, to_sender = ?3, to_receiver = ?4 \
                 WHERE job_id = ?1 AND output_commitment IS NULL",
                params![
                    job_id.as_bytes(),
                    closing.output_commitment.as_bytes(),
                    to_sender.as_bytes(),
                    to_receiver.as_bytes()
                ],
            )?;
            match updated {
                0 => Err(StateError::NotOpen),
                _ => Ok(()),
            }
        })
    }

    /// What the entries of a job are to say, until its closed one is there.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it cannot be read.
    pub fn awaited_job(&self, job_id: &JobId) -> Result<Option<AwaitedJob>, StateError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT commitment, policy, output_commitment, to_sender, to_receiver \
             FROM awaited_jobs WHERE job_id = ?1",
        )?;
        let mut rows = statement.query([job_id.as_bytes()])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let ended = row
            .get::<_, Option<Vec<u8>>>("output_commitment")?
            .is_some();
        let closing = if ended {
            Some(OwnClosing {
                output_commitment: hash(row, "output_commitment")?,
                transcripts: Transcripts {
                    to_sender: hash(row, "to_sender")?,
                    to_receiver: hash(row, "to_receiver")?,
                },
            })
        } else {
            None
        };
        Ok(Some(AwaitedJob {
            opening: OwnOpening {
                commitment: hash(row, "commitment")?,
                policy: hash(row, "policy")?,
            },
            closing,
        }))
    }

    /// The jobs of a collaboration whose opening the sequencer may still bring.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if one cannot be read.
    pub fn awaited_openings(&self, collab_id: &CollabId) -> Result<Vec<JobId>, StateError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT job_id FROM awaited_jobs WHERE collab_id = ?1 AND {UNOPENED}"
        ))?;
        let rows = statement.query_map([collab_id.as_bytes()], |row| row.get::<_, Vec<u8>>(0))?;
        rows.map(|row| bytes(&row?, "a job id")).collect()
    }

    /// The sequencer has said that the job will not be opened. Changes nothing if it was.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn opening_forget(&self, job_id: &JobId) -> Result<(), StateError> {
        self.write(|transaction| {
            let sql = format!("DELETE FROM awaited_jobs WHERE job_id = ?1 AND {UNOPENED}");
            transaction.execute(&sql, [job_id.as_bytes()])?;
            Ok(())
        })
    }

    /// Before a proposal leaves, or the refusal of one. Returns what [`Self::refusal_forget`] takes.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn await_refusal(
        &self,
        collab_id: &CollabId,
        refusal: &AwaitedRefusal,
    ) -> Result<i64, StateError> {
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO awaited_refusals (collab_id, requester, query, code) \
                 VALUES (?1, ?2, ?3, ?4)",
                params![
                    collab_id.as_bytes(),
                    refusal.requester.as_bytes(),
                    refusal.query.as_bytes(),
                    refusal.code.map(Code::number)
                ],
            )?;
            let id = transaction.last_insert_rowid();
            transaction.execute(
                "DELETE FROM awaited_refusals WHERE collab_id = ?1 AND id NOT IN \
                 (SELECT id FROM awaited_refusals WHERE collab_id = ?1 ORDER BY id DESC LIMIT ?2)",
                params![
                    collab_id.as_bytes(),
                    i64::try_from(REFUSALS_AWAITED_MAX).unwrap_or(i64::MAX)
                ],
            )?;
            Ok(id)
        })
    }

    /// Refusals of a collaboration that may still be brought.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn refusals_awaited(&self, collab_id: &CollabId) -> Result<u64, StateError> {
        let sql = "SELECT COUNT(*) FROM awaited_refusals WHERE collab_id = ?1";
        let count: i64 = self
            .lock()
            .query_row(sql, [collab_id.as_bytes()], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// No refusal of that question will be recorded any more. Synced with the next commit: what is
    /// awaited too long does no harm.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn refusal_forget(&self, id: i64) -> Result<(), StateError> {
        self.write_behind(|transaction| {
            transaction.execute("DELETE FROM awaited_refusals WHERE id = ?1", [id])?;
            Ok(())
        })
    }

    /// Whether a refused entry may say this. `code` is the one on the entry.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn awaits_refusal(
        &self,
        collab_id: &CollabId,
        requester: &NodeId,
        query: &QueryDigest,
        code: Code,
    ) -> Result<bool, StateError> {
        self.write(|transaction| {
            Ok(refusal(transaction, collab_id, requester, query, code)?.is_some())
        })
    }
}

/// Reads a column as the hash that it holds.
fn hash<T: From<[u8; 64]>>(row: &Row<'_>, column: &str) -> Result<T, StateError> {
    bytes(&row.get::<_, Vec<u8>>(column)?, "a hash of an awaited job")
}

/// The closed entry of a job is in this transaction.
pub(super) fn job_done(transaction: &Transaction<'_>, job_id: &JobId) -> Result<(), StateError> {
    transaction.execute(
        "DELETE FROM awaited_jobs WHERE job_id = ?1",
        [job_id.as_bytes()],
    )?;
    Ok(())
}

/// The refused entry is in this transaction: one question was waited for less.
pub(super) fn refusal_done(
    transaction: &Transaction<'_>,
    collab_id: &CollabId,
    requester: &NodeId,
    query: &QueryDigest,
    code: Code,
) -> Result<(), StateError> {
    if let Some(id) = refusal(transaction, collab_id, requester, query, code)? {
        transaction.execute("DELETE FROM awaited_refusals WHERE id = ?1", [id])?;
    }
    Ok(())
}

fn refusal(
    transaction: &Transaction<'_>,
    collab_id: &CollabId,
    requester: &NodeId,
    query: &QueryDigest,
    code: Code,
) -> Result<Option<i64>, StateError> {
    let mut statement = transaction.prepare_cached(
        "SELECT id FROM awaited_refusals WHERE collab_id = ?1 AND requester = ?2 AND query = ?3 \
         AND (code IS NULL OR code = ?4) ORDER BY id LIMIT 1",
    )?;
    let values = params![
        collab_id.as_bytes(),
        requester.as_bytes(),
        query.as_bytes(),
        code.number()
    ];
    Ok(statement.query_row(values, |row| row.get(0)).optional()?)
}

#[cfg(test)]
mod tests;
