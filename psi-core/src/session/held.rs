//! What one side holds of a match until it is opened.
//!
//! Spec 04 §5, Spec 05 §5. The last step of each role makes it; [`super::opening`] reads it.

use zeroize::Zeroizing;

use super::{MatchSetup, SharedList, noise};
use crate::error::Error;
use crate::messages::PartCount;
use crate::ot::Transferred;
use crate::ot::share::{Role, Share};
use crate::seed::JobSeed;
use crate::transcript::ListHashes;

/// A match that is done on this side, before anything of it is opened.
///
/// # Security
/// No `Debug`: it holds counts below the minimum. They are zeroized.
pub(super) struct Held {
    pub(super) setup: MatchSetup,
    pub(super) role: Role,
    /// As Receiver: the matched positions of each part, marked dummies among them.
    counts: Zeroizing<Vec<u64>>,
    /// As Receiver of a list: this side's digests that match, ascending.
    pub(super) matched: Option<SharedList>,
    /// This side's share of the sums, if there is payload.
    pub(super) share: Option<Share>,
    pub(super) lists: ListHashes,
}

impl Held {
    pub(super) fn of_receiver(
        setup: MatchSetup,
        counts: Zeroizing<Vec<u64>>,
        lists: ListHashes,
    ) -> Self {
        Self {
            setup,
            role: Role::Receiver,
            counts,
            matched: None,
            share: None,
            lists,
        }
    }

    /// Adds which of this side's digests match.
    pub(super) fn with_list(self, matched: Option<SharedList>) -> Self {
        Self { matched, ..self }
    }

    pub(super) fn of_sender(setup: MatchSetup, lists: ListHashes) -> Self {
        Self {
            setup,
            role: Role::Sender,
            counts: Zeroizing::default(),
            matched: None,
            share: None,
            lists,
        }
    }

    /// Adds the outcome of the transfer.
    pub(super) fn transferred(mut self, transferred: Transferred) -> Self {
        self.share = Some(transferred.share);
        let of = transferred.transcripts;
        self.lists.append(ListHashes {
            to_sender: of.to_sender.to_vec(),
            to_receiver: of.to_receiver.to_vec(),
        });
        self
    }

    /// As Receiver: the matches of all parts.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// As Receiver: what recipients may know of each part (Spec 05 §6.2, Spec 12 §6). That excludes
    /// a count below the minimum, and a count that is nobody's output because the payload counts
    /// identities.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if no specification has such terms of noise.
    pub(super) fn part_counts(&self, seed: &JobSeed) -> Result<Vec<PartCount>, Error> {
        if let Some(terms) = &self.setup.dp {
            return noise::part_counts(&self.setup, terms, &self.counts, seed);
        }
        let shown = |count: &u64| {
            let released = *count >= self.setup.minimum;
            let is_output = released && !self.setup.counts_identities;
            PartCount {
                released,
                count: if is_output { *count } else { 0 },
            }
        };
        Ok(self.counts.iter().map(shown).collect())
    }

    /// Whether the side that holds this receives the result.
    pub(super) const fn is_recipient(&self) -> bool {
        match self.role {
            Role::Receiver => self.setup.receiver_is_recipient,
            Role::Sender => self.setup.sender_is_recipient,
        }
    }

    /// Whether the other side does.
    pub(super) const fn other_is_recipient(&self) -> bool {
        match self.role {
            Role::Receiver => self.setup.sender_is_recipient,
            Role::Sender => self.setup.receiver_is_recipient,
        }
    }
}
