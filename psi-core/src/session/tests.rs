//! Two parties in memory: [`Pair`] runs a whole match and lets a test stand on the wire.

mod answers;
mod barrier;
mod collisions;
mod equal_work;
mod hostile;
mod kernels;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::receiver::{self, Released};
use super::sender::{self, Learned};
use super::{Awaiting, MatchSetup, SharedList, Tools};
use crate::error::Error;
use crate::facts::TableFacts;
use crate::identifier::{IdentifierKind, IdentityHasher};
use crate::kernel::Kernel;
use crate::kernel::portable::Portable;
use crate::limits;
use crate::list::{RecordCodec as _, Rice, encode_list};
use crate::messages::frame::{ListId, RowsHeader};
use crate::progress::Silent;
use crate::seed::JobSeed;
use crate::spec::{Agreement, Half, JobSpec, Party, Recipients, Shape};
use crate::store::{MemoryStore, RecordStore as _};

/// One side of a match: who it holds, and what it declared.
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
        let facts = TableFacts {
            member: member.into(),
            table: "customers".into(),
            key_columns: vec!["name".into()],
            key_kinds: vec![IdentifierKind::Text],
            key_unique: true,
            identities: self.identities,
            minimum: self.minimum,
            prefer_receiver: false,
            owner_may_receive: false,
            result_to_both: true,
            rows_bound: 1,
            groups: Vec::new(),
            values: Vec::new(),
        };
        Half {
            node_id: [u8::try_from(member.len()).unwrap(); 32],
            nonce: [7; 32],
            facts,
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
        collab_id: [1; 32],
        query: "SELECT COUNT(*)".into(),
        hidden: Vec::new(),
        shape: Shape::count_identities(),
        recipients,
        requester_may_receive: true,
        responder_may_receive: true,
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

/// The frames in which a list travels, of at most `frame_bytes` bytes.
fn frames(list: &SharedList, frame_bytes: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    encode_list(&Rice, list.as_ref(), frame_bytes, &mut |piece| {
        frames.push(piece.bytes);
        Ok(())
    })
    .unwrap();
    frames
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

/// What both sides know after a match, and what has crossed the wire.
struct Ends {
    receiver: Released,
    sender: Learned,
    /// The frames of the blinded list, of the tags and of the evaluated list.
    wire: [Vec<Vec<u8>>; 3],
}

/// A match between two honest sides, both seeds fixed, lists in frames of `frame_bytes`.
fn run_match(
    spec: &JobSpec,
    receiver_side: &Side,
    sender_side: &Side,
    kernel: &Arc<dyn Kernel>,
    frame_bytes: usize,
) -> Result<Ends, Error> {
    let setup = MatchSetup::new(spec)?;
    let receiver = receiver::blind(
        setup.clone(),
        &JobSeed::new([11; 32]),
        receiver_side.list().as_ref(),
        tools(Arc::clone(kernel)),
    )?;
    let sender = sender::encrypt(
        setup,
        &JobSeed::new([22; 32]),
        sender_side.list().as_ref(),
        tools(Arc::clone(kernel)),
    )?;
    let sent_tags = frames(&sender.message, frame_bytes);
    let mut tags = sent_tags.iter();
    let mut state = receiver.state.handle(0, &sender.key)?;
    let mut expect_reply = loop {
        match state.handle(rows(ListId::Tags), tags.next().unwrap())? {
            Awaiting::More(same) => state = same,
            Awaiting::Done(next) => break next,
        }
    };
    let sent_points = frames(&receiver.message, frame_bytes);
    let mut points = sent_points.iter();
    let mut state = sender.state;
    let evaluated = loop {
        match state.handle(rows(ListId::Blinded), points.next().unwrap())? {
            Awaiting::More(same) => state = same,
            Awaiting::Done(evaluated) => break evaluated,
        }
    };
    let sent_reply = frames(&evaluated.message, frame_bytes);
    let mut reply = sent_reply.iter();
    let matched = loop {
        match expect_reply.handle(rows(ListId::Evaluated), reply.next().unwrap())? {
            Awaiting::More(same) => expect_reply = same,
            Awaiting::Done(matched) => break matched,
        }
    };
    let receiver = matched.release();
    let sender = evaluated.state.handle(&receiver.message)?;
    Ok(Ends {
        receiver,
        sender,
        wire: [sent_points, sent_tags, sent_reply],
    })
}

/// Runs a count in which the first side asks, whichever side becomes Receiver.
fn count(requester: &Side, responder: &Side) -> Ends {
    let spec = spec_of(requester, responder, Recipients::Both);
    let (receiver, sender) = match spec.receiver {
        Party::Requester => (requester, responder),
        Party::Responder => (responder, requester),
    };
    let kernel: Arc<dyn Kernel> = Arc::new(Portable);
    run_match(&spec, receiver, sender, &kernel, limits::ROWS_BYTES_MAX).unwrap()
}
