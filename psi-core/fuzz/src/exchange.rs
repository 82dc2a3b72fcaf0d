//! Operations on both machines of a job (`psi_core::session::Exchange`) and the wire between them.
//!
//! Frames are delivered, changed, sent twice, lost, exchanged, or made up, in whatever order the
//! input says. Nothing panics, and where nothing was tampered with, both sides end and know the
//! count.
//!
//! Input: what is asked (1: even for a count, odd for a list), then operations of three bytes: what,
//! of which side, and where.

use std::collections::VecDeque;
use std::sync::Arc;

use psi_core::Error;
use psi_core::kernel::portable::Portable;
use psi_core::messages::frame::{self, RowsHeader};
use psi_core::messages::{Control, codec};
use psi_core::progress::Silent;
use psi_core::seed::JobSeed;
use psi_core::session::{Ended, Exchange, JobLists, Outgoing, Step, Tools};
use psi_core::spec::{CollabId, Half, JobSpec, Party, Shape};
use psi_core::store::{MemoryStore, RecordStore as _};

use super::facts_fixture::{agreement, facts};

/// More would only be slower.
const OPERATIONS_MAX: usize = 64;

/// Bytes of one frame of a list: small, so that lists have several.
const FRAME_BYTES: usize = 200;

/// Does what the bytes say, then delivers what is left; `true` if both sides come to the end.
///
/// # Panics
/// If one of the promises above is broken.
pub fn exchange(data: &[u8]) -> bool {
    let Some((asked, operations)) = data.split_first() else {
        return false;
    };
    let shape = if asked % 2 == 0 {
        Shape::count_identities()
    } else {
        Shape::list()
    };
    let spec = spec(shape);
    let mut sides = [Party::Requester, Party::Responder].map(|own| Side::start(&spec, own));
    let mut tampered = false;
    let (operations, _) = operations.as_chunks::<3>();
    for [what, side, place] in operations.iter().take(OPERATIONS_MAX) {
        let from = usize::from(side % 2);
        let outbox = &mut sides[from].outbox;
        match what % 8 {
            0..=2 => {
                if deliver(&mut sides, from) {
                    continue;
                }
                assert!(tampered, "an honest side was refused");
                return false;
            }
            3 => match outbox.front_mut() {
                Some(frame) => frame.flip(usize::from(*place)),
                None => continue,
            },
            4 => match outbox.front().cloned() {
                Some(frame) => outbox.push_front(frame),
                None => continue,
            },
            5 if outbox.pop_front().is_none() => continue,
            5 => {}
            6 => outbox.push_front(Frame::made_up(*side, *place)),
            _ if outbox.len() < 2 => continue,
            _ => outbox.swap(0, 1),
        }
        tampered = true;
    }
    while sides.iter().any(|side| !side.outbox.is_empty()) {
        for from in [0, 1] {
            if !deliver(&mut sides, from) {
                assert!(tampered, "an honest side was refused");
                return false;
            }
        }
    }
    let ended = sides.iter().all(|side| side.ended.is_some());
    if !tampered {
        let [requester, responder] = sides.map(|side| side.ended.expect("both sides end"));
        let cells = requester.opened.expect("a recipient").cells;
        // Two of three; a list has its digest beside the count.
        assert_eq!(cells.first(), Some(&Some(2)));
        assert_eq!(requester.transcripts, responder.transcripts);
    }
    ended
}

/// A frame on its way.
#[derive(Clone)]
enum Frame {
    Control(Vec<u8>),
    Rows(RowsHeader, Vec<u8>),
}

impl Frame {
    /// Changes one bit.
    fn flip(&mut self, place: usize) {
        let (Self::Control(bytes) | Self::Rows(_, bytes)) = self;
        let bits = 8 * bytes.len();
        if let Some(byte) = bytes.get_mut(place % bits.max(1) / 8) {
            *byte ^= 1 << (place % 8);
        }
    }

    /// A control message of a number and as many zeros, or rows of any list.
    fn made_up(number: u8, zeros: u8) -> Self {
        let zeros = vec![0; usize::from(zeros) + 1];
        match RowsHeader::split(&[number / 2, 0, 0, 0, 0]) {
            Ok((header, _)) if number >= 128 => Self::Rows(header, zeros),
            _ => Self::Control([&[0, 0, 0, number % 32], zeros.as_slice()].concat()),
        }
    }
}

/// One side: its machine until that ends, and what it has to send.
struct Side {
    machine: Option<Exchange>,
    ended: Option<Ended>,
    outbox: VecDeque<Frame>,
}

impl Side {
    fn start(spec: &JobSpec, own: Party) -> Self {
        // Of three identities each, two are the same.
        let first = if own == Party::Requester { 1 } else { 2 };
        let mut writer = MemoryStore.unsorted(32).expect("memory");
        for digest in first..first + 3 {
            writer.push(&[digest; 32]).expect("memory");
        }
        let list = Arc::from(writer.finish().expect("memory"));
        let lists = if spec.receiver == own {
            JobLists {
                parts: Some(vec![list]),
                positions: None,
            }
        } else {
            JobLists {
                parts: None,
                positions: Some(list),
            }
        };
        let tools = Tools {
            kernel: Arc::new(Portable),
            store: Arc::new(MemoryStore),
            progress: Arc::new(Silent),
        };
        let seed = Arc::new(JobSeed::new([first; 32]));
        let mut outbox = VecDeque::new();
        let mut out = |message| queue(message, &mut outbox);
        let machine = Exchange::start(spec.clone(), own, seed, lists, tools, &mut out);
        let machine = Some(machine.expect("lists that fit the job"));
        Self {
            machine,
            ended: None,
            outbox,
        }
    }
}

/// Hands over the next frame of a side, if it has one; `false` if the other side ends the job.
fn deliver(sides: &mut [Side; 2], from: usize) -> bool {
    let [requester, responder] = sides;
    let (from, to) = if from == 0 {
        (requester, responder)
    } else {
        (responder, requester)
    };
    let Some(frame) = from.outbox.pop_front() else {
        return true;
    };
    // A frame after the end belongs to the receipt, and is not read for this machine.
    let Some(machine) = to.machine.take() else {
        return false;
    };
    let mut out = |message| queue(message, &mut to.outbox);
    let step = match frame {
        Frame::Control(bytes) => codec::decode::<Control>(&bytes)
            .and_then(|message| machine.handle_control(message, &mut out)),
        Frame::Rows(header, bytes) => machine.handle_rows(header, &bytes, &mut out),
    };
    match step {
        Ok(Step::More(machine)) => to.machine = Some(machine),
        Ok(Step::Done(mut ended)) => {
            for message in std::mem::take(&mut ended.last) {
                out(Outgoing::Control(message)).expect("memory");
            }
            to.ended = Some(ended);
        }
        Err(Error::ApiMisuse(what)) => panic!("a peer's frame became a misuse: {what}"),
        Err(_) => return false,
    }
    true
}

fn queue(message: Outgoing, outbox: &mut VecDeque<Frame>) -> Result<(), Error> {
    message.into_frames(FRAME_BYTES, &mut |frame| {
        outbox.push_back(match frame {
            frame::Frame::Control(message) => Frame::Control(codec::encode(&message)),
            frame::Frame::Rows(header, bytes) => Frame::Rows(header, bytes),
        });
        Ok(())
    })
}

fn spec(shape: Shape) -> JobSpec {
    let half = |member: &str, node: u8| Half {
        node_id: [node; 32].into(),
        nonce: [node; 32].into(),
        facts: facts(member, 3, 1),
    };
    let agreement = agreement(CollabId([1; 32]), "SELECT", shape);
    JobSpec::assemble(agreement, half("one", 1), half("other", 2)).expect("halves that fit")
}
