//! Connections that this node opened for a job and keeps for its next one with the same member.
//!
//! Spec 08 §2. A handshake takes several round trips and two signatures of each side, which is most
//! of a small job. So a job that came to its end leaves its connection here for a short time; one is
//! kept for each member. Called by [`super::endpoint`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use psi_core::Code;

use super::PeerConnection;
use crate::collab::Address;
use crate::identity::NodeId;

/// How long a connection waits for the next job.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Connections that wait. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<HashMap<NodeId, PeerConnection>>>);

impl Kept {
    /// Keeps a connection that no stream uses any more; the one that was kept before ends. Must be
    /// called on a runtime.
    pub(super) fn keep(&self, connection: PeerConnection) {
        let (peer, id) = (connection.peer, connection.stable_id());
        if let Some(before) = self.lock().insert(peer, connection) {
            before.close(Code::Interrupted);
        }
        let kept = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            let mut table = kept.lock();
            if table.get(&peer).is_some_and(|kept| kept.stable_id() == id)
                && let Some(unused) = table.remove(&peer)
            {
                unused.close(Code::Interrupted);
            }
        });
    }

    /// The connection that is kept with a member, if it was dialled at this address and has not ended.
    pub(super) fn take(&self, peer: &NodeId, address: &Address) -> Option<PeerConnection> {
        let kept = self.lock().remove(peer)?;
        if kept.is_open() && kept.dialled.as_ref() == Some(address) {
            return Some(kept.taken_again());
        }
        kept.close(Code::Interrupted);
        None
    }

    #[cfg(test)]
    pub(super) fn is_open(&self, peer: &NodeId) -> bool {
        self.lock().get(peer).is_some_and(PeerConnection::is_open)
    }

    /// Ends the connection that is kept with a member.
    pub(super) fn close(&self, peer: &NodeId, code: Code) {
        if let Some(kept) = self.lock().remove(peer) {
            kept.close(code);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, PeerConnection>> {
        // Each change is one insertion or removal, so a poisoned lock is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
