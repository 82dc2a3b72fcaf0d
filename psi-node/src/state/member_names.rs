//! A name belongs to one collaboration, and a member's name to one key.
//!
//! Spec 14 §2. Rules and budgets in `node.toml` go by the names of members, so a second node of the
//! same name would get what the owner allows the first. Checked in the transaction that takes a
//! collaboration into the state, or into force again: from a file, by an invite, by a reply, by the
//! signature that was missing, by `collab resume`. So no path can miss it. Called by [`super::collabs`]
//! and [`super::contact`]; reads no signature.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{State, StateError, now_unix};
use crate::collab::Collaboration;
use crate::invite::has_expired;

impl State {
    /// Whether a collaboration that is new to this node may be joined or accepted, as far as names go.
    /// For whoever is to see it before something is signed; what takes it into the state checks again.
    ///
    /// # Errors
    /// [`StateError::NameTaken`]; [`StateError::MemberNameTaken`]; [`StateError::Damaged`] if a stored
    /// document cannot be read.
    pub fn collab_check_names(&self, collab: &Collaboration) -> Result<(), StateError> {
        let connection = self.lock();
        check_name(&connection, collab)?;
        check_members(&connection, collab)
    }
}

/// Refuses a collaboration whose name another one has, joined or accepted.
pub(super) fn check_name(
    connection: &Connection,
    collab: &Collaboration,
) -> Result<(), StateError> {
    for stored in stored(connection, collab)? {
        // A name is kept for good, also by a collaboration that was left.
        if stored.collab.name() == collab.name() {
            return Err(StateError::NameTaken(collab.name().to_owned()));
        }
    }
    Ok(())
}

/// Refuses a collaboration in which a member has the name that another key has elsewhere, also where
/// that one is suspended. One that was left names nobody any more.
pub(super) fn check_members(
    connection: &Connection,
    collab: &Collaboration,
) -> Result<(), StateError> {
    for other in stored(connection, collab)?
        .iter()
        .filter(|other| !other.left)
    {
        for member in collab.members() {
            let same = other.collab.member_by_name(&member.name);
            if same.is_some_and(|same| same.id != member.id) {
                return Err(StateError::MemberNameTaken {
                    collab: other.collab.name().to_owned(),
                    member: member.name.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Another collaboration than the one in question.
struct Other {
    collab: Collaboration,
    left: bool,
}

/// All other collaborations, joined or accepted, but those whose invites have expired.
fn stored(connection: &Connection, but: &Collaboration) -> Result<Vec<Other>, StateError> {
    let mut statement = connection.prepare_cached(
        "SELECT document, standing IS 'left', NULL FROM collabs \
         LEFT JOIN collab_standing ON collab_id = id WHERE id <> ?1 \
         UNION ALL SELECT document, 0, expires_unix FROM awaited_collabs WHERE id <> ?1",
    )?;
    let rows = statement.query_map(params![but.id().as_bytes()], |row| {
        let expires: Option<i64> = row.get(2)?;
        Ok((row.get::<_, String>(0)?, row.get(1)?, expires))
    })?;
    let now = now_unix();
    let mut others = Vec::new();
    for row in rows {
        let (document, left, expires) = row?;
        if expires.is_some_and(|expires| has_expired(expires, now)) {
            continue;
        }
        let collab = Collaboration::parse(&document, Path::new("stored document"));
        let collab = collab.map_err(|error| {
            StateError::Damaged(format!("a stored collaboration: {}", error.what))
        })?;
        others.push(Other { collab, left });
    }
    Ok(others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{sign_all, signed, signed_as, unsigned};
    use crate::identity::NodeKey;
    use crate::state::place::private_tempdir;
    use crate::state::{AwaitedCollab, CollabStanding, Joined};

    /// An invite that the first member has accepted, and for as long as this one waits.
    fn accepted(name: &str, keys: &[NodeKey; 2], expires_unix: i64) -> AwaitedCollab {
        let mut collab = unsigned(name, keys);
        let signature = keys[0].sign_collab(&collab).unwrap();
        collab.add_signature("brand", signature).unwrap();
        AwaitedCollab {
            collab,
            reply: String::new(),
            expires_unix,
        }
    }

    #[track_caller]
    fn refused<T: std::fmt::Debug>(result: Result<T, StateError>) {
        let error = result.unwrap_err();
        assert!(
            matches!(&error, StateError::MemberNameTaken { collab, .. } if collab == "summer"),
            "{error}"
        );
        assert!(error.to_string().contains("another node than here"));
    }

    #[test]
    fn a_second_key_under_a_members_name_comes_in_by_no_path() {
        let folder = private_tempdir();
        let state = State::open(folder.path()).unwrap();
        let (summer, keys) = signed();
        let (other, _) = signed_as("autumn");
        state.collab_join(&summer).unwrap();
        refused(state.collab_join(&other));
        refused(state.collab_check_names(&other));
        let (_, strangers) = signed();
        let invite = accepted("autumn", &strangers, i64::MAX);
        refused(state.awaited_insert(&invite));
        assert!(state.awaited().unwrap().is_empty());
        // While it is suspended, too: it may be resumed.
        let suspended = CollabStanding::Suspended;
        let change = |standing| state.collab_set_standing(&summer.id(), standing, &keys[0]);
        change(suspended).unwrap();
        refused(state.collab_join(&other));
        // The same members may have another collaboration.
        let again = sign_all(unsigned("winter", &keys), &keys);
        assert_eq!(state.collab_join(&again).unwrap(), Joined::New);
        for id in [summer.id(), again.id()] {
            let left = CollabStanding::Left;
            state.collab_set_standing(&id, left, &keys[0]).unwrap();
        }
        assert_eq!(state.collab_join(&other).unwrap(), Joined::New);
    }

    #[test]
    fn a_state_of_an_older_version_that_holds_both_resumes_and_completes_neither() {
        let folder = private_tempdir();
        let state = State::open(folder.path()).unwrap();
        let (autumn, keys) = signed_as("autumn");
        let (summer, strangers) = signed();
        state.collab_join(&autumn).unwrap();
        let change = |standing| state.collab_set_standing(&autumn.id(), standing, &keys[0]);
        change(CollabStanding::Suspended).unwrap();
        let invite = accepted("winter", &keys, i64::MAX);
        state.awaited_insert(&invite).unwrap();
        // As a version that did not look at files left it.
        let sql = "INSERT INTO collabs (id, name, document, joined_unix) VALUES (?1, ?2, ?3, 0)";
        let (id, text) = (summer.id(), summer.to_toml());
        let values = params![id.as_bytes(), summer.name(), text];
        state.lock().execute(sql, values).unwrap();
        refused(change(CollabStanding::InForce));
        let signature = keys[1].sign_collab(&invite.collab).unwrap();
        refused(state.awaited_complete(&invite, &keys[1].id(), signature));
        assert_eq!(state.awaited().unwrap().len(), 1);
        let left = CollabStanding::Left;
        state
            .collab_set_standing(&summer.id(), left, &strangers[0])
            .unwrap();
        change(CollabStanding::InForce).unwrap();
    }

    #[test]
    fn a_document_that_was_edited_can_be_suspended_and_not_resumed() {
        let folder = private_tempdir();
        let state = State::open(folder.path()).unwrap();
        let (summer, keys) = signed();
        state.collab_join(&summer).unwrap();
        let sql = "UPDATE collabs SET document = replace(document, ':7401', ':7409')";
        state.lock().execute(sql, []).unwrap();
        let change = |standing| state.collab_set_standing(&summer.id(), standing, &keys[0]);
        change(CollabStanding::Suspended).unwrap();
        let error = change(CollabStanding::InForce).unwrap_err();
        assert!(matches!(error, StateError::Damaged(_)), "{error}");
        change(CollabStanding::Left).unwrap();
    }

    #[test]
    fn an_invite_that_has_expired_keeps_no_name() {
        let folder = private_tempdir();
        let state = State::open(folder.path()).unwrap();
        let (_, keys) = signed();
        state.awaited_insert(&accepted("summer", &keys, 1)).unwrap();
        let (_, others) = signed();
        let second = accepted("summer", &others, i64::MAX);
        state.awaited_insert(&second).unwrap();
        let waiting = state.awaited().unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].collab, second.collab);
        let (third, _) = signed();
        let error = state.collab_join(&third).unwrap_err();
        assert!(matches!(error, StateError::NameTaken(_)), "{error}");
    }
}
