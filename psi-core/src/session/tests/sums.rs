//! Parts, payload, transfer and opening: every released cell is what a plain join gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

use super::pair::{Frame, Pair};
use super::table::{Row, Table, VALUE_MAX, lists, plain, spec_of};
use super::{ListId, Portable, tools};
use crate::kernel::counting::{Counting, Work};
use crate::messages::{Control, codec};
use crate::receipt::output_commitment;
use crate::spec::{ComponentKind, JobSpec, Party, Recipients, ValueShape};
use crate::store::RecordStore as _;
use crate::transcript::{Direction, NamedList, lists_of};

pub(super) const SUM: ValueShape = ValueShape {
    count: false,
    sum: true,
    squares: false,
};

const ALL: ValueShape = ValueShape {
    count: true,
    sum: true,
    squares: true,
};

/// People `first..end`, in `groups` groups by turns, each with `columns` values.
pub(super) fn table(people: std::ops::Range<u32>, groups: usize, columns: usize) -> Table {
    let size = u64::from(people.end - people.start);
    let row = |person: u32| {
        let value =
            |column: usize| Some(i64::from(person) * 7 - 100 + i64::try_from(column).unwrap());
        Row {
            group: person as usize % groups.max(1),
            values: (0..columns).map(value).collect(),
        }
    };
    Table {
        rows: people.map(|person| (person, row(person))).collect(),
        identities: size,
        groups: vec![size; groups],
        columns: vec![(SUM, false); columns],
        minimum: 1,
    }
}

fn run(spec: &JobSpec, requester: &Table, responder: &Table) -> super::Ends {
    let sides = [
        lists(spec, Party::Requester, requester),
        lists(spec, Party::Responder, responder),
    ];
    let pair = Pair::start(spec, sides, &tools(Arc::new(Portable)), 1 << 18).unwrap();
    pair.run().unwrap()
}

/// Checks that the hashes of lists are those that the specification names, and that the last one of
/// each direction is that of the opening, by what crossed the wire.
fn check_lists(spec: &JobSpec, ends: &super::Ends) {
    let lists = &ends.requester.lists;
    assert_eq!(*lists, ends.responder.lists);
    assert_eq!(lists.combine(&spec.job_id()), ends.requester.transcripts);
    for (direction, sender, hashes) in [
        (Direction::ToSender, spec.receiver, &lists.to_sender),
        (
            Direction::ToReceiver,
            spec.receiver.other(),
            &lists.to_receiver,
        ),
    ] {
        let names = lists_of(spec, direction);
        assert_eq!(names.len(), hashes.len());
        assert_eq!(names.last(), Some(&NamedList::Opening));
        let mut opening = b"psi/v1/opening".to_vec();
        for (from, bytes) in &ends.wire {
            let (frame, _) = Frame::split(bytes).unwrap();
            let Frame::Control(message) = frame else {
                continue;
            };
            if *from == sender && !matches!(message, Control::SenderKey { .. }) {
                let message = codec::encode(&message);
                opening.extend((message.len() as u64).to_be_bytes());
                opening.extend(message);
            }
        }
        assert_eq!(
            hashes.last().unwrap().as_bytes().as_slice(),
            Sha512::digest(opening).as_slice()
        );
    }
}

/// Checks the end of a job against plain arithmetic.
fn check(spec: &JobSpec, requester: &Table, responder: &Table, ends: &super::Ends) {
    assert_eq!(ends.requester.transcripts, ends.responder.transcripts);
    check_lists(spec, ends);
    assert_eq!(
        ends.requester.output_commitment,
        ends.responder.output_commitment
    );
    let opened = ends.requester.opened.as_ref().unwrap();
    assert_eq!(opened.matches, plain(spec, requester, responder));
    assert!(!opened.implausible);
    assert_eq!(
        ends.requester.output_commitment,
        output_commitment(&opened.salt, &opened.cells)
    );
    match spec.recipients {
        Recipients::Both => assert_eq!(ends.responder.opened.as_ref(), Some(opened)),
        Recipients::Requester => assert!(ends.responder.opened.is_none()),
    }
}

#[test]
fn one_sum_without_groups_is_opened_to_the_side_that_asks() {
    let (asking, asked) = (table(0..40, 0, 0), table(20..60, 0, 1));
    let spec = spec_of(&asking, &asked, Recipients::Requester).unwrap();
    let ends = run(&spec, &asking, &asked);
    check(&spec, &asking, &asked, &ends);
    let expected: i64 = (20..40).map(|person| person * 7 - 100).sum();
    let opened = ends.requester.opened.unwrap();
    assert_eq!(opened.cells, [Some(20), Some(expected.cast_unsigned())]);
}

#[test]
fn the_owner_of_the_column_can_be_the_only_recipient() {
    let (asking, asked) = (table(0..40, 2, 1), table(20..60, 2, 0));
    let spec = spec_of(&asking, &asked, Recipients::Requester).unwrap();
    assert_eq!(spec.receiver, Party::Responder);
    check(&spec, &asking, &asked, &run(&spec, &asking, &asked));
}

#[test]
fn columns_of_both_sides_take_two_matches_and_are_opened_to_both() {
    let (asking, asked) = (table(0..40, 2, 1), table(10..60, 3, 2));
    let spec = spec_of(&asking, &asked, Recipients::Both).unwrap();
    assert!(spec.second.is_some());
    let ends = run(&spec, &asking, &asked);
    check(&spec, &asking, &asked, &ends);
    let totals = ends.wire.iter().filter(|(_, bytes)| {
        let (frame, _) = Frame::split(bytes).unwrap();
        matches!(frame, Frame::Control(Control::MatchTotal { count: 30, .. }))
    });
    assert_eq!(totals.count(), 2);
}

#[test]
fn counts_by_the_receivers_groups_need_no_transfer() {
    let (asking, asked) = (table(0..40, 3, 0), table(20..60, 0, 0));
    let spec = spec_of(&asking, &asked, Recipients::Both).unwrap();
    assert_eq!((spec.parts.len(), spec.payload.width()), (3, 0));
    let ends = run(&spec, &asking, &asked);
    check(&spec, &asking, &asked, &ends);
    let opened = ends.responder.opened.unwrap();
    assert_eq!(opened.cells, [Some(7), Some(6), Some(7)]);
}

#[test]
fn a_part_with_few_people_is_replaced_in_both_matches_and_totals_agree() {
    let (mut asking, asked) = (table(0..40, 2, 1), table(0..40, 0, 1));
    asking.minimum = 5;
    // Three people of the other group, all of them shared: they count in neither match.
    for person in 0..40 {
        asking.rows.get_mut(&person).unwrap().group = usize::from(person < 3);
    }
    let spec = spec_of(&asking, &asked, Recipients::Both).unwrap();
    let ends = run(&spec, &asking, &asked);
    check(&spec, &asking, &asked, &ends);
    let opened = ends.requester.opened.unwrap();
    // Identities and sum of the two parts of the first match, and of the two groups of the second.
    let shown: Vec<bool> = opened.cells.iter().map(Option::is_some).collect();
    assert_eq!(shown, [true, true, false, false, true, true, false, false]);
}

#[test]
fn no_count_of_a_part_crosses_the_wire_where_only_its_groups_are_asked_for() {
    // A total would tell what a suppressed group holds.
    let (asking, asked) = (table(0..30, 2, 1), table(0..30, 2, 0));
    let spec = spec_of(&asking, &asked, Recipients::Requester).unwrap();
    assert!(spec.payload.find(ComponentKind::Identities).is_some());
    let ends = run(&spec, &asking, &asked);
    let counts = ends
        .wire
        .iter()
        .find_map(|(_, bytes)| match Frame::split(bytes).unwrap().0 {
            Frame::Control(Control::PartCounts { parts, .. }) => Some(parts),
            _ => None,
        });
    let counts = counts.unwrap();
    assert_eq!(counts.len(), 2);
    assert!(counts.iter().all(|part| part.released && part.count == 0));
}

#[test]
fn payload_that_no_table_gives_is_suppressed_and_ends_no_job() {
    // The Sender, who does not receive the result, counts one person as minus one: an abort would
    // tell it whether that person matched.
    let (asking, asked) = (table(0..20, 0, 0), table(0..20, 2, 1));
    let spec = spec_of(&asking, &asked, Recipients::Requester).unwrap();
    let mut hostile = lists(&spec, Party::Responder, &asked);
    let records = super::records(&hostile.positions.unwrap());
    let mut writer = super::MemoryStore.in_order(32 + 8 * 4).unwrap();
    for record in records.chunks(32 + 8 * 4) {
        let mut record = record.to_vec();
        // Identities of the second group.
        record[48..56].copy_from_slice(&(-1_i64).to_be_bytes());
        writer.push(&record).unwrap();
    }
    hostile.positions = Some(Arc::from(writer.finish().unwrap()));
    let sides = [lists(&spec, Party::Requester, &asking), hostile];
    let pair = Pair::start(&spec, sides, &tools(Arc::new(Portable)), 1 << 18).unwrap();
    let opened = pair.run().unwrap().requester.opened.unwrap();
    assert!(opened.implausible);
    assert_eq!(opened.cells.len(), 4);
    assert!(opened.cells[..2].iter().all(Option::is_some));
    assert_eq!(opened.cells[2..], [None, None]);
    assert_eq!(
        opened.matches[0].parts[0].as_ref().unwrap().components[2..],
        [0, 0]
    );
}

#[test]
fn lists_of_other_roles_or_widths_are_refused_before_anything_is_sent() {
    let (asking, asked) = (table(0..20, 2, 1), table(0..20, 0, 1));
    let spec = spec_of(&asking, &asked, Recipients::Both).unwrap();
    let refused = |change: fn(&mut super::JobLists)| {
        let mut own = lists(&spec, Party::Requester, &asking);
        change(&mut own);
        let other = lists(&spec, Party::Responder, &asked);
        Pair::start(&spec, [own, other], &tools(Arc::new(Portable)), 1000).is_err()
    };
    assert!(!refused(|_| {}));
    assert!(refused(|lists| lists.positions = None));
    assert!(refused(|lists| lists.parts = None));
    assert!(refused(|lists| {
        lists.parts.as_mut().unwrap().pop();
    }));
    assert!(refused(|lists| {
        lists.positions = Some(Arc::clone(&lists.parts.as_ref().unwrap()[0]));
    }));
}

/// Kernel calls of a whole job of two matches with parts, of which `asking` and `asked` people pass
/// their owners' filters.
fn work(asking: u32, asked: u32) -> (Work, Vec<usize>) {
    let (mut left, mut right) = (table(0..100, 2, 1), table(0..120, 2, 1));
    (left.minimum, right.minimum) = (3, 3);
    left.rows.retain(|person, _| *person < asking);
    right.rows.retain(|person, _| *person < asked);
    let spec = spec_of(&left, &right, Recipients::Both).unwrap();
    let kernel = Arc::new(Counting::new(Portable));
    let sides = [
        lists(&spec, Party::Requester, &left),
        lists(&spec, Party::Responder, &right),
    ];
    let pair = Pair::start(&spec, sides, &tools(Arc::clone(&kernel) as _), 1000).unwrap();
    let ends = pair.run().unwrap();
    // Frames of lists differ in their code by a few bytes; all others have one size.
    let is_raw = |(_, bytes): &&(Party, Vec<u8>)| {
        let list = Frame::split(bytes).unwrap().0.list();
        !matches!(
            list,
            Some(ListId::Blinded | ListId::Tags | ListId::Evaluated)
        )
    };
    let raw = ends.wire.iter().filter(is_raw);
    let mut lengths: Vec<usize> = raw.map(|(_, bytes)| bytes.len()).collect();
    lengths.sort_unstable();
    (kernel.work(), lengths)
}

#[test]
fn work_and_messages_are_the_same_for_filters_of_none_some_and_all() {
    let all = work(100, 120);
    for (asking, asked) in [(0, 0), (100, 0), (0, 120), (2, 50), (50, 60)] {
        assert_eq!(work(asking, asked), all, "{asking} and {asked} people pass");
    }
}

#[test]
fn frames_may_arrive_in_any_order_of_directions() {
    let (asking, asked) = (table(0..30, 2, 1), table(10..60, 2, 1));
    let spec = spec_of(&asking, &asked, Recipients::Both).unwrap();
    let both = || {
        let sides = [
            lists(&spec, Party::Requester, &asking),
            lists(&spec, Party::Responder, &asked),
        ];
        Pair::start(&spec, sides, &tools(Arc::new(Portable)), 700).unwrap()
    };
    let known = both().run().unwrap();
    for first in [Party::Requester, Party::Responder] {
        let order = std::iter::repeat(first);
        let ends = both().run_in_order(order).unwrap();
        assert_eq!(ends.requester.opened, known.requester.opened);
        assert_eq!(ends.requester.transcripts, known.requester.transcripts);
        assert_eq!(ends.responder.transcripts, known.requester.transcripts);
    }
}

prop_compose! {
    fn any_table(columns_max: usize)(
        groups in 0usize..4,
        columns in prop::collection::vec((0u8..3, any::<bool>()), 0..=columns_max),
        minimum in 1u64..5,
        slack in 1u64..4,
    )(
        rows in prop::collection::btree_map(
            0u32..40,
            (
                0..groups.max(1),
                prop::collection::vec(
                    prop::option::of(-VALUE_MAX..=VALUE_MAX),
                    columns.len(),
                ),
            ),
            0..30,
        ),
        columns in Just(columns),
        groups in Just(groups),
        minimum in Just(minimum),
        slack in Just(slack),
    ) -> Table {
        let shapes = [SUM, ALL, ValueShape { count: true, ..ValueShape::default() }];
        let columns: Vec<(ValueShape, bool)> = columns
            .into_iter()
            .map(|(shape, nullable)| (shapes[usize::from(shape)], nullable))
            .collect();
        let rows: BTreeMap<u32, Row> = rows
            .into_iter()
            .map(|(person, (group, mut values))| {
                for (value, (_, nullable)) in values.iter_mut().zip(&columns) {
                    if !nullable {
                        *value = value.or(Some(5));
                    }
                }
                (person, Row { group, values })
            })
            .collect();
        let identities = rows.len() as u64 + slack;
        Table { rows, identities, groups: vec![identities; groups], columns, minimum }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_released_cell_equals_a_plain_join(
        requester in any_table(2),
        responder in any_table(2),
        to_both: bool,
        frame_bytes in 100usize..4000,
        order in prop::collection::vec(any::<bool>(), 1..50),
    ) {
        let recipients = if to_both { Recipients::Both } else { Recipients::Requester };
        let spec = spec_of(&requester, &responder, recipients).unwrap();
        let sides = [
            lists(&spec, Party::Requester, &requester),
            lists(&spec, Party::Responder, &responder),
        ];
        let pair = Pair::start(&spec, sides, &tools(Arc::new(Portable)), frame_bytes).unwrap();
        let order = order.into_iter().cycle();
        let order = order.map(|first| if first { Party::Requester } else { Party::Responder });
        let ends = pair.run_in_order(order).unwrap();
        check(&spec, &requester, &responder, &ends);
    }
}
