//! What crossed the wire in a match, as one hash per direction.
//!
//! Spec 05 §5. Each message list is hashed over its decoded records. So the result does not depend
//! on frames, on a record codec, or on the order in which concurrent lists arrive. The hashes of
//! one direction are combined in the order of the protocol's steps. Both sides compute both
//! directions and put them on the closing receipt entry. The messages of the opening follow the
//! lists, so that a share or count that a side opened is bound like the rest.

use sha2::{Digest as _, Sha512};

use crate::messages::frame::{ListId, RowsHeader};
use crate::messages::{Control, codec};
use crate::named_bytes::named_bytes;
use crate::spec::{JobId, JobSpec};

named_bytes!(
    /// The hash of one list, or of the messages of the opening, in one direction.
    ListHash, 64
);

named_bytes!(
    /// Everything that was sent in one direction of a job: [`combine`].
    Transcript, 64
);

/// The running hash of one message list.
#[derive(Clone)]
pub struct ListTranscript(Sha512);

impl ListTranscript {
    /// Starts the hash of the list that `list` names, which holds `count` records of `width` bytes.
    #[must_use]
    pub fn new(list: RowsHeader, width: usize, count: u64) -> Self {
        let hash = Sha512::new()
            .chain_update(b"psi/v1/list")
            .chain_update(list.encode())
            .chain_update((width as u64).to_be_bytes())
            .chain_update(count.to_be_bytes());
        Self(hash)
    }

    /// Adds decoded records.
    pub fn update(&mut self, records: &[u8]) {
        self.0.update(records);
    }

    /// The hash of the whole list.
    #[must_use]
    pub fn finish(self) -> ListHash {
        ListHash(self.0.finalize().into())
    }
}

/// A direction of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the Receiver to the Sender.
    ToSender,
    /// From the Sender to the Receiver.
    ToReceiver,
}

/// Combines the hashes of one direction's lists, in the order of the protocol's steps.
#[must_use]
pub fn combine(job_id: &JobId, direction: Direction, lists: &[ListHash]) -> Transcript {
    let direction = match direction {
        Direction::ToSender => 0u8,
        Direction::ToReceiver => 1,
    };
    let mut hash = Sha512::new()
        .chain_update(b"psi/v1/transcript")
        .chain_update([direction])
        .chain_update(job_id)
        .chain_update((lists.len() as u64).to_be_bytes());
    for list in lists {
        hash.update(list);
    }
    Transcript(hash.finalize().into())
}

/// What was sent in each direction of a job: one hash for each list in the order of the protocol's
/// steps, then one for the opening. Equal on both sides.
///
/// # Security
/// The hashes of the opening have no salt: alone, they could be guessed. Combined with the others
/// they cannot, so a receipt holds only [`Self::combine`].
#[derive(Clone, Debug, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct ListHashes {
    /// To the Sender of the match. The opening counts as a list of the first match.
    pub to_sender: Vec<ListHash>,
    /// To the Receiver.
    pub to_receiver: Vec<ListHash>,
}

impl ListHashes {
    /// Adds the lists of the next match.
    pub(crate) fn append(&mut self, mut next: Self) {
        self.to_sender.append(&mut next.to_sender);
        self.to_receiver.append(&mut next.to_receiver);
    }

    /// One hash per direction.
    #[must_use]
    pub fn combine(&self, job_id: &JobId) -> Transcripts {
        Transcripts {
            to_sender: combine(job_id, Direction::ToSender, &self.to_sender),
            to_receiver: combine(job_id, Direction::ToReceiver, &self.to_receiver),
        }
    }
}

/// A list whose hash [`ListHashes`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedList {
    /// A list of a match.
    List {
        /// Which.
        list: ListId,
        /// Of which match.
        match_index: u8,
        /// Of which part; 0 for lists that have none.
        part: u16,
    },
    /// The messages of the opening.
    Opening,
}

/// The lists of one direction of a job, in the order of [`ListHashes`].
#[must_use]
pub fn lists_of(spec: &JobSpec, direction: Direction) -> Vec<NamedList> {
    let mut names = Vec::new();
    for (match_index, of) in (0..).zip(spec.matches()) {
        let (before, in_parts, transfer): (&[_], _, &[_]) = match direction {
            Direction::ToSender => (
                &[],
                ListId::Blinded,
                &[ListId::BaseKeys, ListId::Columns, ListId::ColumnCheck],
            ),
            Direction::ToReceiver => (
                &[ListId::SenderKey, ListId::Tags],
                ListId::Evaluated,
                &[ListId::BasePoints, ListId::Corrections],
            ),
        };
        let list = |list, part| NamedList::List {
            list,
            match_index,
            part,
        };
        names.extend(before.iter().map(|id| list(*id, 0)));
        names.extend((0..).zip(&of.parts).map(|(part, _)| list(in_parts, part)));
        if !of.payload.components.is_empty() {
            names.extend(transfer.iter().map(|id| list(*id, 0)));
        }
    }
    names.push(NamedList::Opening);
    names
}

/// The running hashes of the messages of the opening, one for each direction of the first match.
#[derive(Clone, Default)]
pub(crate) struct OpeningTranscript {
    to_sender: OpeningHash,
    to_receiver: OpeningHash,
}

impl OpeningTranscript {
    /// Adds a message that crossed the wire, or is about to.
    pub(crate) fn note(&mut self, direction: Direction, message: &Control) {
        let message = codec::encode(message);
        let hash = match direction {
            Direction::ToSender => &mut self.to_sender.0,
            Direction::ToReceiver => &mut self.to_receiver.0,
        };
        hash.update((message.len() as u64).to_be_bytes());
        hash.update(message);
    }

    /// Adds the hashes to those of the lists.
    pub(crate) fn end(&self, lists: &mut ListHashes) {
        lists.to_sender.push(self.to_sender.finish());
        lists.to_receiver.push(self.to_receiver.finish());
    }
}

#[derive(Clone)]
struct OpeningHash(Sha512);

impl Default for OpeningHash {
    fn default() -> Self {
        Self(Sha512::new().chain_update(b"psi/v1/opening"))
    }
}

impl OpeningHash {
    fn finish(&self) -> ListHash {
        ListHash(self.0.clone().finalize().into())
    }
}

/// The transcripts of one match, equal on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Transcripts {
    /// Everything that the Receiver sent.
    pub to_sender: Transcript,
    /// Everything that the Sender sent.
    pub to_receiver: Transcript,
}
