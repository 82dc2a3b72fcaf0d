//! Two parties in memory: [`Pair`] runs a whole job and lets a test read and change what crosses
//! the wire.

mod answers;
mod barrier;
mod collisions;
mod dp;
mod equal_work;
mod hostile;
mod kernels;
mod listing;
mod opened;
mod pair;
mod sums;
mod table;
mod workers;

use std::collections::BTreeSet;
use std::sync::Arc;

use pair::{Ends, Pair};

use super::opened::Opened;
use super::{Awaiting, JobLists, MatchSetup, SharedList, Tools};
use crate::error::Error;
use crate::facts_fixture::{agreement, facts};
use crate::identifier::{IdentifierKind, IdentityHasher};
use crate::kernel::Kernel;
use crate::kernel::portable::Portable;
use crate::limits;
use crate::list::{RecordCodec as _, Rice};
use crate::messages::frame::{ListId, RowsHeader};
use crate::progress::Silent;
use crate::receipt::Cell;
use crate::spec::{Agreement, AskedMode, CollabId, Half, JobSpec, Party, Recipients, Shape};
use crate::store::{MemoryStore, RecordStore as _};

/// One side of a match: its people, and what it declared.
#[derive(Clone, Debug)]
struct Side {
    people: BTreeSet<String>,
    identities: u64,
    minimum: u64,
}

impl Side {
    fn of(people: impl IntoIterator<Item = u32>, identities: u64, minimum: u64) -> Self {
        let people = people
            .into_iter()
            .map(|person| format!("person-{person}"))
            .collect();
        Self {
            people,
            identities,
            minimum,
        }
    }

    fn half(&self, member: &str) -> Half {
        Half {
            node_id: [u8::try_from(member.len()).unwrap(); 32].into(),
            nonce: [7; 32].into(),
            facts: facts(member, self.identities, self.minimum),
        }
    }

    fn list(&self) -> SharedList {
        let mut hasher = IdentityHasher::new(&[IdentifierKind::Text]);
        let mut writer = MemoryStore.unsorted(32).unwrap();
        for person in &self.people {
            writer
                .push(&hasher.digest([Some(person.as_str())]).unwrap())
                .unwrap();
        }
        Arc::from(writer.finish_distinct().unwrap())
    }
}

/// The specification of a count between two sides; the requester is Receiver on equal sizes.
fn spec_of(requester: &Side, responder: &Side, recipients: Recipients) -> JobSpec {
    let agreement = Agreement {
        recipients,
        ..agreement(
            CollabId([1; 32]),
            "SELECT COUNT(*)",
            Shape::count_identities(),
        )
    };
    JobSpec::assemble(agreement, requester.half("one"), responder.half("other")).unwrap()
}

fn tools(kernel: Arc<dyn Kernel>) -> Tools {
    Tools {
        kernel,
        store: Arc::new(MemoryStore),
        progress: Arc::new(Silent),
    }
}

/// The records of a list, one after the other.
fn records(list: &SharedList) -> Vec<u8> {
    let mut records = Vec::new();
    let mut reader = list.reader().unwrap();
    reader.next_batch(&mut records, usize::MAX).unwrap();
    records
}

/// The code of ascending records.
fn code(width: usize, records: &[u8]) -> Vec<u8> {
    let count = (records.len() / width) as u64;
    let mut encoder = Rice.encoder(width, count).unwrap();
    let mut bytes = Vec::new();
    encoder.encode(records, &mut bytes).unwrap();
    encoder.finish(&mut bytes).unwrap();
    bytes
}

const fn rows(list: ListId) -> RowsHeader {
    RowsHeader {
        list,
        match_index: 0,
        part: 0,
    }
}

/// The lists of one side of a single count.
fn lists(spec: &JobSpec, own: Party, side: &Side) -> JobLists {
    if spec.receiver == own {
        JobLists {
            parts: Some(vec![side.list()]),
            positions: None,
        }
    } else {
        JobLists {
            parts: None,
            positions: Some(side.list()),
        }
    }
}

/// A single count between two honest sides, the requester's first, lists in frames of
/// `frame_bytes`.
fn run_count(
    spec: &JobSpec,
    sides: [&Side; 2],
    kernel: &Arc<dyn Kernel>,
    frame_bytes: usize,
) -> Result<Ends, Error> {
    let [requester, responder] = sides;
    let lists = [
        lists(spec, Party::Requester, requester),
        lists(spec, Party::Responder, responder),
    ];
    Pair::start(spec, lists, &tools(Arc::clone(kernel)), frame_bytes)?.run()
}

/// Runs a count in which the first side asks, whichever side becomes Receiver.
fn count(requester: &Side, responder: &Side) -> Ends {
    let spec = spec_of(requester, responder, Recipients::Both);
    let kernel: Arc<dyn Kernel> = Arc::new(Portable);
    run_count(
        &spec,
        [requester, responder],
        &kernel,
        limits::ROWS_BYTES_MAX,
    )
    .unwrap()
}

/// The only cell of a single count.
fn cell(opened: Option<&Opened>) -> Cell {
    let [cell] = opened.unwrap().cells.as_slice() else {
        panic!("a single count has one cell");
    };
    *cell
}
