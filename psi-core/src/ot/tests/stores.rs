//! The Sender reads what it keeps in bounded batches, and takes them as small as a store gives them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Pair, collect, feed, sums, tools};
use crate::ot::sender;
use crate::ot::work::BATCH_WORDS;
use crate::session::Tools;
use crate::store::{MemoryStore, RecordList, RecordReader, RecordStore, RecordWriter, StoreError};

/// Gives at most three records at a time; ends early if told to; notes the largest request.
#[derive(Clone, Default)]
struct Stingy {
    largest: Arc<AtomicUsize>,
    /// Records that are missing at the end of every list.
    missing: usize,
}

struct StingyWriter(Box<dyn RecordWriter>, Stingy);
struct StingyList(Box<dyn RecordList>, Stingy);
struct StingyReader<'a>(Box<dyn RecordReader + 'a>, Stingy, usize);

impl RecordStore for Stingy {
    fn unsorted(&self, _: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        panic!("a transfer sorts nothing");
    }

    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        let writer = MemoryStore.in_order(width)?;
        Ok(Box::new(StingyWriter(writer, self.clone())))
    }
}

impl RecordWriter for StingyWriter {
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError> {
        self.0.push(records)
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        Ok(Box::new(StingyList(self.0.finish()?, self.1)))
    }

    fn finish_distinct(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        panic!("equal columns are kept");
    }
}

impl RecordList for StingyList {
    fn width(&self) -> usize {
        self.0.width()
    }

    fn len(&self) -> u64 {
        self.0.len()
    }

    fn reader(&self) -> Result<Box<dyn RecordReader + '_>, StoreError> {
        let left = usize::try_from(self.0.len()).unwrap() - self.1.missing;
        let reader = self.0.reader()?;
        Ok(Box::new(StingyReader(reader, self.1.clone(), left)))
    }
}

impl RecordReader for StingyReader<'_> {
    fn next_batch(&mut self, out: &mut Vec<u8>, records_max: usize) -> Result<(), StoreError> {
        self.1.largest.fetch_max(records_max, Ordering::Relaxed);
        let count = records_max.min(3).min(self.2);
        self.2 -= count;
        self.0.next_batch(out, count)
    }
}

/// The Sender's side of `pair` over `store`, as far as it gets.
fn send(pair: &Pair, store: &Stingy) -> Result<Vec<u8>, crate::Error> {
    let wire = pair.run(usize::MAX / 2048, usize::MAX / 8);
    let tools = Tools {
        store: Arc::new(store.clone()),
        ..tools()
    };
    let chosen = sender::choose(pair.setup, &Pair::seed(pair.seeds[1]), tools);
    let expect = chosen.state.handle(&wire.keys)?;
    let expect = feed(expect, &wire.columns, 2048, sender::ExpectColumns::handle)?;
    let correlated = expect.handle(&wire.check)?;
    let payload = StingyList(pair.payload(), store.clone());
    let (sent, corrections) = collect(|sink| correlated.correct(&payload, sink));
    let share = sent?.share;
    assert_eq!(*share.values, *wire.sender.share.values);
    assert_eq!(sums(&wire), pair.expected());
    Ok(corrections)
}

#[test]
fn batches_are_bounded_and_may_come_in_any_pieces() {
    let pair = Pair::of(1, 70_000, 1, 1);
    let store = Stingy::default();
    let corrections = send(&pair, &store).unwrap();
    let wire = pair.run(usize::MAX / 2048, usize::MAX / 8);
    assert!(corrections == wire.corrections);
    // Columns by 1 MiB; payload for as many rows.
    let largest = store.largest.load(Ordering::Relaxed);
    assert_eq!(largest, BATCH_WORDS * 128);
}

#[test]
fn a_store_that_loses_records_is_an_error_and_not_a_wrong_sum() {
    let store = Stingy {
        missing: 1,
        ..Stingy::default()
    };
    let result = send(&Pair::of(1, 300, 1, 1), &store);
    assert!(matches!(result, Err(crate::Error::ApiMisuse(_))));
}
