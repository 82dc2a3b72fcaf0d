//! Whether the lists of a match come fast enough.
//!
//! Spec 08 §5. Two limits, both on the time for which this side really waits: one for each whole
//! list, and one in which a list that has begun must bring [`PACE_BYTES`] or end. `Working` counts for
//! neither. What the peer computes before a list begins counts for the first alone. Kept by
//! [`super::inbound`], which knows when it waits and whether a list has begun and not ended.

use std::time::{Duration, Instant};

use psi_core::messages::frame::{ListId, RowsHeader};
use psi_core::spec::{JobSpec, MatchSpec, PartSize};

use crate::job::deadlines::{Deadlines, transfer_records};
use crate::job::failure::Failure;
use crate::net::{Frame, NetError};

/// Bytes that a list brings, once it has begun, in each [`Deadlines::pace`] of waiting.
const PACE_BYTES: usize = 256 << 10;

/// A list: the parts of one count together.
type List = (ListId, u8);

/// What the peer has brought, and how long this side has waited for it.
pub(in crate::job) struct Pace {
    deadlines: Deadlines,
    matches: Vec<MatchSpec>,
    /// The list of the last frame. None after a control message.
    now: Option<List>,
    /// The longest that this side waits for the list, or for what comes before it.
    limit: Duration,
    /// For which it has waited.
    waited: Duration,
    /// For which it has waited since [`Self::bytes`] were none.
    since: Duration,
    bytes: usize,
}

impl Pace {
    pub(in crate::job) fn new(deadlines: Deadlines, spec: &JobSpec) -> Self {
        let matches = spec.matches();
        let mut pace = Self {
            deadlines,
            matches,
            now: None,
            limit: Duration::ZERO,
            waited: Duration::ZERO,
            since: Duration::ZERO,
            bytes: 0,
        };
        pace.limit = deadlines.list(pace.longest());
        pace
    }

    /// How much longer this side may wait for the next frame; `amid_list` if a list has begun and not
    /// ended.
    pub(in crate::job) fn left(&self, amid_list: bool) -> Duration {
        let whole = self.limit.saturating_sub(self.waited);
        if amid_list {
            return whole.min(self.deadlines.pace().saturating_sub(self.since));
        }
        whole
    }

    /// This side has waited so long, and too little came.
    pub(in crate::job) fn too_slow(&self, amid_list: bool) -> Failure {
        let limit = if amid_list {
            self.limit.min(self.deadlines.pace())
        } else {
            self.limit
        };
        NetError::TooSlow(limit).into()
    }

    /// This side has waited so long for a frame.
    pub(in crate::job) fn waited(&mut self, time: Duration) {
        self.waited += time;
        self.since += time;
    }

    /// Whether to give up a silent peer: this side has waited for it all the time.
    pub(in crate::job) fn is_silence(&self, idle_since: Option<Instant>) -> bool {
        idle_since.is_some_and(|since| since.elapsed() >= self.deadlines.silence())
    }

    /// A frame came.
    pub(in crate::job) fn came(&mut self, frame: &Frame) {
        match frame {
            Frame::Control(_) => self.begin(None, self.longest()),
            Frame::Rows(header, bytes) => {
                let list = (header.list, header.match_index);
                if self.now != Some(list) {
                    self.begin(Some(list), self.records(*header));
                }
                self.bytes += bytes.len();
                if self.bytes >= PACE_BYTES {
                    (self.bytes, self.since) = (0, Duration::ZERO);
                }
            }
        }
    }

    fn begin(&mut self, list: Option<List>, records: u64) {
        self.now = list;
        self.limit = self.deadlines.list(records);
        (self.waited, self.since, self.bytes) = (Duration::ZERO, Duration::ZERO, 0);
    }

    /// Records of all parts of the list; of one that no match has, none.
    fn records(&self, header: RowsHeader) -> u64 {
        let of = self.matches.get(usize::from(header.match_index));
        of.map_or(0, |of| match header.list {
            ListId::Tags => of.sender_size,
            ListId::Blinded | ListId::Evaluated => points(of),
            _ => transfer_records(of),
        })
    }

    /// Records of the longest list: what comes next, and is computed first, is not known yet.
    fn longest(&self) -> u64 {
        let of_match = |of: &MatchSpec| points(of).max(of.sender_size).max(transfer_records(of));
        self.matches.iter().map(of_match).max().unwrap_or_default()
    }
}

fn points(of: &MatchSpec) -> u64 {
    of.parts.iter().map(PartSize::points).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace {
            deadlines: Deadlines::new(Duration::from_mins(1)),
            matches: Vec::new(),
            now: None,
            limit: Duration::from_mins(10),
            waited: Duration::ZERO,
            since: Duration::ZERO,
            bytes: 0,
        }
    }

    fn rows(bytes: usize) -> Frame {
        let header = RowsHeader {
            list: ListId::Blinded,
            match_index: 0,
            part: 0,
        };
        Frame::Rows(header, vec![0; bytes])
    }

    #[test]
    fn a_list_that_has_begun_must_go_on_and_what_comes_between_lists_has_the_time_of_a_list() {
        let mut pace = pace();
        pace.came(&rows(1));
        pace.waited(Duration::from_secs(299));
        assert_eq!(pace.left(true), Duration::from_secs(1));
        // A little does not help, a frame's worth does, and so does the end of the list.
        pace.came(&rows(1000));
        assert_eq!(pace.left(true), Duration::from_secs(1));
        assert_eq!(pace.left(false), Duration::from_secs(301));
        pace.came(&rows(PACE_BYTES));
        assert_eq!(pace.left(true), Duration::from_mins(5));
        pace.waited(Duration::from_secs(400));
        assert_eq!(pace.left(false), Duration::ZERO);
    }
}
