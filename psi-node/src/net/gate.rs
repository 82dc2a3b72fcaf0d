//! Which dialers may begin a handshake now: strangers within one share, each member within its own.
//!
//! Spec 08 §2. A handshake costs two signatures and a place, so a dialer pays first: it proves its
//! address (Retry, RFC 9000 §8.1.2), which costs this node one packet and no memory. Who it is, only
//! the handshake will show. So a dialer that has proven its address takes from the share of a member
//! whose collaboration names that address, and where there is none, or no share has room, from the one
//! share of all strangers. [`super::endpoint`] calls this for every proven attempt; it holds no
//! connection.
//!
//! # Discussion
//! A share of each address would be simpler. But a member decides what its DNS name resolves to: it
//! could have a share for each of many addresses. So the share is the member's, at whatever addresses.
//! It could also point its name at another member's address. That gives it nothing, because it
//! cannot dial from there, and takes nothing from the other one, whose own share is asked too: a
//! handshake there is refused only if no share of all that claim the address has room, nor that of
//! strangers.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Known, NetLimits};
use crate::identity::NodeId;

/// Networks and members whose buckets are kept; those that are full again are forgotten first.
const BUCKETS_MAX: usize = 1024;

/// Decides about proven attempts, one after the other.
pub(super) struct Gate {
    known: Known,
    limits: Arc<NetLimits>,
    strangers: Bucket,
    networks: HashMap<IpAddr, Bucket>,
    members: HashMap<NodeId, Bucket>,
    places: Arc<Mutex<Places>>,
    turned_away: TurnedAway,
}

/// Dialers that were turned away since this was asked last. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(super) struct TurnedAway(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    strangers: AtomicU64,
    named: AtomicU64,
    connections: AtomicU64,
}

impl TurnedAway {
    /// Takes the counts: handshakes of strangers and at addresses of members, and connections of members
    /// that had too many.
    #[must_use]
    pub(super) fn take(&self) -> [u64; 3] {
        let counts = &self.0;
        [&counts.strangers, &counts.named, &counts.connections]
            .map(|count| count.swap(0, Ordering::Relaxed))
    }

    /// A member had too many connections.
    pub(super) fn count_connection(&self) {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(super) fn new(
        known: Known,
        limits: Arc<NetLimits>,
        turned_away: TurnedAway,
        now: Instant,
    ) -> Self {
        Self {
            known,
            strangers: Bucket::full(limits.strangers_per_second, now),
            networks: HashMap::new(),
            members: HashMap::new(),
            places: Arc::default(),
            turned_away,
            limits,
        }
    }

    /// A place for a handshake with a dialer at `address`, if a share has one.
    pub(super) fn admit(&mut self, address: IpAddr, now: Instant) -> Option<Place> {
        let address = address.to_canonical();
        let claiming = self.known.named(address);
        let place = self.place_of_member(&claiming, now);
        let place = place.or_else(|| self.place_of_stranger(address, now));
        if place.is_none() {
            let counts = &self.turned_away.0;
            let count = if claiming.is_empty() {
                &counts.strangers
            } else {
                &counts.named
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        place
    }

    /// A place from the share of one of these members, the one that has most left of it.
    fn place_of_member(&mut self, claiming: &BTreeSet<NodeId>, now: Instant) -> Option<Place> {
        let rate = self.limits.member_per_second;
        let mut left = Vec::new();
        for member in claiming {
            if let Some(bucket) = bucket(&mut self.members, *member, rate, now)
                && bucket.holds_one(now)
            {
                left.push((bucket.tokens, *member));
            }
        }
        left.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let mut of_members = left.into_iter();
        of_members.find_map(|(_, member)| {
            let place = Place::take(&self.places, Some(member), &self.limits)?;
            let bucket = self.members.get_mut(&member)?;
            bucket.take(now).then_some(place)
        })
    }

    fn place_of_stranger(&mut self, address: IpAddr, now: Instant) -> Option<Place> {
        // The bucket of all is asked first and paid last: an attempt that its own network has no
        // room for takes nothing from others.
        let rate = self.limits.network_per_second;
        let allowed = self.strangers.holds_one(now)
            && bucket(&mut self.networks, network(address), rate, now)?.take(now)
            && self.strangers.take(now);
        allowed.then_some(())?;
        Place::take(&self.places, None, &self.limits)
    }
}

/// The bucket of `of`, a full one if it had none; none if too many others are in use.
fn bucket<K: Eq + Hash>(
    buckets: &mut HashMap<K, Bucket>,
    of: K,
    rate: u32,
    now: Instant,
) -> Option<&mut Bucket> {
    if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&of) {
        buckets.retain(|_, bucket| !bucket.is_full(now));
        if buckets.len() >= BUCKETS_MAX {
            return None;
        }
    }
    Some(buckets.entry(of).or_insert_with(|| Bucket::full(rate, now)))
}

/// The network that one stranger can be expected to have to itself: a /24, or a /48 (RFC 6177 §2).
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

/// A token bucket: so many a second on average, and as many at once.
struct Bucket {
    size: f64,
    tokens: f64,
    refilled: Instant,
}

impl Bucket {
    fn full(per_second: u32, now: Instant) -> Self {
        let size = f64::from(per_second);
        Self {
            size,
            tokens: size,
            refilled: now,
        }
    }

    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.refilled = now;
        self.tokens = (self.tokens + since * self.size).min(self.size);
    }

    fn holds_one(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= 1.0
    }

    fn take(&mut self, now: Instant) -> bool {
        let taken = self.holds_one(now);
        if taken {
            self.tokens -= 1.0;
        }
        taken
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= self.size
    }
}

/// Handshakes in progress.
#[derive(Default)]
struct Places {
    strangers: usize,
    members: HashMap<NodeId, usize>,
}

impl Places {
    fn taken(&self) -> usize {
        self.strangers + self.members.values().sum::<usize>()
    }
}

fn lock(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    // Counting cannot leave the numbers half changed, so a poisoned lock is as good as any.
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of one handshake, free again when it is dropped.
pub(super) struct Place {
    places: Arc<Mutex<Places>>,
    /// The member whose share it is of; strangers have one share.
    whose: Option<NodeId>,
}

impl Place {
    fn take(
        places: &Arc<Mutex<Places>>,
        whose: Option<NodeId>,
        limits: &NetLimits,
    ) -> Option<Self> {
        let mut held = lock(places);
        let taken = held.taken();
        let (share, most) = match whose {
            Some(member) => (
                held.members.entry(member).or_default(),
                limits.member_handshakes_max,
            ),
            None => (&mut held.strangers, limits.stranger_handshakes_max),
        };
        // However many others there are, a member has its first place.
        let is_first = whose.is_some() && *share == 0;
        let fits = *share < most && (taken < limits.handshakes_max || is_first);
        if fits {
            *share += 1;
        } else if *share == 0
            && let Some(member) = whose
        {
            held.members.remove(&member);
        }
        drop(held);
        fits.then(|| Self {
            places: Arc::clone(places),
            whose,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = lock(&self.places);
        match self.whose {
            None => held.strangers = held.strangers.saturating_sub(1),
            Some(member) => {
                if let Some(share) = held.members.get_mut(&member) {
                    *share = share.saturating_sub(1);
                    if *share == 0 {
                        held.members.remove(&member);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
