//! First contact: accepted invites that lack the other signature, and what other members offer.
//!
//! Spec 14. An accepted invite is a collaboration that this node's owner has signed and the inviter
//! has not yet, as far as this node knows. It becomes a joined one with the inviter's signature,
//! and no other way.

use std::path::Path;

use psi_core::contact::Offer;
use psi_core::messages::codec;
use psi_core::receipt::Signature;
use rusqlite::{OptionalExtension, params};

use super::{Joined, State, StateError, now_unix};
use crate::collab::{CollabId, Collaboration};
use crate::identity::NodeId;

/// An invite that was accepted here.
#[derive(Clone, Debug)]
pub struct AwaitedCollab {
    /// The collaboration, with this node's signature alone.
    pub collab: Collaboration,
    /// What the inviter has to accept.
    pub reply: String,
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
    /// Keeps an accepted invite. The same one again changes nothing.
    ///
    /// # Errors
    /// [`StateError::NameTaken`] if another collaboration has its name.
    pub fn awaited_insert(&self, awaited: &AwaitedCollab) -> Result<(), StateError> {
        let (name, id) = (awaited.collab.name(), awaited.collab.id());
        self.write(|transaction| {
            let taken: Option<Vec<u8>> = transaction
                .query_row(
                    "SELECT id FROM collabs WHERE name = ?1 UNION ALL \
                     SELECT id FROM awaited_collabs WHERE name = ?1",
                    [name],
                    |row| row.get(0),
                )
                .optional()?;
            match taken {
                Some(taken) if taken == id.0 => Ok(()),
                Some(_) => Err(StateError::NameTaken(name.to_owned())),
                None => {
                    transaction.execute(
                        "INSERT INTO awaited_collabs (id, name, document, reply, accepted_unix) \
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                        params![
                            id.0,
                            name,
                            awaited.collab.to_toml(),
                            awaited.reply,
                            now_unix()
                        ],
                    )?;
                    Ok(())
                }
            }
        })
    }

    /// The accepted invites that are not joined yet, by name.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if a stored document cannot be read.
    pub fn awaited(&self) -> Result<Vec<AwaitedCollab>, StateError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, document, reply FROM awaited_collabs \
             WHERE id NOT IN (SELECT id FROM collabs) ORDER BY name",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get::<_, String>(1)?,
                row.get(2)?,
            ))
        })?;
        rows.map(|row| {
            let (id, document, reply) = row?;
            let collab = Collaboration::parse(&document, Path::new("stored document"));
            let collab = collab.ok().filter(|collab| collab.id().0 == *id);
            let collab = collab
                .ok_or_else(|| StateError::Damaged("an accepted invite cannot be read".into()))?;
            Ok(AwaitedCollab { collab, reply })
        })
        .collect()
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
        let all = self.awaited()?;
        Ok(all.into_iter().find(|found| found.collab.id() == *id))
    }

    /// Joins an accepted invite with the signature of `peer`, if that holds.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it does not, which the caller must have checked.
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
        // What was accepted stays beside it until it is joined, whatever happens in between.
        let joined = self.collab_join(&collab)?;
        self.awaited_forget(&collab.id())?;
        Ok(joined)
    }

    /// Takes back an accepted invite; returns whether there was one.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn awaited_forget(&self, id: &CollabId) -> Result<bool, StateError> {
        self.write(|transaction| {
            let gone = transaction.execute("DELETE FROM awaited_collabs WHERE id = ?1", [id.0])?;
            Ok(gone > 0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{signed, signed_as, unsigned};
    use crate::state::place::private_tempdir;

    #[test]
    fn an_accepted_invite_waits_for_the_other_signature_and_is_joined_with_it_alone() {
        let folder = private_tempdir();
        let state = State::open(folder.path()).unwrap();
        let (_, keys) = signed();
        let mut collab = unsigned("summer", &keys);
        let [own, peer] = &keys;
        let own_signature = own.sign_collab(&collab).unwrap();
        let own_name = collab.member_by_id(&own.id()).unwrap().name.clone();
        collab.add_signature(&own_name, own_signature).unwrap();
        let reply = "glovebox-reply-1.x".to_owned();
        let awaited = AwaitedCollab { collab, reply };
        state.awaited_insert(&awaited).unwrap();
        state.awaited_insert(&awaited).unwrap();
        let found = state.awaited_by_name("summer").unwrap().unwrap();
        assert_eq!(found.collab, awaited.collab);
        assert!(state.collab_by_name("summer").unwrap().is_none());

        // Another one of this name has no place beside it.
        let (other, _) = signed_as("summer");
        let (collab, reply) = (other.clone(), String::new());
        let error = state.awaited_insert(&AwaitedCollab { collab, reply });
        assert!(matches!(error, Err(StateError::NameTaken(_))));

        let wrong = state.awaited_complete(&awaited, &peer.id(), own_signature);
        assert!(wrong.is_err());
        assert!(state.awaited_by_name("summer").unwrap().is_some());
        let signature = peer.sign_collab(&awaited.collab).unwrap();
        let joined = state.awaited_complete(&awaited, &peer.id(), signature);
        assert_eq!(joined.unwrap(), Joined::New);
        assert!(state.awaited().unwrap().is_empty());
        assert!(state.collab_by_name("summer").unwrap().is_some());
    }

    #[test]
    fn what_a_member_offers_is_what_it_said_last() {
        let folder = private_tempdir();
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.offer(&CollabId([1; 32])).unwrap(), None);
        let told = |offer: Option<Offer>| {
            state.offer_set(&CollabId([1; 32]), offer.as_ref()).unwrap();
            assert_eq!(
                state.offer(&CollabId([1; 32])).unwrap().unwrap().offer,
                offer
            );
        };
        told(Some(Offer::default()));
        told(None);
    }
}
