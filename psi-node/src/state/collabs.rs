//! Collaborations this node has joined: the signed documents of all revisions, kept for good.
//!
//! `collabs` holds the revision that is in force, `collab_revisions` all of them.

use std::path::Path;

use rusqlite::{OptionalExtension, Transaction, params};

use super::{State, StateError, now_unix};
use crate::collab::{CollabId, Collaboration, RevisionError};

/// What [`State::collab_join`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The collaboration is new to this node.
    New,
    /// It is the next revision of one that this node had joined; jobs that begin now run under it.
    Revised,
    /// This node had joined the very same revision before; nothing was changed.
    Already,
}

impl State {
    /// Takes a collaboration, or the next revision of one, into the state. The caller has checked
    /// that the node is a member.
    ///
    /// # Errors
    /// [`StateError::NameTaken`] if another collaboration has its name; [`StateError::Revision`] if
    /// it is not the revision that comes next; [`StateError::Damaged`] if a signature is missing or
    /// wrong, which the caller must have checked.
    pub fn collab_join(&self, collab: &Collaboration) -> Result<Joined, StateError> {
        collab
            .verify()
            .map_err(|e| StateError::Damaged(e.to_string()))?;
        self.write(|transaction| {
            let same_name = transaction
                .query_row(
                    "SELECT id, document FROM collabs WHERE name = ?1",
                    [collab.name()],
                    |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)),
                )
                .optional()?;
            let joined = match same_name {
                None => None,
                Some((id, _)) if id != collab.id() => {
                    return Err(StateError::NameTaken(collab.name().to_owned()));
                }
                Some((id, document)) => Some(read(&id, &document)?),
            };
            match joined {
                None if collab.link().is_some() => Err(RevisionError::Gap {
                    name: collab.name().to_owned(),
                    offered: collab.revision(),
                    joined: 0,
                }
                .into()),
                None => {
                    transaction.execute(
                        "INSERT INTO collabs (id, name, document, joined_unix) \
                         VALUES (?1, ?2, ?3, ?4)",
                        params![collab.id(), collab.name(), collab.to_toml(), now_unix()],
                    )?;
                    insert_revision(transaction, collab)?;
                    Ok(Joined::New)
                }
                Some(joined) if joined.revision_hash() == collab.revision_hash() => {
                    Ok(Joined::Already)
                }
                Some(joined) => {
                    collab.follows(&joined)?;
                    transaction.execute(
                        "UPDATE collabs SET document = ?2 WHERE id = ?1",
                        params![collab.id(), collab.to_toml()],
                    )?;
                    insert_revision(transaction, collab)?;
                    Ok(Joined::Revised)
                }
            }
        })
    }

    /// All revisions of a collaboration that this node has joined, the first one first.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if a stored document no longer verifies.
    pub fn collab_revisions(&self, id: &CollabId) -> Result<Vec<Collaboration>, StateError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT document FROM collab_revisions WHERE collab_id = ?1 ORDER BY revision",
        )?;
        let rows = statement.query_map([id], |row| row.get::<_, String>(0))?;
        rows.map(|row| read(id, &row?)).collect()
    }

    /// The collaboration with this name.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if the stored document no longer verifies.
    pub fn collab_by_name(&self, name: &str) -> Result<Option<Collaboration>, StateError> {
        let found = self.collabs_where("WHERE name = ?1", [name])?;
        Ok(found.into_iter().next())
    }

    /// The collaboration with this id.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if the stored document no longer verifies.
    pub fn collab_by_id(&self, id: &CollabId) -> Result<Option<Collaboration>, StateError> {
        let found = self.collabs_where("WHERE id = ?1", [id])?;
        Ok(found.into_iter().next())
    }

    /// All collaborations, by name.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if a stored document no longer verifies.
    pub fn collabs(&self) -> Result<Vec<Collaboration>, StateError> {
        self.collabs_where("ORDER BY name", [])
    }

    fn collabs_where(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<Collaboration>, StateError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached(&format!("SELECT id, document FROM collabs {condition}"))?;
        let rows = statement.query_map(values, |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (id, document) = row?;
            read(&id, &document)
        })
        .collect()
    }
}

fn insert_revision(
    transaction: &Transaction<'_>,
    collab: &Collaboration,
) -> Result<(), StateError> {
    transaction.execute(
        "INSERT INTO collab_revisions (collab_id, revision, document, joined_unix) \
         VALUES (?1, ?2, ?3, ?4)",
        params![collab.id(), collab.revision(), collab.to_toml(), now_unix()],
    )?;
    Ok(())
}

/// Signatures are verified again on every read: jobs run only under documents that both signed.
fn read(id: &[u8], document: &str) -> Result<Collaboration, StateError> {
    let damaged = |what: String| StateError::Damaged(format!("a joined collaboration: {what}"));
    let collab = Collaboration::parse(document, Path::new("stored document"))
        .map_err(|e| damaged(e.what))?;
    collab.verify().map_err(|e| damaged(e.to_string()))?;
    if collab.id() != *id {
        return Err(damaged("its document is another's".into()));
    }
    Ok(collab)
}
