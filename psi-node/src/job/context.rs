//! What every job of a node works with.
//!
//! Made by the daemon. Every step of a job takes it; it knows of no step. What is configured is the
//! same from the beginning of a job to its end: a node that reads `node.toml` again makes another of
//! these ([`Current`]), which shares everything else.

#[cfg(test)]
pub(crate) mod fixture;

use std::sync::{Arc, PoisonError, RwLock};

use aggregator::Catalog;
use psi_core::kernel::Kernel;
use psi_core::progress::Progress;
use tokio::sync::OwnedMutexGuard;

use super::deadlines::Deadlines;
use super::failure::Failure;
use super::log::locks::ChainLocks;
use super::log::open_jobs::LiveJobs;
use super::log::settling::Settling;
use super::outcome::answer_file::Writer;
use super::registry::Registry;
use super::shares::doors::Doors;
use super::shares::looks::Looks;
use super::shares::notes::Notes;
use super::shares::turns::Turns;
use crate::audit::room::AuditRoom;
use crate::collab::{Collaboration, Member};
use crate::config::NodeConfig;
use crate::identity::NodeKey;
use crate::list_storage::Lists;
use crate::net::{ConnectError, Endpoint, Known, PeerConnection};
use crate::state::State;
use crate::threads::EngineThreads;

/// What every job of a node works with.
#[derive(Clone)]
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
    pub settling: Arc<Settling>,
    /// Whom the network admits.
    pub known: Known,
    /// What peers leave behind on this node's own log.
    pub notes: Arc<Notes>,
    /// When the files of tables were looked at.
    pub looks: Arc<Looks>,
    /// Where the questions of each peer wait for each other.
    pub doors: Arc<Doors>,
    /// Where the settlements that each peer begins wait for each other.
    pub settle_doors: Arc<Doors>,
    /// Whose arithmetic is done.
    pub turns: Turns,
    /// Room for the records of running jobs.
    pub audit_room: Arc<AuditRoom>,
}

/// The node as it is configured now. Clones share it.
#[derive(Clone)]
pub struct Current {
    now: Arc<RwLock<Arc<JobContext>>>,
    /// Held while another configuration is being read and loaded.
    changing: Arc<tokio::sync::Mutex<()>>,
}

impl Current {
    /// A node that is configured like this.
    #[must_use]
    pub fn new(ctx: Arc<JobContext>) -> Self {
        Self {
            now: Arc::new(RwLock::new(ctx)),
            changing: Arc::default(),
        }
    }

    /// For a job, or whatever else begins now and is to keep its configuration to its end.
    #[must_use]
    pub fn get(&self) -> Arc<JobContext> {
        // The change is one assignment, so a poisoned lock is as good as any.
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until nobody else changes the configuration.
    pub async fn changing(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.changing).lock_owned().await
    }

    /// What begins from now on works with `ctx`.
    pub fn set(&self, ctx: Arc<JobContext>) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = ctx;
    }
}

impl JobContext {
    /// How long the steps of a job may take.
    pub(super) fn deadlines(&self) -> Deadlines {
        Deadlines::new(self.config.peer_timeout())
    }

    /// What a list is written with.
    pub(super) fn list_writer(&self, progress: Arc<dyn Progress>) -> Writer {
        Writer {
            catalog: self.catalog.clone(),
            engine: self.engine.clone(),
            progress,
        }
    }

    /// Connects to a member of a collaboration; waits for one that is not up yet.
    pub(super) async fn connect(
        &self,
        member: &Member,
        collab: &Collaboration,
    ) -> Result<PeerConnection, Failure> {
        let patience = self.config.connect_timeout();
        let address = member.address.clone();
        let connected = self.endpoint.connect(address, member.id, patience).await;
        connected.map_err(|error| match error {
            ConnectError::KeyRefused { .. } => Failure::NotJoined {
                member: member.name.clone(),
                collab: collab.name().to_owned(),
                awaited: false,
            },
            other => other.into(),
        })
    }
}
