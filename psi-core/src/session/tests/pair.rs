//! Two machines and the wire between them, as bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{JobLists, Tools};
use crate::error::{Code, Error};
pub(super) use crate::messages::frame::Frame;
use crate::messages::frame::{
    FRAME_HEADER_BYTES, FrameKind, ListId, RowsHeader, decode_header, encode_header,
};
use crate::messages::{Control, codec};
use crate::seed::JobSeed;
use crate::session::{Ended, Exchange, Outgoing, Step};
use crate::spec::{JobSpec, Party};

pub(super) const REQUESTER_SEED: [u8; 32] = [11; 32];
pub(super) const RESPONDER_SEED: [u8; 32] = [22; 32];

/// One side: its machine, or what it ended with, and the frames that wait to be sent.
pub(super) struct Node {
    state: State,
    outbox: VecDeque<Vec<u8>>,
    frame_bytes: usize,
}

#[expect(clippy::large_enum_variant, reason = "a test holds one for each side")]
enum State {
    Running(Exchange),
    Ended(Ended),
    /// A step failed.
    Broken,
}

impl Node {
    pub(super) fn start(
        spec: &JobSpec,
        own: Party,
        lists: JobLists,
        tools: Tools,
        frame_bytes: usize,
    ) -> Result<Self, Error> {
        let seed = match own {
            Party::Requester => REQUESTER_SEED,
            Party::Responder => RESPONDER_SEED,
        };
        Self::with_seed(spec, own, seed, lists, tools, frame_bytes)
    }

    fn with_seed(
        spec: &JobSpec,
        own: Party,
        seed: [u8; 32],
        lists: JobLists,
        tools: Tools,
        frame_bytes: usize,
    ) -> Result<Self, Error> {
        let seed = Arc::new(JobSeed::new(seed));
        let mut outbox = VecDeque::new();
        let mut out = |message| send(message, frame_bytes, &mut outbox);
        let exchange = Exchange::start(spec.clone(), own, seed, lists, tools, &mut out)?;
        Ok(Self {
            state: State::Running(exchange),
            outbox,
            frame_bytes,
        })
    }

    /// What the machine awaits; `ExpectEntry` when it is done and the closing entry follows.
    pub(super) const fn awaits(&self) -> &'static str {
        match &self.state {
            State::Running(exchange) => exchange.awaits(),
            State::Ended(_) => "ExpectEntry",
            State::Broken => "broken",
        }
    }

    /// The next frame on its way to the peer.
    pub(super) fn next_sent(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    /// Takes the bytes of one frame.
    pub(super) fn take(&mut self, frame: &Frame) -> Result<(), Error> {
        let exchange = match std::mem::replace(&mut self.state, State::Broken) {
            State::Running(exchange) => exchange,
            State::Ended(end) => {
                self.state = State::Ended(end);
                return match frame {
                    Frame::Control(
                        Control::Working | Control::Entry(_) | Control::Countersign { .. },
                    ) => Ok(()),
                    _ => Err(Error::misbehaved(
                        Code::UnexpectedMessage,
                        "a frame after the matches",
                    )),
                };
            }
            State::Broken => panic!("a frame after an error"),
        };
        let frame_bytes = self.frame_bytes;
        let outbox = &mut self.outbox;
        let mut out = |message| send(message, frame_bytes, outbox);
        self.state = match exchange.handle(frame.clone(), &mut out)? {
            Step::More(exchange) => State::Running(exchange),
            Step::Done(end) => {
                for message in &end.last {
                    out(Outgoing::Control(message.clone()))?;
                }
                State::Ended(end)
            }
        };
        Ok(())
    }
}

/// Puts what a machine sends into frames.
fn send(
    message: Outgoing,
    frame_bytes: usize,
    outbox: &mut VecDeque<Vec<u8>>,
) -> Result<(), Error> {
    message.into_frames(frame_bytes, &mut |sent| {
        outbox.push_back(match sent {
            Frame::Control(message) => frame(FrameKind::Control, &codec::encode(&message))?,
            Frame::Rows(header, bytes) => rows_frame(header, &bytes)?,
        });
        Ok(())
    })
}

pub(super) fn rows_frame(header: RowsHeader, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    frame(FrameKind::Rows, &[&header.encode(), bytes].concat())
}

pub(super) fn frame(kind: FrameKind, body: &[u8]) -> Result<Vec<u8>, Error> {
    let header = encode_header(kind, body.len())?;
    Ok([header.as_slice(), body].concat())
}

impl Frame {
    /// Reads the first frame of `bytes`, and gives what follows it.
    pub(super) fn split(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let cut_off = Error::misbehaved(Code::MalformedMessage, "a frame was cut off");
        let Some((header, rest)) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>() else {
            return Err(cut_off);
        };
        let (kind, length) = decode_header(*header)?;
        let Some((body, rest)) = rest.split_at_checked(length) else {
            return Err(cut_off);
        };
        let frame = match kind {
            FrameKind::Control => Self::Control(codec::decode(body)?),
            FrameKind::Rows => {
                let (header, records) = RowsHeader::split(body)?;
                Self::Rows(header, records.to_vec())
            }
        };
        Ok((frame, rest))
    }

    /// The list that the frame belongs to.
    pub(super) const fn list(&self) -> Option<ListId> {
        match self {
            Self::Rows(header, _) => Some(header.list),
            Self::Control(_) => None,
        }
    }
}

/// What both sides know at the end, and every frame with its sender, in the order of delivery.
pub(super) struct Ends {
    pub(super) requester: Ended,
    pub(super) responder: Ended,
    pub(super) wire: Vec<(Party, Vec<u8>)>,
}

/// Two machines.
pub(super) struct Pair {
    pub(super) requester: Node,
    pub(super) responder: Node,
    pub(super) wire: Vec<(Party, Vec<u8>)>,
}

impl Pair {
    pub(super) fn start(
        spec: &JobSpec,
        lists: [JobLists; 2],
        tools: &Tools,
        frame_bytes: usize,
    ) -> Result<Self, Error> {
        let seeds = [REQUESTER_SEED, RESPONDER_SEED];
        Self::with_seeds(spec, seeds, lists, tools, frame_bytes)
    }

    /// [`Self::start`] with other seeds, the requester's first.
    pub(super) fn with_seeds(
        spec: &JobSpec,
        seeds: [[u8; 32]; 2],
        lists: [JobLists; 2],
        tools: &Tools,
        frame_bytes: usize,
    ) -> Result<Self, Error> {
        let [requester, responder] = lists;
        let [first, second] = seeds;
        let start =
            |own, seed, lists| Node::with_seed(spec, own, seed, lists, tools.clone(), frame_bytes);
        Ok(Self {
            requester: start(Party::Requester, first, requester)?,
            responder: start(Party::Responder, second, responder)?,
            wire: Vec::new(),
        })
    }

    /// Delivers the next frame of `from`; returns `false` if none waits.
    pub(super) fn deliver(&mut self, from: Party) -> Result<bool, Error> {
        let (from_node, to) = match from {
            Party::Requester => (&mut self.requester, &mut self.responder),
            Party::Responder => (&mut self.responder, &mut self.requester),
        };
        let Some(bytes) = from_node.next_sent() else {
            return Ok(false);
        };
        let (frame, rest) = Frame::split(&bytes)?;
        assert!(rest.is_empty());
        to.take(&frame)?;
        self.wire.push((from, bytes));
        Ok(true)
    }

    /// Delivers all frames, from either side in turn.
    pub(super) fn run(self) -> Result<Ends, Error> {
        self.run_in_order([Party::Requester, Party::Responder].into_iter().cycle())
    }

    /// Delivers all frames; `order` says from which side the next one comes, if it has one.
    pub(super) fn run_in_order(
        mut self,
        order: impl Iterator<Item = Party>,
    ) -> Result<Ends, Error> {
        for next in order {
            if !self.deliver(next)? && !self.deliver(next.other())? {
                break;
            }
        }
        match (self.requester.state, self.responder.state) {
            (State::Ended(requester), State::Ended(responder)) => Ok(Ends {
                requester,
                responder,
                wire: self.wire,
            }),
            _ => panic!("both sides await a frame"),
        }
    }
}
