//! Room for the records of jobs that have not ended.
//!
//! Spec 07 §11 and 09 §4. Records are kept for months, and a peer decides how many jobs it asks for.
//! So `audit_limit` bounds them, and those of one peer may take half. A job reserves
//! what its record can come to, by the registered sizes alone, before it is agreed to; one that finds
//! no room is refused. Called by both sides of a job; writes no record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psi_core::spec::{JobSpec, MatchSpec, PartSize, Party};

use crate::config::NodeConfig;
use crate::identity::NodeId;
use crate::places::Whose;
use crate::state::{State, StateError};
use crate::transfer_size::transfer_rows;

/// The head of a record, its control messages, and the small lists of a transfer.
const BESIDE_LISTS: u64 = 1 << 20;

/// What running jobs have reserved: in all, and for each peer.
#[derive(Clone, Default)]
pub struct AuditRoom(Arc<Mutex<Reserved>>);

#[derive(Default)]
struct Reserved {
    all: u64,
    peers: HashMap<NodeId, u64>,
}

/// The room of one job, until it is dropped.
pub(crate) struct AuditPlace {
    room: AuditRoom,
    peer: Option<NodeId>,
    /// That its record can come to.
    pub(crate) bytes: u64,
}

/// Why a job finds no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom {
    /// Bytes that its record can come to.
    pub(crate) wanted: u64,
    /// Bytes that those of the same share have taken and reserved.
    pub(crate) taken: u64,
    /// The share.
    pub(crate) limit: u64,
}

impl AuditRoom {
    /// Reserves room for the record of a job, if this node keeps records.
    pub(crate) fn reserve(
        &self,
        state: &State,
        config: &NodeConfig,
        whose: Whose,
        spec: &JobSpec,
        own: Party,
    ) -> Result<Result<Option<AuditPlace>, NoRoom>, StateError> {
        if config.retain_for_audit.is_none() {
            return Ok(Ok(None));
        }
        let bytes = record_bytes_max(spec, own);
        let peer = match whose {
            Whose::Owner => None,
            Whose::Peer(peer) => Some(peer),
        };
        let limit = config.audit_limit.as_u64();
        let mut reserved = self.lock();
        let kept = state.audit_bytes()?;
        let mut shares = vec![(kept.saturating_add(reserved.all), limit)];
        if let Some(peer) = &peer {
            let running = reserved.peers.get(peer).copied().unwrap_or_default();
            let kept = state.audit_bytes_of(peer)?;
            shares.push((kept.saturating_add(running), limit / 2));
        }
        for (taken, limit) in shares {
            if taken.saturating_add(bytes) > limit {
                return Ok(Err(NoRoom {
                    wanted: bytes,
                    taken,
                    limit,
                }));
            }
        }
        reserved.all += bytes;
        if let Some(peer) = peer {
            *reserved.peers.entry(peer).or_default() += bytes;
        }
        drop(reserved);
        Ok(Ok(Some(AuditPlace {
            room: self.clone(),
            peer,
            bytes,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Reserved> {
        // Each change is one number, so a poisoned lock is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AuditPlace {
    fn drop(&mut self) {
        let mut reserved = self.room.lock();
        reserved.all = reserved.all.saturating_sub(self.bytes);
        if let Some(peer) = &self.peer
            && let Some(taken) = reserved.peers.get_mut(peer)
        {
            *taken = taken.saturating_sub(self.bytes);
        }
    }
}

/// The most that the record of a job comes to: this side's lists as they are frozen, and the peer's as
/// they would be without a code.
fn record_bytes_max(spec: &JobSpec, own: Party) -> u64 {
    let matches = spec.matches();
    let lists = matches.iter().map(|of| match_bytes(of, own));
    let lists = lists.fold(0, u64::saturating_add);
    // Encryption adds 16 bytes for every 64 KiB, and items their headers.
    lists
        .saturating_add(lists / 64)
        .saturating_add(BESIDE_LISTS)
}

fn match_bytes(of: &MatchSpec, own: Party) -> u64 {
    let identities = of.parts.iter().map(|part: &PartSize| part.identities);
    let identities = identities.fold(0, u64::saturating_add);
    let points: u64 = of.parts.iter().map(PartSize::points).sum();
    let payload = 8 * of.payload.width();
    let rows = transfer_rows(of);
    let sum = |parts: [(u64, u64); 3]| {
        let bytes = parts
            .iter()
            .map(|(count, each)| count.saturating_mul(*each));
        bytes.fold(0, u64::saturating_add)
    };
    if of.receiver == own {
        let tags = of.sender_size.saturating_mul(u64::from(of.tag_bytes));
        sum([(identities, 32), (points, 33), (rows, payload)]).saturating_add(tags)
    } else {
        sum([
            (of.sender_identities(), 32 + payload),
            (points, 33),
            (rows, 17),
        ])
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::receipts::tests::Fixture;

    #[test]
    fn one_peer_takes_half_of_the_room_and_leaves_the_rest_to_others() {
        let fixture = Fixture::new();
        let text = "name = \"n\"\nlisten = \"127.0.0.1:1\"\nretain_for_audit = \"9d\"\n\
                    auditor = \"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"\n\
                    audit_limit = \"6MB\"\n";
        let config = NodeConfig::parse(text, Path::new("node.toml")).unwrap();
        let job = fixture.job(1);
        let bytes = record_bytes_max(&job, Party::Responder);
        // Two fit into half of it, and four into all.
        assert!((1_200_001..1_500_000).contains(&bytes), "{bytes}");
        let room = AuditRoom::default();
        let state = &fixture.state;
        let reserve = |whose| {
            let place = room.reserve(state, &config, whose, &job, Party::Responder);
            place.unwrap()
        };
        let peer = Whose::Peer(NodeId([1; 32]));
        let held = [reserve(peer).unwrap(), reserve(peer).unwrap()];
        let refused = reserve(peer).err().unwrap();
        assert_eq!((refused.wanted, refused.limit), (bytes, 3_000_000));
        let others = [
            reserve(Whose::Peer(NodeId([2; 32]))).unwrap(),
            reserve(Whose::Owner).unwrap(),
        ];
        assert!(reserve(Whose::Owner).is_err(), "all of it");
        drop(held);
        assert!(reserve(peer).is_ok());
        drop(others);
        let without = text.replace("retain_for_audit = \"9d\"\n", "");
        let without = without.replace(
            "auditor = \"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"\n",
            "",
        );
        let without = NodeConfig::parse(&without, Path::new("node.toml")).unwrap();
        let unneeded = room.reserve(state, &without, peer, &job, Party::Responder);
        assert!(unneeded.unwrap().unwrap().is_none(), "no records are kept");
    }
}
