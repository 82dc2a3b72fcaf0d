//! Lists larger than memory, on a disk made of memory.

use std::sync::Arc;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use proptest::prelude::*;

use super::{ExternalStore, Tuning};
use crate::store::runs::testing::MemoryRuns;
use crate::store::{
    BackgroundStore, MemoryBudget, MemoryStore, RecordList, RecordStore, RecordWriter, StoreError,
    StoreErrorKind, conformance,
};

mod disk_full;
mod memory;
mod threads;

/// So little memory that a hundred records make runs, and those are merged in several passes.
const TINY: Tuning = Tuning {
    guaranteed_bytes: 200,
    small_list_bytes: 64,
    list_bytes_max: 400,
    merge_runs_max: 3,
    list_runs_max: 12,
    read_buffer_min: 16,
    read_buffer_max: 64,
};

/// Eight runs or so of a list of some thousand records.
const SMALL: Tuning = Tuning {
    guaranteed_bytes: 1 << 10,
    small_list_bytes: 256,
    list_bytes_max: 1 << 13,
    merge_runs_max: 4,
    list_runs_max: 16,
    read_buffer_min: 64,
    read_buffer_max: 512,
};

/// A store, its disk and its budget.
struct Rig {
    runs: MemoryRuns,
    budget: MemoryBudget,
    store: ExternalStore,
}

fn rig(total: usize, tuning: Tuning) -> Rig {
    let runs = MemoryRuns::new();
    let budget = MemoryBudget::new(total);
    let store = ExternalStore::with_tuning(Arc::new(runs.clone()), budget.clone(), tuning);
    Rig {
        runs,
        budget,
        store,
    }
}

impl Rig {
    fn assert_nothing_is_left(&self) {
        let usage = self.runs.usage();
        assert_eq!((usage.runs, usage.bytes), (0, 0), "runs were left");
        assert_eq!(self.budget.taken(), 0, "memory was not given back");
    }
}

fn random(seed: u8, bytes: usize) -> Vec<u8> {
    let mut records = vec![0; bytes];
    ChaCha20Rng::from_seed([seed; 32]).fill_bytes(&mut records);
    records
}

fn read_all(list: &dyn RecordList) -> Vec<u8> {
    let mut all = Vec::new();
    let mut batch = Vec::new();
    let mut reader = list.reader().unwrap();
    loop {
        reader.next_batch(&mut batch, 13).unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend_from_slice(&batch);
    }
}

fn sorted(records: &[u8], width: usize) -> Vec<u8> {
    let mut sorted: Vec<&[u8]> = records.chunks_exact(width).collect();
    sorted.sort_unstable();
    sorted.concat()
}

#[test]
fn a_store_in_which_everything_spills_keeps_the_promises_of_every_store() {
    let rig = rig(0, TINY);
    conformance::check(&rig.store);
    assert!(rig.runs.usage().made > 1_000);
    rig.assert_nothing_is_left();
}

#[test]
fn a_store_in_which_nothing_spills_keeps_the_promises_of_every_store() {
    let runs = MemoryRuns::new();
    let budget = MemoryBudget::new(64 << 20);
    let store = ExternalStore::new(Arc::new(runs.clone()), budget.clone());
    conformance::check(&store);
    assert_eq!(runs.usage().made, 0);
    assert_eq!(budget.taken(), 0);
}

#[test]
fn a_store_that_spills_in_the_background_keeps_the_promises_of_every_store() {
    let rig = rig(0, TINY);
    conformance::check(&BackgroundStore::new(rig.store.clone(), rig.budget.clone()));
    assert!(rig.runs.usage().made > 1_000);
    rig.assert_nothing_is_left();
}

#[test]
fn wide_records_and_payloads_are_sorted_by_all_their_bytes() {
    for width in [256 + 32, 2_080, 5_000] {
        let rig = rig(0, SMALL);
        let mut records = random(1, width * 60);
        // Equal keys, so that the payload decides.
        for record in records.chunks_exact_mut(width).step_by(3) {
            record[..40].fill(9);
        }
        let mut writer = rig.store.unsorted(width).unwrap();
        writer.push(&records).unwrap();
        let list = writer.finish().unwrap();
        assert!(rig.runs.usage().made > 1, "width {width} did not spill");
        assert!(read_all(&*list) == sorted(&records, width), "width {width}");
        drop(list);
        rig.assert_nothing_is_left();
    }
}

#[test]
fn more_runs_than_can_be_merged_at_once_are_merged_in_passes() {
    let rig = rig(0, TINY);
    let records = random(2, 32 * 1_000);
    let mut writer = rig.store.unsorted(32).unwrap();
    writer.push(&records).unwrap();
    let list = writer.finish().unwrap();
    let usage = rig.runs.usage();
    // 6 records each; those beyond 12 are merged while the list is written, those beyond 3 after.
    assert!(usage.made > 1_000 / 6, "{usage:?}");
    assert!(usage.peak_runs <= 12 + 2, "{usage:?}");
    assert!(usage.runs <= 3, "{usage:?}");
    // A record is written once more per level of merging: log3(167) < 5.
    assert!(usage.written <= 32_000 * 6, "{usage:?}");
    assert!(usage.peak_bytes <= 2 * 32_000, "{usage:?}");
    assert!(read_all(&*list) == sorted(&records, 32));
}

#[test]
fn few_runs_are_written_once() {
    let rig = rig(0, SMALL);
    let records = random(3, 1 << 12);
    let mut writer = rig.store.unsorted(32).unwrap();
    writer.push(&records).unwrap();
    let list = writer.finish().unwrap();
    assert_eq!(rig.runs.usage().written, 1 << 12);
    assert!(read_all(&*list) == sorted(&records, 32));
}

#[test]
fn lists_in_order_become_one_run() {
    let rig = rig(0, SMALL);
    let records = random(4, 11 * 10_000);
    let mut writer = rig.store.in_order(11).unwrap();
    for piece in records.chunks(11 * 77) {
        writer.push(piece).unwrap();
    }
    let list = writer.finish().unwrap();
    let usage = rig.runs.usage();
    assert_eq!((usage.made, usage.written), (1, 110_000));
    assert!(read_all(&*list) == records);
}

proptest! {
    #[test]
    fn lists_agree_with_those_in_memory(
        width in prop_oneof![Just(1_usize), Just(2), Just(11), Just(32), 1_usize..50],
        pieces in prop::collection::vec(prop::collection::vec(0_u8..4, 0..600), 0..12),
        total in prop_oneof![Just(0_usize), 0_usize..4_000],
        merge_runs_max in 0_usize..6,
        background in any::<bool>(),
    ) {
        let rig = rig(total, Tuning { merge_runs_max, list_runs_max: 0, ..TINY });
        let store: Box<dyn RecordStore> = if background {
            Box::new(BackgroundStore::new(rig.store.clone(), rig.budget.clone()))
        } else {
            Box::new(rig.store.clone())
        };
        let lists = |store: &dyn RecordStore| {
            let written = |mut writer: Box<dyn RecordWriter>| {
                for piece in &pieces {
                    writer.push(&piece[..piece.len() / width * width]).unwrap();
                }
                writer
            };
            [
                written(store.unsorted(width).unwrap()).finish().unwrap(),
                written(store.unsorted(width).unwrap()).finish_distinct().unwrap(),
                written(store.in_order(width).unwrap()).finish().unwrap(),
                written(store.in_order(width).unwrap()).finish_distinct().unwrap(),
            ]
        };
        for (ours, oracle) in lists(&*store).iter().zip(lists(&MemoryStore)) {
            prop_assert_eq!(ours.len(), oracle.len());
            prop_assert_eq!(read_all(&**ours), read_all(&*oracle));
        }
        drop(store);
        rig.assert_nothing_is_left();
    }
}
