//! What becomes of a debit after it was reserved (Spec 13 §4): its job begins to freeze, is opened,
//! ends, or goes down with the node.
//!
//! Called by the job runner, by the receipt log and at start. A job that began to freeze counts as a
//! run for good. Its amount comes back only by [`State::budget_return`], which is for the process
//! that ran the job; nothing here asks what the peer says.

use aggregator::budget::{DebitState, RunState};
use psi_core::spec::JobId;
use rusqlite::Transaction;

use super::{Debit, advance, insert};
use crate::collab::CollabId;
use crate::identity::NodeKey;
use crate::state::{State, StateError, own_log};

/// What this node's log calls a job that began to freeze its input.
const FROZEN: &str = "job";
/// What it calls an amount that was given back.
const RETURNED: &str = "returned";

impl State {
    /// Counts a job as a run, before its first row is read, and puts `text` about it on the node's
    /// own log. On disk when this returns.
    ///
    /// # Errors
    /// [`StateError::NotReserved`] if the job holds nothing.
    pub fn budget_freezing(
        &self,
        job_id: &JobId,
        key: &NodeKey,
        text: &str,
    ) -> Result<(), StateError> {
        self.write(|transaction| {
            let counted = transaction
                .prepare_cached(
                    "UPDATE debits SET run = 'counted' \
                     WHERE job_id = ?1 AND state IN ('reserved', 'committed')",
                )?
                .execute([job_id.as_bytes()])?;
            match counted {
                0 => Err(StateError::NotReserved),
                _ => own_log::append(transaction, key, FROZEN, text),
            }
        })
    }

    /// Gives back what a job costs, opened or not; a run that has begun stays one, and a job that
    /// has not leaves nothing behind, because without its commitment nobody can open it. To be
    /// called only by the process that ran the job, and only if that has handed the transport
    /// nothing that is paid for. With a `note`, says so on the node's own log, if there was something
    /// to give back.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn budget_return(
        &self,
        job_id: &JobId,
        note: Option<(&NodeKey, &str)>,
    ) -> Result<(), StateError> {
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "DELETE FROM debits WHERE job_id = ?1 AND state = 'reserved' AND run = 'held'",
                )?
                .execute([job_id.as_bytes()])?;
            let returned = transaction
                .prepare_cached(
                    "UPDATE debits SET state = 'returned' \
                     WHERE job_id = ?1 AND state IN ('reserved', 'committed')",
                )?
                .execute([job_id.as_bytes()])?;
            match note {
                Some((key, text)) if returned > 0 => {
                    own_log::append(transaction, key, RETURNED, text)
                }
                _ => Ok(()),
            }
        })
    }

    /// Keeps what was reserved when the node went down, and returns how many debits that were.
    /// Called at start, before the first job: nobody knows any more what those jobs had handed over.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn budget_keep(&self) -> Result<usize, StateError> {
        self.write(|transaction| {
            // One that did not begin to freeze its input gives its place among the runs back.
            let sql = "UPDATE debits SET state = 'kept', \
                       run = CASE run WHEN 'held' THEN 'free' ELSE run END WHERE state = 'reserved'";
            Ok(transaction.execute(sql, [])?)
        })
    }

    /// Charges an opened job that has no debit, for the time that it names.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn budget_charge(&self, collab_id: &CollabId, debit: &Debit) -> Result<(), StateError> {
        self.write(|transaction| {
            insert_opened(transaction, collab_id, debit, debit.unix)?;
            Ok(())
        })
    }
}

/// The debit of an opened job that has none. It was opened after its input was frozen.
fn insert_opened(
    transaction: &Transaction<'_>,
    collab_id: &CollabId,
    debit: &Debit,
    now: i64,
) -> Result<usize, StateError> {
    let (state, run) = (DebitState::Committed, RunState::Counted);
    insert(transaction, collab_id, debit, state, run, now)
}

/// Commits the debit of a job that the same transaction opens. What the process that ran the job
/// gave back stays given back: it had handed nothing over, and no other process ever runs that job.
/// An entry that comes back from the peer without a debit here is charged to the present period,
/// which is never before its own.
pub(in crate::state) fn commit(
    transaction: &Transaction<'_>,
    collab_id: &CollabId,
    debit: &Debit,
) -> Result<(), StateError> {
    let now = advance(transaction, debit.unix)?;
    let known = transaction
        .prepare_cached(
            "UPDATE debits SET run = 'counted', \
             state = CASE state WHEN 'returned' THEN state ELSE 'committed' END WHERE job_id = ?1",
        )?
        .execute([debit.job_id.as_bytes()])?;
    if known == 0 {
        insert_opened(transaction, collab_id, debit, now)?;
    }
    Ok(())
}
