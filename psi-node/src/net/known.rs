//! Whom the network admits, and whose addresses have a share of their own: in memory.
//!
//! Spec 08 §1 and §2. Asked in the middle of a handshake, on threads that must not wait for a disk
//! or a name server. The daemon fills it from the collaborations, at start and whenever they change,
//! and says from time to time which addresses the names among them have.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::resolve;
use crate::collab::Address;
use crate::identity::NodeId;

/// The other members of the collaborations. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<RwLock<Members>>);

#[derive(Debug, Default)]
struct Members {
    ids: HashSet<NodeId>,
    addresses: HashSet<IpAddr>,
    /// DNS names, with the addresses that they had last.
    names: HashMap<String, Vec<IpAddr>>,
}

impl Known {
    /// These members, each with the address at which its node is reached.
    #[must_use]
    pub fn of(members: impl IntoIterator<Item = (NodeId, Address)>) -> Self {
        let known = Self::default();
        known.replace(members);
        known
    }

    /// From now on these members and no others. Open connections stay as they are.
    pub fn replace(&self, members: impl IntoIterator<Item = (NodeId, Address)>) {
        let mut now = Members::default();
        let before = self.read();
        for (id, address) in members {
            now.ids.insert(id);
            match address {
                Address::Ip(address) => {
                    now.addresses.insert(address.ip().to_canonical());
                }
                Address::Name { host, .. } => {
                    let last = before.names.get(&host).cloned().unwrap_or_default();
                    now.names.insert(host, last);
                }
                Address::OnlyDials => {}
            }
        }
        drop(before);
        // A list that is replaced as a whole is never half changed.
        *self.write() = now;
    }

    /// Whether the key is a member's.
    #[must_use]
    pub fn is_member(&self, id: &NodeId) -> bool {
        self.read().ids.contains(id)
    }

    /// Whether a collaboration names the address, or a name that has it.
    #[must_use]
    pub fn is_named(&self, address: IpAddr) -> bool {
        let (known, address) = (self.read(), address.to_canonical());
        let mut of_names = known.names.values().flatten();
        known.addresses.contains(&address) || of_names.any(|of| *of == address)
    }

    /// Asks for the addresses of all names; a name that is not found keeps those that it had.
    pub async fn look_up_names(&self) {
        let names: Vec<String> = self.read().names.keys().cloned().collect();
        for name in names {
            // The port is not of interest here.
            match resolve::look_up(&name, 1).await {
                Ok(found) => self.found(&name, &found),
                Err(error) => tracing::debug!(name, %error, "the name of a member is not found"),
            }
        }
    }

    /// The addresses that a name has now, if it is a member's.
    pub(super) fn found(&self, name: &str, addresses: &[SocketAddr]) {
        if let Some(last) = self.write().names.get_mut(name) {
            let addresses = addresses.iter().map(|address| address.ip().to_canonical());
            *last = addresses.collect();
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Members> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Members> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_member_is_known_by_key_and_by_address_until_it_is_replaced() {
        let (id, address) = (NodeId([1; 32]), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        let known = Known::of([(id, (address, 7401).into())]);
        assert!(known.is_member(&id) && known.is_named(address));
        let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        assert!(known.is_named(mapped), "the same address in another form");
        let shared = known.clone();
        shared.replace([]);
        assert!(!known.is_member(&id) && !known.is_named(address));
    }

    #[tokio::test]
    async fn a_member_with_a_name_has_the_share_of_its_addresses_once_they_are_found() {
        let member = || (NodeId([1; 32]), "localhost:7401".parse().unwrap());
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let known = Known::of([member()]);
        assert!(!known.is_named(loopback));
        known.look_up_names().await;
        assert!(known.is_named(loopback));
        known.replace([member()]);
        assert!(known.is_named(loopback), "as it was found last");
        known.replace([(NodeId([1; 32]), Address::OnlyDials)]);
        assert!(!known.is_named(loopback));
    }
}
