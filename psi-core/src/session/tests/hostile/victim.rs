//! Feeds bytes to a session as a node does: frame by frame, each to the state that awaits it.

use std::sync::Arc;

use super::super::{Portable, tools};
use super::{RECEIVER_SEED, SENDER_SEED, Victim, receiver_side, sender_side, setup};
use crate::error::{Code, Error};
use crate::messages::frame::{FRAME_HEADER_BYTES, FrameKind, RowsHeader, decode_header};
use crate::messages::{Control, codec};
use crate::seed::JobSeed;
use crate::session::{Awaiting, receiver, sender};
use crate::spec::Recipients;

/// What the victim awaits.
pub(super) enum State {
    SenderKey(receiver::ExpectSenderKey),
    Tags(receiver::ExpectTags),
    Evaluated(receiver::ExpectEvaluated),
    Blinded(sender::ExpectBlinded),
    Outcome(sender::ExpectOutcome),
    /// The match is over; the closing entry follows.
    Entry,
}

/// A victim that has sent what it sends first.
pub(super) fn start(victim: Victim) -> State {
    let tools = tools(Arc::new(Portable));
    let recipients = match victim {
        Victim::SenderWithoutResult => Recipients::Requester,
        Victim::Receiver | Victim::Sender => Recipients::Both,
    };
    let setup = setup(recipients);
    if matches!(victim, Victim::Receiver) {
        let (seed, list) = (JobSeed::new(RECEIVER_SEED), receiver_side().list());
        let blinded = receiver::blind(setup, &seed, list.as_ref(), tools).unwrap();
        State::SenderKey(blinded.state)
    } else {
        let (seed, list) = (JobSeed::new(SENDER_SEED), sender_side().list());
        let encrypted = sender::encrypt(setup, &seed, list.as_ref(), tools).unwrap();
        State::Blinded(encrypted.state)
    }
}

/// Feeds all frames; returns the state after the last, or the state that refused one and why.
pub(super) fn feed(mut state: State, mut bytes: &[u8]) -> Result<State, (&'static str, Error)> {
    while !bytes.is_empty() {
        let name = state.name();
        let (frame, rest) = next_frame(bytes).map_err(|error| (name, error))?;
        bytes = rest;
        state = state.take(frame).map_err(|error| (name, error))?;
    }
    Ok(state)
}

#[expect(
    clippy::large_enum_variant,
    reason = "a test holds one frame at a time"
)]
enum Frame<'a> {
    Control(Control),
    Rows(RowsHeader, &'a [u8]),
}

fn next_frame(bytes: &[u8]) -> Result<(Frame<'_>, &[u8]), Error> {
    let cut_off = Error::misbehaved(Code::MalformedMessage, "a frame was cut off");
    let Some((header, rest)) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>() else {
        return Err(cut_off);
    };
    let (kind, length) = decode_header(*header)?;
    let Some((body, rest)) = rest.split_at_checked(length) else {
        return Err(cut_off);
    };
    let frame = match kind {
        FrameKind::Control => Frame::Control(codec::decode(body)?),
        FrameKind::Rows => {
            let (header, records) = RowsHeader::split(body)?;
            Frame::Rows(header, records)
        }
    };
    Ok((frame, rest))
}

impl State {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::SenderKey(_) => "ExpectSenderKey",
            Self::Tags(_) => "ExpectTags",
            Self::Evaluated(_) => "ExpectEvaluated",
            Self::Blinded(_) => "ExpectBlinded",
            Self::Outcome(_) => "ExpectOutcome",
            Self::Entry => "ExpectEntry",
        }
    }

    fn take(self, frame: Frame<'_>) -> Result<Self, Error> {
        Ok(match (self, frame) {
            (state, Frame::Control(Control::Working)) => state,
            (Self::SenderKey(state), Frame::Control(Control::SenderKey { match_index, point })) => {
                Self::Tags(state.handle(match_index, &point)?)
            }
            (Self::Tags(state), Frame::Rows(header, records)) => {
                match state.handle(header, records)? {
                    Awaiting::More(same) => Self::Tags(same),
                    Awaiting::Done(next) => Self::Evaluated(next),
                }
            }
            (Self::Evaluated(state), Frame::Rows(header, records)) => {
                match state.handle(header, records)? {
                    Awaiting::More(same) => Self::Evaluated(same),
                    Awaiting::Done(_) => Self::Entry,
                }
            }
            (Self::Blinded(state), Frame::Rows(header, records)) => {
                match state.handle(header, records)? {
                    Awaiting::More(same) => Self::Blinded(same),
                    Awaiting::Done(evaluated) => Self::Outcome(evaluated.state),
                }
            }
            (Self::Outcome(state), Frame::Control(Control::Outcome(outcome))) => {
                state.handle(&outcome)?;
                Self::Entry
            }
            (Self::Entry, Frame::Control(Control::Entry(_) | Control::Countersign { .. })) => {
                Self::Entry
            }
            _ => {
                let detail = "a message that the state does not allow";
                return Err(Error::misbehaved(Code::UnexpectedMessage, detail));
            }
        })
    }
}
