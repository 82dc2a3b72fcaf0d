use super::*;
use crate::log_fixture::bodies::{completed, opened, statement};
use crate::log_fixture::pair::{End, FOLLOWER, Pair, SEQUENCER};
use crate::receipt::log::Next;

#[test]
fn an_entry_is_stored_by_both_before_its_signature_leaves_and_costs_its_job_once() {
    let mut pair = Pair::new();
    pair.open(1);
    assert_eq!(pair.bodies(), [opened(1)]);
    let [first, second] = &pair.nodes;
    assert_eq!(first.disk.entries, second.disk.entries);
    assert!(first.disk.entries[0].is_complete());
    assert_eq!(first.disk.charged, second.disk.charged);
}

#[test]
fn the_sequencer_stores_then_sends_and_the_follower_stores_then_signs() {
    let pair = Pair::new();
    let [sequencer, follower] = &pair.nodes;
    let body = statement([1; 32].into());
    let start = |member: &Member<'_, _>| Append::start(member, body.clone());
    let waits = follower.member(start).unwrap();
    assert!(waits.store.is_empty() && waits.send.is_none());
    let proposed = sequencer.member(start).unwrap();
    let [Change::Append { stored, .. }] = &proposed.store[..] else {
        panic!("{:?}", proposed.store)
    };
    assert!(stored.signatures[SEQUENCER].is_some());
    assert_eq!(stored.signatures[FOLLOWER], None);
    let sent = proposed.send.unwrap();
    assert_eq!(sent, Control::Entry(stored.message()));
    let Next::Expect(state) = waits.next else {
        panic!("{:?}", waits.next)
    };
    let accepted = follower
        .member(|member| state.handle(member, sent))
        .unwrap();
    let [Change::Append { stored, .. }] = &accepted.store[..] else {
        panic!("{:?}", accepted.store)
    };
    assert!(stored.is_complete());
    let signature = stored.signatures[FOLLOWER].unwrap();
    assert_eq!(accepted.send, Some(Control::Countersign { signature }));
    assert!(matches!(accepted.next, Next::Done));
}

#[test]
fn the_two_members_sign_the_body_that_this_step_of_the_job_calls_for_and_no_other() {
    let mut pair = Pair::new();
    pair.open(1);
    let before = pair.nodes[FOLLOWER].disk.clone();
    let follower = &pair.nodes[FOLLOWER];
    let awaits = || {
        let step = follower.member(|member| Append::start(member, completed(1)));
        let Next::Expect(state) = step.unwrap().next else {
            panic!("a wait")
        };
        state
    };
    let brought = pair.nodes[SEQUENCER].next_entry(statement([1; 32].into()));
    let brought = Control::Entry(brought.message());
    let wrong = follower.member(|member| awaits().handle(member, brought));
    assert_eq!(
        End::from(wrong.unwrap_err()),
        End::Refused(Code::EntryMismatch)
    );
    let wrong = follower.member(|member| awaits().handle(member, Control::ReadyToClose));
    assert_eq!(
        End::from(wrong.unwrap_err()),
        End::Refused(Code::UnexpectedMessage)
    );
    let told = follower.member(|member| awaits().handle(member, Control::Abort(Code::TimedOut)));
    assert_eq!(End::from(told.unwrap_err()), End::Told(Code::TimedOut));
    assert_eq!(follower.disk, before);
}

#[test]
fn a_follower_signs_refusals_up_to_a_bound_and_again_after_a_job() {
    let mut pair = Pair::new();
    for _ in 0..REFUSALS_SIGNED_MAX {
        pair.refuse();
    }
    let body = pair.question();
    let (ends, _) = pair.append(&body, None);
    let mismatch = Code::EntryMismatch;
    assert_eq!(ends, [End::Told(mismatch), End::Refused(mismatch)]);
    // This test drops the sequencer's half-signed refusal.
    pair.nodes[SEQUENCER].disk.lose_last();
    pair.open(1);
    pair.refuse();
}
