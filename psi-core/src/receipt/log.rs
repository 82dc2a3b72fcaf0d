//! The receipt log of a collaboration as two machines without I/O, one for each member.
//!
//! Spec 07 §2 and Spec 06 §4. [`Append`] puts one entry on both logs inside a job. [`Settlement`]
//! runs whenever two nodes connect: it brings both logs to the same, complete last entry, finds out
//! whether one was rolled back, and closes jobs that at least one side no longer runs. The node
//! drives both machines. It holds the log's lock and reads for them ([`LogView`]). For each
//! [`Step`], it makes the changes durable in their order, then sends the message, then waits for
//! what the next state awaits.
//!
//! The member with the smaller node id is the *sequencer*: it alone decides which entry comes next.
//! The other is the *follower*. No signature leaves a member before the entry that it signs is
//! durable: the form of a [`Step`] ensures this, not the way a driver is written.

mod align;
mod append;
mod follow;
mod judge;
mod lead;
mod missing;
mod refusal;
mod settle;
mod states;
mod step;
mod view;

pub use append::Append;
pub use refusal::is_recorded;
pub use settle::Settlement;
pub use step::{Change, LogError, Machine, Next, Step, StepResult};
pub use view::{AwaitedJob, LogView, OwnClosing, OwnOpening};

use super::{EntryHash, Signature, signature_holds, signing_text};
use crate::messages::EntryMessage;
use crate::spec::{CollabId, NodeId};

/// One entry as a member keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its number, from 0.
    pub seq: u64,
    /// The canonical bytes of an [`Entry`](super::Entry).
    pub entry: Vec<u8>,
    /// Their hash.
    pub hash: EntryHash,
    /// The members' signatures, that of the smaller node id first.
    pub signatures: [Option<Signature>; 2],
}

impl StoredEntry {
    /// The entry as it crosses the wire.
    #[must_use]
    pub fn message(&self) -> EntryMessage {
        EntryMessage {
            entry: self.entry.clone(),
            signatures: self.signatures,
        }
    }

    /// Whether both members signed it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.signatures.iter().all(Option::is_some)
    }
}

/// One member of a log: who it is, how it signs, and what its node holds.
pub struct Member<'a, V> {
    /// The collaboration.
    pub collab_id: CollabId,
    /// This member's node id.
    pub own: NodeId,
    /// The other member's node id.
    pub peer: NodeId,
    /// Signs a text with this member's node key.
    pub sign: &'a (dyn Fn(&[u8]) -> Signature + Send + Sync),
    /// What this member's node holds.
    pub view: &'a V,
}

impl<V: LogView> Member<'_, V> {
    /// Whether this member decides which entry comes next.
    #[must_use]
    pub fn is_sequencer(&self) -> bool {
        self.own < self.peer
    }

    /// This member's own of two signatures, the sequencer's first.
    fn own_of<'s, T>(&self, [sequencer, follower]: &'s [T; 2]) -> &'s T {
        if self.is_sequencer() {
            sequencer
        } else {
            follower
        }
    }

    /// The other member's of two signatures, the sequencer's first.
    fn peer_of<'s, T>(&self, [sequencer, follower]: &'s [T; 2]) -> &'s T {
        if self.is_sequencer() {
            follower
        } else {
            sequencer
        }
    }

    /// The signatures of an entry, given those of this member and of the other.
    fn signatures(&self, own: Signature, peer: Option<Signature>) -> [Option<Signature>; 2] {
        if self.is_sequencer() {
            [Some(own), peer]
        } else {
            [peer, Some(own)]
        }
    }

    /// The number of entries held, and the hash of the last.
    fn place(&self) -> Result<(u64, EntryHash), V::Error> {
        Ok(match self.view.head()? {
            Some(head) => (head.seq + 1, head.hash),
            None => (0, EntryHash::ZERO),
        })
    }

    fn sign_entry(&self, hash: &EntryHash) -> Signature {
        (self.sign)(&signing_text(hash))
    }

    fn is_signed_by_peer(&self, hash: &EntryHash, signature: &Signature) -> bool {
        signature_holds(&self.peer, &signing_text(hash), signature)
    }
}

#[cfg(test)]
mod tests;
