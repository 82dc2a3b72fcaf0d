//! The machine that is attacked: it has sent its first messages, or an honest peer has brought it
//! further.

use std::sync::{Arc, OnceLock};

use super::super::pair::{Frame, Node, Pair};
use super::super::sums::table;
use super::super::table::{self, Table};
use super::super::{JobLists, Portable, lists, tools};
use super::{receiver_side, sender_side};
use crate::error::Error;
use crate::spec::{JobSpec, Party, Recipients};

/// A machine of one of five small jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// Of a single count.
    Receiver,
    /// Of a single count.
    Sender,
    /// Of a single count; its side does not get the result.
    SenderWithoutResult,
    /// Of a sum over two parts, opened to both sides.
    SumReceiver,
    /// Of a sum over two parts, opened to both sides.
    SumSender,
    /// Of a sum that is opened to the Sender alone, whose column it is.
    SumOwner,
    /// The side that asks for columns of both sides: two matches.
    TwiceRequester,
    /// The side that was asked for columns of both sides.
    TwiceResponder,
    /// Of counts by the Receiver's groups; it is the Sender and a recipient.
    CountSender,
}

impl Victim {
    const ALL: [Self; 9] = [
        Self::Receiver,
        Self::Sender,
        Self::SenderWithoutResult,
        Self::SumReceiver,
        Self::SumSender,
        Self::SumOwner,
        Self::TwiceRequester,
        Self::TwiceResponder,
        Self::CountSender,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Sender => "sender",
            Self::SenderWithoutResult => "sender without result",
            Self::SumReceiver => "receiver of sums",
            Self::SumSender => "sender of sums",
            Self::SumOwner => "sender who alone receives its sums",
            Self::TwiceRequester => "requester of two matches",
            Self::TwiceResponder => "responder of two matches",
            Self::CountSender => "sender of counts by group",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|victim| victim.name() == name).unwrap()
    }

    const fn party(self) -> Party {
        match self {
            Self::Receiver | Self::SumReceiver | Self::SumOwner | Self::TwiceRequester => {
                Party::Requester
            }
            Self::Sender
            | Self::SenderWithoutResult
            | Self::SumSender
            | Self::TwiceResponder
            | Self::CountSender => Party::Responder,
        }
    }

    /// The two tables of a job with parts or sums: four people each, three of them shared.
    fn tables(self) -> [Table; 2] {
        let [mut asking, mut asked] = match self {
            Self::SumOwner => [table(0..4, 0, 1), table(1..5, 2, 0)],
            Self::TwiceRequester | Self::TwiceResponder => [table(0..4, 0, 1), table(1..5, 0, 1)],
            Self::CountSender => [table(0..4, 2, 0), table(1..5, 0, 0)],
            _ => [table(0..4, 2, 0), table(1..5, 0, 1)],
        };
        // Two of the three shared people are in group 1, one in group 0.
        (asking.minimum, asked.minimum) = (2, 2);
        [asking, asked]
    }

    fn job(self) -> (JobSpec, [JobLists; 2]) {
        let recipients = match self {
            Self::SenderWithoutResult | Self::SumOwner | Self::TwiceRequester => {
                Recipients::Requester
            }
            _ => Recipients::Both,
        };
        match self {
            Self::Receiver | Self::Sender | Self::SenderWithoutResult => {
                let (asking, asked) = (receiver_side(), sender_side());
                let spec = super::spec_of(&asking, &asked, recipients);
                let lists = [
                    lists(&spec, Party::Requester, &asking),
                    lists(&spec, Party::Responder, &asked),
                ];
                (spec, lists)
            }
            _ => {
                let [asking, asked] = self.tables();
                let spec = table::spec_of(&asking, &asked, recipients).unwrap();
                let lists = [
                    table::lists(&spec, Party::Requester, &asking),
                    table::lists(&spec, Party::Responder, &asked),
                ];
                (spec, lists)
            }
        }
    }

    /// The victim, having sent what it sends first.
    pub(super) fn start(self) -> Node {
        let (spec, [asking, asked]) = self.job();
        let own = self.party();
        let lists = match own {
            Party::Requester => asking,
            Party::Responder => asked,
        };
        Node::start(&spec, own, lists, tools(Arc::new(Portable)), 1 << 18).unwrap()
    }

    /// What an honest peer sends to the victim, frame by frame.
    pub(super) fn honest_frames(self) -> &'static [Vec<u8>] {
        static FRAMES: [OnceLock<Vec<Vec<u8>>>; Victim::ALL.len()] =
            [const { OnceLock::new() }; Victim::ALL.len()];
        let number = Self::ALL.iter().position(|victim| *victim == self).unwrap();
        FRAMES[number].get_or_init(|| {
            let (spec, lists) = self.job();
            let pair = Pair::start(&spec, lists, &tools(Arc::new(Portable)), 1 << 18);
            let wire = pair.unwrap().run().unwrap().wire;
            let to_victim = wire.into_iter().filter(|(from, _)| *from != self.party());
            to_victim.map(|(_, bytes)| bytes).collect()
        })
    }

    /// The victim after the first frames of an honest peer.
    pub(super) fn start_after(self, frames: usize) -> Node {
        let before = self.honest_frames()[..frames].concat();
        let node = feed(self.start(), &before);
        node.map_err(|(_, error)| error).unwrap()
    }
}

/// Feeds all frames; returns the node after the last, or the state that refused one and why.
pub(super) fn feed(mut node: Node, mut bytes: &[u8]) -> Result<Node, (&'static str, Error)> {
    while !bytes.is_empty() {
        let name = node.awaits();
        let (frame, rest) = Frame::split(bytes).map_err(|error| (name, error))?;
        bytes = rest;
        node.take(&frame).map_err(|error| (name, error))?;
    }
    Ok(node)
}
