//! When a side says that it has frozen its input: at full seconds alone.
//!
//! Spec 13 §4.2. How long freezing takes is work on this side's rows; a peer that could measure it
//! finely would have a clock inside this node. Called by the job runner between freezing and the
//! commitment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failure::Failure;
use super::link::Link;

/// How long it is to the next full second, `since` one of them; a whole one at a full second.
const fn to_full_second(since: Duration) -> Duration {
    // INVARIANT: `subsec_nanos` is below a second.
    Duration::from_nanos(1_000_000_000 - since.subsec_nanos() as u64)
}

/// Waits for the next full second; tells the peer meanwhile that this side is alive.
///
/// # Discussion
/// Seconds of the machine's clock, not of the process: two nodes whose clocks agree wait together,
/// once. A clock that is set meanwhile makes one wait longer or shorter, which tells nothing.
pub(super) async fn full_second(link: &mut Link) -> Result<(), Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let wait = to_full_second(since.unwrap_or_else(|before| before.duration()));
    link.working_while(tokio::time::sleep(wait)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_time_is_the_wait_ends_at_a_full_second_and_takes_one_at_most() {
        let second = Duration::from_secs(1);
        for nanos in [0, 1, 499_999_999, 500_000_000, 999_999_999] {
            for seconds in [0, 1, 86_400] {
                let since = Duration::new(seconds, nanos);
                let wait = to_full_second(since);
                assert_eq!((since + wait).subsec_nanos(), 0, "{since:?}");
                assert!(Duration::ZERO < wait && wait <= second, "{since:?}");
            }
        }
    }
}
