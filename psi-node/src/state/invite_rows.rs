//! The rows of accepted invites that go: with a join, with an owner who takes one back, and by expiry.
//!
//! Spec 14. Called in the transactions of [`super::collabs`] and [`super::contact`].

use rusqlite::{Transaction, params};

use super::{StateError, now_unix};
use crate::collab::CollabId;
use crate::invite::CLOCKS_APART_SECONDS;

/// An accepted invite waits no longer; returns whether one did.
pub(super) fn forget_awaited(
    transaction: &Transaction<'_>,
    id: &CollabId,
) -> Result<bool, StateError> {
    let gone = transaction.execute("DELETE FROM awaited_collabs WHERE id = ?1", [id.0])?;
    Ok(gone > 0)
}

/// An invite of this name that has expired gives its place to another.
pub(super) fn forget_expired(transaction: &Transaction<'_>, name: &str) -> Result<(), StateError> {
    let latest = now_unix().saturating_sub(CLOCKS_APART_SECONDS);
    let of_name = "name = ?1 AND expires_unix < ?2";
    let offers = format!(
        "DELETE FROM offers WHERE collab_id IN (SELECT id FROM awaited_collabs WHERE {of_name})"
    );
    transaction.execute(&offers, params![name, latest])?;
    let invites = format!("DELETE FROM awaited_collabs WHERE {of_name}");
    transaction.execute(&invites, params![name, latest])?;
    Ok(())
}
