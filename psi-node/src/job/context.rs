//! What every job of a node works with.
//!
//! Made once by the daemon. Every step of a job takes it; it knows of no step.

#[cfg(test)]
pub(crate) mod fixture;

use std::sync::Arc;

use aggregator::Catalog;
use psi_core::kernel::Kernel;
use psi_core::progress::Progress;

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
use crate::collab::Member;
use crate::config::NodeConfig;
use crate::identity::NodeKey;
use crate::list_storage::Lists;
use crate::net::{Endpoint, Known, PeerConnection};
use crate::state::State;
use crate::threads::EngineThreads;

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

    /// Connects to a member; waits for one that is not up yet.
    pub(super) async fn connect(&self, member: &Member) -> Result<PeerConnection, Failure> {
        let patience = self.config.connect_timeout();
        Ok(self
            .endpoint
            .connect(member.address.clone(), member.id, patience)
            .await?)
    }
}
