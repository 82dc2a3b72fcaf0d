//! Which dialers may begin a handshake now: strangers within one share, each named address within
//! its own.
//!
//! Spec 08 §2. A handshake costs two signatures and a place, so a dialer pays first: it proves its
//! address (Retry, RFC 9000 §8.1.2), which costs this node one packet and no memory. A dialer that
//! has proven it takes from the share of its address if a collaboration names that address;
//! otherwise from the one share of all strangers. So no stranger can keep out a member that dials
//! from its named address, nor one address another. [`super::endpoint`] calls this for every proven
//! attempt; it holds no connection.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Known, NetLimits};

/// Networks and addresses whose buckets are kept; those that are full again are forgotten first.
const BUCKETS_MAX: usize = 1024;

/// Decides about proven attempts, one after the other.
pub(super) struct Gate {
    known: Known,
    limits: Arc<NetLimits>,
    strangers: Bucket,
    networks: HashMap<IpAddr, Bucket>,
    named: HashMap<IpAddr, Bucket>,
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
    /// Takes the counts: handshakes of strangers and of named addresses, and connections of members
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
            named: HashMap::new(),
            places: Arc::default(),
            turned_away,
            limits,
        }
    }

    /// A place for a handshake with a dialer at `address`, if its share has one.
    pub(super) fn admit(&mut self, address: IpAddr, now: Instant) -> Option<Place> {
        let address = address.to_canonical();
        let place = self.place(address, now);
        if place.is_none() {
            let counts = &self.turned_away.0;
            let count = if self.known.is_named(address) {
                &counts.named
            } else {
                &counts.strangers
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        place
    }

    fn place(&mut self, address: IpAddr, now: Instant) -> Option<Place> {
        let whose = if self.known.is_named(address) {
            let rate = self.limits.named_per_second;
            take(&mut self.named, address, rate, now).then_some(Some(address))?
        } else {
            // The bucket of all is asked first and paid last: an attempt that its own network has no
            // room for takes nothing from others.
            let rate = self.limits.network_per_second;
            let network = network(address);
            let allowed = self.strangers.holds_one(now)
                && take(&mut self.networks, network, rate, now)
                && self.strangers.take(now);
            allowed.then_some(None)?
        };
        Place::take(&self.places, whose, &self.limits)
    }
}

/// Takes one from the bucket of `of`. An address without a bucket gets a full one.
fn take(buckets: &mut HashMap<IpAddr, Bucket>, of: IpAddr, rate: u32, now: Instant) -> bool {
    if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&of) {
        buckets.retain(|_, bucket| !bucket.is_full(now));
        if buckets.len() >= BUCKETS_MAX {
            return false;
        }
    }
    let bucket = buckets.entry(of).or_insert_with(|| Bucket::full(rate, now));
    bucket.take(now)
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
    named: HashMap<IpAddr, usize>,
}

impl Places {
    fn taken(&self) -> usize {
        self.strangers + self.named.values().sum::<usize>()
    }
}

fn lock(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    // Counting cannot leave the numbers half changed, so a poisoned lock is as good as any.
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of one handshake, free again when it is dropped.
pub(super) struct Place {
    places: Arc<Mutex<Places>>,
    /// The named address whose share it is of; strangers have one share.
    whose: Option<IpAddr>,
}

impl Place {
    fn take(
        places: &Arc<Mutex<Places>>,
        whose: Option<IpAddr>,
        limits: &NetLimits,
    ) -> Option<Self> {
        let mut held = lock(places);
        let taken = held.taken();
        let (share, most) = match whose {
            Some(address) => (
                held.named.entry(address).or_default(),
                limits.named_handshakes_max,
            ),
            None => (&mut held.strangers, limits.stranger_handshakes_max),
        };
        let fits = *share < most && taken < limits.handshakes_max;
        if fits {
            *share += 1;
        } else if *share == 0
            && let Some(address) = whose
        {
            held.named.remove(&address);
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
            Some(address) => {
                if let Some(share) = held.named.get_mut(&address) {
                    *share = share.saturating_sub(1);
                    if *share == 0 {
                        held.named.remove(&address);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::identity::NodeId;

    fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
        Ipv4Addr::new(a, b, c, d).into()
    }

    /// A gate that knows one member, at 192.0.2.1.
    fn gate(now: Instant) -> Gate {
        let known = Known::of([(NodeId([1; 32]), (v4(192, 0, 2, 1), 7401).into())]);
        let limits = Arc::new(NetLimits::default());
        Gate::new(known, limits, TurnedAway::default(), now)
    }

    #[test]
    fn strangers_wait_for_their_rate_each_network_for_its_own_and_a_member_for_neither() {
        let start = Instant::now();
        let mut gate = gate(start);
        let from = |gate: &mut Gate, address, now| gate.admit(address, now).is_some();
        let one_network = (0..50).filter(|n| from(&mut gate, v4(198, 51, 100, *n), start));
        assert_eq!(one_network.count(), 5);
        let many = (0..200).filter(|n| from(&mut gate, v4(10, 1, *n, 1), start));
        assert_eq!(many.count(), 15, "20 a second in all");
        let member = (0..50).filter(|_| from(&mut gate, v4(192, 0, 2, 1), start));
        assert_eq!(member.count(), 20);
        let later = start + Duration::from_millis(100);
        let again = (0..50).filter(|n| from(&mut gate, v4(10, 2, *n, 1), later));
        assert_eq!(again.count(), 2);
        assert_eq!(gate.turned_away.take(), [45 + 185 + 48, 30, 0]);
    }

    #[test]
    fn a_network_that_is_refused_takes_nothing_from_others() {
        let start = Instant::now();
        let mut gate = gate(start);
        for n in 0..200 {
            drop(gate.admit(v4(198, 51, 100, n), start));
        }
        let others = (0..200).filter(|n| gate.admit(v4(10, 1, *n, 1), start).is_some());
        assert_eq!(others.count(), 15);
        let six: [IpAddr; 2] = ["2001:db8:1::1", "2001:db8:1:9::2"].map(|a| a.parse().unwrap());
        assert_eq!(network(six[0]), network(six[1]));
    }

    #[test]
    fn handshakes_of_strangers_and_of_one_address_leave_places_for_others() {
        let mut now = Instant::now();
        let mut gate = gate(now);
        let mut held = Vec::new();
        for n in 0..60 {
            now += Duration::from_secs(1);
            held.extend(gate.admit(v4(10, 1, n, 1), now));
        }
        assert_eq!(held.len(), 8, "strangers");
        for _ in 0..60 {
            now += Duration::from_secs(1);
            held.extend(gate.admit(v4(192, 0, 2, 1), now));
        }
        assert_eq!(held.len(), 12, "one address");
        held.clear();
        now += Duration::from_secs(1);
        assert!(gate.admit(v4(10, 1, 1, 1), now).is_some());
        assert_eq!(lock(&gate.places).taken(), 0);
    }

    #[test]
    fn the_buckets_that_are_kept_are_bounded() {
        let mut now = Instant::now();
        let mut gate = gate(now);
        for n in 0..10_000_u32 {
            now += Duration::from_millis(100);
            drop(gate.admit(IpAddr::from(Ipv4Addr::from(n << 8)), now));
        }
        assert!(gate.networks.len() <= BUCKETS_MAX);
    }
}
