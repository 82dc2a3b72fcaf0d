//! The decorator alone: errors, panics and the end of its thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};

use super::{BackgroundStore, MemoryBudget};
use crate::limits::{QUEUED_BATCH_BYTES, QUEUED_BATCHES_MAX};
use crate::store::runs::testing::MemoryRuns;
use crate::store::{
    ExternalStore, MemoryStore, RecordList, RecordStore, RecordWriter, StoreError, StoreErrorKind,
    Tuning, conformance,
};

/// Writers that fail, or panic, at their second push; counts those that exist.
#[derive(Clone, Default)]
struct Failing {
    alive: Arc<AtomicUsize>,
    panics: bool,
}

struct FailingWriter {
    pushes: usize,
    store: Failing,
}

impl Drop for FailingWriter {
    fn drop(&mut self) {
        self.store.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl RecordStore for Failing {
    fn unsorted(&self, _width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        self.alive.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FailingWriter {
            pushes: 0,
            store: self.clone(),
        }))
    }

    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        self.unsorted(width)
    }
}

impl RecordWriter for FailingWriter {
    fn push(&mut self, _records: &[u8]) -> Result<(), StoreError> {
        self.pushes += 1;
        assert!(self.pushes < 2 || !self.store.panics, "the store panics");
        if self.pushes < 2 {
            return Ok(());
        }
        Err(StoreError {
            kind: StoreErrorKind::DiskFull,
            what: "writing",
            source: "no space left".into(),
        })
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        MemoryStore.unsorted(1)?.finish()
    }

    fn finish_distinct(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        self.finish()
    }
}

fn batches(count: usize) -> Vec<u8> {
    vec![5; count * QUEUED_BATCH_BYTES]
}

#[test]
fn a_store_in_the_background_keeps_the_promises_of_every_store() {
    let budget = MemoryBudget::new(1 << 20);
    conformance::check(&BackgroundStore::new(MemoryStore, budget.clone()));
    assert_eq!(budget.taken(), 0);
}

#[test]
fn an_error_shows_at_a_later_push_and_the_list_stays_failed() {
    let failing = Failing::default();
    let budget = MemoryBudget::new(0);
    let store = BackgroundStore::new(failing.clone(), budget.clone());
    let mut writer = store.unsorted(32).unwrap();
    // The thread takes two batches and the queue holds some more; then it must have hung up.
    let error = (0..QUEUED_BATCHES_MAX + 4)
        .find_map(|_| writer.push(&batches(1)).err())
        .expect("the error shows before the queue has been filled twice");
    assert_eq!(error.kind, StoreErrorKind::DiskFull);
    assert_eq!(failing.alive.load(Ordering::SeqCst), 0);
    let again = writer.push(&batches(1)).unwrap_err();
    assert_eq!(again.kind, StoreErrorKind::Misuse);
    assert!(writer.finish().is_err());
    assert_eq!(budget.taken(), 0);
}

#[test]
fn an_error_shows_at_the_end_if_no_push_follows() {
    let store = BackgroundStore::new(Failing::default(), MemoryBudget::new(0));
    let mut writer = store.unsorted(32).unwrap();
    writer.push(&batches(2)).unwrap();
    assert_eq!(
        writer.finish().err().unwrap().kind,
        StoreErrorKind::DiskFull
    );
}

#[test]
fn a_panic_in_the_background_reaches_the_caller() {
    let failing = Failing {
        panics: true,
        ..Failing::default()
    };
    let store = BackgroundStore::new(failing.clone(), MemoryBudget::new(0));
    let mut writer = store.unsorted(32).unwrap();
    writer.push(&batches(2)).unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| writer.finish()));
    assert!(caught.is_err());
    assert_eq!(failing.alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_dropped_writer_takes_its_thread_with_it() {
    let failing = Failing::default();
    let budget = MemoryBudget::new(0);
    let store = BackgroundStore::new(failing.clone(), budget.clone());
    for count in [0, 1, 3] {
        let mut writer = store.unsorted(32).unwrap();
        writer.push(&batches(count)).unwrap();
        drop(writer);
        assert_eq!(failing.alive.load(Ordering::SeqCst), 0, "{count} batches");
        assert_eq!(budget.taken(), 0, "{count} batches");
    }
}

#[test]
fn queued_batches_are_bounded_and_counted() {
    let budget = MemoryBudget::new(0);
    let store = BackgroundStore::new(MemoryStore, budget.clone());
    let mut writer = store.unsorted(32).unwrap();
    writer.push(&batches(40)).unwrap();
    let list = writer.finish().unwrap();
    assert_eq!(list.len(), (40 * QUEUED_BATCH_BYTES / 32) as u64);
    // One is gathered, one is written, the queue between them, and one in the sender's hand.
    assert!(budget.peak() <= (QUEUED_BATCHES_MAX + 3) * QUEUED_BATCH_BYTES);
    assert_eq!(budget.taken(), 0);
}

/// Lists that have to be sorted often while they are written, and records in no order for them.
fn spilling(budget: &MemoryBudget) -> (BackgroundStore<ExternalStore>, Vec<u8>) {
    let tuning = Tuning {
        guaranteed_bytes: QUEUED_BATCH_BYTES,
        list_bytes_max: QUEUED_BATCH_BYTES,
        ..Tuning::of(budget)
    };
    let runs = Arc::new(MemoryRuns::new());
    let lists = ExternalStore::with_tuning(runs, budget.clone(), tuning);
    let mut records = batches(QUEUED_BATCHES_MAX * 3);
    ChaCha20Rng::from_seed([1; 32]).fill_bytes(&mut records);
    (BackgroundStore::new(lists, budget.clone()), records)
}

#[test]
fn a_list_is_written_while_none_of_rayons_threads_does_anything() {
    let held = Arc::new(Barrier::new(rayon::current_num_threads() + 1));
    let free = Arc::new(Barrier::new(rayon::current_num_threads() + 1));
    let waiting = (Arc::clone(&held), Arc::clone(&free));
    rayon::spawn_broadcast(move |_| {
        waiting.0.wait();
        waiting.1.wait();
    });
    held.wait();
    let (done, is_done) = channel();
    let writer_thread = thread::spawn(move || {
        let (store, records) = spilling(&MemoryBudget::new(0));
        let mut writer = store.unsorted(32).unwrap();
        writer.push(&records).unwrap();
        // The queue is shorter than the list, so most of it was sorted by now.
        done.send(()).unwrap();
        writer.finish().unwrap().len()
    });
    let written = is_done.recv_timeout(Duration::from_mins(2));
    free.wait();
    written.expect("the list waited for threads that wait");
    assert_eq!(
        writer_thread.join().unwrap(),
        (QUEUED_BATCHES_MAX * 3 * QUEUED_BATCH_BYTES / 32) as u64
    );
}

#[test]
fn lists_written_on_all_threads_that_sort_do_not_wait_for_each_other() {
    let budget = MemoryBudget::new(0);
    let (store, records) = spilling(&budget);
    rayon::scope(|scope| {
        for _ in 0..4 * rayon::current_num_threads() {
            scope.spawn(|_| {
                let mut writer = store.unsorted(32).unwrap();
                writer.push(&records).unwrap();
                let list = writer.finish().unwrap();
                assert_eq!(list.len(), (records.len() / 32) as u64);
            });
        }
    });
    assert_eq!(budget.taken(), 0);
}
