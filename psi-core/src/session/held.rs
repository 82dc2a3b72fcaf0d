//! What one side holds of a match until it is opened.
//!
//! Spec 04 §5, Spec 05 §5. The last step of each role makes it; [`super::opening`] reads it.

use zeroize::Zeroizing;

use super::own_hashes::OwnHashes;
use super::{MatchSetup, SharedList, noise};
use crate::error::Error;
use crate::messages::PartCount;
use crate::ot::Transferred;
use crate::ot::share::{Role, Share};
use crate::seed::JobSeed;
use crate::transcript::{ListHash, ListHashes};

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
    /// The lists that crossed the wire, without those of `sent`.
    lists: ListHashes,
    /// As Sender: `K_b`, the tags and the replies, hashed while they are sent. They come before
    /// those that `lists` has of this direction.
    sent: OwnHashes,
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
            sent: OwnHashes::default(),
        }
    }

    /// Adds which of this side's digests match.
    pub(super) fn with_list(self, matched: Option<SharedList>) -> Self {
        Self { matched, ..self }
    }

    /// As Sender: with the hashes of what came, and of what is sent.
    pub(super) fn of_sender(setup: MatchSetup, received: Vec<ListHash>, sent: OwnHashes) -> Self {
        Self {
            setup,
            role: Role::Sender,
            counts: Zeroizing::default(),
            matched: None,
            share: None,
            lists: ListHashes {
                to_sender: received,
                to_receiver: Vec::new(),
            },
            sent,
        }
    }

    /// Waits for hashes that are still being computed.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        self.sent.settle()
    }

    /// Takes the hashes of all lists. Waits for those that are still being computed.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn take_lists(&mut self) -> Result<ListHashes, Error> {
        let mut lists = ListHashes {
            to_sender: Vec::new(),
            to_receiver: std::mem::take(&mut self.sent).finish()?,
        };
        lists.append(std::mem::take(&mut self.lists));
        Ok(lists)
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
