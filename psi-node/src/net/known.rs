//! Whom the network admits, and whose addresses have a share of their own: in memory.
//!
//! Spec 08 §1 and §2. Asked in the middle of a handshake, on threads that must not wait for a disk.
//! The daemon fills it from the joined collaborations, at start and whenever they change.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::identity::NodeId;

/// The other members of the joined collaborations. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<RwLock<Members>>);

#[derive(Debug, Default)]
struct Members {
    ids: HashSet<NodeId>,
    addresses: HashSet<IpAddr>,
}

impl Known {
    /// These members, each with the address at which its node is reached.
    #[must_use]
    pub fn of(members: impl IntoIterator<Item = (NodeId, IpAddr)>) -> Self {
        let known = Self::default();
        known.replace(members);
        known
    }

    /// From now on these members and no others. Open connections stay as they are.
    pub fn replace(&self, members: impl IntoIterator<Item = (NodeId, IpAddr)>) {
        let mut now = Members::default();
        for (id, address) in members {
            now.ids.insert(id);
            now.addresses.insert(address.to_canonical());
        }
        // A list that is replaced as a whole is never half changed.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether the key is a member's.
    #[must_use]
    pub fn is_member(&self, id: &NodeId) -> bool {
        self.read().ids.contains(id)
    }

    /// Whether a collaboration names the address.
    #[must_use]
    pub fn is_named(&self, address: IpAddr) -> bool {
        self.read().addresses.contains(&address.to_canonical())
    }

    fn read(&self) -> RwLockReadGuard<'_, Members> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_member_is_known_by_key_and_by_address_until_it_is_replaced() {
        let (id, address) = (NodeId([1; 32]), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        let known = Known::of([(id, address)]);
        assert!(known.is_member(&id) && known.is_named(address));
        let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        assert!(known.is_named(mapped), "the same address in another form");
        let shared = known.clone();
        shared.replace([]);
        assert!(!known.is_member(&id) && !known.is_named(address));
    }
}
