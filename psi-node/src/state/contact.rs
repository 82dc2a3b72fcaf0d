//! First contact: accepted invites that lack the other signature, and what other members offer.
//!
//! Spec 14. An accepted invite is a collaboration that this node's owner has signed and the inviter
//! has not yet, as far as this node knows. It becomes a joined one with the inviter's signature,
//! and no other way; not after the invite has expired, nor after it was taken back. Each of these
//! ends is one transaction, so that exactly one of them happens.

use std::path::Path;

use psi_core::contact::Offer;
use psi_core::messages::codec;
use psi_core::receipt::Signature;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::invite_rows::{forget_awaited, forget_expired};
use super::{CollabStanding, Joined, State, StateError, collabs, member_names, now_unix};
use crate::collab::{CollabId, Collaboration};
use crate::identity::NodeId;
use crate::invite::{self, Pasted};

/// An invite that was accepted here.
#[derive(Clone, Debug)]
pub struct AwaitedCollab {
    /// The collaboration, with this node's signature alone.
    pub collab: Collaboration,
    /// What the inviter has to accept.
    pub reply: String,
    /// Until when the invite was valid, in seconds since 1970.
    pub expires_unix: i64,
}

impl AwaitedCollab {
    /// Whether the inviter's signature comes too late now, a day of difference between the clocks
    /// allowed.
    #[must_use]
    pub const fn has_expired(&self, now_unix: i64) -> bool {
        invite::has_expired(self.expires_unix, now_unix)
    }
}

/// What became of an accepted invite that its owner took back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenBack {
    /// It is gone, and no signature of the inviter brings it into force.
    Gone,
    /// The inviter's signature came first: it is in force.
    InForce,
    /// There is none.
    NotThere,
}

/// What another member said that its tables offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldOffer {
    /// The tables; nothing if its owner tells nothing.
    pub offer: Option<Offer>,
    /// When it said so, in seconds since 1970.
    pub told_unix: i64,
}

impl State {
    /// Keeps an accepted invite. The same one again changes nothing; one that has expired gives its
    /// name up.
    ///
    /// # Errors
    /// [`StateError::NameTaken`] if another collaboration has its name;
    /// [`StateError::MemberNameTaken`] if another node has the name of a member;
    /// [`StateError::CollabLeft`] if it was in force here and this node's owner left it.
    pub fn awaited_insert(&self, awaited: &AwaitedCollab) -> Result<(), StateError> {
        let collab = &awaited.collab;
        let (name, id) = (collab.name(), collab.id());
        self.write(|transaction| {
            member_names::check_name(transaction, collab)?;
            if collabs::standing(transaction, &id)? == CollabStanding::Left {
                return Err(StateError::CollabLeft(name.to_owned()));
            }
            if joined(transaction, &id)? || row_of(transaction, &id)?.is_some() {
                return Ok(());
            }
            member_names::check_members(transaction, collab)?;
            forget_expired(transaction, name)?;
            transaction.execute(
                "INSERT INTO awaited_collabs \
                 (id, name, document, reply, accepted_unix, expires_unix) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    id.0,
                    name,
                    collab.to_toml(),
                    awaited.reply,
                    now_unix(),
                    awaited.expires_unix
                ],
            )?;
            Ok(())
        })
    }

    /// The accepted invites that are not joined yet, by name; those that have expired among them.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if a stored document cannot be read.
    pub fn awaited(&self) -> Result<Vec<AwaitedCollab>, StateError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, document, reply, expires_unix FROM awaited_collabs \
             WHERE id NOT IN (SELECT id FROM collabs) ORDER BY name",
        )?;
        let rows = statement.query_map([], StoredInvite::read)?;
        rows.map(|row| row?.checked()).collect()
    }

    /// The accepted invite of this name that is not joined yet.
    ///
    /// # Errors
    /// Those of [`Self::awaited`].
    pub fn awaited_by_name(&self, name: &str) -> Result<Option<AwaitedCollab>, StateError> {
        let all = self.awaited()?;
        Ok(all.into_iter().find(|found| found.collab.name() == name))
    }

    /// The accepted invite with this id that is not joined yet.
    ///
    /// # Errors
    /// Those of [`Self::awaited`].
    pub fn awaited_by_id(&self, id: &CollabId) -> Result<Option<AwaitedCollab>, StateError> {
        let connection = self.lock();
        if joined(&connection, id)? {
            return Ok(None);
        }
        let found = row_of(&connection, id)?;
        found.map(StoredInvite::checked).transpose()
    }

    /// Joins an accepted invite with the signature of `peer`, if that holds.
    ///
    /// # Errors
    /// [`StateError::NotAwaited`] if it was taken back before; [`StateError::InviteExpired`];
    /// [`StateError::MemberNameTaken`]; [`StateError::Damaged`] if the signature does not hold, which
    /// the caller must have checked.
    pub fn awaited_complete(
        &self,
        awaited: &AwaitedCollab,
        peer: &NodeId,
        signature: Signature,
    ) -> Result<Joined, StateError> {
        let damaged = |what: String| StateError::Damaged(what);
        let mut collab = awaited.collab.clone();
        let name = collab.member_by_id(peer).map(|member| member.name.clone());
        let name = name.ok_or_else(|| damaged("a signature of somebody else".into()))?;
        let added = collab.add_signature(&name, signature);
        added.map_err(|error| damaged(error.to_string()))?;
        collab
            .verify()
            .map_err(|error| damaged(error.to_string()))?;
        let id = collab.id();
        self.write(|transaction| {
            // What this node's owner took back meanwhile is not here any more, and what came into
            // force meanwhile is joined.
            if !joined(transaction, &id)? {
                let waiting = row_of(transaction, &id)?;
                let name = collab.name().to_owned();
                let waiting = waiting.ok_or_else(|| StateError::NotAwaited(name.clone()))?;
                let waiting = waiting.checked()?;
                if waiting.has_expired(now_unix()) {
                    let expires_unix = waiting.expires_unix;
                    return Err(StateError::InviteExpired { name, expires_unix });
                }
            }
            collabs::join(transaction, &collab)
        })
    }

    /// Takes back an accepted invite, unless the inviter's signature came first.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn awaited_take_back(&self, id: &CollabId) -> Result<TakenBack, StateError> {
        self.write(|transaction| {
            let was_there = forget_awaited(transaction, id)?;
            if joined(transaction, id)? {
                return Ok(TakenBack::InForce);
            }
            if !was_there {
                return Ok(TakenBack::NotThere);
            }
            transaction.execute("DELETE FROM offers WHERE collab_id = ?1", [id.0])?;
            Ok(TakenBack::Gone)
        })
    }

    /// Keeps what another member said last about its tables.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn offer_set(&self, id: &CollabId, offer: Option<&Offer>) -> Result<(), StateError> {
        let bytes = offer.map(codec::encode);
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO offers (collab_id, offer, told_unix) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (collab_id) DO UPDATE SET \
                 offer = excluded.offer, told_unix = excluded.told_unix",
                params![id.0, bytes, now_unix()],
            )?;
            Ok(())
        })
    }

    /// What another member said last about its tables, if it ever did.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it cannot be read.
    pub fn offer(&self, id: &CollabId) -> Result<Option<ToldOffer>, StateError> {
        let found: Option<(Option<Vec<u8>>, i64)> = self
            .lock()
            .prepare_cached("SELECT offer, told_unix FROM offers WHERE collab_id = ?1")?
            .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((bytes, told_unix)) = found else {
            return Ok(None);
        };
        let offer = bytes.map(|bytes| {
            let offer = codec::decode::<Offer>(&bytes);
            offer.map_err(|_| StateError::Damaged("what a member offers cannot be read".into()))
        });
        Ok(Some(ToldOffer {
            offer: offer.transpose()?,
            told_unix,
        }))
    }
}

/// A row of `awaited_collabs`.
struct StoredInvite {
    id: Vec<u8>,
    document: String,
    reply: String,
    /// Absent in one that an older version accepted.
    expires_unix: Option<i64>,
}

impl StoredInvite {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            document: row.get(1)?,
            reply: row.get(2)?,
            expires_unix: row.get(3)?,
        })
    }

    fn checked(self) -> Result<AwaitedCollab, StateError> {
        let damaged = || StateError::Damaged("an accepted invite cannot be read".into());
        let collab = Collaboration::parse(&self.document, Path::new("stored document"));
        let collab = collab.ok().filter(|collab| collab.id().0 == *self.id);
        let expires_unix = match self.expires_unix {
            Some(unix) => unix,
            // The reply repeats the terms of the invite; one that cannot be read is of no use any more.
            None => match invite::parse(&self.reply) {
                Ok(Pasted::Reply(reply)) => invite::expires_unix(&reply.terms),
                _ => 0,
            },
        };
        Ok(AwaitedCollab {
            collab: collab.ok_or_else(damaged)?,
            reply: self.reply,
            expires_unix,
        })
    }
}

fn row_of(connection: &Connection, id: &CollabId) -> Result<Option<StoredInvite>, StateError> {
    let sql = "SELECT id, document, reply, expires_unix FROM awaited_collabs WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([id.0], StoredInvite::read).optional()?)
}

fn joined(connection: &Connection, id: &CollabId) -> Result<bool, StateError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM collabs WHERE id = ?1)";
    Ok(connection.query_row(sql, [id.0], |row| row.get(0))?)
}

#[cfg(test)]
mod tests;
