//! When this node settles a receipt log: before and after jobs, at start, and when a peer asks.
//!
//! Spec 06 §4 says when a settlement runs, `log` how one goes. Here is what brings it about: over
//! the connection of a job, in the background with growing pauses, or as the answer to a peer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use psi_core::Code;
use psi_core::messages::Control;

use super::chain::Chain;
use super::driver;
use crate::collab::{Collaboration, Member};
use crate::identity::NodeId;
use crate::job::charge;
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::introduce::introduce;
use crate::job::link::Link;
use crate::job::membership::{joined_with, takes_part};
use crate::job::shares::notes::NoteShare;
use crate::net::PeerConnection;

/// How often a node tries to settle with a peer it cannot reach, before it leaves the rest to the next
/// job. With the pauses between them, half a day.
const SETTLE_ATTEMPTS: usize = 20;

/// How long it waits for an answer from an address that did not answer before: one handshake, which
/// is a handful of datagrams.
const SETTLE_PATIENCE: Duration = Duration::from_secs(5);

/// The most that it waits for an address that answered the last time, with one attempt after the other.
const SETTLE_PATIENCE_FIRST: Duration = Duration::from_mins(1);

/// How long it waits while the peer is connected, which then settles itself.
const SETTLE_WAIT: Duration = Duration::from_secs(30);

/// How long a member has to settle over a connection that was kept: one that was started again does
/// not know it, and does not say so.
const KEPT_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Why a settlement is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::job) enum Reason {
    /// This node's log says that something is left open.
    SomethingOpen,
    /// The peer's log may hold what this node's does not (Spec 13 §5).
    Limits,
}

/// A connection to a member over which the receipt log is settled: the one that the last job left
/// behind, or else a new one.
pub(in crate::job) async fn connect(
    ctx: &JobContext,
    member: &Member,
    collab: &Collaboration,
) -> Result<PeerConnection, Failure> {
    if let Some(conn) = ctx.endpoint.kept(&member.address, &member.id) {
        let settling = over(ctx, &conn, collab);
        match tokio::time::timeout(KEPT_ANSWERS_WITHIN, settling).await {
            Ok(Err(Failure::Net(_))) | Err(_) => conn.close(Code::Interrupted),
            Ok(settled) => return settled.map(|()| conn),
        }
    }
    let conn = ctx.connect(member, collab).await?;
    let mut settled = over(ctx, &conn, collab).await;
    if matches!(
        settled,
        Err(Failure::PeerAborted(Code::UnknownCollaboration))
    ) {
        introduce(ctx, &conn, collab, member).await?;
        settled = over(ctx, &conn, collab).await;
    }
    settled.map(|()| conn)
}

/// Settles with the peer over an existing connection.
pub(in crate::job) async fn over(
    ctx: &JobContext,
    conn: &PeerConnection,
    collab: &Collaboration,
) -> Result<(), Failure> {
    let chain = Chain::new(ctx, collab, conn.peer);
    let link = Link::new(conn.open_stream().await?);
    driver::settle(&chain, link).await
}

/// Settles what a job of this node left open: over its connection, or else in the background. Does
/// nothing more than ask if such a settlement is under way.
///
/// For the side that opened the connection. The other cannot: nobody takes up what it would begin
/// there, and it waits until its peer has settled ([`later`]).
pub(in crate::job) async fn after_own_job(
    ctx: &Arc<JobContext>,
    conn: &PeerConnection,
    collab: &Collaboration,
) {
    if !takes_part(ctx, collab) || !ctx.settling.begin(collab.id()) {
        return;
    }
    let settled = over(ctx, conn, collab).await.is_ok();
    if !settled || !ctx.settling.end(&collab.id()) {
        go_on(ctx, collab.clone(), Reason::SomethingOpen);
    }
}

/// Settles in the background, with patience, if a job or a signature is left open. Leaves it to the
/// peer as long as that is connected.
pub(in crate::job) fn later(ctx: &Arc<JobContext>, collab: Collaboration) {
    in_background(ctx, collab, Reason::SomethingOpen);
}

/// Settles in the background, for `reason`, unless that is under way.
pub(in crate::job) fn in_background(ctx: &Arc<JobContext>, collab: Collaboration, reason: Reason) {
    if takes_part(ctx, &collab) && ctx.settling.begin(collab.id()) {
        go_on(ctx, collab, reason);
    }
}

/// The rest of a settlement that has begun, in the background.
fn go_on(ctx: &Arc<JobContext>, collab: Collaboration, reason: Reason) {
    let ctx = Arc::clone(ctx);
    tokio::spawn(async move {
        let id = collab.id();
        let peer = collab.peer_of(&ctx.key.id()).map(|peer| peer.id);
        let mut attempts = 0;
        while attempts < SETTLE_ATTEMPTS {
            let (pause, answered) = ctx.settling.pause(&id, Instant::now());
            tokio::time::sleep(pause).await;
            if peer.is_some_and(|peer| ctx.endpoint.is_connected(&peer)) {
                tokio::time::sleep(SETTLE_WAIT).await;
                continue;
            }
            let patience = if answered {
                ctx.config.connect_timeout().min(SETTLE_PATIENCE_FIRST)
            } else {
                SETTLE_PATIENCE
            };
            match once(&ctx, &collab, reason, patience).await {
                Ok(()) if ctx.settling.end(&id) => return,
                // Something was left open meanwhile.
                Ok(()) => continue,
                Err(failure) => {
                    tracing::debug!(collab = collab.name(), %failure, "not settled yet");
                }
            }
            attempts += 1;
            ctx.settling.failed(&id, Instant::now());
        }
        ctx.settling.give_up(&id);
        tracing::warn!(
            collab = collab.name(),
            "the receipt log is not settled with the other member; the next job will try again"
        );
    });
}

async fn once(
    ctx: &JobContext,
    collab: &Collaboration,
    reason: Reason,
    patience: Duration,
) -> Result<(), Failure> {
    // A revision that was joined meanwhile may say another address.
    let now = ctx.state.collab_by_id(&collab.id())?;
    let collab = now.as_ref().unwrap_or(collab);
    let peer = collab.peer_of(&ctx.key.id());
    let Some(peer) = peer else { return Ok(()) };
    if !peer.address.is_dialled() {
        // It settles when it dials.
        return Ok(());
    }
    let chain = Chain::new(ctx, collab, peer.id);
    let nothing_open = reason == Reason::SomethingOpen && !is_open(&chain)?;
    if nothing_open || !takes_part(ctx, collab) {
        return Ok(());
    }
    let address = peer.address.clone();
    let conn = ctx.endpoint.connect(address, peer.id, patience).await?;
    let result = over(ctx, &conn, collab).await;
    conn.close(Code::Interrupted);
    result
}

/// Whether an entry lacks a signature, a job that no longer runs is open or, on the follower's side,
/// may still be opened, a statement waits, or the ledger needs to know that the logs agree.
pub(in crate::job) fn is_open(chain: &Chain) -> Result<bool, Failure> {
    let head = chain.state.chain_head(&chain.collab_id)?;
    let half_signed = head.is_some_and(|head| head.signatures.iter().any(Option::is_none));
    Ok(half_signed
        || !chain.state.open_jobs(&chain.collab_id)?.is_empty()
        || chain
            .state
            .chain_repair_requested(&chain.collab_id)?
            .is_some()
        || (!chain.is_sequencer() && !chain.state.awaited_openings(&chain.collab_id)?.is_empty())
        || chain.state.ledger_awaits(&chain.collab_id)?)
}

/// Settles every collaboration in which something is left open, in the background; under limits,
/// every one, so that a ledger that was rolled back is noticed. Called at start, when no job of
/// this process is running yet.
///
/// # Errors
/// [`Failure::State`] if the state cannot be read.
pub fn all(ctx: &Arc<JobContext>) -> Result<(), Failure> {
    let reason = if charge::any_limits(&ctx.config) {
        Reason::Limits
    } else {
        Reason::SomethingOpen
    };
    for collab in ctx.state.collabs_in_force()? {
        in_background(ctx, collab, reason);
    }
    Ok(())
}

/// Answers a settlement that the peer begins, on its stream.
pub(in crate::job) async fn answer(ctx: &JobContext, peer: NodeId, mut link: Link, first: Control) {
    let collab_id = match &first {
        Control::SettleRequest { collab_id } => *collab_id,
        Control::Settle(state) => state.collab_id,
        _ => return link.end(&Control::Abort(Code::UnexpectedMessage)).await,
    };
    let collab = match joined_with(ctx, &collab_id, peer) {
        Ok(Some(collab)) => collab,
        Ok(None) => return link.end(&Control::Abort(Code::UnknownCollaboration)).await,
        Err(failure) => {
            tracing::error!(%failure, "the state cannot be read");
            return link.end(&Control::Abort(Code::Unavailable)).await;
        }
    };
    if !takes_part(ctx, &collab) {
        return link.end(&Control::Abort(Code::Unavailable)).await;
    }
    let chain = Chain::new(ctx, &collab, peer);
    let door = {
        // One that waits for a peer which is gone gives way.
        let _waiting = chain.waits();
        link.working_while(ctx.settle_doors.of(peer)).await
    };
    // The peer is gone.
    let Ok(_door) = door else { return };
    if let Err(failure) = driver::answer_settlement(&chain, link, first).await
        && ctx.notes.has_line(&NoteShare::Collab(collab.id()))
    {
        tracing::warn!(collab = collab.name(), %failure, "settlement failed");
    }
}
