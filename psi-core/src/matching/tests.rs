use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{MERGE_BATCH, merge, merge_marked};
use crate::error::Error;
use crate::store::{MemoryStore, RecordList, RecordStore as _};

fn list(numbers: impl IntoIterator<Item = u32>) -> Box<dyn RecordList> {
    let mut writer = MemoryStore.unsorted(4).unwrap();
    for number in numbers {
        writer.push(&number.to_be_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

fn positions(own: &dyn RecordList, tags: &dyn RecordList) -> Vec<u64> {
    let mut positions = Vec::new();
    let count = merge(own, tags, |position| positions.push(position)).unwrap();
    assert_eq!(count, positions.len() as u64);
    positions
}

#[test]
fn positions_are_indices_into_the_senders_list() {
    assert_eq!(positions(&*list([2, 3, 9]), &*list([1, 3, 5, 9])), [1, 3]);
}

#[test]
fn empty_disjoint_and_equal_lists_match_as_they_should() {
    let (none, some) = (list([]), list([1, 2, 3]));
    assert!(positions(&*none, &*none).is_empty());
    assert!(positions(&*some, &*none).is_empty());
    assert!(positions(&*none, &*some).is_empty());
    assert!(positions(&*list([0, 4]), &*some).is_empty());
    assert_eq!(positions(&*some, &*some), [0, 1, 2]);
}

#[test]
fn a_tag_that_occurs_twice_in_the_own_list_counts_once() {
    assert_eq!(positions(&*list([1, 1, 1, 2]), &*list([1, 2])), [0, 1]);
}

#[test]
fn every_mark_of_a_tag_is_found_once() {
    let mut own = MemoryStore.unsorted(5).unwrap();
    for (tag, mark) in [(1_u32, 7), (3, 0), (3, 2), (3, 2), (4, 1), (9, 2), (9, 0)] {
        own.push(&[tag.to_be_bytes().as_slice(), &[mark]].concat())
            .unwrap();
    }
    let own = own.finish().unwrap();
    let mut found = Vec::new();
    merge_marked(&*own, &*list([0, 1, 3, 9]), |position, mark| {
        found.push((position, mark[0]));
        Ok(())
    })
    .unwrap();
    assert_eq!(found, [(1, 7), (2, 0), (2, 2), (3, 0), (3, 2)]);
    let error = merge_marked(&*list([1]), &*own, |_, _| Ok(()));
    assert!(matches!(error, Err(Error::ApiMisuse(_))));
}

#[test]
fn lists_longer_than_a_batch_match_across_its_border() {
    let batch = u32::try_from(MERGE_BATCH).unwrap();
    let own = list((0..3 * batch).map(|i| 2 * i));
    let tags = list((0..2 * batch).map(|i| 3 * i));
    let expected: Vec<u64> = (0..u64::from(2 * batch)).filter(|i| i % 2 == 0).collect();
    assert_eq!(positions(&*own, &*tags), expected);
}

#[test]
fn lists_of_different_widths_are_a_mistake() {
    let wide = MemoryStore.unsorted(5).unwrap().finish().unwrap();
    assert!(matches!(
        merge(&*wide, &*list([1]), |_| {}),
        Err(Error::ApiMisuse(_))
    ));
}

proptest! {
    #[test]
    fn the_merge_agrees_with_sets(
        own in prop::collection::vec(0_u32..60, 0..40),
        tags in prop::collection::btree_set(0_u32..60, 0..40),
    ) {
        let have: BTreeSet<u32> = own.iter().copied().collect();
        let expected: Vec<u64> =
            (0..).zip(&tags).filter(|(_, tag)| have.contains(tag)).map(|(i, _)| i).collect();
        prop_assert_eq!(positions(&*list(own), &*list(tags)), expected);
    }
}
