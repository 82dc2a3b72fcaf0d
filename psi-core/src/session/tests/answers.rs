//! The answer of a match is that of a plain set intersection, or it is suppressed.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Portable, Side, count, run_match, spec_of};
use crate::kernel::Kernel;
use crate::receipt::output_commitment;
use crate::spec::{Party, Recipients};

fn plain_count(a: &Side, b: &Side) -> u64 {
    a.people.intersection(&b.people).count() as u64
}

#[test]
fn both_sides_see_the_plain_count_and_the_same_transcripts() {
    let a = Side::of(0..300, 300, 10);
    let b = Side::of(200..700, 512, 20);
    let ends = count(&a, &b);
    assert_eq!(ends.receiver.cell, Some(100));
    let (cell, salt) = ends.sender.opened.unwrap();
    assert_eq!(cell, Some(100));
    assert_eq!(
        ends.sender.output_commitment,
        output_commitment(&salt, &[cell])
    );
    assert_eq!(ends.sender.transcripts, ends.receiver.transcripts);
}

#[test]
fn a_sender_that_is_no_recipient_is_told_a_commitment_and_nothing_else() {
    let a = Side::of(0..50, 50, 1);
    let b = Side::of(0..60, 60, 1);
    let spec = spec_of(&a, &b, Recipients::Requester);
    assert_eq!(spec.receiver, Party::Requester);
    let kernel: Arc<dyn Kernel> = Arc::new(Portable);
    let ends = run_match(&spec, &a, &b, &kernel, 1000).unwrap();
    assert_eq!(ends.receiver.message.opening, None);
    assert!(ends.sender.opened.is_none());
    assert_eq!(ends.receiver.cell, Some(50));
}

#[test]
fn a_count_one_below_the_larger_minimum_is_suppressed_and_one_at_it_is_shown() {
    let b = Side::of(0..100, 100, 10);
    let at = Side::of(88..150, 62, 12);
    assert_eq!(count(&at, &b).receiver.cell, Some(12));
    let below = Side::of(89..150, 62, 12);
    let ends = count(&below, &b);
    assert_eq!(ends.receiver.cell, None);
    assert_eq!(ends.receiver.message.opening.unwrap().count, 0);
    assert_eq!(ends.sender.opened.unwrap().0, None);
}

#[test]
fn a_list_smaller_than_the_minimum_takes_part_as_filler_alone() {
    // Nine people, all of them shared: without the rule the Receiver would count nine.
    let few = Side::of(0..9, 100, 10);
    let many = Side::of(0..100, 100, 1);
    assert_eq!(count(&few, &many).receiver.cell, None);
    assert_eq!(count(&many, &few).receiver.cell, None);
}

#[test]
fn more_identities_than_registered_are_refused_before_anything_is_sent() {
    let a = Side::of(0..20, 20, 1);
    let b = Side::of(0..21, 20, 1);
    let spec = spec_of(&a, &b, Recipients::Both);
    let kernel: Arc<dyn Kernel> = Arc::new(Portable);
    let error = run_match(&spec, &a, &b, &kernel, 1000).err().unwrap();
    assert!(
        matches!(
            error,
            crate::Error::Limit {
                value: 21,
                limit: 20,
                ..
            }
        ),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_answer_equals_a_plain_intersection(
        a in prop::collection::btree_set(0u32..40, 0..24),
        b in prop::collection::btree_set(0u32..40, 0..24),
        slack_a in 1u64..4,
        slack_b in 1u64..4,
        minimum in 1u64..6,
        frame_bytes in 1usize..4000,
    ) {
        let a = Side::of(a.iter().copied(), a.len() as u64 + slack_a, 1);
        let b = Side::of(b.iter().copied(), b.len() as u64 + slack_b, minimum);
        let spec = spec_of(&a, &b, Recipients::Both);
        let (receiver, sender) = match spec.receiver {
            Party::Requester => (&a, &b),
            Party::Responder => (&b, &a),
        };
        let kernel: Arc<dyn Kernel> = Arc::new(Portable);
        let ends = run_match(&spec, receiver, sender, &kernel, frame_bytes).unwrap();
        let plain = plain_count(&a, &b);
        let expected = (plain >= minimum).then_some(plain);
        prop_assert_eq!(ends.receiver.cell, expected);
        prop_assert_eq!(ends.sender.opened.unwrap().0, expected);
        prop_assert_eq!(ends.sender.transcripts, ends.receiver.transcripts);
    }
}
