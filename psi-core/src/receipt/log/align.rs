//! The first part of a settlement: both logs come to the same number of entries, or turn out to
//! contradict each other.
//!
//! Spec 06 §4, "Align". The member with more entries sends the ones that the other lacks, one after
//! the other. Both roles do the same; [`Lead`](super::lead::Lead) and
//! [`Follow`](super::follow::Follow) use it.

use super::append::complete;
use super::missing::{FORKED, Taken, Wanted, take};
use super::states::States;
use super::step::unexpected;
use super::{Change, LogError, LogView, Member, Step, StepResult, StoredEntry};
use crate::error::Code;
use crate::messages::Control;

const PEER_ROLLED_BACK: &str = "the other member lacks entries that it signed: its state was \
                                restored from an older copy";

/// The logs on their way to the same number of entries.
#[derive(Debug)]
pub(super) enum Align {
    /// The signature on an entry that the peer lacked.
    ExpectCountersign(Box<StoredEntry>),
    /// The entry with this number, which this member lacks.
    ExpectMissing(u64),
}

impl Align {
    /// Begins, once both members have sent the state of their logs.
    pub(super) fn start<V: LogView>(
        member: &Member<'_, V>,
        states: &States,
    ) -> StepResult<Self, V> {
        let (own, theirs) = (states.own.entries, states.theirs.entries);
        if own == theirs {
            return compare_heads(member, states);
        }
        if own < theirs {
            return Ok(Step::expect(Vec::new(), None, Self::ExpectMissing(own)));
        }
        send(member, states, theirs, Vec::new())
    }

    /// Takes the message that the state awaits.
    pub(super) fn handle<V: LogView>(
        self,
        member: &Member<'_, V>,
        states: &States,
        message: Control,
    ) -> StepResult<Self, V> {
        match (self, message) {
            (Self::ExpectCountersign(stored), Control::Countersign { signature }) => {
                let mut store = Vec::new();
                if member.peer_of(&stored.signatures).is_none() {
                    store.push(complete(member, &stored, signature)?);
                }
                send(member, states, stored.seq.saturating_add(1), store)
            }
            (Self::ExpectCountersign(_), Control::Abort(Code::ReceiptsDisagree)) => {
                // The peer's owner repairs its log; this one is sound.
                Err(LogError::Disagree(PEER_ROLLED_BACK.into()))
            }
            (Self::ExpectCountersign(_), other) => {
                Err(unexpected(&other, "something else than a countersignature"))
            }
            (Self::ExpectMissing(seq), Control::Entry(message)) => {
                let next = seq.saturating_add(1);
                let is_last = next == states.theirs.entries;
                let wanted = Wanted { seq, is_last };
                let statement = states.own.statement.as_deref();
                Ok(match take(member, message, wanted, statement)? {
                    Taken::Broken { store, why } => Step::broken(store, why),
                    Taken::Entry { store, signature } => {
                        let send = Some(Control::Countersign { signature });
                        if is_last {
                            Step::done(store, send)
                        } else {
                            Step::expect(store, send, Self::ExpectMissing(next))
                        }
                    }
                })
            }
            (Self::ExpectMissing(_), other) => {
                Err(unexpected(&other, "something else than a missing entry"))
            }
        }
    }
}

/// Sends the entry `seq`, which the peer lacks, once `store` is durable. Done if the peer lacks
/// none.
fn send<V: LogView>(
    member: &Member<'_, V>,
    states: &States,
    seq: u64,
    store: Vec<Change>,
) -> StepResult<Align, V> {
    if seq >= states.own.entries {
        return Ok(Step::done(store, None));
    }
    let Some(stored) = member.view.entry(seq)? else {
        let why = "an entry is missing in the middle";
        return Err(LogError::Disagree(why.into()));
    };
    let send = Control::Entry(stored.message());
    let state = Align::ExpectCountersign(Box::new(stored));
    Ok(Step::expect(store, Some(send), state))
}

/// Equal numbers: the last entries must be the same, and each side may complete its own.
fn compare_heads<V: LogView>(member: &Member<'_, V>, states: &States) -> StepResult<Align, V> {
    if states.own.head != states.theirs.head {
        // A mere claim: the ledger is in doubt only where this member's signature proves a loss.
        return Ok(Step::broken(vec![Change::Break(FORKED)], FORKED));
    }
    let mut store = Vec::new();
    if let Some(head) = member.view.head()?
        && member.peer_of(&head.signatures).is_none()
        && let Some(signature) = states.theirs.signature
    {
        store.push(complete(member, &head, signature)?);
    }
    Ok(Step::done(store, None))
}
