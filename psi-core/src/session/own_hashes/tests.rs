//! Hashes that are computed beside other work are those of the lists, in their order.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::OwnHashes;
use crate::error::Error;
use crate::messages::frame::{ListId, RowsHeader};
use crate::session::{BATCH_RECORDS, SharedList};
use crate::store::{
    MemoryStore, RecordList, RecordReader, RecordStore as _, StoreError, StoreErrorKind,
};
use crate::transcript::{ListHash, ListTranscript};

fn list(records: usize, byte: u8) -> SharedList {
    let mut writer = MemoryStore.in_order(32).unwrap();
    writer.push(&vec![byte; 32 * records]).unwrap();
    Arc::from(writer.finish().unwrap())
}

fn header(part: u16) -> RowsHeader {
    RowsHeader {
        list: ListId::Evaluated,
        match_index: 1,
        part,
    }
}

fn expected(part: u16, records: usize, byte: u8) -> ListHash {
    let mut transcript = ListTranscript::new(header(part), 32, records as u64);
    transcript.update(&vec![byte; 32 * records]);
    transcript.finish()
}

#[test]
fn hashes_come_in_the_order_of_the_lists_whatever_their_length() {
    let mut hashes = OwnHashes::default();
    hashes.push([9; 64].into()).unwrap();
    let mut all = vec![[9; 64].into()];
    for (part, records) in (0..).zip([0, BATCH_RECORDS + 1, BATCH_RECORDS, 3 * BATCH_RECORDS]) {
        let byte = u8::try_from(part).unwrap();
        let list = list(records, byte);
        hashes.add(header(part), &list).unwrap();
        all.push(expected(part, records, byte));
    }
    assert_eq!(hashes.finish().unwrap(), all);
}

/// A list whose reader says that it was opened, and fails when it is let go.
struct Failing {
    opened: Sender<()>,
    go: Mutex<Receiver<()>>,
}

impl RecordList for Failing {
    fn width(&self) -> usize {
        32
    }

    fn len(&self) -> u64 {
        BATCH_RECORDS as u64 + 1
    }

    fn reader(&self) -> Result<Box<dyn RecordReader + '_>, StoreError> {
        self.opened.send(()).unwrap();
        // Also goes on when the test has dropped its end.
        let _ = self.go.lock().unwrap().recv();
        Err(StoreError {
            kind: StoreErrorKind::Io,
            what: "reading",
            source: "the disk is gone".into(),
        })
    }
}

fn failing() -> (SharedList, Receiver<()>, Sender<()>) {
    let (opened, was_opened) = channel();
    let (let_go, go) = channel();
    let list = Failing {
        opened,
        go: Mutex::new(go),
    };
    (Arc::new(list), was_opened, let_go)
}

#[test]
fn a_long_list_is_hashed_while_its_caller_goes_on_and_its_error_shows_later() {
    let (list, was_opened, let_go) = failing();
    let mut hashes = OwnHashes::default();
    hashes.add(header(0), &list).unwrap();
    was_opened.recv().unwrap();
    let_go.send(()).unwrap();
    let error = hashes.finish().unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
}

#[test]
fn the_thread_ends_with_the_hashes() {
    let (list, was_opened, let_go) = failing();
    let mut hashes = OwnHashes::default();
    hashes.add(header(0), &list).unwrap();
    was_opened.recv().unwrap();
    drop(let_go);
    drop(hashes);
    assert_eq!(Arc::strong_count(&list), 1);
}
