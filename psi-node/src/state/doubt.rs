//! Doubt in the ledger: after a restore from an older copy, debits may be missing (Spec 13 §5).
//!
//! A population is shared by all collaborations, so a rollback that one peer's log shows puts the
//! whole ledger in doubt. It ends when the owner has stated what happened and every collaboration
//! has been settled since, or was left out by name. Called by settlement, by the ledger before it
//! reserves, and by `psi-node budget`.

use aggregator::Refusal;
use psi_core::Code;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{State, StateError, bytes};
use crate::collab::CollabId;

/// Why the ledger cannot be relied on, and what is missing before it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What was found.
    pub why: String,
    /// What the owner says about it.
    pub statement: Option<String>,
    /// Collaborations that were not settled since.
    pub unsettled: Vec<CollabId>,
}

impl State {
    /// Records that the ledger may lack debits, of any collaboration. The first reason stays; a
    /// new finding takes an earlier statement back.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn ledger_doubt(&self, why: &str) -> Result<(), StateError> {
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO ledger_doubt (one, why) VALUES (1, ?1) \
                 ON CONFLICT (one) DO UPDATE SET statement = NULL",
                [why],
            )?;
            transaction.execute(
                "INSERT INTO ledger_unsettled (collab_id) SELECT id FROM collabs WHERE true \
                 ON CONFLICT (collab_id) DO NOTHING",
                [],
            )?;
            Ok(())
        })
    }

    /// The doubt, if there is one.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it cannot be read.
    pub fn ledger_doubts(&self) -> Result<Option<Doubt>, StateError> {
        doubt(&self.lock())
    }

    /// Whether this collaboration is to be settled before the ledger is relied on.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn ledger_awaits(&self, collab_id: &CollabId) -> Result<bool, StateError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM ledger_unsettled WHERE collab_id = ?1)";
        Ok(self
            .lock()
            .query_row(sql, [collab_id.as_bytes()], |row| row.get(0))?)
    }

    /// Both logs of the collaboration hold the same entries: it hides no debit.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn ledger_settled(&self, collab_id: &CollabId) -> Result<(), StateError> {
        if !self.ledger_awaits(collab_id)? {
            return Ok(());
        }
        self.write(|transaction| settled(transaction, &[*collab_id]))
    }

    /// Records the owner's statement. `without` are collaborations whose debits, if any are
    /// missing, are given up. Returns what remains of the doubt.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn ledger_repair(
        &self,
        statement: &str,
        without: &[CollabId],
    ) -> Result<Option<Doubt>, StateError> {
        self.write(|transaction| {
            transaction.execute("UPDATE ledger_doubt SET statement = ?1", [statement])?;
            settled(transaction, without)?;
            doubt(transaction)
        })
    }
}

/// Takes collaborations off the list of those to settle, and ends the doubt if it was the last.
fn settled(transaction: &Transaction<'_>, collabs: &[CollabId]) -> Result<(), StateError> {
    for collab_id in collabs {
        let sql = "DELETE FROM ledger_unsettled WHERE collab_id = ?1";
        transaction.execute(sql, params![collab_id.as_bytes()])?;
    }
    transaction.execute(
        "DELETE FROM ledger_doubt WHERE statement IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM ledger_unsettled)",
        [],
    )?;
    Ok(())
}

fn doubt(connection: &Connection) -> Result<Option<Doubt>, StateError> {
    let mut statement = connection.prepare_cached("SELECT why, statement FROM ledger_doubt")?;
    let found: Option<(String, Option<String>)> = statement
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((why, statement)) = found else {
        return Ok(None);
    };
    let mut list = connection.prepare_cached("SELECT collab_id FROM ledger_unsettled")?;
    let unsettled = list
        .query_map([], |row| row.get::<_, Vec<u8>>(0))?
        .map(|id| bytes(&id?, "a collaboration id"))
        .collect::<Result<_, _>>()?;
    Ok(Some(Doubt {
        why,
        statement,
        unsettled,
    }))
}

/// What a job under a limit is told while there is a doubt.
pub(super) fn refusal(connection: &Connection) -> Result<Option<Refusal>, StateError> {
    let Some(doubt) = doubt(connection)? else {
        return Ok(None);
    };
    let remedy = match doubt.statement {
        None => "record what happened with `psi-node budget repair`",
        Some(_) => {
            "`psi-node budget show` lists the collaborations that are still to be settled with \
             their other member"
        }
    };
    Ok(Some(Refusal {
        code: Code::ReceiptsDisagree,
        rule: "ledger".into(),
        sentence: format!("the privacy budget cannot be relied on: {}", doubt.why),
        remedy: remedy.into(),
    }))
}
