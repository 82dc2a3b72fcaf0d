//! Handles one entry that the peer holds and this member lacks: it never came, or was signed here
//! and lost.
//!
//! Spec 06 §4, "Align", and Spec 07 §8. [`Align`](super::align::Align) asks for each entry in turn.
//! This member's own signature on an entry that it does not hold proves that its state was restored
//! from an older copy.

use super::append::{Accepted, accept};
use super::step::misbehaved;
use super::{Change, LogError, LogView, Member, StoredEntry, judge};
use crate::error::Code;
use crate::messages::EntryMessage;
use crate::receipt::{Body, Entry, Signature, entry_hash, signature_holds, signing_text};

const ROLLED_BACK: &str = "the other member holds entries signed by this node that this node does \
                           not hold: its state was restored from an older copy";
/// Also said where two heads differ.
pub(super) const FORKED: &str = "the two members hold different entries under the same number";

/// What happens to a missing entry.
pub(super) enum Taken {
    /// It is stored, and its signature goes back.
    Entry {
        store: Vec<Change>,
        signature: Signature,
    },
    /// The logs do not agree, and `store` says so.
    Broken {
        store: Vec<Change>,
        why: &'static str,
    },
}

/// An entry that was asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Its number.
    pub(super) seq: u64,
    /// Whether the peer holds none after it.
    pub(super) is_last: bool,
}

/// Takes the entry that was asked for. `statement` is what this member's owner wants recorded.
pub(super) fn take<V: LogView>(
    member: &Member<'_, V>,
    message: EntryMessage,
    wanted: Wanted,
    statement: Option<&str>,
) -> Result<Taken, LogError<V::Error>> {
    let text = signing_text(&entry_hash(&message.entry));
    let signed_here = member
        .own_of(&message.signatures)
        .is_some_and(|signature| signature_holds(&member.own, &text, &signature));
    if signed_here && statement.is_none() {
        // This member's signature is proof: entries of other collaborations may be lost as well.
        let store = vec![Change::DoubtLedger(ROLLED_BACK), Change::Break(ROLLED_BACK)];
        let why = ROLLED_BACK;
        return Ok(Taken::Broken { store, why });
    }
    if signed_here {
        return restore(member, message, wanted.seq);
    }
    let mismatch = |detail| Err(misbehaved(Code::EntryMismatch, detail));
    if member.is_sequencer() {
        return mismatch("an entry that its sequencer never signed");
    }
    if !wanted.is_last {
        return mismatch("an entry that was never countersigned, with others after it");
    }
    take_unsigned(member, message, statement)
}

/// Follower: takes the entry whose sending failed, if it is what this node would have signed.
fn take_unsigned<V: LogView>(
    member: &Member<'_, V>,
    message: EntryMessage,
    statement: Option<&str>,
) -> Result<Taken, LogError<V::Error>> {
    let body = Entry::decode(&message.entry)
        .map_err(LogError::Protocol)?
        .body;
    let takes = judge::takes(member, statement, &body)?;
    let accepted = accept(member, message, |_| takes)?;
    let after = after(member, &accepted.body);
    let (append, signature) = accepted.parts();
    let store = std::iter::once(append).chain(after).collect();
    Ok(Taken::Entry { store, signature })
}

/// Follower: what an entry that a settlement brings changes beyond the log.
pub(super) fn after<V: LogView>(member: &Member<'_, V>, body: &Body) -> Option<Change> {
    match body {
        Body::Closed { job_id, .. } => Some(Change::EndJob(*job_id)),
        Body::Statement { node_id, .. } if *node_id == member.own => Some(Change::Repaired),
        _ => None,
    }
}

/// Puts back an entry that this node signed and lost.
fn restore<V: LogView>(
    member: &Member<'_, V>,
    message: EntryMessage,
    seq: u64,
) -> Result<Taken, LogError<V::Error>> {
    let entry = Entry::decode(&message.entry).map_err(LogError::Protocol)?;
    let (next, previous) = member.place()?;
    if entry.collab_id != member.collab_id || entry.seq != seq || seq != next {
        let detail = "a lost entry out of its place";
        return Err(misbehaved(Code::EntryMismatch, detail));
    }
    if entry.previous != previous {
        // The entry bears this member's signature.
        let store = vec![Change::DoubtLedger(FORKED), Change::Break(FORKED)];
        let why = FORKED;
        return Ok(Taken::Broken { store, why });
    }
    let hash = entry_hash(&message.entry);
    // The peer's signature may be missing on the last entry; a false one is not kept.
    let peer = member
        .peer_of(&message.signatures)
        .filter(|signature| member.is_signed_by_peer(&hash, signature));
    let own = member.sign_entry(&hash);
    let signatures = member.signatures(own, peer);
    let accepted = Accepted {
        stored: StoredEntry {
            seq,
            entry: message.entry,
            hash,
            signatures,
        },
        body: entry.body,
        own,
    };
    let (append, signature) = accepted.parts();
    let store = vec![append];
    Ok(Taken::Entry { store, signature })
}
