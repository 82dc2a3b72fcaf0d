//! How long each step of a job may take, whatever the peer says meanwhile.
//!
//! Spec 08 §5. `Working` renews the wait for the next frame, but none of these limits: a peer that
//! is alive and does nothing would hold a place for ever. All follow from `peer_timeout_s`, so an
//! owner who gives peers more time gives all steps more. Both sides of a job use them, and so do
//! settlements.

use std::time::Duration;

use psi_core::spec::{JobSpec, MatchSpec, PartSize};

use super::failure::Failure;
use crate::net::NetError;
use crate::transfer_size::transfer_rows;

/// Time for each identity of both sides between the agreement and the commitment, in which the
/// peer reads its table.
const FREEZING: Duration = Duration::from_micros(20);
/// Time for each record of a list.
const RECORD: Duration = Duration::from_millis(1);
/// Numbers of a row of a transfer that count as one record: as many bytes as a point has.
const NUMBERS_PER_RECORD: u64 = 4;
/// Longer than the interval of `Working`, and shorter than the wait for the first message of a stream:
/// who waits for the log has opened one.
const GIVING_WAY_MAX: Duration = Duration::from_secs(20);
/// Lists of one match, the parts of one counted as one: A, tags, R, columns, corrections.
const LISTS: u32 = 5;

/// The time limits that follow from one `peer_timeout_s`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    patience: Duration,
}

impl Deadlines {
    pub(super) const fn new(peer_timeout: Duration) -> Self {
        Self {
            patience: peer_timeout,
        }
    }

    /// From the opening of a stream to its first message.
    pub(super) fn first_message(self) -> Duration {
        self.patience / 2
    }

    /// From a question to its answer.
    pub(super) const fn answer(self) -> Duration {
        self.patience
    }

    /// From this side's acceptance to the other's agreement, which costs it a signature.
    pub(super) fn agreement(self) -> Duration {
        self.patience / 4
    }

    /// How much longer this side waits for the other's commitment, `elapsed` after the agreement: the
    /// time that the registered sizes give, and in any case as long as this side took itself.
    pub(super) fn commitment(self, spec: &JobSpec, elapsed: Duration) -> Duration {
        let sides = [&spec.requester.facts, &spec.responder.facts];
        let identities = sides.iter().map(|facts| facts.identities);
        let whole = self.long() + times(FREEZING, identities.fold(0, u64::saturating_add));
        whole
            .saturating_sub(elapsed)
            .max(elapsed.saturating_add(self.patience))
    }

    /// For which a peer may be silent while this side waits for it.
    pub(super) const fn silence(self) -> Duration {
        self.patience
    }

    /// From the end of this side's matches to the closing entry: the other side may still be computing
    /// what this one has ended with.
    pub(super) fn closing(self, spec: &JobSpec) -> Duration {
        self.matches(spec) / LISTS
    }

    /// From one side's message to the other's signature on the log.
    pub(super) const fn signature(self) -> Duration {
        self.patience
    }

    /// For which a peer may be silent in the middle of an entry or a settlement while something else
    /// wants the log. A peer that works says so more often.
    pub(super) fn giving_way(self) -> Duration {
        (self.patience * 2 / 5).min(GIVING_WAY_MAX)
    }

    /// For one whole list of `records`, as far as this side waits for it.
    pub(super) fn list(self, records: u64) -> Duration {
        self.long() + times(RECORD, records)
    }

    /// In which a list that has begun brings a frame's worth of bytes, as far as this side waits.
    pub(super) const fn pace(self) -> Duration {
        self.patience.saturating_mul(5)
    }

    /// For all matches of a job, both directions together.
    pub(super) fn matches(self, spec: &JobSpec) -> Duration {
        let of_match = |of: &MatchSpec| {
            let points: u64 = of.parts.iter().map(PartSize::points).sum();
            let records = points.saturating_mul(2).saturating_add(of.sender_size);
            let transfer = transfer_records(of).saturating_mul(2);
            self.long() * LISTS + times(RECORD, records.saturating_add(transfer))
        };
        spec.matches().iter().map(of_match).sum()
    }

    /// For a settlement.
    pub(super) const fn settlement(self) -> Duration {
        self.long()
    }

    const fn long(self) -> Duration {
        self.patience.saturating_mul(10)
    }
}

/// Rows of the transfer of a match; one of many numbers counts as several records.
pub(super) fn transfer_records(of: &MatchSpec) -> u64 {
    transfer_rows(of).saturating_mul(of.payload.width().div_ceil(NUMBERS_PER_RECORD))
}

fn times(each: Duration, count: u64) -> Duration {
    let nanos = each.as_nanos().saturating_mul(u128::from(count));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Waits for `step`, and gives the peer up where that takes longer than `limit`.
///
/// # Errors
/// Those of `step`; [`NetError::TooSlow`].
pub(super) async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, step).await {
        Ok(result) => result,
        Err(_elapsed) => Err(NetError::TooSlow(limit).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_follow_from_the_patience_for_a_silent_peer() {
        let limits = Deadlines::new(Duration::from_mins(1));
        assert_eq!(limits.agreement(), Duration::from_secs(15));
        assert_eq!(limits.signature(), Duration::from_mins(1));
        assert_eq!(limits.giving_way(), Duration::from_secs(20));
        let short = Deadlines::new(Duration::from_secs(10));
        assert_eq!(short.giving_way(), Duration::from_secs(4));
        assert_eq!(limits.pace(), Duration::from_mins(5));
        assert_eq!(limits.list(1_000_000), Duration::from_secs(600 + 1_000));
        assert_eq!(times(RECORD, u64::MAX), Duration::from_nanos(u64::MAX));
    }
}
