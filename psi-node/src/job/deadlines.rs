//! How long each step of a job may take, whatever the peer says meanwhile.
//!
//! Spec 08 §5. `Working` renews the wait for the next frame and none of these: a peer that is alive
//! and does nothing would hold a place for ever. All follow from `peer_timeout_s`, so an owner who
//! gives peers more time gives all steps more. Used by both sides of a job and by settlements.

use std::time::Duration;

use psi_core::spec::{JobSpec, MatchSpec, PartSize};

use super::failure::Failure;
use crate::net::NetError;

/// Time for each identity of both sides between the agreement and the commitment, in which the
/// peer reads its table.
const FREEZING: Duration = Duration::from_micros(20);
/// Time for each record of a list.
const RECORD: Duration = Duration::from_millis(1);
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

    /// From the agreement to the other side's commitment.
    pub(super) fn commitment(self, spec: &JobSpec) -> Duration {
        let sides = [&spec.requester.facts, &spec.responder.facts];
        let identities = sides.iter().map(|facts| facts.identities);
        self.long() + times(FREEZING, identities.fold(0, u64::saturating_add))
    }

    /// From one side's message to the other's signature on the log.
    pub(super) const fn signature(self) -> Duration {
        self.patience
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
            let transfer = super::sizes::transfer_rows(of).saturating_mul(2);
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
        assert_eq!(limits.pace(), Duration::from_mins(5));
        assert_eq!(limits.list(1_000_000), Duration::from_secs(600 + 1_000));
        assert_eq!(times(RECORD, u64::MAX), Duration::from_nanos(u64::MAX));
    }
}
