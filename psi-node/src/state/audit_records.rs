//! Which records for the auditor this node keeps (Spec 07 §11). The records themselves are files.

use psi_core::spec::JobId;
use rusqlite::{OptionalExtension, Row, params};

use super::{JobRole, State, StateError, bytes, now_unix};
use crate::identity::NodeId;

/// A record of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The job.
    pub job_id: JobId,
    /// When it was opened.
    pub created_unix: i64,
    /// When the record is removed.
    pub expires_unix: i64,
    /// Whether the job came to its end, whatever it was.
    pub complete: bool,
    /// Bytes of the frozen input.
    pub input_bytes: u64,
    /// Bytes of frames that the peer sent.
    pub received_bytes: u64,
    /// Bytes of the encrypted file.
    pub file_bytes: u64,
}

const COLUMNS: &str = "job_id, created_unix, expires_unix, complete, input_bytes, received_bytes, \
                       file_bytes";

impl State {
    /// Notes that a record has been begun, and until when it is kept.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn audit_begin(&self, job_id: &JobId, days: u32) -> Result<(), StateError> {
        let now = now_unix();
        let expires = now.saturating_add(i64::from(days).saturating_mul(86_400));
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO audit_records (job_id, created_unix, expires_unix, complete, \
                 input_bytes, received_bytes, file_bytes) VALUES (?1, ?2, ?3, 0, 0, 0, 0)",
                params![job_id.as_bytes(), now, expires],
            )?;
            Ok(())
        })
    }

    /// Notes that a record is complete, and what it holds: bytes of input, of frames received, and
    /// of the file.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn audit_end(&self, job_id: &JobId, sizes: [u64; 3]) -> Result<(), StateError> {
        let [input, received, file] = sizes.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
        self.write(|transaction| {
            transaction.execute(
                "UPDATE audit_records SET complete = 1, input_bytes = ?2, received_bytes = ?3, \
                 file_bytes = ?4 WHERE job_id = ?1",
                params![job_id.as_bytes(), input, received, file],
            )?;
            Ok(())
        })
    }

    /// All records, newest first.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if one cannot be read.
    pub fn audit_records(&self) -> Result<Vec<AuditRecord>, StateError> {
        let connection = self.lock();
        let sql = format!("SELECT {COLUMNS} FROM audit_records ORDER BY created_unix DESC, job_id");
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.push(read(row)?);
        }
        Ok(records)
    }

    /// Bytes of all records.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn audit_bytes(&self) -> Result<u64, StateError> {
        let sql = "SELECT COALESCE(SUM(file_bytes), 0) FROM audit_records";
        let sum: i64 = self.lock().query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(sum).unwrap_or_default())
    }

    /// Bytes of the records of jobs that a peer asked for, under whatever collaboration.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn audit_bytes_of(&self, peer: &NodeId) -> Result<u64, StateError> {
        let sql = "SELECT COALESCE(SUM(file_bytes), 0) FROM audit_records WHERE job_id IN \
                   (SELECT j.job_id FROM jobs j JOIN debits d ON d.job_id = j.job_id \
                   WHERE d.peer_id = ?1 AND j.role = ?2)";
        let role = JobRole::Responder.as_str();
        let sum: i64 = self
            .lock()
            .query_row(sql, params![peer.as_bytes(), role], |row| row.get(0))?;
        Ok(u64::try_from(sum).unwrap_or_default())
    }

    /// The record of a job.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it cannot be read.
    pub fn audit_record(&self, job_id: &JobId) -> Result<Option<AuditRecord>, StateError> {
        let sql = format!("SELECT {COLUMNS} FROM audit_records WHERE job_id = ?1");
        let connection = self.lock();
        let found = connection
            .query_row(&sql, [job_id.as_bytes()], |row| Ok(read(row)))
            .optional()?;
        found.transpose()
    }

    /// Forgets a record, once its file is gone.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn audit_forget(&self, job_id: &JobId) -> Result<(), StateError> {
        self.write(|transaction| {
            transaction.execute(
                "DELETE FROM audit_records WHERE job_id = ?1",
                [job_id.as_bytes()],
            )?;
            Ok(())
        })
    }
}

fn read(row: &Row<'_>) -> Result<AuditRecord, StateError> {
    let job_id: Vec<u8> = row.get("job_id")?;
    let size = |column| -> Result<u64, StateError> {
        let size: i64 = row.get(column)?;
        u64::try_from(size).map_err(|_| StateError::Damaged("a record of negative size".into()))
    };
    Ok(AuditRecord {
        job_id: bytes(&job_id, "a job id")?,
        created_unix: row.get("created_unix")?,
        expires_unix: row.get("expires_unix")?,
        complete: row.get("complete")?,
        input_bytes: size("input_bytes")?,
        received_bytes: size("received_bytes")?,
        file_bytes: size("file_bytes")?,
    })
}
