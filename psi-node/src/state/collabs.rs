//! Collaborations this node has joined: the signed documents of all revisions, kept for good.
//!
//! `collabs` holds the revision that is in force, `collab_revisions` all of them.

use std::path::Path;
use std::sync::PoisonError;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{State, StateError, invite_rows, member_names, now_unix, own_log};
use crate::collab::{CollabId, Collaboration, RevisionError};
use crate::identity::NodeKey;

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

/// Whether this node's owner takes part in a collaboration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollabStanding {
    /// Yes.
    InForce,
    /// Not now.
    Suspended,
    /// Not any more.
    Left,
}

impl CollabStanding {
    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Suspended => "suspended",
            Self::Left => "left",
        }
    }
}

/// What this node's own log calls a change of standing.
const STANDING: &str = "collaboration";

impl State {
    /// Whether this node's owner takes part in a collaboration.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn collab_standing(&self, id: &CollabId) -> Result<CollabStanding, StateError> {
        standing(&self.lock(), id)
    }

    /// Changes that, with an entry on the node's own log, and returns how it stood before. A
    /// collaboration that was left stays so.
    ///
    /// # Errors
    /// [`StateError::UnknownCollab`]; [`StateError::CollabLeft`]; [`StateError::MemberNameTaken`] if
    /// it is resumed and another node has the name of a member.
    pub fn collab_set_standing(
        &self,
        id: &CollabId,
        now: CollabStanding,
        key: &NodeKey,
    ) -> Result<CollabStanding, StateError> {
        self.write(|transaction| {
            let found: Option<(String, String)> = transaction
                .query_row(
                    "SELECT name, document FROM collabs WHERE id = ?1",
                    [id.as_bytes()],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let (name, document) = found.ok_or(StateError::UnknownCollab)?;
            let before = standing(transaction, id)?;
            if before == now {
                return Ok(before);
            }
            let text = match now {
                _ if before == CollabStanding::Left => return Err(StateError::CollabLeft(name)),
                CollabStanding::InForce => format!("{name}: resumed by this node's owner"),
                CollabStanding::Suspended => format!("{name}: suspended by this node's owner"),
                CollabStanding::Left => format!("{name}: left by this node's owner"),
            };
            if now == CollabStanding::InForce {
                member_names::check_members(transaction, &read(id.as_bytes(), &document)?)?;
                transaction.execute(
                    "DELETE FROM collab_standing WHERE collab_id = ?1",
                    [id.as_bytes()],
                )?;
            } else {
                transaction.execute(
                    "INSERT INTO collab_standing (collab_id, standing, unix) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (collab_id) DO UPDATE SET \
                     standing = excluded.standing, unix = excluded.unix",
                    params![id.as_bytes(), now.as_str(), now_unix()],
                )?;
            }
            own_log::append(transaction, key, STANDING, &text)?;
            Ok(before)
        })
    }

    /// The collaborations in which this node's owner takes part, by name.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if the stored document no longer verifies.
    pub fn collabs_in_force(&self) -> Result<Vec<Collaboration>, StateError> {
        let condition = "WHERE id NOT IN (SELECT collab_id FROM collab_standing) ORDER BY name";
        self.collabs_where(condition, [])
    }

    /// Takes a collaboration, or the next revision of one, into the state. The caller has checked
    /// that the node is a member.
    ///
    /// # Errors
    /// [`StateError::NameTaken`] if another collaboration has its name, and
    /// [`StateError::MemberNameTaken`] if another node has the name of a member;
    /// [`StateError::Revision`] if it is not the revision that comes next; [`StateError::CollabLeft`];
    /// [`StateError::Damaged`] if a signature is missing or wrong, which the caller must have checked.
    pub fn collab_join(&self, collab: &Collaboration) -> Result<Joined, StateError> {
        collab
            .verify()
            .map_err(|e| StateError::Damaged(e.to_string()))?;
        self.write(|transaction| join(transaction, collab))
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
        let rows = statement.query_map([id.as_bytes()], |row| row.get::<_, String>(0))?;
        rows.map(|row| read(id.as_bytes(), &row?)).collect()
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
        let found = self.collabs_where("WHERE id = ?1", [id.as_bytes()])?;
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
            self.verified(id, document)
        })
        .collect()
    }

    /// The collaboration of a stored document. Its signatures are verified once, as long as its text
    /// stays the same: each stream and each command asks for it.
    fn verified(&self, id: Vec<u8>, document: String) -> Result<Collaboration, StateError> {
        // Each change is one insertion, so a poisoned lock is as good as any.
        let mut known = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verified) = known.get(&id)
            && verified.document == document
        {
            return Ok(verified.collab.clone());
        }
        let collab = read(&id, &document)?;
        let verified = Verified {
            document,
            collab: collab.clone(),
        };
        known.insert(id, verified);
        Ok(collab)
    }
}

/// A stored document whose signatures hold, and what it says.
pub(super) struct Verified {
    document: String,
    collab: Collaboration,
}

pub(super) fn standing(
    connection: &Connection,
    id: &CollabId,
) -> Result<CollabStanding, StateError> {
    let found: Option<String> = connection
        .prepare_cached("SELECT standing FROM collab_standing WHERE collab_id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    match found.as_deref() {
        None => Ok(CollabStanding::InForce),
        Some("suspended") => Ok(CollabStanding::Suspended),
        Some("left") => Ok(CollabStanding::Left),
        Some(_) => Err(StateError::Damaged(
            "a collaboration has an unknown standing".into(),
        )),
    }
}

/// [`State::collab_join`], of a document whose signatures were verified, in a transaction.
pub(super) fn join(
    transaction: &Transaction<'_>,
    collab: &Collaboration,
) -> Result<Joined, StateError> {
    let id = collab.id();
    let document: Option<String> = transaction
        .query_row(
            "SELECT document FROM collabs WHERE id = ?1",
            [id.as_bytes()],
            |row| row.get(0),
        )
        .optional()?;
    if standing(transaction, &id)? == CollabStanding::Left {
        return Err(StateError::CollabLeft(collab.name().to_owned()));
    }
    let Some(document) = document else {
        member_names::check_name(transaction, collab)?;
        member_names::check_members(transaction, collab)?;
        if collab.link().is_some() {
            return Err(RevisionError::Gap {
                name: collab.name().to_owned(),
                offered: collab.revision(),
                joined: 0,
            }
            .into());
        }
        invite_rows::forget_awaited(transaction, &id)?;
        invite_rows::forget_expired(transaction, collab.name())?;
        transaction.execute(
            "INSERT INTO collabs (id, name, document, joined_unix) VALUES (?1, ?2, ?3, ?4)",
            params![id.as_bytes(), collab.name(), collab.to_toml(), now_unix()],
        )?;
        insert_revision(transaction, collab)?;
        return Ok(Joined::New);
    };
    let joined = read(id.as_bytes(), &document)?;
    if joined.revision_hash() == collab.revision_hash() {
        return Ok(Joined::Already);
    }
    // A revision changes no name and no key of a member.
    collab.follows(&joined)?;
    transaction.execute(
        "UPDATE collabs SET document = ?2 WHERE id = ?1",
        params![id.as_bytes(), collab.to_toml()],
    )?;
    insert_revision(transaction, collab)?;
    Ok(Joined::Revised)
}

fn insert_revision(
    transaction: &Transaction<'_>,
    collab: &Collaboration,
) -> Result<(), StateError> {
    transaction.execute(
        "INSERT INTO collab_revisions (collab_id, revision, document, joined_unix) \
         VALUES (?1, ?2, ?3, ?4)",
        params![
            collab.id().as_bytes(),
            collab.revision(),
            collab.to_toml(),
            now_unix()
        ],
    )?;
    Ok(())
}

/// Signatures are verified again on every read: jobs run only under documents that both signed.
fn read(id: &[u8], document: &str) -> Result<Collaboration, StateError> {
    let damaged = |what: String| StateError::Damaged(format!("a joined collaboration: {what}"));
    let collab = Collaboration::parse(document, Path::new("stored document"))
        .map_err(|e| damaged(e.what))?;
    collab.verify().map_err(|e| damaged(e.to_string()))?;
    if collab.id().as_bytes() != id {
        return Err(damaged("its document is another's".into()));
    }
    Ok(collab)
}
