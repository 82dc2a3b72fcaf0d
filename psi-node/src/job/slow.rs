//! Whether the lists of a match come fast enough.
//!
//! Spec 08 §5. Two limits, both on the time for which this side really waits: one for each whole
//! list, and one in which a list that has begun must bring [`PACE_BYTES`] or end. `Working` counts for
//! neither. What the peer computes before a list begins counts for the first alone. Kept by
//! [`super::feed`], which knows when it waits.

use std::time::Duration;

use psi_core::messages::frame::{ListId, RowsHeader};
use psi_core::spec::{JobSpec, MatchSpec, PartSize};

use super::deadlines::Deadlines;
use super::failure::Failure;
use super::sizes::transfer_rows;
use crate::net::{Frame, NetError};

/// Bytes that a list brings, once it has begun, in each [`Deadlines::pace`] of waiting.
const PACE_BYTES: usize = 256 << 10;

/// A list: the parts of one count together.
type List = (ListId, u8);

/// What the peer has brought, and how long this side has waited for it.
pub(super) struct Pace {
    deadlines: Deadlines,
    matches: Vec<MatchSpec>,
    /// The list that has begun. None after a control message, until the next one begins.
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
    pub(super) fn new(deadlines: Deadlines, spec: &JobSpec) -> Self {
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

    /// How much longer this side may wait for the next frame.
    pub(super) fn left(&self) -> Duration {
        let whole = self.limit.saturating_sub(self.waited);
        match self.now {
            Some(_) => whole.min(self.deadlines.pace().saturating_sub(self.since)),
            None => whole,
        }
    }

    /// This side has waited, and nothing came.
    pub(super) fn too_slow(&self) -> Failure {
        let limit = match self.now {
            Some(_) => self.limit.min(self.deadlines.pace()),
            None => self.limit,
        };
        NetError::TooSlow(limit).into()
    }

    /// This side has waited so long for a frame.
    pub(super) fn waited(&mut self, time: Duration) {
        self.waited += time;
        self.since += time;
    }

    /// A frame came.
    pub(super) fn came(&mut self, frame: &Frame) {
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
            _ => transfer_rows(of),
        })
    }

    /// Records of the longest list: what comes next, and is computed first, is not known yet.
    fn longest(&self) -> u64 {
        let of_match = |of: &MatchSpec| points(of).max(of.sender_size).max(transfer_rows(of));
        self.matches.iter().map(of_match).max().unwrap_or_default()
    }
}

fn points(of: &MatchSpec) -> u64 {
    of.parts.iter().map(PartSize::points).sum()
}
