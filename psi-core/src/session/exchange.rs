//! One side's half of all matches of a job, as one machine that a node drives.
//!
//! Spec 06 §3, Spec 04, Spec 05 §6, Spec 11. Frames go in, one after the other. Messages to send go
//! to a function that the caller gives. At the end there is [`Ended`]. This module alone decides
//! which frame is allowed when.
//!
//! How to drive it:
//!
//! * [`Exchange::start`] and both `handle` functions do all arithmetic of their step before they
//!   return: minutes for a long list. Call them on a thread that may block. Meanwhile a second
//!   thread tells the peer that this side is at work, and a third receives.
//! * Send the messages in the order of the calls, on a thread other than the computing one, which
//!   goes on meanwhile: lists flow in both directions at once. A list gives many
//!   [`Outgoing::Rows`], so the function should wait when a few of them are queued. The two sides
//!   cannot deadlock, since a side that sends them awaits nothing.
//! * You may receive rows frames ahead of the computation. After a control frame, do not read the
//!   next frame before the call that handles it has returned: it may be the last one, and the
//!   frames after it belong to the receipt.
//! * The caller sends [`Ended::last`] once it no longer reads frames for this machine.

mod frames;
mod job;

use std::sync::Arc;

use super::held::Held;
use super::opened::{MatchedList, Opened};
use super::opening::{Opening, Terms};
use super::{Awaiting, SharedList, Tools, receiver, sender};
use crate::error::{Code, Error};
use crate::messages::Control;
use crate::messages::frame::{ListId, RowsHeader};
use crate::ot;
use crate::receipt::OutputCommitment;
use crate::seed::JobSeed;
use crate::spec::{JobSpec, MatchSpec, PartSize, Party};
use crate::store::RecordList;
use crate::transcript::{ListHashes, OpeningTranscript, Transcripts};

use job::{check_lists, expect_list};

/// The frozen input of one side: a list for each role that it has in the job.
///
/// The caller decides beforehand, once for both lists, which parts the small-part rule empties
/// (Spec 05 §7): an identity of an emptied part must not be in the other list either.
#[derive(Clone, Default)]
pub struct JobLists {
    /// As Receiver: for each part the digests of its identities, ascending and distinct.
    pub parts: Option<Vec<SharedList>>,
    /// As Sender: the digests of the identities, ascending and distinct, each followed by its
    /// payload, eight bytes for each component.
    pub positions: Option<SharedList>,
}

/// A message to send.
#[expect(
    clippy::large_enum_variant,
    reason = "few are held at a time, and a frame of a transfer is longer than any"
)]
pub enum Outgoing {
    /// One control frame.
    Control(Control),
    /// A whole list in the code of Spec 06 §5, in rows frames with this header.
    List {
        /// The header of each frame.
        header: RowsHeader,
        /// The records, strictly increasing.
        records: SharedList,
    },
    /// One rows frame whose bytes travel as they are: of an oblivious transfer, or of R where a
    /// list is asked for.
    Rows {
        /// Its header.
        header: RowsHeader,
        /// What follows the header.
        bytes: Vec<u8>,
    },
}

/// Takes the messages to send; see the head of this module.
///
/// An error ends the machine; [`Error::Cancelled`] if nobody can send any more.
pub type Outlet<'a> = &'a mut dyn FnMut(Outgoing) -> Result<(), Error>;

/// What a frame leads to.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, and it is moved once for each frame"
)]
pub enum Step {
    /// More frames are awaited.
    More(Exchange),
    /// All matches are done and opened.
    Done(Ended),
}

/// What one side knows when all matches are done and opened.
#[derive(Debug)]
pub struct Ended {
    /// What is released, if this side is a recipient.
    pub opened: Option<Opened>,
    /// As Receiver of a list that is released: which of this side's identifiers match.
    pub list: Option<MatchedList>,
    /// For the closing entry.
    pub output_commitment: OutputCommitment,
    /// For the closing entry.
    pub transcripts: Transcripts,
    /// The hashes that the transcripts combine, for a record that an auditor may replay.
    pub lists: ListHashes,
    /// Messages still to send, before the closing entry and after the last frame that is read for
    /// this machine.
    pub last: Vec<Control>,
}

/// One side's half of all matches of a job.
pub struct Exchange {
    job: Box<Job>,
    state: Box<State>,
}

/// What stays the same from frame to frame.
struct Job {
    terms: Terms,
    matches: Vec<MatchSpec>,
    lists: JobLists,
    tools: Tools,
    /// Matches that are done on this side.
    held: Vec<Held>,
    /// The messages of the opening so far.
    opening: OpeningTranscript,
}

/// What the machine awaits.
#[expect(
    clippy::large_enum_variant,
    reason = "an exchange has one, on the heap; moving it costs nothing beside the list that brought it"
)]
enum State {
    SenderKey(receiver::ExpectSenderKey),
    Tags(receiver::ExpectTags),
    Evaluated(receiver::ExpectEvaluated),
    BasePoints(ot::receiver::ExpectBasePoints, Held),
    Corrections(ot::receiver::ExpectCorrections, Held),
    Blinded(sender::ExpectBlinded),
    BaseKeys(ot::sender::ExpectBaseKeys, Payload),
    Columns(ot::sender::ExpectColumns, Payload),
    Check(ot::sender::ExpectCheck, Payload),
    Opening(Opening),
}

/// What a Sender keeps during a transfer.
struct Payload {
    held: Held,
    list: Box<dyn RecordList>,
}

/// Records of lists that `own` sends in all matches together, as [`Outgoing::List`].
#[must_use]
pub fn records_to_send(spec: &JobSpec, own: Party) -> u64 {
    let of_match = |of: &MatchSpec| {
        let points = points(of);
        if of.receiver == own {
            points
        } else if spec.shape.is_list() {
            of.sender_size
        } else {
            of.sender_size + points
        }
    };
    spec.matches().iter().map(of_match).sum()
}

fn points(of: &MatchSpec) -> u64 {
    of.parts.iter().map(PartSize::points).sum()
}

impl Exchange {
    /// Begins the first match of the job `spec`, as the side `own`.
    ///
    /// # Errors
    /// [`Error::Limit`] if there are more identities than registered, and [`Error::ApiMisuse`] if
    /// `lists` are not those of this side's roles, both before anything is sent; errors of the
    /// store and of `out`; [`Error::Cancelled`].
    pub fn start(
        spec: JobSpec,
        own: Party,
        seed: Arc<JobSeed>,
        lists: JobLists,
        tools: Tools,
        out: Outlet<'_>,
    ) -> Result<Self, Error> {
        let matches = spec.matches();
        for of in &matches {
            check_lists(of, own, &lists)?;
        }
        let mut job = Box::new(Job {
            terms: Terms { spec, own, seed },
            matches,
            lists,
            tools,
            held: Vec::new(),
            opening: OpeningTranscript::default(),
        });
        let state = Box::new(job.start_match(out)?);
        Ok(Self { job, state })
    }

    /// The name of the state, which says what it awaits.
    #[must_use]
    pub const fn awaits(&self) -> &'static str {
        match &*self.state {
            State::SenderKey(_) => "ExpectSenderKey",
            State::Tags(_) => "ExpectTags",
            State::Evaluated(_) => "ExpectEvaluated",
            State::BasePoints(..) => "ExpectBasePoints",
            State::Corrections(..) => "ExpectCorrections",
            State::Blinded(_) => "ExpectBlinded",
            State::BaseKeys(..) => "ExpectBaseKeys",
            State::Columns(..) => "ExpectColumns",
            State::Check(..) => "ExpectCheck",
            State::Opening(state) => state.name(),
        }
    }

    /// Takes a control frame. [`Control::Working`] changes nothing. The caller must watch for
    /// [`Control::Abort`] itself.
    ///
    /// # Errors
    /// [`Code::UnexpectedMessage`] if the message is not due; those of the state that awaits it;
    /// those of `out`.
    pub fn handle_control(self, message: Control, out: Outlet<'_>) -> Result<Step, Error> {
        let Self { mut job, state } = self;
        match (*state, message) {
            (state, Control::Working) => Ok(job.more(state)),
            (State::SenderKey(state), Control::SenderKey { match_index, point }) => {
                Ok(job.more(State::Tags(state.handle(match_index, &point)?)))
            }
            (State::Opening(state), message) => {
                let mut send = Vec::new();
                let sender = job.terms.own.other();
                job.note_opening(sender, &message);
                let progress = state.handle(message, &mut send)?;
                job.opened(progress, send, out)
            }
            _ => Err(unexpected("a control message that is not due")),
        }
    }

    /// Takes a rows frame.
    ///
    /// # Errors
    /// [`Code::UnexpectedMessage`] if the list is not due; those of the state that awaits it; errors
    /// of the store and of `out`; [`Error::Cancelled`].
    pub fn handle_rows(
        self,
        header: RowsHeader,
        bytes: &[u8],
        out: Outlet<'_>,
    ) -> Result<Step, Error> {
        self.handle_some(header, &[bytes], out)
            .map(|(step, _)| step)
    }

    /// Takes rows frames that came one after the other with the same header, at least one, and does
    /// what [`Self::handle_rows`] does with each of them. It multiplies the points of all of them
    /// together, so that a machine of many cores waits less often for its last one. Returns how many
    /// it took: the others belong to what follows the step.
    ///
    /// # Errors
    /// Those of [`Self::handle_rows`], for the first of the frames that has any.
    pub fn handle_some(
        self,
        header: RowsHeader,
        frames: &[&[u8]],
        out: Outlet<'_>,
    ) -> Result<(Step, usize), Error> {
        let Self { job, state } = self;
        match *state {
            State::Evaluated(state) => match state.handle_some(header, frames)? {
                (Awaiting::More(same), taken) => Ok((job.received(State::Evaluated(same))?, taken)),
                (Awaiting::Done(matched), taken) => Ok((job.matched(matched, out)?, taken)),
            },
            State::Blinded(state) => match state.handle_some(header, frames)? {
                (Awaiting::More(same), taken) => Ok((job.received(State::Blinded(same))?, taken)),
                (Awaiting::Done(evaluated), taken) => Ok((job.evaluated(evaluated, out)?, taken)),
            },
            state => {
                let first = frames.first();
                let first = first.ok_or(Error::ApiMisuse("rows frames, but none of them"))?;
                let state = Box::new(state);
                Ok((Self { job, state }.handle_one(header, first, out)?, 1))
            }
        }
    }

    /// Takes a rows frame in a state that takes one at a time.
    fn handle_one(self, header: RowsHeader, bytes: &[u8], out: Outlet<'_>) -> Result<Step, Error> {
        let Self { job, state } = self;
        match *state {
            State::Tags(state) => job.received(match state.handle(header, bytes)? {
                Awaiting::More(same) => State::Tags(same),
                Awaiting::Done(next) => State::Evaluated(next),
            }),
            State::BasePoints(state, held) => {
                expect_list(header, ListId::BasePoints, &held)?;
                job.send_columns(state.handle(bytes)?, held, out)
            }
            State::BaseKeys(state, payload) => {
                expect_list(header, ListId::BaseKeys, &payload.held)?;
                Ok(job.more(State::Columns(state.handle(bytes)?, payload)))
            }
            State::Columns(state, payload) => {
                expect_list(header, ListId::Columns, &payload.held)?;
                Ok(job.more(match state.handle(bytes)? {
                    Awaiting::More(same) => State::Columns(same, payload),
                    Awaiting::Done(next) => State::Check(next, payload),
                }))
            }
            State::Check(state, payload) => {
                expect_list(header, ListId::ColumnCheck, &payload.held)?;
                job.correct(state.handle(bytes)?, payload, out)
            }
            State::Corrections(state, held) => {
                expect_list(header, ListId::Corrections, &held)?;
                match state.handle(bytes)? {
                    Awaiting::More(same) => Ok(job.more(State::Corrections(same, held))),
                    Awaiting::Done(end) => job.end_match(held.transferred(end), out),
                }
            }
            State::SenderKey(_) | State::Opening(_) => {
                Err(unexpected("rows where a control message is due"))
            }
            State::Evaluated(_) | State::Blinded(_) => {
                Err(Error::ApiMisuse("one frame of a list that takes several"))
            }
        }
    }
}

const fn unexpected(detail: &'static str) -> Error {
    Error::misbehaved(Code::UnexpectedMessage, detail)
}
