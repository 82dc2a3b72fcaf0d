//! Two members whose nodes do not know yet that both have signed: a ping, with this node's signature in it.
//!
//! Spec 14 §5. A member that has accepted an invite lacks the inviter's signature until the two meet.
//! Called before a settlement, where the peer says that it does not know the collaboration, and by
//! [`super::contact`]. Decides nothing about jobs.

use psi_core::Code;
use psi_core::messages::{Control, Ping, Pong};
use psi_core::receipt::Signature;
use psi_core::spec::PROTOCOL_VERSION;

use super::context::JobContext;
use super::deadlines::within;
use super::failure::Failure;
use super::link::{Link, unexpected};
use crate::collab::{Collaboration, Member};
use crate::net::PeerConnection;

/// Hands this node's signature to a member that may have accepted an invite and lacks it, over a
/// connection on which it said that it does not know the collaboration.
///
/// # Errors
/// [`Failure::NotJoined`] if it has not accepted it.
pub(in crate::job) async fn introduce(
    ctx: &JobContext,
    conn: &PeerConnection,
    collab: &Collaboration,
    peer: &Member,
) -> Result<(), Failure> {
    let answer = ping_over(ctx, conn, collab).await;
    not_joined_if_unknown(answer, peer, collab, false)?;
    Ok(())
}

/// One ping and its answer.
///
/// # Errors
/// [`Failure::PeerRefusal`] with the code of the other node.
pub(in crate::job) async fn ping_over(
    ctx: &JobContext,
    conn: &PeerConnection,
    collab: &Collaboration,
) -> Result<Pong, Failure> {
    let ping = Ping {
        version: PROTOCOL_VERSION,
        collab_id: collab.id(),
        revision: collab.revision_hash(),
        signature: own_signature(ctx, collab)?,
    };
    match exchange(ctx, conn, &Control::Ping(ping)).await? {
        Control::Pong(answer) => Ok(answer),
        _ => Err(unexpected("something else than an answer to a ping")),
    }
}

/// One question and its answer, on a stream of their own.
pub(in crate::job) async fn exchange(
    ctx: &JobContext,
    conn: &PeerConnection,
    question: &Control,
) -> Result<Control, Failure> {
    let mut link = Link::new(conn.open_stream().await?);
    let answer = within(ctx.deadlines().answer(), async {
        link.send(question).await?;
        link.control().await
    });
    match answer.await? {
        Control::Refuse { code, .. } => Err(Failure::PeerRefusal(code)),
        answer => Ok(answer),
    }
}

/// This node's signature over a revision: that of the document, which the key makes again.
pub(in crate::job) fn own_signature(
    ctx: &JobContext,
    collab: &Collaboration,
) -> Result<Signature, Failure> {
    let signature = ctx.key.sign_collab(collab);
    signature.ok_or_else(|| Failure::Internal("a collaboration of another node".into()))
}

/// The likeliest first failure.
pub(in crate::job) fn not_joined(peer: &Member, collab: &Collaboration, awaited: bool) -> Failure {
    Failure::NotJoined {
        member: peer.name.clone(),
        collab: collab.name().to_owned(),
        awaited,
    }
}

/// A member that does not know the collaboration has not joined it.
pub(in crate::job) fn not_joined_if_unknown<T>(
    answer: Result<T, Failure>,
    peer: &Member,
    collab: &Collaboration,
    awaited: bool,
) -> Result<T, Failure> {
    answer.map_err(|failure| match failure {
        Failure::PeerRefusal(Code::UnknownCollaboration) => not_joined(peer, collab, awaited),
        other => other,
    })
}
