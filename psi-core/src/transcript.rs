//! What crossed the wire in a match, as one hash per direction.
//!
//! Spec 05 §5. Each message list is hashed over its decoded records, so the result does not depend
//! on frames, on a record codec, or on the order in which concurrent lists arrive. The hashes of
//! one direction are combined in the order of the protocol's steps. Both sides compute both
//! directions and put them on the closing receipt entry.

use sha2::{Digest as _, Sha512};

use crate::messages::frame::ListId;
use crate::spec::JobId;

/// The running hash of one message list.
#[derive(Clone)]
pub struct ListTranscript(Sha512);

impl ListTranscript {
    /// Starts the hash of the list `list` of part `part`, which holds `count` records of `width`
    /// bytes.
    #[must_use]
    pub fn new(list: ListId, match_index: u8, part: u16, width: usize, count: u64) -> Self {
        let hash = Sha512::new()
            .chain_update(b"psi/v1/list")
            .chain_update([list.number(), match_index])
            .chain_update(part.to_be_bytes())
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
    pub fn finish(self) -> [u8; 64] {
        self.0.finalize().into()
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
pub fn combine(job_id: &JobId, direction: Direction, lists: &[[u8; 64]]) -> [u8; 64] {
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
    hash.finalize().into()
}

/// The transcripts of one match, equal on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Transcripts {
    /// Everything that the Receiver sent.
    pub to_sender: [u8; 64],
    /// Everything that the Sender sent.
    pub to_receiver: [u8; 64],
}
