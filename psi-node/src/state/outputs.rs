//! What a recipient shows to prove a result: the salt and the cells behind the output commitment of
//! a job's closing entry (Spec 07 §4).
//!
//! Written by the job runner before the entry is signed. A suppressed cell is kept as suppressed,
//! without its value.

use psi_core::receipt::{Cell, OutputSalt};
use psi_core::spec::JobId;
use rusqlite::{OptionalExtension, params};

use super::{State, StateError, bytes};

/// Bytes of one cell: a flag and a number.
const CELL_BYTES: usize = 9;

/// An output as it was committed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOutput {
    /// The salt of the commitment.
    pub salt: OutputSalt,
    /// The cells.
    pub cells: Vec<Cell>,
}

impl State {
    /// Keeps the output of a job. Synced with the entry that closes the job, or with what is awaited
    /// of it, so before the signature on the commitment leaves.
    ///
    /// # Errors
    /// [`StateError::Database`], also if one of this job is kept already.
    pub fn output_insert(&self, job_id: &JobId, output: &StoredOutput) -> Result<(), StateError> {
        let mut cells = Vec::with_capacity(output.cells.len() * CELL_BYTES);
        for cell in &output.cells {
            cells.push(u8::from(cell.is_some()));
            cells.extend(cell.unwrap_or(0).to_be_bytes());
        }
        self.write_behind(|transaction| {
            transaction.execute(
                "INSERT INTO outputs (job_id, salt, cells) VALUES (?1, ?2, ?3)",
                params![job_id.as_bytes(), output.salt.as_bytes(), cells],
            )?;
            Ok(())
        })
    }

    /// The output of a job, if this node was a recipient of it.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it cannot be read.
    pub fn output(&self, job_id: &JobId) -> Result<Option<StoredOutput>, StateError> {
        let connection = self.lock();
        let found: Option<(Vec<u8>, Vec<u8>)> = connection
            .query_row(
                "SELECT salt, cells FROM outputs WHERE job_id = ?1",
                [job_id.as_bytes()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let Some((salt, stored)) = found else {
            return Ok(None);
        };
        let (stored, rest) = stored.as_chunks::<CELL_BYTES>();
        if !rest.is_empty() {
            return Err(StateError::Damaged("an output has half a cell".into()));
        }
        let cell = |[flag, value @ ..]: &[u8; CELL_BYTES]| match flag {
            0 => None,
            _ => Some(u64::from_be_bytes(*value)),
        };
        Ok(Some(StoredOutput {
            salt: bytes(&salt, "a salt")?,
            cells: stored.iter().map(cell).collect(),
        }))
    }
}
