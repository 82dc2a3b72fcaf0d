//! Collaborations this node has joined: the signed documents, kept for good.

use std::path::Path;

use rusqlite::{OptionalExtension, params};

use super::{State, StateError, now_unix};
use crate::collab::{CollabId, Collaboration};

/// What [`State::collab_join`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The collaboration is new to this node.
    New,
    /// This node had joined the very same collaboration before; nothing was changed.
    Already,
}

impl State {
    /// Takes a collaboration into the state. The caller has checked that the node is a member.
    ///
    /// # Errors
    /// [`StateError::NameTaken`] if another collaboration has its name; [`StateError::Damaged`] if
    /// a signature is missing or wrong, which the caller must have checked.
    pub fn collab_join(&self, collab: &Collaboration) -> Result<Joined, StateError> {
        collab
            .verify()
            .map_err(|e| StateError::Damaged(e.to_string()))?;
        self.write(|transaction| {
            let same_name: Option<Vec<u8>> = transaction
                .query_row(
                    "SELECT id FROM collabs WHERE name = ?1",
                    [collab.name()],
                    |row| row.get(0),
                )
                .optional()?;
            match same_name {
                Some(id) if id == collab.id() => return Ok(Joined::Already),
                Some(_) => return Err(StateError::NameTaken(collab.name().to_owned())),
                None => {}
            }
            transaction.execute(
                "INSERT INTO collabs (id, name, document, joined_unix) VALUES (?1, ?2, ?3, ?4)",
                params![collab.id(), collab.name(), collab.to_toml(), now_unix()],
            )?;
            Ok(Joined::New)
        })
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
