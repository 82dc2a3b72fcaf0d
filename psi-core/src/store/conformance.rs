//! What every [`RecordStore`] must do, as one test for all of them.
//!
//! Compiled for tests alone. Tests of this crate and of the crates that implement a store call
//! [`check`], which panics with the broken promise. Those crates include this file by its path. So
//! the library ships without it, and needs no feature that would build it a second time.

use std::collections::BTreeSet;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};

use super::{RecordList, RecordStore, RecordWriter};

/// Runs every case against `store`.
///
/// # Panics
/// If the store breaks a promise of the traits in `psi_core::store`.
pub(crate) fn check(store: &dyn RecordStore) {
    // 1 and 3: shorter than a word, with many equal records. 11: a tag. 32: a digest. 48: a tag
    // or digest with a payload beside it.
    for width in [1, 3, 8, 11, 16, 17, 32, 48] {
        for count in [0, 1, 2, 100, 5_000] {
            check_lists(store, width, count);
        }
    }
    // Payloads of one and of many values.
    for (width, count) in [(32 + 256, 700), (2_080, 150)] {
        check_lists(store, width, count);
    }
    a_list_can_be_read_by_several_readers_at_once(store);
    readers_return_at_most_what_was_asked_for(store);
    wrong_widths_are_refused(store);
}

fn check_lists(store: &dyn RecordStore, width: usize, count: usize) {
    let records = random_records(width, count);
    sorted_lists_hold_every_record_in_byte_order(store, width, &records);
    distinct_lists_hold_every_value_once(store, width, &records);
    lists_in_order_keep_the_order(store, width, &records);
}

fn random_records(width: usize, count: usize) -> Vec<u8> {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut records = vec![0; width * count];
    rng.fill_bytes(&mut records);
    // Every third record repeats one before it, so that equal records occur at every width.
    for i in (3..count).step_by(3) {
        records.copy_within((i / 2) * width..(i / 2 + 1) * width, i * width);
    }
    records
}

/// Pushes in pieces of uneven size, as callers do.
fn push_all(
    mut writer: Box<dyn RecordWriter>,
    width: usize,
    records: &[u8],
) -> Box<dyn RecordWriter> {
    writer.push(&[]).expect("an empty push succeeds");
    let mut rest = records;
    let mut piece = 1;
    while !rest.is_empty() {
        let (now, later) = rest.split_at((piece * width).min(rest.len()));
        writer.push(now).expect("a push of whole records succeeds");
        rest = later;
        piece = piece * 2 + 1;
    }
    writer
}

fn read_all(list: &dyn RecordList, records_max: usize) -> Vec<u8> {
    let mut reader = list.reader().expect("a list can be read");
    let mut all = Vec::new();
    let mut batch = b"left over".to_vec();
    loop {
        reader
            .next_batch(&mut batch, records_max)
            .expect("a batch can be read");
        assert!(
            batch.len().is_multiple_of(list.width()),
            "batches hold whole records"
        );
        assert!(
            batch.len() <= records_max * list.width(),
            "batches hold at most what was asked"
        );
        if batch.is_empty() {
            break;
        }
        all.extend_from_slice(&batch);
    }
    reader
        .next_batch(&mut batch, records_max)
        .expect("reading at the end succeeds");
    assert!(batch.is_empty(), "the end of a list stays the end");
    all
}

fn assert_holds(list: &dyn RecordList, width: usize, expected: &[u8]) {
    assert_eq!(list.width(), width);
    assert_eq!(list.len(), (expected.len() / width) as u64);
    assert_eq!(list.is_empty(), expected.is_empty());
    for records_max in [1, 7, 1_000_000] {
        assert!(
            read_all(list, records_max) == expected,
            "width {width}, batch {records_max}"
        );
    }
}

fn sorted_lists_hold_every_record_in_byte_order(
    store: &dyn RecordStore,
    width: usize,
    records: &[u8],
) {
    let writer = push_all(
        store.unsorted(width).expect("a list can be made"),
        width,
        records,
    );
    let list = writer.finish().expect("a list can be finished");
    let mut expected: Vec<&[u8]> = records.chunks_exact(width).collect();
    expected.sort_unstable();
    assert_holds(&*list, width, &expected.concat());
}

fn distinct_lists_hold_every_value_once(store: &dyn RecordStore, width: usize, records: &[u8]) {
    let writer = push_all(
        store.unsorted(width).expect("a list can be made"),
        width,
        records,
    );
    let list = writer.finish_distinct().expect("a list can be finished");
    let expected: BTreeSet<&[u8]> = records.chunks_exact(width).collect();
    let expected: Vec<&[u8]> = expected.into_iter().collect();
    assert_holds(&*list, width, &expected.concat());
}

fn lists_in_order_keep_the_order(store: &dyn RecordStore, width: usize, records: &[u8]) {
    let writer = push_all(
        store.in_order(width).expect("a list can be made"),
        width,
        records,
    );
    assert_holds(
        &*writer.finish().expect("a list can be finished"),
        width,
        records,
    );

    let writer = push_all(
        store.in_order(width).expect("a list can be made"),
        width,
        records,
    );
    let list = writer.finish_distinct().expect("a list can be finished");
    let mut expected: Vec<&[u8]> = records.chunks_exact(width).collect();
    expected.dedup();
    assert_holds(&*list, width, &expected.concat());
}

fn list_of_bytes(store: &dyn RecordStore, bytes: &[u8]) -> Box<dyn RecordList> {
    let mut writer = store.in_order(1).expect("a list can be made");
    writer.push(bytes).expect("a push succeeds");
    writer.finish().expect("a list can be finished")
}

fn a_list_can_be_read_by_several_readers_at_once(store: &dyn RecordStore) {
    let list = list_of_bytes(store, b"abcdef");
    let mut first = list.reader().expect("a list can be read");
    let mut second = list.reader().expect("a list can be read twice");
    let (mut a, mut b) = (Vec::new(), Vec::new());
    first.next_batch(&mut a, 4).expect("a batch can be read");
    second.next_batch(&mut b, 2).expect("a batch can be read");
    assert_eq!((&a[..], &b[..]), (&b"abcd"[..], &b"ab"[..]));
    first.next_batch(&mut a, 4).expect("a batch can be read");
    second.next_batch(&mut b, 2).expect("a batch can be read");
    assert_eq!((&a[..], &b[..]), (&b"ef"[..], &b"cd"[..]));
}

fn readers_return_at_most_what_was_asked_for(store: &dyn RecordStore) {
    let list = list_of_bytes(store, b"ab");
    let mut reader = list.reader().expect("a list can be read");
    let mut out = Vec::new();
    reader
        .next_batch(&mut out, usize::MAX)
        .expect("any number of records may be asked for");
    assert_eq!(out, b"ab");
}

fn wrong_widths_are_refused(store: &dyn RecordStore) {
    assert!(store.unsorted(0).is_err(), "a width of zero");
    assert!(store.in_order(0).is_err(), "a width of zero");
    let mut writer = store.unsorted(4).expect("a list can be made");
    assert!(writer.push(&[1; 6]).is_err(), "half a record");
    writer
        .push(&[2; 8])
        .expect("whole records after a refused push");
    let list = writer.finish().expect("a list can be finished");
    assert_holds(&*list, 4, &[2; 8]);
}
