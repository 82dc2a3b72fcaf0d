//! No byte of R leaves before the last byte of A has come and passed every check.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::sender;
use super::listing;
use super::sums::table;
use super::table::lists;
use super::{
    Awaiting, JobSpec, ListId, MatchSetup, MemoryStore, Portable, RowsHeader, Side, Silent, Tools,
    code, records, rows, spec_of,
};
use crate::error::{Code, Error};
use crate::seed::JobSeed;
use crate::session::receiver;
use crate::spec::{Party, Recipients};
use crate::store::{RecordList, RecordReader, RecordStore, RecordWriter, StoreError};

/// A store that notices when a list of points is read: from then on R could be on its way.
#[derive(Clone, Default)]
struct Watched {
    armed: Arc<AtomicBool>,
    read: Arc<AtomicBool>,
}

struct WatchedWriter(Box<dyn RecordWriter>, Watched);
struct WatchedList(Box<dyn RecordList>, Watched);

impl RecordStore for Watched {
    fn unsorted(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        Ok(Box::new(WatchedWriter(
            MemoryStore.unsorted(width)?,
            self.clone(),
        )))
    }

    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        Ok(Box::new(WatchedWriter(
            MemoryStore.in_order(width)?,
            self.clone(),
        )))
    }
}

impl RecordWriter for WatchedWriter {
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError> {
        self.0.push(records)
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        Ok(Box::new(WatchedList(self.0.finish()?, self.1)))
    }

    fn finish_distinct(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        Ok(Box::new(WatchedList(self.0.finish_distinct()?, self.1)))
    }
}

impl RecordList for WatchedList {
    fn width(&self) -> usize {
        self.0.width()
    }

    fn len(&self) -> u64 {
        self.0.len()
    }

    fn reader(&self) -> Result<Box<dyn RecordReader + '_>, StoreError> {
        if self.1.armed.load(Ordering::SeqCst) {
            self.1.read.store(true, Ordering::SeqCst);
        }
        self.0.reader()
    }
}

/// A count and a list, whose R is kept in another way and leaves in another order.
fn count_and_list() -> (Side, [JobSpec; 2]) {
    let side = Side::of(0..40, 40, 1);
    let count = spec_of(&side, &side, Recipients::Both);
    let list = listing::spec_of(&side, &side, Recipients::Requester).unwrap();
    (side, [count, list])
}

/// A Sender that has sent its tags, what its store watches, and the points of an honest Receiver.
fn sender_and_points(side: &Side, spec: &JobSpec) -> (sender::ExpectBlinded, Watched, Vec<u8>) {
    let setup = MatchSetup::new(spec, 0).unwrap();
    let watched = Watched::default();
    let tools = Tools {
        kernel: Arc::new(Portable),
        store: Arc::new(watched.clone()),
        progress: Arc::new(Silent),
    };
    let seed = JobSeed::new([1; 32]);
    let list = side.list();
    let blinded = receiver::blind(
        setup.clone(),
        &seed,
        std::slice::from_ref(&list),
        tools.clone(),
    )
    .unwrap();
    let points = records(&blinded.messages[0]);
    let encrypted = sender::encrypt(setup, &JobSeed::new([2; 32]), list.as_ref(), tools).unwrap();
    watched.armed.store(true, Ordering::SeqCst);
    (encrypted.state, watched, points)
}

#[test]
fn the_reply_exists_only_after_the_last_point() {
    let (side, specs) = count_and_list();
    for spec in &specs {
        let (state, watched, points) = sender_and_points(&side, spec);
        let bytes = code(32, &points);
        let mut pieces = bytes.chunks(32).peekable();
        let mut awaiting = Some(state);
        while let (Some(state), Some(piece)) = (awaiting.take(), pieces.next()) {
            let last = pieces.peek().is_none();
            match state.handle(rows(ListId::Blinded), piece).unwrap() {
                Awaiting::More(same) => {
                    assert!(!last, "the list is complete and no reply came");
                    assert!(
                        !watched.read.load(Ordering::SeqCst),
                        "the reply was read early"
                    );
                    awaiting = Some(same);
                }
                Awaiting::Done(evaluated) => {
                    assert!(last, "a reply came before the last point");
                    assert_eq!(evaluated.messages[0].len(), points.len() as u64 / 32);
                    // The store would have noticed.
                    assert_eq!(records(&evaluated.messages[0]).len(), points.len());
                    assert!(watched.read.load(Ordering::SeqCst));
                }
            }
        }
        assert!(pieces.next().is_none(), "a reply came early");
    }
}

#[test]
fn a_defect_in_the_last_point_leaves_no_reply() {
    let (side, specs) = count_and_list();
    for spec in &specs {
        let (state, watched, mut points) = sender_and_points(&side, spec);
        // The largest possible encoding keeps the order and is not an element.
        let last = points.len() - 32;
        points[last..].fill(0xff);
        let result = state.handle(rows(ListId::Blinded), &code(32, &points));
        let Err(Error::PeerMisbehaved { code, .. }) = result else {
            panic!("a defect went unnoticed");
        };
        assert_eq!(code, Code::NonCanonicalElement);
        assert!(!watched.read.load(Ordering::SeqCst), "the reply was read");
    }
}

#[test]
fn no_part_of_the_reply_exists_before_the_last_point_of_the_last_part() {
    let (asking, asked) = (table(0..40, 3, 0), table(0..40, 0, 0));
    let spec = super::table::spec_of(&asking, &asked, Recipients::Both).unwrap();
    let setup = MatchSetup::new(&spec, 0).unwrap();
    let watched = Watched::default();
    let tools = Tools {
        kernel: Arc::new(Portable),
        store: Arc::new(watched.clone()),
        progress: Arc::new(Silent),
    };
    let parts = lists(&spec, Party::Requester, &asking).parts.unwrap();
    let seed = JobSeed::new([1; 32]);
    let blinded = receiver::blind(setup.clone(), &seed, &parts, tools.clone()).unwrap();
    let codes: Vec<Vec<u8>> = blinded
        .messages
        .iter()
        .map(|part| code(32, &records(part)))
        .collect();
    let positions = lists(&spec, Party::Responder, &asked).positions.unwrap();
    let seed = JobSeed::new([2; 32]);
    let mut state = sender::encrypt(setup, &seed, positions.as_ref(), tools)
        .unwrap()
        .state;
    watched.armed.store(true, Ordering::SeqCst);
    for (part, code) in (0..).zip(&codes) {
        let header = RowsHeader {
            part,
            ..rows(ListId::Blinded)
        };
        // The last byte of a part comes alone.
        let (first, last) = code.split_at(code.len() - 1);
        for piece in [first, last] {
            let is_last = part == 2 && piece.len() == 1;
            match state.handle(header, piece).unwrap() {
                Awaiting::More(same) => {
                    assert!(!is_last, "all parts are complete and no reply came");
                    let read = watched.read.load(Ordering::SeqCst);
                    assert!(!read, "a reply was read before part {part} was complete");
                    state = same;
                }
                Awaiting::Done(evaluated) => {
                    assert!(is_last, "a reply came within part {part}");
                    assert_eq!(evaluated.messages.len(), 3);
                    return;
                }
            }
        }
    }
    panic!("no reply at all");
}
