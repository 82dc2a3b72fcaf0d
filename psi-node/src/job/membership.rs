//! Who may speak with this node at all: the members of the collaborations in which it takes part.
//!
//! Spec 08 §2 and Spec 09 §5. Called where a stream begins, before a job, and by the daemon, which
//! admits the same members to the network.

use psi_core::Code;

use super::context::JobContext;
use super::failure::Failure;
use crate::collab::{Address, CollabId, Collaboration};
use crate::identity::NodeId;
use crate::state::{CollabStanding, State, StateError, now_unix};

/// The other members of the collaborations that are in force here, or accepted, with their addresses;
/// `own` is this node.
///
/// # Errors
/// [`StateError`] if the state cannot be read.
pub fn members(state: &State, own: &NodeId) -> Result<Vec<(NodeId, Address)>, StateError> {
    // An inviter brings the signature that is missing. Those that are accepted come first: one that
    // comes into force meanwhile is found twice, and not missed.
    let now = now_unix();
    let awaited = state.awaited()?.into_iter();
    let awaited = awaited.filter(|awaited| !awaited.has_expired(now));
    let mut collabs: Vec<_> = awaited.map(|awaited| awaited.collab).collect();
    collabs.extend(state.collabs_in_force()?);
    let others = collabs.iter().filter_map(|collab| collab.peer_of(own));
    Ok(others
        .map(|member| (member.id, member.address.clone()))
        .collect())
}

/// Admits the members of the collaborations that are in force now, and nobody else. Whoever is a
/// member of none any more is disconnected.
pub fn admit_members(ctx: &JobContext) {
    for gone in admit(ctx) {
        ctx.endpoint.close_peer(&gone, Code::Cancelled);
    }
}

/// The same, but leaves it to the caller to disconnect those that it returns.
pub(super) fn admit(ctx: &JobContext) -> Vec<NodeId> {
    match members(&ctx.state, &ctx.key.id()) {
        Ok(members) => ctx.known.replace(members),
        Err(error) => {
            tracing::error!(%error, "the state cannot be read; the members stay as before");
            Vec::new()
        }
    }
}

/// Whether this node's owner takes part in a collaboration; not if that cannot be told.
pub(super) fn takes_part(ctx: &JobContext, collab: &Collaboration) -> bool {
    let standing = ctx.state.collab_standing(&collab.id());
    standing.is_ok_and(|standing| standing == CollabStanding::InForce)
}

/// The collaboration with this id, if this node joined it and `peer` is its other member.
pub(super) fn joined_with(
    ctx: &JobContext,
    collab_id: &CollabId,
    peer: NodeId,
) -> Result<Option<Collaboration>, Failure> {
    let collab = ctx.state.collab_by_id(collab_id)?;
    let own = ctx.key.id();
    Ok(collab.filter(|collab| collab.peer_of(&own).is_some_and(|member| member.id == peer)))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::fixture::{signed, unsigned};
    use crate::identity::NodeKey;
    use crate::job::context::fixture::context;
    use crate::state::AwaitedCollab;

    const TEXT: &str = "name = \"brand\"\nlisten = \"127.0.0.1:0\"\n";

    #[tokio::test]
    async fn the_other_member_is_admitted_while_the_owner_takes_part_and_a_stranger_never() {
        let (collab, [brand, snowy]) = signed();
        let folder = TempDir::new().unwrap();
        let (snowy, stranger) = (snowy.id(), NodeKey::generate().unwrap().id());
        let ctx = context(folder.path(), TEXT, brand).await;
        let joined = |peer| joined_with(&ctx, &collab.id(), peer).unwrap().is_some();
        assert!(!joined(snowy), "before it is joined");
        ctx.state.collab_join(&collab).unwrap();
        admit_members(&ctx);
        assert!(joined(snowy) && takes_part(&ctx, &collab));
        assert!(!joined(stranger) && !joined(ctx.key.id()));
        assert!(ctx.known.is_member(&snowy) && !ctx.known.is_member(&stranger));
        assert!(!ctx.known.is_member(&ctx.key.id()), "nobody but this node");

        let suspended = CollabStanding::Suspended;
        ctx.state
            .collab_set_standing(&collab.id(), suspended, &ctx.key)
            .unwrap();
        admit_members(&ctx);
        // Its stream is still known for what it is, and turned away.
        assert!(joined(snowy) && !takes_part(&ctx, &collab));
        assert!(!ctx.known.is_member(&snowy));
    }

    #[tokio::test]
    async fn an_inviter_is_admitted_until_its_invite_has_expired_and_not_after() {
        let (_, keys) = signed();
        for (expires_unix, admitted) in [(i64::MAX, true), (1, false)] {
            let folder = TempDir::new().unwrap();
            let mut collab = unsigned("summer", &keys);
            let signature = keys[0].sign_collab(&collab).unwrap();
            collab.add_signature("brand", signature).unwrap();
            let state = State::open(&folder.path().join("state")).unwrap();
            let awaited = AwaitedCollab {
                collab,
                reply: String::new(),
                expires_unix,
            };
            state.awaited_insert(&awaited).unwrap();
            let found = members(&state, &keys[0].id()).unwrap();
            let found: Vec<_> = found.into_iter().map(|(id, _)| id).collect();
            let expected: &[NodeId] = if admitted { &[keys[1].id()] } else { &[] };
            assert_eq!(found, expected);
        }
    }
}
