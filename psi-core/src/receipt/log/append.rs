//! One entry on both logs: the sequencer proposes it, the follower accepts it.
//!
//! Spec 07 §2. [`Append`] is used inside a job, where both members know the entry before it is
//! sent. A settlement uses its two halves: the sequencer the whole machine, the follower only
//! [`accept`], with its own check of what is awaited.

use super::step::{misbehaved, misuse, unexpected};
use super::{Change, LogError, LogView, Machine, Member, Step, StepResult, StoredEntry};
use crate::error::Code;
use crate::limits;
use crate::messages::{Control, EntryMessage};
use crate::receipt::{Body, Entry, Signature, entry_hash};

/// The most refused entries after the last opened one that a follower signs: as many as an honest
/// sequencer can have if all of its jobs are refused at the same time.
pub(super) const REFUSALS_SIGNED_MAX: u64 =
    limits::REFUSALS_RECORDED_MAX + limits::LIVE_JOBS_MAX as u64;

/// The next entry of both logs, on its way.
#[derive(Debug)]
pub struct Append(State);

#[derive(Debug)]
enum State {
    /// Follower: the entry with this body.
    ExpectEntry(Box<Body>),
    /// Sequencer: the follower's signature on this entry.
    ExpectCountersign(Box<StoredEntry>),
}

impl Append {
    /// Puts `body` on the log of both members. Both call it at the same step of a job with the same
    /// body. The sequencer holds the log's lock from here on, the follower from the entry on.
    ///
    /// # Errors
    /// [`LogError::Unfinished`] if the last entry lacks a signature; [`LogError::View`].
    pub fn start<V: LogView>(member: &Member<'_, V>, body: Body) -> StepResult<Self, V> {
        if member.is_sequencer() {
            Self::propose(member, body)
        } else {
            let state = State::ExpectEntry(Box::new(body));
            Ok(Step::expect(Vec::new(), None, Self(state)))
        }
    }

    /// Sequencer: stores the next entry, then sends it.
    pub(super) fn propose<V: LogView>(member: &Member<'_, V>, body: Body) -> StepResult<Self, V> {
        let head = member.view.head()?;
        if head.is_some_and(|head| !head.is_complete()) {
            // The next settlement completes it; until then nothing may follow.
            return Err(LogError::Unfinished);
        }
        let (seq, previous) = member.place()?;
        let entry = Entry {
            collab_id: member.collab_id,
            seq,
            previous,
            body,
        };
        let bytes = entry.encode();
        let hash = entry_hash(&bytes);
        let signatures = member.signatures(member.sign_entry(&hash), None);
        let stored = StoredEntry {
            seq,
            entry: bytes,
            hash,
            signatures,
        };
        let append = Change::Append {
            stored: stored.clone(),
            body: Box::new(entry.body),
        };
        let send = Control::Entry(stored.message());
        let state = State::ExpectCountersign(Box::new(stored));
        Ok(Step::expect(vec![append], Some(send), Self(state)))
    }
}

impl Machine for Append {
    fn handle<V: LogView>(self, member: &Member<'_, V>, message: Control) -> StepResult<Self, V> {
        match (self.0, message) {
            (State::ExpectEntry(body), Control::Entry(message)) => {
                let accepted = accept(member, message, |entry| *entry == *body)?;
                let (append, signature) = accepted.parts();
                let send = Control::Countersign { signature };
                Ok(Step::done(vec![append], Some(send)))
            }
            (State::ExpectCountersign(stored), Control::Countersign { signature }) => {
                let change = complete(member, &stored, signature)?;
                Ok(Step::done(vec![change], None))
            }
            (State::ExpectEntry(_), other) => {
                Err(unexpected(&other, "something else than a receipt entry"))
            }
            (State::ExpectCountersign(_), other) => {
                Err(unexpected(&other, "something else than a countersignature"))
            }
        }
    }

    fn go_on<V: LogView>(self, _member: &Member<'_, V>) -> StepResult<Self, V> {
        Err(misuse())
    }
}

/// Takes the peer's signature over an entry that lacks it.
pub(super) fn complete<V: LogView>(
    member: &Member<'_, V>,
    stored: &StoredEntry,
    signature: Signature,
) -> Result<Change, LogError<V::Error>> {
    if !member.is_signed_by_peer(&stored.hash, &signature) {
        return Err(misbehaved(Code::SignatureInvalid, "a countersignature"));
    }
    let seq = stored.seq;
    Ok(Change::Countersign { seq, signature })
}

/// An entry with this member's signature, which leaves once it is stored.
pub(super) struct Accepted {
    pub(super) stored: StoredEntry,
    pub(super) body: Body,
    pub(super) own: Signature,
}

impl Accepted {
    /// The change to store, and the signature to send after it.
    pub(super) fn parts(self) -> (Change, Signature) {
        let append = Change::Append {
            stored: self.stored,
            body: Box::new(self.body),
        };
        (append, self.own)
    }
}

/// Follower: checks that the entry is the next and the awaited one, and that the sequencer signed
/// it.
pub(super) fn accept<V: LogView>(
    member: &Member<'_, V>,
    message: EntryMessage,
    awaited: impl FnOnce(&Body) -> bool,
) -> Result<Accepted, LogError<V::Error>> {
    let mismatch = |detail| Err(misbehaved(Code::EntryMismatch, detail));
    let entry = Entry::decode(&message.entry).map_err(LogError::Protocol)?;
    let (seq, previous) = member.place()?;
    if entry.collab_id != member.collab_id || entry.seq != seq || entry.previous != previous {
        return mismatch("a receipt entry that does not continue this log");
    }
    if !awaited(&entry.body) {
        return mismatch("a receipt entry that records something else");
    }
    if matches!(entry.body, Body::Refused { .. })
        && member.view.refusals_in_a_row()? >= REFUSALS_SIGNED_MAX
    {
        return mismatch("more refusals than a log has room for");
    }
    let hash = entry_hash(&message.entry);
    let signature = *member.peer_of(&message.signatures);
    if !signature.is_some_and(|signature| member.is_signed_by_peer(&hash, &signature)) {
        let detail = "the signature of a new entry";
        return Err(misbehaved(Code::SignatureInvalid, detail));
    }
    let own = member.sign_entry(&hash);
    let signatures = member.signatures(own, signature);
    let stored = StoredEntry {
        seq,
        entry: message.entry,
        hash,
        signatures,
    };
    Ok(Accepted {
        stored,
        body: entry.body,
        own,
    })
}

#[cfg(test)]
mod tests;
