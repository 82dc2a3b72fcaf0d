//! Jobs: from a query, or a peer's proposal, to a countersigned result.
//!
//! Spec 06 §3 is the order of messages. [`request`] is the requester's side, `respond` the
//! responder's; both meet in `run`. The daemon calls [`request`], [`serve_connection`] and
//! [`settle_all`]; nothing here opens sockets or decides policy.

mod chain;
mod charge;
mod deadlines;
pub mod explain;
mod failure;
pub(crate) mod frozen;
mod inquire;
mod link;
mod live;
mod log;
mod matches;
mod negotiate;
pub mod outcome;
mod refusal;
pub mod registry;
mod request;
mod respond;
mod run;
mod seeds;
mod settling;
mod shares;
pub mod standing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregator::{Approval, Catalog};
use psi_core::kernel::Kernel;
use psi_core::messages::Control;
use psi_core::spec::{JobSpec, Party};
use psi_core::{Code, limits};

pub use chain::ChainLocks;
pub use charge::recover as recover_ledger;
pub use failure::Failure;
pub use live::LiveJobs;
pub(crate) use negotiate::sizes::transfer_rows;
pub use negotiate::table_files::Looks;
pub use outcome::privacy::Spend;
pub use request::{JobOutcome, JobRequest, request};
pub use settling::Settling;
pub use shares::doors::Doors;
pub use shares::notes::Notes;
pub use shares::turns::Turns;

use self::chain::Chain;
use self::deadlines::{Deadlines, within};
use self::link::Link;
use self::negotiate::sizes::{self, SizesServed};
use self::registry::Registry;
use crate::audit::room::AuditRoom;
use crate::collab::{Collaboration, Member};
use crate::config::NodeConfig;
use crate::identity::{NodeId, NodeKey};
use crate::list_storage::Lists;
use crate::net::{Endpoint, Known, PeerConnection};
use crate::state::{CollabStanding, State};
use crate::threads::EngineThreads;

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

/// What every job of a node works with.
pub struct JobContext {
    /// The node's configuration.
    pub config: Arc<NodeConfig>,
    /// The node's key.
    pub key: Arc<NodeKey>,
    /// Durable state.
    pub state: State,
    /// The tables it serves.
    pub catalog: Catalog,
    /// Where lists are kept.
    pub lists: Lists,
    /// Where tables are scanned.
    pub engine: EngineThreads,
    /// Where peers are reached.
    pub endpoint: Endpoint,
    /// Running jobs, as the local API shows them.
    pub registry: Registry,
    /// The group arithmetic.
    pub kernel: Arc<dyn Kernel>,
    /// Locks of the receipt logs.
    pub chains: Arc<ChainLocks>,
    /// Running jobs, as receipts name them.
    pub live: LiveJobs,
    /// Settlements that this node makes of its own accord.
    pub settling: Settling,
    /// Whom the network admits.
    pub known: Known,
    /// What peers leave behind on this node's own log.
    pub notes: Notes,
    /// When the files of tables were looked at.
    pub looks: Looks,
    /// Where the questions of each peer wait for each other.
    pub doors: Doors,
    /// Where the settlements that each peer begins wait for each other.
    pub settle_doors: Doors,
    /// Whose arithmetic is done.
    pub turns: Turns,
    /// Room for the records of running jobs.
    pub audit_room: AuditRoom,
}

impl JobContext {
    fn chain(&self, collab: &Collaboration, peer: NodeId) -> Chain {
        Chain::new(self, collab, peer)
    }

    /// How long the steps of a job may take.
    fn deadlines(&self) -> Deadlines {
        Deadlines::new(self.config.peer_timeout())
    }

    /// Refuses a job whose lists this node does not want to hold, by their registered sizes.
    fn check_sizes(&self, spec: &JobSpec, own: Party) -> Result<(), Failure> {
        let tables = self.catalog.tables();
        let keys = tables.iter().flat_map(|table| &table.keys);
        let largest = keys.map(|key| key.identities).max().unwrap_or_default();
        let derived = match own {
            // Whoever asks knows what it asks for.
            Party::Requester => limits::IDENTITIES_MAX,
            Party::Responder => sizes::identities_max_of(largest),
        };
        SizesServed {
            identities_max: self.config.identities_max.unwrap_or(derived),
            match_bits_max: self.lists.match_bits_max(),
        }
        .check(spec, own)
    }

    /// Whether the owner of a table of this node approves each run.
    fn is_approved_by_hand(&self, table: &str) -> bool {
        let section = self.config.table.get(table);
        section.is_some_and(|section| section.approval == Approval::Manual)
    }

    /// Loads and checks a table again if its files changed.
    async fn refresh(&self, table: &str) -> Result<(), Failure> {
        let (catalog, table) = (self.catalog.clone(), table.to_owned());
        let work = async move { catalog.refresh(&table).await };
        let refreshed = self.engine.run(work).await;
        Ok(refreshed.map_err(|error| Failure::Internal(error.to_string()))??)
    }

    /// Whether this node's owner takes part in a collaboration; not if that cannot be told.
    fn takes_part(&self, collab: &Collaboration) -> bool {
        let standing = self.state.collab_standing(&collab.id());
        standing.is_ok_and(|standing| standing == CollabStanding::InForce)
    }

    /// Connects to a member; waits for one that is not up yet.
    async fn connect(&self, member: &Member) -> Result<PeerConnection, Failure> {
        let patience = self.config.connect_timeout();
        Ok(self
            .endpoint
            .connect(member.address, member.id, patience)
            .await?)
    }

    /// A connection to a member over which the receipt log is settled: the one that the last job
    /// left behind, or else a new one.
    async fn connect_settled(
        &self,
        member: &Member,
        collab: &Collaboration,
    ) -> Result<PeerConnection, Failure> {
        if let Some(conn) = self.endpoint.kept(member.address, &member.id) {
            let settling = self.settle_over(&conn, collab);
            match tokio::time::timeout(KEPT_ANSWERS_WITHIN, settling).await {
                Ok(Err(Failure::Net(_))) | Err(_) => conn.close(Code::Interrupted),
                Ok(settled) => return settled.map(|()| conn),
            }
        }
        let conn = self.connect(member).await?;
        self.settle_over(&conn, collab).await?;
        Ok(conn)
    }

    /// Settles with the peer over an existing connection.
    async fn settle_over(
        &self,
        conn: &PeerConnection,
        collab: &Collaboration,
    ) -> Result<(), Failure> {
        let chain = self.chain(collab, conn.peer);
        let link = Link::new(conn.open_stream().await?);
        log::settle(&chain, link).await
    }

    /// Settles what a job left open that a peer broke off: over its connection, or else in the
    /// background. Does nothing more than ask if such a settlement is under way.
    async fn settle_after(self: &Arc<Self>, conn: &PeerConnection, collab: &Collaboration) {
        if !self.takes_part(collab) || !self.settling.begin(collab.id()) {
            return;
        }
        let settled = self.settle_over(conn, collab).await.is_ok();
        if !settled || !self.settling.end(&collab.id()) {
            self.go_on_settling(collab.clone(), Reason::SomethingOpen);
        }
    }

    /// Settles in the background, with patience, if a job or a signature is left open.
    fn settle_later(self: &Arc<Self>, collab: Collaboration) {
        self.settle_in_background(collab, Reason::SomethingOpen);
    }

    fn settle_in_background(self: &Arc<Self>, collab: Collaboration, reason: Reason) {
        if self.takes_part(&collab) && self.settling.begin(collab.id()) {
            self.go_on_settling(collab, reason);
        }
    }

    /// The rest of a settlement that has begun, in the background.
    fn go_on_settling(self: &Arc<Self>, collab: Collaboration, reason: Reason) {
        let ctx = Arc::clone(self);
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
                match ctx.settle_once(&collab, reason, patience).await {
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

    async fn settle_once(
        &self,
        collab: &Collaboration,
        reason: Reason,
        patience: Duration,
    ) -> Result<(), Failure> {
        // A revision that was joined meanwhile may say another address.
        let now = self.state.collab_by_id(&collab.id())?;
        let collab = now.as_ref().unwrap_or(collab);
        let peer = collab.peer_of(&self.key.id());
        let Some(peer) = peer else { return Ok(()) };
        let chain = self.chain(collab, peer.id);
        let nothing_open = reason == Reason::SomethingOpen && !unsettled(&chain)?;
        if nothing_open || !self.takes_part(collab) {
            return Ok(());
        }
        let conn = self.endpoint.connect(peer.address, peer.id, patience);
        let conn = conn.await?;
        let result = self.settle_over(&conn, collab).await;
        conn.close(Code::Interrupted);
        result
    }
}

/// Whether an entry lacks a signature, a job that no longer runs is open or, on the follower's side,
/// may still be opened, a statement waits, or the ledger needs to know that the logs agree.
fn unsettled(chain: &Chain) -> Result<bool, Failure> {
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

/// Why a settlement is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The own log says that something is left open.
    SomethingOpen,
    /// The peer's log may hold what the own does not (Spec 13 §5).
    Limits,
}

/// Settles every collaboration in which something is left open, in the background; under limits,
/// every one, so that a ledger that was rolled back is noticed. Called at start, when no job of
/// this process is running yet.
///
/// # Errors
/// [`Failure::State`] if the state cannot be read.
pub fn settle_all(ctx: &Arc<JobContext>) -> Result<(), Failure> {
    let reason = if charge::any_limits(&ctx.config) {
        Reason::Limits
    } else {
        Reason::SomethingOpen
    };
    for collab in ctx.state.collabs_in_force()? {
        ctx.settle_in_background(collab, reason);
    }
    Ok(())
}

/// Serves one inbound connection until it ends: its streams are jobs or settlements.
pub async fn serve_connection(ctx: Arc<JobContext>, conn: PeerConnection) {
    let peer = conn.peer;
    while let Some(stream) = conn.accept_stream().await {
        let ctx = Arc::clone(&ctx);
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
                Ok(first @ (Control::Settle(_) | Control::SettleRequest { .. })) => {
                    answer_settlement(&ctx, peer, link, first).await;
                }
                Ok(_) => {
                    if ctx.notes.has_line(&peer.0) {
                        tracing::warn!(%peer, "a stream began with a message that may not begin one");
                    }
                    link.end(&Control::Abort(Code::UnexpectedMessage)).await;
                }
                Err(failure) => {
                    if ctx.notes.has_line(&peer.0) {
                        tracing::warn!(%peer, %failure, "a stream ended before it began");
                    }
                    link.end(&Control::Abort(failure.code())).await;
                }
            }
        });
    }
}

async fn answer_settlement(ctx: &JobContext, peer: NodeId, link: Link, first: Control) {
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
    if !ctx.takes_part(&collab) {
        return link.end(&Control::Abort(Code::Unavailable)).await;
    }
    let _door = ctx.settle_doors.of(peer).await;
    let chain = ctx.chain(&collab, peer);
    if let Err(failure) = log::answer_settlement(&chain, link, first).await
        && ctx.notes.has_line(&collab.id())
    {
        tracing::warn!(collab = collab.name(), %failure, "settlement failed");
    }
}

/// The collaboration with this id, if this node joined it and `peer` is its other member.
fn joined_with(
    ctx: &JobContext,
    collab_id: &[u8; 32],
    peer: NodeId,
) -> Result<Option<Collaboration>, Failure> {
    let collab = ctx.state.collab_by_id(collab_id)?;
    let own = ctx.key.id();
    Ok(collab.filter(|collab| collab.peer_of(&own).is_some_and(|member| member.id == peer)))
}
