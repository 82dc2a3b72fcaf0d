//! What is left to do when a job of this node has ended. With a result: its last message is on the
//! way, and the connection is kept. Without one: the peer is told, the receipt log is settled, the
//! connection is closed.
//!
//! Goes on behind the job, which has ended for its owner and whose place is free: a peer may be
//! silent, or slow to read. Called by the requester's side of a job; a node that stops waits for it
//! ([`Registry::leaving`](crate::job::registry::Registry::leaving)).

use std::sync::Arc;

use psi_core::Code;
use psi_core::messages::Control;

use crate::collab::Collaboration;
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::link::Link;
use crate::job::log::settlements;
use crate::job::membership::takes_part;
use crate::net::PeerConnection;

/// Sees the last message of a job with a result delivered, and keeps the connection for the next job.
pub(super) fn part(
    ctx: &Arc<JobContext>,
    conn: PeerConnection,
    mut link: Link,
    collab: Collaboration,
) {
    let ctx = Arc::clone(ctx);
    let leaving = ctx.registry.leave();
    tokio::spawn(async move {
        link.finish().await;
        // Its owner may have suspended the collaboration meanwhile.
        if takes_part(&ctx, &collab) {
            ctx.endpoint.keep(conn);
        } else {
            conn.close(Code::Interrupted);
        }
        drop(leaving);
    });
}

/// Tells the peer why the job ended, if it waits to hear that, and settles the receipt log of
/// `agreed`, the collaboration of a job that both had agreed to.
pub(super) fn say(
    ctx: &Arc<JobContext>,
    conn: PeerConnection,
    link: Link,
    failure: &Failure,
    agreed: Option<Collaboration>,
) {
    let (code, is_news) = (failure.code(), failure.is_news_for_peer());
    let is_lost = matches!(failure, Failure::Net(_));
    let ctx = Arc::clone(ctx);
    let leaving = ctx.registry.leave();
    tokio::spawn(async move {
        if is_news {
            link.end(&Control::Abort(code)).await;
        } else {
            drop(link);
        }
        match agreed {
            // Nobody answers over a connection that has failed, and the log would be held meanwhile.
            Some(collab) if is_lost => settlements::later(&ctx, collab),
            Some(collab) => settlements::after_own_job(&ctx, &conn, &collab).await,
            None => {}
        }
        conn.close(code);
        drop(leaving);
    });
}
