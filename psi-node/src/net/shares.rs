//! The open inbound connections of each peer, and which of them have a wide window.
//!
//! Spec 08 §2 and §3. A peer can make this node hold as many bytes as its connections have windows.
//! A connection begins with a narrow window. One over which a job was agreed to gets a wide one and
//! keeps it, as long as its peer and all peers together do not have too many. Without a wide
//! window, a connection works, only slower. Called by [`super::endpoint`]; touches no stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psi_core::Code;

use super::{NetLimits, var_int};
use crate::identity::NodeId;

/// Open inbound connections. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Shares(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    /// By peer, each with a number of its own.
    open: HashMap<NodeId, HashMap<u64, Open>>,
}

struct Open {
    quic: quinn::Connection,
    wide: bool,
}

impl Table {
    fn wide(&self) -> usize {
        self.open.values().map(wide).sum()
    }
}

fn wide(connections: &HashMap<u64, Open>) -> usize {
    connections.values().filter(|open| open.wide).count()
}

impl Shares {
    /// Counts one more connection of `peer`, if it may have one.
    pub(super) fn admit(
        &self,
        peer: NodeId,
        quic: &quinn::Connection,
        limits: &NetLimits,
    ) -> Option<Admission> {
        let mut table = self.lock();
        let held = table.open.get(&peer).map_or(0, HashMap::len);
        if held >= limits.connections_per_peer {
            return None;
        }
        let number = table.next;
        table.next += 1;
        let open = Open {
            quic: quic.clone(),
            wide: false,
        };
        table.open.entry(peer).or_default().insert(number, open);
        drop(table);
        Some(Admission {
            shares: self.clone(),
            peer,
            number,
        })
    }

    /// Whether the peer has a connection open here.
    pub(super) fn is_connected(&self, peer: &NodeId) -> bool {
        self.lock().open.contains_key(peer)
    }

    /// Whether the peer has one connection open here, and no more.
    pub(super) fn is_only(&self, peer: &NodeId) -> bool {
        self.lock().open.get(peer).map_or(0, HashMap::len) == 1
    }

    /// Closes all connections of a peer.
    pub(super) fn close(&self, peer: &NodeId, code: Code) {
        let table = self.lock();
        for open in table.open.get(peer).into_iter().flat_map(HashMap::values) {
            open.quic.close(var_int(code), b"");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Each change is one insertion, removal or flag, so a poisoned lock is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one connection of a peer until it is dropped.
pub(super) struct Admission {
    shares: Shares,
    peer: NodeId,
    number: u64,
}

impl Admission {
    /// Whether the connection may have a wide window from now on, for good: QUIC takes back no
    /// credit that it gave.
    pub(super) fn widen(&self, limits: &NetLimits) -> bool {
        let mut table = self.shares.lock();
        let all = table.wide();
        let Some(of_peer) = table.open.get_mut(&self.peer) else {
            return false;
        };
        let room = wide(of_peer) < limits.wide_per_peer && all < limits.wide_max;
        match of_peer.get_mut(&self.number) {
            Some(open) if open.wide || room => {
                open.wide = true;
                true
            }
            _ => false,
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut table = self.shares.lock();
        if let Some(of_peer) = table.open.get_mut(&self.peer) {
            of_peer.remove(&self.number);
            if of_peer.is_empty() {
                table.open.remove(&self.peer);
            }
        }
    }
}
