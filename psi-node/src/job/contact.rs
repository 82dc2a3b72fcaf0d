//! Whether the other member is there and has joined, and what its tables offer: asking and answering.
//!
//! Spec 14 §4 and §5. Both are streams that are not jobs: nothing is signed but a revision that was
//! signed before, and no row is looked at. A ping also hands over the signature that a member lacks
//! who has accepted an invite, which is how such a collaboration comes into force. Here is the side that
//! asks, and in `answering` the one that is asked. Called by the local API, before the first settlement
//! of a job, and for the streams of a peer.

mod answering;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use psi_core::Code;
use psi_core::messages::{Control, Pong};
use psi_core::receipt::{Signature, signature_holds};
use psi_core::spec::PROTOCOL_VERSION;

pub(in crate::job) use self::answering::{answer_offer, answer_ping};
use super::context::JobContext;
use super::failure::Failure;
use super::introduce::{exchange, introduce, not_joined, not_joined_if_unknown, ping_over};
use super::link::{unexpected, violation};
use super::membership::admit_members;
use super::negotiate::question::find_collab;
use crate::api::types::{OfferInfo, PingInfo, TablesInfo};
use crate::collab::{Collaboration, Member};
use crate::error::UserError;
use crate::identity::NodeId;
use crate::net::PeerConnection;
use crate::state::{AwaitedCollab, Joined, StateError, now_unix};

/// Characters of a version that are shown.
const VERSION_CHARS_MAX: usize = 64;

/// A collaboration of this node, joined or accepted, and the other member.
struct Met {
    collab: Collaboration,
    /// The accepted invite, if it is not joined yet.
    awaited: Option<AwaitedCollab>,
    peer: Member,
}

/// The collaboration of this name.
fn met(ctx: &JobContext, name: &str) -> Result<Met, Failure> {
    let (collab, awaited) = match ctx.state.awaited_by_name(name)? {
        // Nothing comes of it any more, so nobody is dialled for it.
        Some(awaited) if awaited.has_expired(now_unix()) => {
            return Err(not_completed(StateError::InviteExpired {
                name: name.to_owned(),
                expires_unix: awaited.expires_unix,
            }));
        }
        Some(awaited) => (awaited.collab.clone(), Some(awaited)),
        None => (find_collab(ctx, name)?, None),
    };
    let peer = collab.peer_of(&ctx.key.id()).cloned();
    let peer = peer.ok_or_else(|| Failure::Input {
        what: format!("this node's key is not a member of `{name}`"),
        remedy: "the node's key was replaced; make a new collaboration with its present id".into(),
    })?;
    Ok(Met {
        collab,
        awaited,
        peer,
    })
}

/// Asks the other member of the collaboration `name` whether it is ready.
///
/// # Errors
/// [`Failure::Connect`] if it cannot be reached; [`Failure::NotJoined`] if it does not know this
/// node, or not the collaboration.
pub async fn ping(ctx: &JobContext, name: &str) -> Result<PingInfo, Failure> {
    let Met {
        collab,
        awaited,
        peer,
    } = met(ctx, name)?;
    let conn = connect(ctx, &peer, &collab, awaited.is_some()).await?;
    let asked = Instant::now();
    let answer = ping_over(ctx, &conn, &collab).await;
    let (took, now) = (asked.elapsed(), now_ms());
    let address = conn.remote_address().to_string();
    conn.close(Code::Interrupted);
    let pong = not_joined_if_unknown(answer, &peer, &collab, awaited.is_some())?;
    if let Some(awaited) = &awaited {
        complete(ctx, awaited, &peer, &pong)?;
    }
    let answer_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    // The answer left half of that ago.
    let there = i128::from(pong.clock_ms) + i128::from(answer_ms / 2);
    let difference = there - i128::from(now);
    Ok(PingInfo {
        collab: collab.name().to_owned(),
        member: peer.name,
        id: peer.id.to_string(),
        address,
        joined: true,
        revision: pong.revision_number,
        own_revision: collab.revision(),
        same_revision: pong.revision == collab.revision_hash(),
        mode: if pong.dp { "dp" } else { "exact" }.into(),
        version: pong.program.chars().take(VERSION_CHARS_MAX).collect(),
        own_version: env!("CARGO_PKG_VERSION").into(),
        clock_difference_ms: i64::try_from(difference).unwrap_or(i64::MAX),
        answer_ms,
    })
}

/// Joins an accepted invite of this name, if the inviter has signed it by now; does nothing if this
/// node awaits none.
///
/// # Errors
/// [`Failure::NotJoined`] if the inviter has not accepted the reply; [`Failure::Connect`].
pub(super) async fn complete_awaited(ctx: &JobContext, name: &str) -> Result<(), Failure> {
    if ctx.state.awaited_by_name(name)?.is_some() {
        ping(ctx, name).await?;
    }
    Ok(())
}

/// Asks what the other member's tables offer, and keeps the answer.
///
/// # Errors
/// As [`ping`].
pub async fn ask_offer(ctx: &JobContext, name: &str) -> Result<TablesInfo, Failure> {
    complete_awaited(ctx, name).await?;
    let Met { collab, peer, .. } = met(ctx, name)?;
    let conn = connect(ctx, &peer, &collab, false).await?;
    let question = Control::AskOffer {
        version: PROTOCOL_VERSION,
        collab_id: collab.id(),
    };
    let mut answer = exchange(ctx, &conn, &question).await;
    if matches!(
        answer,
        Err(Failure::PeerRefusal(Code::UnknownCollaboration))
    ) {
        introduce(ctx, &conn, &collab, &peer).await?;
        answer = exchange(ctx, &conn, &question).await;
    }
    conn.close(Code::Interrupted);
    let Control::Offered(offer) = answer? else {
        return Err(unexpected("something else than an offer"));
    };
    if let Some(offer) = &offer {
        offer.check()?;
    }
    ctx.state.offer_set(&collab.id(), offer.as_ref())?;
    told(ctx, &collab, &peer)?.ok_or_else(|| Failure::Internal("an offer was not kept".into()))
}

/// What the other member of the collaboration `name` said last about its tables, if it ever did.
///
/// # Errors
/// [`Failure::Input`] if there is no such collaboration.
pub fn told_offer(ctx: &JobContext, name: &str) -> Result<Option<TablesInfo>, Failure> {
    let Met { collab, peer, .. } = met(ctx, name)?;
    told(ctx, &collab, &peer)
}

fn told(
    ctx: &JobContext,
    collab: &Collaboration,
    peer: &Member,
) -> Result<Option<TablesInfo>, Failure> {
    let told = ctx.state.offer(&collab.id())?;
    Ok(told.map(|told| TablesInfo {
        collab: collab.name().to_owned(),
        member: peer.name.clone(),
        told_unix: told.told_unix,
        offer: told.offer.as_ref().map(OfferInfo::from),
    }))
}

async fn connect(
    ctx: &JobContext,
    peer: &Member,
    collab: &Collaboration,
    awaited: bool,
) -> Result<PeerConnection, Failure> {
    let connected = ctx.connect(peer, collab).await;
    connected.map_err(|failure| match failure {
        Failure::NotJoined { member, collab, .. } => Failure::NotJoined {
            member,
            collab,
            awaited,
        },
        other => other,
    })
}

/// Joins an accepted invite with what the inviter answered.
fn complete(
    ctx: &JobContext,
    awaited: &AwaitedCollab,
    peer: &Member,
    pong: &Pong,
) -> Result<(), Failure> {
    let collab = &awaited.collab;
    if pong.revision != collab.revision_hash() {
        return Err(not_joined(peer, collab, true));
    }
    if !signature_holds(&peer.id, &collab.signing_text(), &pong.signature) {
        return Err(violation(
            Code::SignatureInvalid,
            "the inviter's signature of a collaboration",
        ));
    }
    bring_into_force(ctx, awaited, peer.id, pong.signature).map_err(not_completed)
}

/// Joins an accepted invite with the inviter's signature, which holds.
fn bring_into_force(
    ctx: &JobContext,
    awaited: &AwaitedCollab,
    inviter: NodeId,
    signature: Signature,
) -> Result<(), StateError> {
    let joined = ctx.state.awaited_complete(awaited, &inviter, signature)?;
    admit_members(ctx);
    if joined == Joined::New {
        let collab = awaited.collab.name();
        tracing::info!(collab, "the inviter has signed, so it is in force");
    }
    Ok(())
}

/// Why an accepted invite does not come into force, for this node's owner.
fn not_completed(error: StateError) -> Failure {
    if !is_over(&error) {
        return error.into();
    }
    let UserError { what, remedy, .. } = error.into();
    Failure::Input { what, remedy }
}

/// Whether the inviter's signature finds nothing that it could complete.
const fn is_over(error: &StateError) -> bool {
    matches!(
        error,
        StateError::NotAwaited(_)
            | StateError::InviteExpired { .. }
            | StateError::NameTaken(_)
            | StateError::MemberNameTaken { .. }
            | StateError::CollabLeft(_)
    )
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
