//! Whom the network admits, and which of them may be dialling from an address: in memory.
//!
//! Spec 08 §1 and §2. Asked in the middle of a handshake, on threads that must not wait for a disk
//! or a name server. The daemon fills it from the collaborations, at start and whenever they change,
//! and asks from time to time for the addresses of the names among them. A partner that has not been
//! joined yet is a stranger, so the keys of a few strangers are kept for the operator to see.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::resolve;
use crate::collab::Address;
use crate::identity::NodeId;

/// The other members of the collaborations. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Known {
    members: Arc<RwLock<Members>>,
    strangers: Arc<Mutex<Strangers>>,
}

#[derive(Debug, Default)]
struct Members {
    ids: HashSet<NodeId>,
    addresses: HashMap<IpAddr, BTreeSet<NodeId>>,
    names: HashMap<String, Named>,
}

/// A DNS name that collaborations give.
#[derive(Debug, Default)]
struct Named {
    members: BTreeSet<NodeId>,
    /// The addresses that it had last.
    addresses: Vec<IpAddr>,
}

impl Known {
    /// These members, each with the address at which its node is reached.
    #[must_use]
    pub fn of(members: impl IntoIterator<Item = (NodeId, Address)>) -> Self {
        let known = Self::default();
        known.replace(members);
        known
    }

    /// From now on these members and no others; returns those that are members no more. Open
    /// connections stay as they are.
    pub fn replace(&self, members: impl IntoIterator<Item = (NodeId, Address)>) -> Vec<NodeId> {
        let mut now = Members::default();
        for (id, address) in members {
            now.ids.insert(id);
            match address {
                Address::Ip(address) => {
                    let address = address.ip().to_canonical();
                    now.addresses.entry(address).or_default().insert(id);
                }
                Address::Name { host, .. } => {
                    now.names.entry(host).or_default().members.insert(id);
                }
                Address::OnlyDials => {}
            }
        }
        let mut held = self.write();
        for (host, named) in &mut now.names {
            if let Some(last) = held.names.get_mut(host) {
                named.addresses = std::mem::take(&mut last.addresses);
            }
        }
        // A list that is replaced as a whole is never half changed.
        let before = std::mem::replace(&mut *held, now);
        before.ids.difference(&held.ids).copied().collect()
    }

    /// Whether the key is a member's.
    #[must_use]
    pub fn is_member(&self, id: &NodeId) -> bool {
        self.read().ids.contains(id)
    }

    /// The members whose collaborations name the address, or a name that has it. Whose names lead where
    /// is up to their owners, so one of these may be dialling, or somebody else.
    #[must_use]
    pub fn named(&self, address: IpAddr) -> BTreeSet<NodeId> {
        let (known, address) = (self.read(), address.to_canonical());
        let by_name = known.names.values();
        let by_name = by_name.filter(|named| named.addresses.contains(&address));
        let by_address = known.addresses.get(&address).into_iter().flatten();
        let all = by_address.chain(by_name.flat_map(|named| &named.members));
        all.copied().collect()
    }

    /// Asks for the addresses of all names; a name that is not found keeps those that it had.
    pub async fn look_up_names(&self) {
        // The port is not of interest here.
        self.look_up_with(|name| async move { resolve::look_up(&name, 1).await })
            .await;
    }

    /// The same, by `ask`. All names at the same time: one whose name server is slow keeps no other
    /// member a stranger.
    async fn look_up_with<F>(&self, ask: impl Fn(String) -> F)
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let names: Vec<String> = self.read().names.keys().cloned().collect();
        let mut asked = JoinSet::new();
        for name in names {
            let answer = ask(name.clone());
            asked.spawn(async move { (name, answer.await) });
        }
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok((name, Ok(found))) => self.found(&name, &found),
                Ok((name, Err(error))) => {
                    tracing::debug!(name, %error, "the name of a member is not found");
                }
                Err(error) => tracing::error!(%error, "looking up a name stopped"),
            }
        }
    }

    /// The addresses that a name has now, if it is a member's.
    pub(super) fn found(&self, name: &str, addresses: &[SocketAddr]) {
        if let Some(named) = self.write().names.get_mut(name) {
            let addresses = addresses.iter().map(|address| address.ip().to_canonical());
            named.addresses = addresses.collect();
        }
    }

    /// Notes that a key was turned away, which whoever dialled has proved to hold.
    pub(super) fn turned_away(&self, id: NodeId) {
        self.strangers().note(id, Instant::now());
    }

    /// The keys that were turned away and are news since this was asked last: each once an hour, and
    /// few an hour in all; and how many handshakes beyond these there were.
    pub fn take_strangers(&self) -> (Vec<NodeId>, u64) {
        let mut strangers = self.strangers();
        let news = std::mem::take(&mut strangers.news);
        let beyond = if strangers.is_over(Instant::now()) {
            std::mem::take(&mut strangers.beyond)
        } else {
            0
        };
        (news, beyond)
    }

    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        // Each change is one insertion or number, so a poisoned lock is as good as any.
        let strangers = self.strangers.lock();
        strangers.unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Members> {
        self.members.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Members> {
        self.members.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keys that an hour's strangers have, as many as the operator is to see.
#[derive(Debug, Default)]
struct Strangers {
    since: Option<Instant>,
    seen: HashSet<NodeId>,
    news: Vec<NodeId>,
    beyond: u64,
}

/// Keys of strangers that the operator sees in an hour.
const STRANGERS_PER_HOUR: usize = 12;

const HOUR: Duration = Duration::from_hours(1);

impl Strangers {
    fn is_over(&self, now: Instant) -> bool {
        let since = self.since;
        since.is_none_or(|since| now.saturating_duration_since(since) >= HOUR)
    }

    fn note(&mut self, id: NodeId, now: Instant) {
        if self.is_over(now) {
            self.since = Some(now);
            self.seen.clear();
        }
        if self.seen.contains(&id) || self.seen.len() >= STRANGERS_PER_HOUR {
            self.beyond = self.beyond.saturating_add(1);
            return;
        }
        self.seen.insert(id);
        self.news.push(id);
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
        assert!(known.is_member(&id));
        assert_eq!(known.named(address), [id].into());
        let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        let same = known.named(mapped);
        assert_eq!(same, [id].into(), "the same address in another form");
        let shared = known.clone();
        assert_eq!(shared.replace([]), [id]);
        assert!(!known.is_member(&id) && known.named(address).is_empty());
    }

    #[test]
    fn keys_that_are_turned_away_are_news_once_an_hour_and_few_in_all() {
        let mut strangers = Strangers::default();
        let start = Instant::now();
        for _ in 0..1000 {
            for number in 0..=u8::MAX {
                strangers.note(NodeId([number; 32]), start);
            }
        }
        assert_eq!(strangers.news.len(), STRANGERS_PER_HOUR);
        assert_eq!(strangers.seen.len(), STRANGERS_PER_HOUR);
        assert_eq!(strangers.beyond, 256_000 - 12);
        strangers.note(NodeId([200; 32]), start + HOUR);
        assert_eq!(strangers.news.last(), Some(&NodeId([200; 32])));
        assert_eq!(strangers.seen.len(), 1);
    }

    #[tokio::test]
    async fn a_member_with_a_name_is_known_at_its_addresses_once_they_are_found() {
        let id = NodeId([1; 32]);
        let member = || (id, "localhost:7401".parse().unwrap());
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let known = Known::of([member()]);
        assert!(known.named(loopback).is_empty());
        known.look_up_names().await;
        assert_eq!(known.named(loopback), [id].into());
        known.replace([member()]);
        assert_eq!(known.named(loopback), [id].into(), "as it was found last");
        known.replace([(id, Address::OnlyDials)]);
        assert!(known.named(loopback).is_empty());
    }

    #[test]
    fn an_address_that_several_claim_is_that_of_each_of_them() {
        let [brand, rude] = [NodeId([1; 32]), NodeId([2; 32])];
        let address = SocketAddr::from(([192, 0, 2, 1], 7401));
        let known = Known::of([
            (brand, address.into()),
            (rude, "rude.example.org:7401".parse().unwrap()),
        ]);
        known.found("rude.example.org", &[address]);
        assert_eq!(known.named(address.ip()), [brand, rude].into());
    }

    #[tokio::test]
    async fn a_name_server_that_does_not_answer_keeps_no_other_member_a_stranger() {
        let brand = NodeId([64; 32]);
        let slow = (0..64).map(|n| (NodeId([n; 32]), format!("slow{n}.example.org:7401")));
        let all = slow.chain([(brand, "brand.example.org:7401".into())]);
        let known = Known::of(all.map(|(id, address)| (id, address.parse().unwrap())));
        let address = SocketAddr::from(([192, 0, 2, 1], 1));
        let asking = known.look_up_with(move |name| async move {
            if name.starts_with("slow") {
                std::future::pending::<()>().await;
            }
            Ok(vec![address])
        });
        // The end of the test is the time limit; nothing else ends the asking.
        let patience = Duration::from_secs(1);
        assert!(tokio::time::timeout(patience, asking).await.is_err());
        assert_eq!(known.named(address.ip()), [brand].into());
    }
}
