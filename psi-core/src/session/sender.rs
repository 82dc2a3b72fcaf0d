//! The Sender: sends tags of its own list, raises the Receiver's blinded lists to its scalar and
//! returns them shuffled.
//!
//! Spec 04 §1, steps 2 and 3, and §2 (the barrier). [`super::Exchange`] calls this. It learns
//! nothing of the match except what the Receiver opens to it.
//!
//! Cost: `N2 + N1` multiplications, one sort of `N2` tags, one of `N1` points.

use std::sync::Arc;

use super::held::Held;
use super::incoming::{Incoming, Taken};
use super::own_hashes::OwnHashes;
use super::positions::{self, Positions};
use super::receiver::decode_failed;
use super::{Awaiting, MatchSetup, SharedList, Tools};
use crate::error::Error;
use crate::group::SecretScalar;
use crate::kernel::batch;
use crate::messages::frame::{ListId, RowsHeader};
use crate::progress::Stage;
use crate::seed::{JobSeed, Purpose};
use crate::spec::PartSize;
use crate::store::{RecordList, RecordWriter};
use crate::transcript::{ListHash, ListTranscript};

/// The Sender's first step.
pub struct Encrypted {
    /// Kept: the next state.
    pub state: ExpectBlinded,
    /// Sent first: `K_b = b*G`.
    pub key: [u8; 32],
    /// Sent next: the tags, `N2` of them in ascending order. May flow while A arrives.
    pub message: SharedList,
}

/// Computes this side's tags: `sort(H2(b*H(y)) u filler u marked dummies)`, and puts the payload
/// into their order.
///
/// `identities` are the distinct digests of this side's rows that pass the filter, ascending. Each
/// is followed by its payload: eight bytes for each component, a signed big-endian number.
///
/// # Errors
/// [`Error::Limit`] if there are more identities than registered; [`Error::ApiMisuse`] if the
/// payload is of another job; errors of the store; [`Error::Cancelled`].
pub fn encrypt(
    setup: MatchSetup,
    seed: &JobSeed,
    identities: &dyn RecordList,
    tools: Tools,
) -> Result<Encrypted, Error> {
    let index = setup.match_index;
    let scalar = seed.stream(Purpose::SenderScalar, index, 0).scalar();
    let mut key = [[0; 32]];
    tools
        .kernel
        .base_mul_encode(std::slice::from_ref(&scalar), &mut key);
    let [key] = key;
    let Positions { tags, payload } = positions::make(&setup, identities, seed, &scalar, &tools)?;
    let message: SharedList = Arc::from(tags);
    let mut key_transcript = ListTranscript::new(setup.header(ListId::SenderKey, 0), 32, 1);
    key_transcript.update(&key);
    let mut sent = OwnHashes::default();
    sent.push(key_transcript.finish())?;
    sent.add(setup.header(ListId::Tags, 0), &message)?;
    let state = ExpectBlinded {
        sent,
        received: Vec::new(),
        incoming: blinded(&setup, 0)?,
        writer: reply_writer(&setup, &tools)?,
        replies: Vec::new(),
        done: 0,
        setup,
        scalar,
        tools,
        payload,
    };
    Ok(Encrypted {
        state,
        key,
        message,
    })
}

/// The list that the reply to a part is written to. It is sorted, which is the shuffle, unless the
/// Receiver is to learn which of its own identifiers match.
fn reply_writer(setup: &MatchSetup, tools: &Tools) -> Result<Box<dyn RecordWriter>, Error> {
    let store = tools.store.as_ref();
    Ok(if setup.list {
        store.in_order(32)?
    } else {
        store.unsorted(32)?
    })
}

/// Expects a part of A.
fn blinded(setup: &MatchSetup, part: usize) -> Result<Incoming, Error> {
    let size = setup.parts.get(part);
    match (size, u16::try_from(part)) {
        (Some(size), Ok(part)) => {
            Incoming::new(setup.header(ListId::Blinded, part), 32, size.points())
        }
        _ => Err(Error::ApiMisuse("a part that the match does not have")),
    }
}

/// Awaits the Receiver's blinded list A, part by part.
///
/// You can ask it how much has come:
///
/// ```
/// # use psi_core::session::sender::ExpectBlinded;
/// fn come(state: &ExpectBlinded) -> u64 {
///     state.received()
/// }
/// ```
///
/// You cannot ask it for R, which is in [`Evaluated`] alone, the result of the last byte of A:
///
/// ```compile_fail,E0616
/// # use psi_core::session::sender::ExpectBlinded;
/// fn early(state: &ExpectBlinded) -> usize {
///     state.replies.len()
/// }
/// ```
///
/// Nor can you go on after bytes that were refused, because a step consumes the state:
///
/// ```compile_fail,E0382
/// # use psi_core::{messages::frame::RowsHeader, session::sender::ExpectBlinded};
/// fn again(state: ExpectBlinded, header: RowsHeader) {
///     let _ = state.handle(header, b"refused");
///     let _ = state.handle(header, b"better");
/// }
/// ```
pub struct ExpectBlinded {
    setup: MatchSetup,
    scalar: SecretScalar,
    tools: Tools,
    payload: Option<Box<dyn RecordList>>,
    /// Transcripts of `K_b` and of the tags.
    sent: OwnHashes,
    /// Transcripts of the parts of A that have come.
    received: Vec<ListHash>,
    /// The part that is awaited.
    incoming: Incoming,
    writer: Box<dyn RecordWriter>,
    /// The replies to the parts of A so far. INVARIANT: no record of these is read before the last
    /// byte of the last part has passed every check.
    replies: Vec<Box<dyn RecordList>>,
    done: u64,
}

/// The Sender's second step.
pub struct Evaluated {
    /// Kept: what comes next.
    pub state: Replied,
    /// Sent: the lists `R_g`, one for each part, `N1_g` points in ascending order; where a list is
    /// asked for, in the order of A.
    pub messages: Vec<SharedList>,
}

impl ExpectBlinded {
    /// Points that have come, in all parts.
    #[must_use]
    pub fn received(&self) -> u64 {
        let before = self.setup.parts.iter().take(self.replies.len());
        before.map(PartSize::points).sum::<u64>() + self.incoming.count()
    }

    /// Takes the next bytes of the code of A and multiplies its points. Hands out R only when all
    /// parts of A have come and passed every check.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`] if a list is not the one that is awaited, or breaks a rule of its
    /// code, its order or its elements; errors of the store; [`Error::Cancelled`].
    ///
    /// # Discussion
    /// Answering piece by piece would be simpler and need no store. But it would tell a peer who
    /// follows the protocol how many matches each of its pieces has. So R is sorted as a whole,
    /// part by part: that sort is the shuffle. A list shows the Receiver which of its points match,
    /// so it is not sorted, but it still waits for the last byte of A.
    pub fn handle(
        self,
        header: RowsHeader,
        bytes: &[u8],
    ) -> Result<Awaiting<Self, Evaluated>, Error> {
        self.handle_some(header, &[bytes]).map(|(next, _)| next)
    }

    /// [`Self::handle`] for several frames that came one after the other, whose points are multiplied
    /// together. Returns how many of them it took: those up to the end of a part.
    ///
    /// # Errors
    /// Those of [`Self::handle`].
    pub fn handle_some(
        mut self,
        header: RowsHeader,
        frames: &[&[u8]],
    ) -> Result<(Awaiting<Self, Evaluated>, usize), Error> {
        let (setup, tools) = (&self.setup, &self.tools);
        let taken = self.incoming.accept_points(header, frames, |points| {
            let mut raised = vec![[0; 32]; points.len()];
            let kernel = tools.kernel.as_ref();
            batch::decode_mul_encode(kernel, points, &self.scalar, &mut raised)
                .map_err(decode_failed)?;
            self.writer.push(raised.as_flattened())?;
            self.done += points.len() as u64;
            tools
                .progress
                .report(Stage::Evaluate, self.done, setup.points())
        })?;
        let Taken { frames, complete } = taken;
        if !complete {
            return Ok((Awaiting::More(self), frames));
        }
        let part = self.replies.len() + 1;
        if part == setup.parts.len() {
            return Ok((Awaiting::Done(self.finish()?), frames));
        }
        let writer = std::mem::replace(&mut self.writer, reply_writer(setup, tools)?);
        let incoming = std::mem::replace(&mut self.incoming, blinded(setup, part)?);
        self.replies.push(writer.finish()?);
        self.received.push(incoming.finish());
        Ok((Awaiting::More(self), frames))
    }

    fn finish(self) -> Result<Evaluated, Error> {
        let Self {
            setup,
            tools,
            payload,
            mut sent,
            mut received,
            incoming,
            writer,
            mut replies,
            ..
        } = self;
        replies.push(writer.finish()?);
        received.push(incoming.finish());
        let messages: Vec<SharedList> = replies.into_iter().map(Arc::from).collect();
        for (part, message) in (0..).zip(&messages) {
            sent.add(setup.header(ListId::Evaluated, part), message)?;
        }
        Ok(Evaluated {
            state: Replied {
                held: Held::of_sender(setup, received, sent),
                payload,
                tools,
            },
            messages,
        })
    }
}

/// The Sender's state when the match is done.
pub struct Replied {
    /// Kept to the opening.
    pub(super) held: Held,
    /// The payload of each position, if there is any to be transferred.
    pub(super) payload: Option<Box<dyn RecordList>>,
    pub(super) tools: Tools,
}
