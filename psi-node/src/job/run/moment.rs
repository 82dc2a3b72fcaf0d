//! When a side says that it has frozen its input: at few moments alone.
//!
//! Spec 13 §4.2. How long freezing takes is work on this side's rows; a peer that could measure it
//! finely would have a clock inside this node. Called by the job runner between freezing and the
//! commitment.

use std::time::{Duration, Instant};

use psi_core::spec::JobSpec;

/// The first moment of the smallest job.
const FIRST_MIN: Duration = Duration::from_millis(8);
/// From this one on, only full seconds are left.
const SECOND: Duration = Duration::from_secs(1);
/// What freezing may take for each row of both tables and still be done by the first moment; several
/// times what it takes.
const FOR_EACH_ROW: Duration = Duration::from_nanos(1_500);

/// The first moment after the agreement, which both sides know: where both keys are unique, the
/// registered sizes give it, else it is a full second.
fn first(spec: &JobSpec) -> Duration {
    let sides = [&spec.requester.facts, &spec.responder.facts];
    // Without a unique key, the registered sizes do not say how many rows a table has.
    let rows = sides.map(|facts| {
        if facts.key_unique {
            facts.identities
        } else {
            u64::MAX
        }
    });
    first_of(rows.into_iter().fold(0, u64::saturating_add))
}

fn first_of(rows: u64) -> Duration {
    let enough = u32::try_from(rows).map_or(SECOND, |n| FOR_EACH_ROW.saturating_mul(n));
    moments(FIRST_MIN)
        .find(|moment| *moment >= enough)
        .unwrap_or(SECOND)
}

/// `first` and its doubles, below a second.
fn moments(first: Duration) -> impl Iterator<Item = Duration> {
    let doubled = std::iter::successors(Some(first), |moment| Some(*moment * 2));
    doubled.take_while(|moment| *moment < SECOND)
}

/// How long it is to the next moment, `elapsed` after the agreement: `first` and its doubles below a
/// second, then full seconds.
fn to_next_moment(first: Duration, elapsed: Duration) -> Duration {
    match moments(first).find(|moment| *moment >= elapsed) {
        Some(moment) => moment.saturating_sub(elapsed),
        // INVARIANT: `subsec_nanos` is below a second.
        None => Duration::from_nanos(1_000_000_000 - u64::from(elapsed.subsec_nanos())),
    }
}

/// Waits for the next moment at which a commitment may leave, `agreed` having been that of the
/// agreement.
///
/// # Discussion
/// Below a second there are seven moments at most, each twice the one before. The first is late
/// enough for what the registered sizes take, so an unhurried machine leaves at that one whatever
/// its rows are. All are counted from the agreement, which both sides know, so they wait together;
/// moments of the machine's clock would let a peer choose how far off the next one is, and so
/// measure finely in several looks.
pub(super) async fn next(spec: &JobSpec, agreed: Instant) {
    tokio::time::sleep(to_next_moment(first(spec), agreed.elapsed())).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn below_a_second_only_the_first_moment_and_its_doubles_are_used() {
        for first in [8, 32, 512] {
            let mut moments = std::collections::BTreeSet::new();
            for elapsed in 0..=512 {
                let elapsed = elapsed * MILLI;
                let leaves = elapsed + to_next_moment(first * MILLI, elapsed);
                assert!(leaves >= elapsed);
                moments.insert(leaves);
            }
            let doubles = (0..7).map(|n| (first * MILLI) * (1 << n));
            let expected = doubles.filter(|moment| *moment <= 512 * MILLI).collect();
            assert_eq!(moments, expected);
        }
    }

    #[test]
    fn later_the_wait_ends_at_a_full_second_and_takes_one_at_most() {
        for (first, elapsed) in [(8, 513), (8, 999), (8, 90_000), (1000, 0), (1000, 400)] {
            let elapsed = elapsed * MILLI;
            let wait = to_next_moment(first * MILLI, elapsed);
            assert_eq!((elapsed + wait).subsec_nanos(), 0, "{elapsed:?}");
            assert!(Duration::ZERO < wait && wait <= SECOND, "{elapsed:?}");
        }
    }

    #[test]
    fn the_first_moment_follows_from_the_registered_sizes_of_both_sides() {
        for (identities, expected) in [
            (0, 8),
            (200, 8),
            (5_333, 8),
            (5_334, 16),
            (10_000, 16),
            (341_333, 512),
            (341_334, 1_000),
            (u64::MAX, 1_000),
        ] {
            assert_eq!(first_of(identities), expected * MILLI, "{identities}");
        }
    }
}
