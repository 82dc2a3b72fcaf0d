//! The streams that a peer opens: each is a job, an inquiry, a settlement, a ping, or asks for an offer.
//!
//! Spec 06 §3 and §4, Spec 14 §4 and §5. Called by the daemon for each inbound connection.

use psi_core::Code;
use psi_core::messages::Control;

use super::context::Current;
use super::deadlines::within;
use super::link::Link;
use super::log::settlements;
use super::{contact, inquire, respond};
use crate::job::shares::notes::NoteShare;
use crate::net::PeerConnection;

/// Serves one inbound connection until it ends: its streams are jobs or settlements.
pub async fn serve_connection(node: Current, conn: PeerConnection) {
    let peer = conn.peer;
    while let Some(stream) = conn.accept_stream().await {
        let ctx = node.get();
        let conn = conn.clone();
        tokio::spawn(async move {
            let mut link = Link::new(stream);
            let limit = ctx.deadlines().first_message();
            match within(limit, link.control()).await {
                Ok(Control::Propose(proposal)) => {
                    // On the heap: a job holds much, and most streams are settlements.
                    Box::pin(respond::respond(&ctx, &conn, link, proposal)).await;
                }
                Ok(Control::Inquire(proposal)) => {
                    inquire::inquire(&ctx, &conn, link, proposal).await;
                }
                Ok(Control::Ping(ping)) => contact::answer_ping(&ctx, peer, link, ping).await,
                Ok(Control::AskOffer { version, collab_id }) => {
                    contact::answer_offer(&ctx, peer, link, version, collab_id).await;
                }
                Ok(first @ (Control::Settle(_) | Control::SettleRequest { .. })) => {
                    settlements::answer(&ctx, peer, link, first).await;
                }
                Ok(_) => {
                    if ctx.notes.has_line(&NoteShare::Stranger(peer)) {
                        tracing::warn!(%peer, "a stream began with a message that may not begin one");
                    }
                    link.end(&Control::Abort(Code::UnexpectedMessage)).await;
                }
                Err(failure) => {
                    if ctx.notes.has_line(&NoteShare::Stranger(peer)) {
                        tracing::warn!(%peer, %failure, "a stream ended before it began");
                    }
                    link.end(&Control::Abort(failure.code())).await;
                }
            }
        });
    }
}
