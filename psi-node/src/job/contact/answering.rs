//! Answering a member that asks whether this node is there, or what its tables offer.
//!
//! Spec 14 §4 and §5. One at a time of each peer, as its settlements. Nothing here reads a row. What a
//! peer is told is a code; why, is a line for the operator. Called for the streams of a peer.

use aggregator::Refusal;
use psi_core::Code;
use psi_core::contact::Offer;
use psi_core::messages::{Control, Ping, Pong};
use psi_core::receipt::signature_holds;
use psi_core::spec::PROTOCOL_VERSION;
use tokio::sync::OwnedMutexGuard;

use super::{bring_into_force, is_over, now_ms};
use crate::collab::{CollabId, Collaboration, Mode};
use crate::identity::NodeId;
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::introduce::own_signature;
use crate::job::link::{Link, violation};
use crate::job::membership::{joined_with, takes_part};
use crate::job::shares::doors::Pace;
use crate::job::shares::notes::NoteShare;
use crate::state::AwaitedCollab;

/// Waits until nothing else of the peer is being answered beside its jobs. A settlement in which it
/// is silent gives way.
async fn door_of(
    ctx: &JobContext,
    peer: NodeId,
    link: &mut Link,
) -> Result<OwnedMutexGuard<Pace>, Failure> {
    let _waiting = ctx.chains.wait_for(peer);
    link.working_while(ctx.settle_doors.of(peer)).await
}

/// Answers a ping on its stream.
pub(in crate::job) async fn answer_ping(
    ctx: &JobContext,
    peer: NodeId,
    mut link: Link,
    ping: Ping,
) {
    // Without a door the peer is gone.
    let Ok(_door) = door_of(ctx, peer, &mut link).await else {
        return;
    };
    let answer = match pong(ctx, peer, &ping) {
        Ok(answer) => Control::Pong(answer),
        Err(failure) => turned_away(ctx, peer, &failure),
    };
    link.end(&answer).await;
}

fn pong(ctx: &JobContext, peer: NodeId, ping: &Ping) -> Result<Pong, Failure> {
    if ping.version != PROTOCOL_VERSION {
        let sentence = "it speaks another version of the protocol";
        return Err(refused(Code::VersionUnsupported, sentence));
    }
    if let Some(awaited) = ctx.state.awaited_by_id(&ping.collab_id)? {
        join_awaited(ctx, peer, &awaited, ping)?;
    }
    let collab = known(ctx, &ping.collab_id, peer)?;
    Ok(Pong {
        program: env!("CARGO_PKG_VERSION").into(),
        clock_ms: now_ms(),
        revision_number: collab.revision(),
        revision: collab.revision_hash(),
        dp: collab.mode() == Mode::Dp,
        signature: own_signature(ctx, &collab)?,
    })
}

/// The peer is the inviter and brings its signature, unless it is somebody else, or about something
/// else.
fn join_awaited(
    ctx: &JobContext,
    peer: NodeId,
    awaited: &AwaitedCollab,
    ping: &Ping,
) -> Result<(), Failure> {
    let collab = &awaited.collab;
    let member = collab.peer_of(&ctx.key.id());
    if member.is_none_or(|member| member.id != peer) || ping.revision != collab.revision_hash() {
        let sentence = "it brings a signature of something else than this node has accepted";
        return Err(refused(Code::UnknownCollaboration, sentence));
    }
    if !signature_holds(&peer, &collab.signing_text(), &ping.signature) {
        return Err(violation(
            Code::SignatureInvalid,
            "the inviter's signature of a collaboration",
        ));
    }
    let brought = bring_into_force(ctx, awaited, peer, ping.signature);
    brought.map_err(|error| match error {
        // Why is the owner's business.
        error if is_over(&error) => refused(Code::UnknownCollaboration, error.to_string()),
        error => error.into(),
    })
}

/// The collaboration with the peer in which this node's owner takes part.
fn known(ctx: &JobContext, id: &CollabId, peer: NodeId) -> Result<Collaboration, Failure> {
    let collab = joined_with(ctx, id, peer)?;
    let unknown = "it asks under a collaboration that this node has not joined with it";
    let collab = collab.ok_or_else(|| refused(Code::UnknownCollaboration, unknown))?;
    if !takes_part(ctx, &collab) {
        let sentence = "this node's owner takes no part in the collaboration now";
        return Err(refused(Code::Unavailable, sentence));
    }
    Ok(collab)
}

/// Answers what this node's tables offer, on its stream.
pub(in crate::job) async fn answer_offer(
    ctx: &JobContext,
    peer: NodeId,
    mut link: Link,
    version: u16,
    collab_id: CollabId,
) {
    let Ok(_door) = door_of(ctx, peer, &mut link).await else {
        return;
    };
    let answer = match offer(ctx, peer, version, &collab_id) {
        Ok(offer) => Control::Offered(offer),
        Err(failure) => turned_away(ctx, peer, &failure),
    };
    link.end(&answer).await;
}

fn offer(
    ctx: &JobContext,
    peer: NodeId,
    version: u16,
    collab_id: &CollabId,
) -> Result<Option<Offer>, Failure> {
    if version != PROTOCOL_VERSION {
        let sentence = "it speaks another version of the protocol";
        return Err(refused(Code::VersionUnsupported, sentence));
    }
    let collab = known(ctx, collab_id, peer)?;
    let member = collab.member_by_id(&peer);
    // Who may not ask is refused whatever it asks, and needs no names.
    let Some(member) = member.filter(|member| member.may_query && member.may_receive) else {
        return Ok(None);
    };
    let text = "the other member asked what this node's tables offer";
    if !ctx.notes.inquired(&NoteShare::Collab(collab.id()), text)? {
        let sentence = "this node's own log has no room for more of its questions in this hour";
        return Err(refused(Code::TooManyJobs, sentence));
    }
    Ok(ctx.catalog.offer_to(&member.name))
}

/// This node turns the peer away: the code for the peer, the sentence for the operator.
fn refused(code: Code, sentence: impl Into<String>) -> Failure {
    Failure::OwnRefusal(Refusal {
        code,
        rule: "first contact".into(),
        sentence: sentence.into(),
        remedy: String::new(),
    })
}

/// The code for the peer, and a line for the operator within the peer's share.
fn turned_away(ctx: &JobContext, peer: NodeId, failure: &Failure) -> Control {
    if ctx.notes.has_line(&NoteShare::Stranger(peer)) {
        tracing::warn!(%peer, %failure, "a peer that wanted to meet this node was turned away");
    }
    match failure {
        Failure::OwnRefusal(refusal) => Control::Refuse {
            code: refusal.code,
            recorded: false,
        },
        other => Control::Abort(other.code()),
    }
}
