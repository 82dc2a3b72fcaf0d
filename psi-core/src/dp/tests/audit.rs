//! An empirical audit: how much epsilon an attacker finds in what is released.
//!
//! Two worlds differ in one person. The attacker sees many releases of each, picks the event that
//! tells them apart best on one part of the releases, and estimates its two probabilities on the
//! others: with the bounds of Clopper and Pearson their ratio bounds epsilon from below (Ding et
//! al. 2018). A correct sampler stays below the epsilon it claims, a broken one does not.

use chacha20::ChaCha20Rng;
use rand_core::Rng as _;

use super::statistics::{lower_bound, upper_bound};
use super::{billionth, count_noise, epsilon, generator};
use crate::dp::{CountNoise, ShareNoise};

/// Releases of each world for the estimate; a quarter of that picks the event.
const RELEASES: usize = 100_000;

/// Each of the two bounds fails with this probability.
const ALPHA: f64 = 5e-4;

/// What one world releases: numbers of two parts.
type Release = [i64; 2];

/// What the attacker looks at: the part of the person, and the two parts' difference.
const LOOKS: [fn(Release) -> i64; 2] = [|[first, _]| first, |[first, second]| first - second];

/// A look at a release, a threshold, whether above it or below it, and in which world it is rare.
#[derive(Clone, Copy)]
struct Event {
    look: fn(Release) -> i64,
    threshold: i64,
    above: bool,
    rare_with_person: bool,
}

impl Event {
    fn happens(self, release: Release) -> bool {
        let seen = (self.look)(release);
        if self.above {
            seen >= self.threshold
        } else {
            seen <= self.threshold
        }
    }

    /// The epsilon that the event shows, given delta: ln((p - delta) / q).
    fn epsilon(self, with: &[Release], without: &[Release], alpha: f64) -> f64 {
        let (rare, common) = if self.rare_with_person {
            (with, without)
        } else {
            (without, with)
        };
        let count = |releases: &[Release]| releases.iter().filter(|r| self.happens(**r)).count();
        let p = lower_bound(count(common), common.len(), alpha) - billionth().as_f64();
        let q = upper_bound(count(rare), rare.len(), alpha);
        if p <= 0.0 { 0.0 } else { (p / q).ln() }
    }
}

/// All events with one of 64 thresholds.
fn events(sample: &[Release]) -> Vec<Event> {
    let mut events = Vec::new();
    for look in LOOKS {
        let mut seen: Vec<i64> = sample.iter().map(|release| look(*release)).collect();
        seen.sort_unstable();
        let mut thresholds: Vec<i64> = (0..=64).map(|i| seen[(seen.len() - 1) * i / 64]).collect();
        thresholds.dedup();
        for threshold in thresholds {
            for (above, rare_with_person) in
                [(true, true), (true, false), (false, true), (false, false)]
            {
                events.push(Event {
                    look,
                    threshold,
                    above,
                    rare_with_person,
                });
            }
        }
    }
    events
}

/// The lower bound of the epsilon of `release`, whose first argument says whether the person is in
/// the data.
fn audit(seed: u64, mut release: impl FnMut(bool, &mut ChaCha20Rng) -> Release) -> f64 {
    let mut rng = generator(seed);
    let mut releases = |count: usize| -> [Vec<Release>; 2] {
        [true, false].map(|person| (0..count).map(|_| release(person, &mut rng)).collect())
    };
    let [with, without] = releases(RELEASES / 4);
    let both = [with.as_slice(), without.as_slice()].concat();
    let events = events(&both).into_iter().map(|event| {
        let found = event.epsilon(&with, &without, ALPHA);
        (event, found)
    });
    let (best, _) = events.max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap();
    let [with, without] = releases(RELEASES);
    best.epsilon(&with, &without, ALPHA)
}

/// Counts of two parts, the person in the first, with the noise that `noise` draws for each.
fn counts(
    mut noise: impl FnMut(&mut ChaCha20Rng) -> [u64; 2],
) -> impl FnMut(bool, &mut ChaCha20Rng) -> Release {
    move |person, rng| {
        let [first, second] = noise(rng);
        let true_counts = [1000 + u64::from(person), 700];
        [true_counts[0] + first, true_counts[1] + second].map(u64::cast_signed)
    }
}

fn sample(noise: &CountNoise, rng: &mut ChaCha20Rng) -> u64 {
    noise.sample(rng).expose()
}

#[test]
fn counts_show_no_more_than_the_epsilon_they_claim_and_nearly_that() {
    for (seed, micros, claimed) in [(20, 1_000_000, 1.0), (21, 500_000, 0.5)] {
        let noise = count_noise(micros);
        let found = audit(
            seed,
            counts(|rng| [sample(&noise, rng), sample(&noise, rng)]),
        );
        assert!(found <= claimed, "{found}");
        // The audit is strong enough to find what is there.
        assert!(found > 0.9 * claimed, "{found}");
    }
}

#[test]
fn the_audit_finds_noise_of_twice_the_epsilon() {
    let noise = CountNoise::new(epsilon(2_000_000), 40).unwrap();
    let found = audit(22, counts(|rng| [sample(&noise, rng), sample(&noise, rng)]));
    assert!(found > 1.8, "{found}");
}

#[test]
fn the_audit_finds_that_uniform_noise_hides_little() {
    let uniform = |rng: &mut ChaCha20Rng| rng.next_u64() % 41;
    let found = audit(23, counts(|rng| [uniform(rng), uniform(rng)]));
    assert!(found > 4.0, "{found}");
}

#[test]
fn the_audit_finds_noise_that_two_parts_share() {
    let noise = count_noise(1_000_000);
    let found = audit(24, counts(|rng| [sample(&noise, rng); 2]));
    assert!(found > 4.0, "{found}");
}

#[test]
fn the_audit_finds_a_count_without_noise() {
    let found = audit(25, counts(|_| [20, 20]));
    assert!(found > 4.0, "{found}");
}

/// Sums of two parts; the person adds `value` to the first.
fn sums(noise: &ShareNoise, value: i64) -> impl FnMut(bool, &mut ChaCha20Rng) -> Release {
    move |person, rng| {
        let mut draw = || noise.sample(rng).expose();
        [50_000 + i64::from(person) * value + draw(), -3_000 + draw()]
    }
}

#[test]
fn sums_show_no_more_than_the_epsilon_they_claim_and_nearly_that() {
    for (seed, value) in [(26, 250), (27, -250)] {
        let noise = ShareNoise::new(250, epsilon(1_000_000)).unwrap();
        let found = audit(seed, sums(&noise, value));
        assert!(found <= 1.0, "{found}");
        assert!(found > 0.9, "{found}");
    }
}

#[test]
fn the_audit_finds_a_value_that_was_not_clamped() {
    let noise = ShareNoise::new(250, epsilon(1_000_000)).unwrap();
    let found = audit(28, sums(&noise, 500));
    assert!(found > 1.8, "{found}");
}

#[test]
fn the_audit_finds_half_the_scale() {
    let noise = ShareNoise::new(125, epsilon(1_000_000)).unwrap();
    let found = audit(29, sums(&noise, 250));
    assert!(found > 1.8, "{found}");
}
