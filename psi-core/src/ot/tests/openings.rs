//! Both ways of opening, and what they refuse.

use super::Pair;
use crate::error::{Code, Error};
use crate::ot::opening::{COMMITMENT_BYTES, Sums};
use crate::ot::share::Share;

fn shares(pair: &Pair) -> [Share; 2] {
    let wire = pair.run(1, 100);
    [wire.receiver.share, wire.sender.share]
}

fn check(pair: &Pair, sums: &Sums) {
    let mut expected = pair.expected().into_iter();
    for part in 0..pair.setup.parts() {
        for component in 0..pair.setup.components() {
            assert_eq!(sums.get(part, component), expected.next());
        }
        assert_eq!(sums.get(part, pair.setup.components()), None);
    }
    assert_eq!(sums.get(pair.setup.parts(), 0), None);
}

fn code<T>(result: Result<T, Error>) -> Option<Code> {
    result.err().map(|error| error.code())
}

#[test]
fn either_side_alone_learns_the_sums_from_the_other_sides_share() {
    let pair = Pair::of(3, 20, 2, 1);
    let [receiver, sender] = shares(&pair);
    let sums = receiver.await_other().handle(&sender.disclose()).unwrap();
    check(&pair, &sums);
    let [receiver, sender] = shares(&pair);
    let message = receiver.disclose();
    assert_eq!(message.len(), 3 * 2 * 8);
    check(&pair, &sender.await_other().handle(&message).unwrap());
}

#[test]
fn both_sides_commit_and_then_open() {
    let pair = Pair::of(2, 20, 3, 1);
    let [receiver, sender] = shares(&pair);
    let receiver = receiver.commit(&Pair::seed(11));
    let sender = sender.commit(&Pair::seed(22));
    let receiver_opens = receiver.state.handle(&sender.message).unwrap();
    let sender_opens = sender.state.handle(&receiver.message).unwrap();
    assert_eq!(receiver_opens.message.len(), 32 + 2 * 3 * 8);
    let sums = receiver_opens.state.handle(&sender_opens.message).unwrap();
    check(&pair, &sums);
    let sums = sender_opens.state.handle(&receiver_opens.message).unwrap();
    check(&pair, &sums);
}

#[test]
fn a_side_that_sends_back_what_it_got_is_refused() {
    let pair = Pair::of(1, 20, 1, 1);
    let [receiver, _] = shares(&pair);
    let receiver = receiver.commit(&Pair::seed(11));
    let opened = receiver.state.handle(&receiver.message).unwrap();
    let result = opened.state.handle(&opened.message);
    assert_eq!(code(result), Some(Code::MalformedMessage));
}

#[test]
fn a_share_chosen_after_the_commitment_is_refused() {
    let pair = Pair::of(1, 20, 1, 1);
    for byte in 0..40 {
        let [receiver, sender] = shares(&pair);
        let receiver = receiver.commit(&Pair::seed(11));
        let sender = sender.commit(&Pair::seed(22));
        let opened = receiver.state.handle(&sender.message).unwrap();
        let mut opening = sender.state.handle(&receiver.message).unwrap().message;
        opening[byte] ^= 1;
        assert_eq!(
            code(opened.state.handle(&opening)),
            Some(Code::MalformedMessage),
            "byte {byte}"
        );
    }
}

#[test]
fn the_salt_hides_which_share_was_committed_to() {
    let pair = Pair::of(1, 20, 1, 1);
    let [receiver, sender] = shares(&pair);
    let share = receiver.values.clone();
    let committed = receiver.commit(&Pair::seed(11));
    assert_eq!(committed.message.len(), COMMITMENT_BYTES);
    let opened = committed.state.handle(&[0; COMMITMENT_BYTES]).unwrap();
    let (salt, opening) = opened.message.split_at(32);
    assert_eq!(opening, share[0].to_be_bytes());
    assert_ne!(salt, [0; 32]);
    // The same share under another seed: another commitment.
    let [again, _] = shares(&pair);
    assert_ne!(again.commit(&Pair::seed(12)).message, committed.message);
    drop(sender);
}

#[test]
fn noise_added_to_either_share_ends_up_in_the_sums() {
    let pair = Pair::of(2, 20, 1, 1);
    let [mut receiver, mut sender] = shares(&pair);
    receiver.add_noise(&[5, i64::MIN]).unwrap();
    sender.add_noise(&[-7, i64::MIN]).unwrap();
    assert!(sender.add_noise(&[1]).is_err());
    let sums = receiver.await_other().handle(&sender.disclose()).unwrap();
    let expected = pair.expected();
    assert_eq!(sums.get(0, 0), Some(expected[0] - 2));
    // Twice -2^63 is 0 modulo 2^64.
    assert_eq!(sums.get(1, 0), Some(expected[1]));
}
