//! A partner that brings entries it may not bring, or signs what was not sent: none of it reaches the
//! log.

use super::bodies::{aborted, completed, job, keys, opened, refused_by, statement};
use super::hostile::{Victim, state_of};
use super::*;
use crate::messages::EntryMessage;
use crate::receipt::Entry;
use crate::receipt::log::StoredEntry;

const REQUEST: Control = Control::SettleRequest { collab_id: COLLAB };

/// Both hold an opened job that runs nowhere.
fn opened_once() -> Pair {
    let mut pair = Pair::new();
    pair.open(1);
    pair.restart();
    pair
}

/// The follower hears of `announced` entries, then of these.
fn bring(pair: &Pair, announced: u64, entries: &[EntryMessage]) -> (Result<(), End>, Disk) {
    let mut state = state_of(&pair.nodes[SEQUENCER]);
    state.entries = announced;
    let victim = Victim::answer(pair.nodes[FOLLOWER].clone(), Control::Settle(state));
    let mut victim = victim.unwrap();
    for entry in entries {
        if let Err(end) = victim.hear(Control::Entry(entry.clone())) {
            return (Err(end), victim.node.disk);
        }
    }
    (Ok(()), victim.node.disk)
}

/// The entry that follows on the sequencer's log, after `change`, with its signature.
fn next(pair: &Pair, body: Body, change: impl FnOnce(&mut Entry)) -> StoredEntry {
    let sequencer = &pair.nodes[SEQUENCER];
    let mut entry = Entry::decode(&sequencer.next_entry(body).entry).unwrap();
    change(&mut entry);
    sequencer.signed(&entry)
}

#[track_caller]
fn assert_refused(pair: &Pair, brought: &StoredEntry, code: Code) {
    let held = &pair.nodes[FOLLOWER].disk;
    let entries = held.entries.len() as u64;
    // As an entry that the follower lacks, and as one that the settlement adds.
    for announced in [entries + 1, entries] {
        let (ended, disk) = bring(pair, announced, &[brought.message()]);
        assert_eq!(ended, Err(End::Refused(code)), "{announced}");
        assert_eq!(disk, *held);
    }
}

#[test]
fn an_entry_out_of_its_place_is_refused() {
    let pair = opened_once();
    let mismatch = Code::EntryMismatch;
    assert_refused(
        &pair,
        &next(&pair, aborted(1), |entry| entry.seq = 0),
        mismatch,
    );
    assert_refused(
        &pair,
        &next(&pair, aborted(1), |entry| entry.seq = 2),
        mismatch,
    );
    let far = next(&pair, aborted(1), |entry| entry.seq = u64::MAX);
    assert_refused(&pair, &far, mismatch);
    let other = next(&pair, aborted(1), |entry| entry.previous.0[0] ^= 1);
    assert_refused(&pair, &other, mismatch);
    let other = next(&pair, aborted(1), |entry| entry.collab_id.0[0] ^= 1);
    assert_refused(&pair, &other, mismatch);
    let good = next(&pair, aborted(1), |_| ());
    assert_eq!(bring(&pair, 2, &[good.message()]).0, Ok(()));
}

#[test]
fn bytes_that_are_no_entry_are_refused() {
    let pair = opened_once();
    let mut brought = next(&pair, aborted(1), |_| ());
    brought.entry.push(0);
    assert_refused(&pair, &brought, Code::MalformedMessage);
    brought.entry.clear();
    assert_refused(&pair, &brought, Code::MalformedMessage);
}

#[test]
fn an_entry_that_the_sequencer_did_not_sign_is_refused() {
    let pair = opened_once();
    let mut brought = next(&pair, aborted(1), |_| ());
    let signature = brought.signatures[SEQUENCER].unwrap();
    let other = next(&pair, statement([1; 32].into()), |_| ()).signatures[SEQUENCER].unwrap();
    for wrong in [None, Some([0; 64].into()), Some(other)] {
        brought.signatures[SEQUENCER] = wrong;
        assert_refused(&pair, &brought, Code::SignatureInvalid);
    }
    // A false signature in the follower's own name proves nothing, and is not kept.
    brought.signatures = [Some(signature), Some([7; 64].into())];
    let (ended, disk) = bring(&pair, 2, &[brought.message()]);
    assert_eq!(ended, Ok(()));
    let kept = disk.entries[1].signatures;
    assert!(kept[FOLLOWER].is_some_and(|own| own.0 != [7; 64]));
}

#[test]
fn what_the_follower_would_not_have_signed_is_refused() {
    let pair = opened_once();
    let [sequencer, follower] = [SEQUENCER, FOLLOWER].map(|at| pair.nodes[at].id());
    let keys = keys();
    for body in [
        // It was never agreed to; it is there already; it did not come to its end.
        opened(2),
        opened(1),
        completed(1),
        // It was never opened.
        aborted(2),
        // Nobody stated that; nobody asked that.
        statement(follower),
        statement([9; 32].into()),
        refused_by(&keys.first, &keys.second),
        refused_by(&keys.second, &keys.first),
    ] {
        assert_refused(&pair, &next(&pair, body, |_| ()), Code::EntryMismatch);
    }
    // The sequencer could have stored its own words before it crashed. To add them, it must have
    // said them in this settlement.
    let own_words = next(&pair, statement(sequencer), |_| ()).message();
    assert_eq!(bring(&pair, 2, std::slice::from_ref(&own_words)).0, Ok(()));
    let (ended, _) = bring(&pair, 1, &[own_words]);
    assert_eq!(ended, Err(End::Refused(Code::EntryMismatch)));
}

#[test]
fn an_entry_that_was_never_signed_here_comes_last_or_not_at_all() {
    let pair = opened_once();
    let first = next(&pair, aborted(1), |_| ());
    let (ended, disk) = bring(&pair, 3, &[first.message()]);
    assert_eq!(ended, Err(End::Refused(Code::EntryMismatch)));
    assert_eq!(disk, pair.nodes[FOLLOWER].disk);
}

#[test]
fn more_entries_than_were_announced_are_judged_as_what_a_settlement_adds() {
    let pair = opened_once();
    let mut longer = pair.clone();
    let first = next(&pair, aborted(1), |_| ());
    longer.nodes[SEQUENCER].disk.hold(first.clone(), aborted(1));
    for body in [completed(1), aborted(1), opened(2)] {
        let second = next(&longer, body, |_| ());
        let (ended, disk) = bring(&pair, 2, &[first.message(), second.message()]);
        assert_eq!(ended, Err(End::Refused(Code::EntryMismatch)));
        assert_eq!(disk.entries.len(), 2);
    }
}

#[test]
fn no_entry_exists_that_its_sequencer_did_not_sign() {
    let pair = opened_once();
    let [sequencer, follower] = &pair.nodes;
    let signed_by_follower = follower.next_entry(aborted(1));
    let mut false_name = signed_by_follower.clone();
    false_name.signatures[SEQUENCER] = signed_by_follower.signatures[FOLLOWER];
    for brought in [signed_by_follower, false_name] {
        let mut victim = Victim::answer(sequencer.clone(), REQUEST).unwrap();
        let mut state = state_of(follower);
        state.entries += 1;
        victim.hear(Control::Settle(state)).unwrap();
        let ended = victim.hear(Control::Entry(brought.message()));
        assert_eq!(ended, Err(End::Refused(Code::EntryMismatch)));
        assert_eq!(victim.node.disk, sequencer.disk);
    }
}

#[test]
fn a_countersignature_of_anything_else_is_refused_and_not_stored() {
    let pair = opened_once();
    let [sequencer, follower] = &pair.nodes;
    let mut lead = Victim::answer(sequencer.clone(), REQUEST).unwrap();
    // It closes the job.
    lead.hear(Control::Settle(state_of(follower))).unwrap();
    assert!(matches!(lead.sent[..], [Control::Entry(_)]));
    let before = lead.node.disk.clone();
    let of_the_first = follower.disk.entries[0].signatures[FOLLOWER].unwrap();
    let own = lead.node.disk.entries[1].signatures[SEQUENCER].unwrap();
    for signature in [[0; 64].into(), of_the_first, own] {
        let mut lead = Victim::answer(sequencer.clone(), REQUEST).unwrap();
        lead.hear(Control::Settle(state_of(follower))).unwrap();
        let ended = lead.hear(Control::Countersign { signature });
        assert_eq!(ended, Err(End::Refused(Code::SignatureInvalid)));
        assert_eq!(lead.node.disk, before);
    }
    // Nor a signature that a state claims for the last entry.
    let mut half = sequencer.clone();
    half.disk.entries[0].signatures[FOLLOWER] = None;
    let mut lead = Victim::answer(half.clone(), REQUEST).unwrap();
    let mut state = state_of(follower);
    state.signature = Some([3; 64].into());
    let ended = lead.hear(Control::Settle(state));
    assert_eq!(ended, Err(End::Refused(Code::SignatureInvalid)));
    assert_eq!(lead.node.disk, half.disk);
}

#[test]
fn a_partner_that_withholds_its_signature_gets_no_further_entry() {
    let mut pair = opened_once();
    pair.nodes[SEQUENCER].disk.entries[0].signatures[FOLLOWER] = None;
    let mut lead = Victim::answer(pair.nodes[SEQUENCER].clone(), REQUEST).unwrap();
    let ended = lead.hear(Control::Settle(state_of(&pair.nodes[FOLLOWER])));
    assert_eq!(ended, Err(End::Unfinished));
    assert_eq!(lead.node.disk.entries.len(), 1);
}

#[test]
fn a_lost_entry_is_put_back_in_its_place_alone_and_without_a_false_signature() {
    let mut pair = opened_once();
    assert_eq!(pair.settle(SEQUENCER), [End::Done, End::Done]);
    let whole = pair.nodes[FOLLOWER].disk.clone();
    let [first, second] = [0, 1].map(|at: usize| whole.entries[at].message());
    let mut restored = pair.clone();
    let disk = &mut restored.nodes[FOLLOWER].disk;
    *disk = Disk::default();
    disk.statement = Some("restored from a backup".into());
    let (ended, disk) = bring(&restored, 2, std::slice::from_ref(&second));
    assert_eq!(
        ended,
        Err(End::Refused(Code::EntryMismatch)),
        "the second first"
    );
    assert!(disk.entries.is_empty());
    let (ended, disk) = bring(&restored, 2, &[first.clone(), first.clone()]);
    assert_eq!(ended, Err(End::Refused(Code::EntryMismatch)), "twice");
    assert_eq!(disk.charged, [job(1).job_id()]);
    let mut falsified = second;
    falsified.signatures[SEQUENCER] = Some([1; 64].into());
    let (ended, disk) = bring(&restored, 2, &[first, falsified]);
    assert_eq!(ended, Ok(()));
    assert_eq!(disk.entries[1].signatures[SEQUENCER], None);
    assert_eq!(disk.entries[0], whole.entries[0]);
}
