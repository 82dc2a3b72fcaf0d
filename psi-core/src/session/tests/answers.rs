//! The answer of a match is that of a plain set intersection, or it is suppressed.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Portable, Side, cell, count, run_count, spec_of};
use crate::kernel::Kernel;
use crate::messages::{Control, Outcome};
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
    assert_eq!(ends.requester.opened, ends.responder.opened);
    let opened = ends.requester.opened.unwrap();
    assert_eq!(opened.cells, [Some(100)]);
    assert_eq!(opened.matches[0].parts[0].as_ref().unwrap().count, 100);
    assert_eq!(
        ends.requester.output_commitment,
        output_commitment(&opened.salt, &opened.cells)
    );
    assert_eq!(
        ends.responder.output_commitment,
        ends.requester.output_commitment
    );
    assert_eq!(ends.responder.transcripts, ends.requester.transcripts);
}

#[test]
fn a_sender_that_is_no_recipient_is_told_a_commitment_and_nothing_else() {
    let a = Side::of(0..50, 50, 1);
    let b = Side::of(0..60, 60, 1);
    let spec = spec_of(&a, &b, Recipients::Requester);
    assert_eq!(spec.receiver, Party::Requester);
    let kernel: Arc<dyn Kernel> = Arc::new(Portable);
    let ends = run_count(&spec, [&a, &b], &kernel, 1000).unwrap();
    let [Control::Outcome(Outcome { opening: None, .. })] = ends.requester.last.as_slice() else {
        panic!("an opening for no recipient");
    };
    assert!(ends.responder.opened.is_none());
    assert_eq!(cell(ends.requester.opened.as_ref()), Some(50));
}

#[test]
fn a_receiver_that_is_no_recipient_keeps_nothing() {
    let a = Side::of(0..60, 60, 1);
    let b = Side::of(0..50, 50, 1);
    let spec = spec_of(&a, &b, Recipients::Requester);
    assert_eq!(spec.receiver, Party::Responder);
    let kernel: Arc<dyn Kernel> = Arc::new(Portable);
    let ends = run_count(&spec, [&a, &b], &kernel, 1000).unwrap();
    assert!(ends.responder.opened.is_none());
    assert_eq!(cell(ends.requester.opened.as_ref()), Some(50));
}

#[test]
fn a_count_one_below_the_larger_minimum_is_suppressed_and_one_at_it_is_shown() {
    let b = Side::of(0..100, 100, 10);
    let at = Side::of(88..150, 62, 12);
    assert_eq!(cell(count(&at, &b).requester.opened.as_ref()), Some(12));
    let below = Side::of(89..150, 62, 12);
    let ends = count(&below, &b);
    assert_eq!(cell(ends.requester.opened.as_ref()), None);
    assert_eq!(cell(ends.responder.opened.as_ref()), None);
    assert_eq!(ends.responder.opened.unwrap().matches[0].parts, [None]);
    let [Control::Outcome(outcome)] = ends.requester.last.as_slice() else {
        panic!("the Receiver ends with the outcome");
    };
    assert_eq!(outcome.opening.unwrap().count, 0);
}

#[test]
fn a_list_smaller_than_the_minimum_takes_part_as_filler_alone() {
    // Nine people, all of them shared: without the rule the Receiver would count nine.
    let few = Side::of(0..9, 100, 10);
    let many = Side::of(0..100, 100, 1);
    for ends in [count(&few, &many), count(&many, &few)] {
        assert_eq!(cell(ends.requester.opened.as_ref()), None);
    }
}

#[test]
fn more_identities_than_registered_are_refused_before_anything_is_sent() {
    let a = Side::of(0..20, 20, 1);
    let b = Side::of(0..21, 20, 1);
    let spec = spec_of(&a, &b, Recipients::Both);
    let kernel: Arc<dyn Kernel> = Arc::new(Portable);
    let error = run_count(&spec, [&a, &b], &kernel, 1000).err().unwrap();
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
        let kernel: Arc<dyn Kernel> = Arc::new(Portable);
        let ends = run_count(&spec, [&a, &b], &kernel, frame_bytes).unwrap();
        let plain = plain_count(&a, &b);
        let expected = (plain >= minimum).then_some(plain);
        prop_assert_eq!(cell(ends.requester.opened.as_ref()), expected);
        prop_assert_eq!(ends.requester.opened, ends.responder.opened);
        prop_assert_eq!(ends.requester.transcripts, ends.responder.transcripts);
    }
}
