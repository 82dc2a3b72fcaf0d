//! Whose share an attempt takes, and what is left for others.

use std::time::Duration;

use super::*;

fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    Ipv4Addr::new(a, b, c, d).into()
}

/// A gate that knows one member, at 192.0.2.1.
fn gate(now: Instant) -> Gate {
    gate_of(
        Known::of([(NodeId([1; 32]), (v4(192, 0, 2, 1), 7401).into())]),
        now,
    )
}

fn gate_of(known: Known, now: Instant) -> Gate {
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

const RUDE: &str = "rude.example.org";

/// A gate that knows brand at 192.0.2.1 and a rude member by its name, which resolves to these.
fn gate_with_rude(addresses: &[IpAddr], now: Instant) -> Gate {
    let known = Known::of([
        (NodeId([1; 32]), (v4(192, 0, 2, 1), 7401).into()),
        (NodeId([2; 32]), format!("{RUDE}:7401").parse().unwrap()),
    ]);
    let found: Vec<_> = addresses.iter().map(|ip| (*ip, 7401).into()).collect();
    known.found(RUDE, &found);
    gate_of(known, now)
}

#[test]
fn a_member_has_one_share_whatever_its_name_resolves_to() {
    let mut now = Instant::now();
    let eight: Vec<_> = (1..=8).map(|n| v4(203, 0, 113, n)).collect();
    let mut gate = gate_with_rude(&eight, now);
    // Strangers have used up theirs, so none of it comes from there.
    for n in 0..200 {
        drop(gate.admit(v4(10, 1, n, 1), now));
    }
    let count = (0..400).filter(|n| gate.admit(eight[n % 8], now).is_some());
    assert_eq!(count.count(), 20, "handshakes a second");
    let mut held = Vec::new();
    for n in 0..60 {
        now += Duration::from_secs(1);
        held.extend(gate.admit(v4(10, 1, n, 1), now));
    }
    let strangers = held.len();
    for n in 0..200 {
        now += Duration::from_secs(1);
        held.extend(gate.admit(eight[n % 8], now));
    }
    assert_eq!(held.len() - strangers, 4, "at the same time");
}

#[test]
fn a_name_that_leads_to_another_members_address_takes_nothing_from_that_member() {
    let start = Instant::now();
    let (brand, rude) = (v4(192, 0, 2, 1), v4(203, 0, 113, 1));
    let mut gate = gate_with_rude(&[rude, brand], start);
    let mut held = Vec::new();
    // The rude member uses up its share, and strangers theirs: of handshakes, and of places.
    for second in 0..60 {
        let now = start + Duration::from_secs(second);
        held.extend(gate.admit(v4(10, 1, 1, 1), now));
        held.extend((0..50).filter_map(|_| gate.admit(rude, now)));
    }
    assert_eq!(held.len(), 8 + 4);
    let now = start + Duration::from_mins(1);
    let of_brand: Vec<_> = (0..50).filter_map(|_| gate.admit(brand, now)).collect();
    assert_eq!(of_brand.len(), 4, "all that brand would have alone");
    drop(of_brand);
    let later = start + Duration::from_secs(61);
    let one_by_one = (0..50).filter(|_| gate.admit(brand, later).is_some());
    assert_eq!(one_by_one.count(), 20);
}

#[test]
fn an_address_that_a_used_up_share_claims_is_a_strangers_like_any_other() {
    let start = Instant::now();
    let (rude, elsewhere) = (v4(203, 0, 113, 1), v4(198, 51, 100, 1));
    let mut gate = gate_with_rude(&[rude, elsewhere], start);
    let count = (0..50).filter(|_| gate.admit(rude, start).is_some());
    assert_eq!(count.count(), 20 + 5, "its own, and its network's");
    assert!(gate.admit(elsewhere, start).is_some());
}

#[test]
fn however_many_members_fill_the_places_another_one_has_its_first() {
    let mut now = Instant::now();
    let address = |n: u8| v4(203, 0, 113, n);
    let known = Known::of((0..40).map(|n| (NodeId([n; 32]), (address(n), 7401).into())));
    let mut gate = gate_of(known, now);
    let mut held = Vec::new();
    for n in 0..39 {
        for _ in 0..8 {
            now += Duration::from_secs(1);
            held.extend(gate.admit(address(n), now));
        }
    }
    let before = held.len();
    held.extend(gate.admit(address(39), now));
    assert_eq!(held.len() - before, 1);
    assert!(before <= 64 + 39);
}
