//! What jobs have cost each collaboration. Today a plain counter of opened jobs.
//!
//! A debit is written in the transaction that appends the opened entry
//! ([`State::entry_append`]) and stays, whatever becomes of the job.

use rusqlite::{Transaction, params};

use super::{State, StateError};
use crate::collab::CollabId;

/// What opening one job costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debit {
    /// The job.
    pub job_id: [u8; 64],
    /// How many jobs it counts as.
    pub jobs: u64,
}

impl State {
    /// Jobs that this collaboration was ever charged.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn jobs_debited(&self, collab_id: &CollabId) -> Result<u64, StateError> {
        let sum: i64 = self.lock().query_row(
            "SELECT COALESCE(SUM(jobs), 0) FROM ledger WHERE collab_id = ?1",
            [collab_id],
            |row| row.get(0),
        )?;
        u64::try_from(sum).map_err(|_| StateError::Damaged("the ledger is negative".into()))
    }
}

pub(super) fn write(
    transaction: &Transaction<'_>,
    collab_id: &CollabId,
    debit: &Debit,
) -> Result<(), StateError> {
    let jobs = i64::try_from(debit.jobs)
        .map_err(|_| StateError::Machine("a debit is beyond what the ledger holds".into()))?;
    transaction.execute(
        "INSERT INTO ledger (job_id, collab_id, jobs) VALUES (?1, ?2, ?3)",
        params![debit.job_id, collab_id, jobs],
    )?;
    Ok(())
}
