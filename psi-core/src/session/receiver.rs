//! The Receiver: sends its blinded list, receives tags and the shuffled reply, and learns how many
//! of the Sender's anonymous positions match.
//!
//! Spec 04 §1, steps 1, 2 and 4, and Spec 05 §6. Called by the node's job runner. Never learns
//! which of its own identifiers match, because the reply is one global sort.
//!
//! Cost: `2 * N1` multiplications, one sort of `N1` points, one of `N1` tags.

use std::sync::Arc;

use super::{
    Accepted, Awaiting, Incoming, MatchSetup, SharedList, Tools, list_transcript, opened_cell,
};
use crate::canary::{Canaries, CanaryCheck};
use crate::error::{Code, Error};
use crate::group::{Element, SecretScalar};
use crate::kernel::{DecodeFailed, batch};
use crate::matching;
use crate::messages::frame::{ListId, RowsHeader};
use crate::messages::{Opening, Outcome};
use crate::progress::Stage;
use crate::receipt::{Cell, output_commitment};
use crate::seed::{JobSeed, Purpose};
use crate::store::{RecordList, RecordWriter};
use crate::tag;
use crate::transcript::{Direction, ListTranscript, Transcripts, combine};

/// The Receiver's first step.
pub struct Blinded {
    /// Kept: what comes next.
    pub state: ExpectSenderKey,
    /// Sent: the list A, `N1` points in ascending order.
    pub message: SharedList,
}

/// Blinds the own list: `A = sort(a*H(x) u filler u canaries r_i*G)`.
///
/// `identities` are the distinct digests of the own rows that pass the filter, ascending.
///
/// # Errors
/// [`Error::Limit`] if there are more identities than registered; errors of the store;
/// [`Error::Cancelled`].
pub fn blind(
    setup: MatchSetup,
    seed: &JobSeed,
    identities: &dyn RecordList,
    tools: Tools,
) -> Result<Blinded, Error> {
    let index = setup.match_index;
    let scalar = seed.stream(Purpose::BlindingScalar, index, 0).scalar();
    let canaries = Canaries::draw(
        &mut seed.stream(Purpose::Canaries, index, 0),
        setup.part.canaries,
        tools.kernel.as_ref(),
    );
    let mut writer = tools.store.unsorted(32)?;
    writer.push(canaries.points().as_flattened())?;
    let mut filler = seed.stream(Purpose::Filler, index, 0);
    let total = setup.part.identities;
    setup.multiply_own_list(identities, total, &mut filler, &scalar, &tools, |points| {
        Ok(writer.push(points.as_flattened())?)
    })?;
    let message: SharedList = Arc::from(writer.finish()?);
    let sent = list_transcript(ListId::Blinded, index, message.as_ref())?;
    let keep = Keep {
        setup,
        seed_salt: result_salt(seed, index),
        scalar,
        tools,
        sent,
    };
    Ok(Blinded {
        state: ExpectSenderKey { keep, canaries },
        message,
    })
}

fn result_salt(seed: &JobSeed, match_index: u8) -> [u8; 32] {
    let mut salt = [0; 32];
    seed.stream(Purpose::ResultSalt, match_index, 0)
        .fill(&mut salt);
    salt
}

/// What the Receiver carries from state to state.
struct Keep {
    setup: MatchSetup,
    seed_salt: [u8; 32],
    scalar: SecretScalar,
    tools: Tools,
    /// Transcript of A.
    sent: [u8; 64],
}

/// Awaits `K_b`.
pub struct ExpectSenderKey {
    keep: Keep,
    canaries: Canaries,
}

impl ExpectSenderKey {
    /// Takes `K_b = b*G` and computes what each canary must come back as.
    ///
    /// # Errors
    /// [`Code::NonCanonicalElement`] or [`Code::IdentityElement`];
    /// [`Code::UnexpectedMessage`] if it is for another match.
    pub fn handle(self, match_index: u8, point: &[u8; 32]) -> Result<ExpectTags, Error> {
        let Self { keep, canaries } = self;
        let setup = &keep.setup;
        if match_index != setup.match_index {
            return Err(Error::misbehaved(
                Code::UnexpectedMessage,
                "a key for another match",
            ));
        }
        let key = Element::decode(point)?;
        let canaries = canaries.expect_under(&key);
        let mut transcript = ListTranscript::new(ListId::SenderKey, match_index, 0, 32, 1);
        transcript.update(point);
        let width = setup.tag_bytes;
        let incoming = Incoming::new(ListId::Tags, match_index, width, setup.sender_size)?;
        let writer = keep.tools.store.in_order(width)?;
        Ok(ExpectTags {
            key: transcript.finish(),
            canaries,
            incoming,
            writer,
            keep,
        })
    }
}

/// Awaits the Sender's tags.
pub struct ExpectTags {
    keep: Keep,
    key: [u8; 64],
    canaries: CanaryCheck,
    incoming: Incoming,
    writer: Box<dyn RecordWriter>,
}

impl ExpectTags {
    /// Tags that have come.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.incoming.count()
    }

    /// Takes the next bytes of the tags' code.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`], [`Code::WrongCount`], [`Code::NotIncreasing`],
    /// [`Code::UnexpectedMessage`]; errors of the store.
    pub fn handle(
        mut self,
        header: RowsHeader,
        bytes: &[u8],
    ) -> Result<Awaiting<Self, ExpectEvaluated>, Error> {
        let Accepted { records, complete } = self.incoming.accept(header, bytes)?;
        self.writer.push(&records)?;
        if !complete {
            return Ok(Awaiting::More(self));
        }
        let Self {
            keep,
            key,
            canaries,
            incoming,
            writer,
        } = self;
        let received = vec![key, incoming.finish()];
        let tags = writer.finish()?;
        let setup = &keep.setup;
        let points = setup.part.points();
        let incoming = Incoming::new(ListId::Evaluated, setup.match_index, 32, points)?;
        let writer = keep.tools.store.unsorted(setup.tag_bytes)?;
        let unblind = keep.scalar.invert();
        let done = 0;
        Ok(Awaiting::Done(ExpectEvaluated {
            keep,
            received,
            canaries,
            tags,
            unblind,
            incoming,
            writer,
            done,
        }))
    }
}

/// Awaits the Sender's reply R.
pub struct ExpectEvaluated {
    keep: Keep,
    /// Transcripts of `K_b` and of the tags.
    received: Vec<[u8; 64]>,
    canaries: CanaryCheck,
    tags: Box<dyn RecordList>,
    unblind: SecretScalar,
    incoming: Incoming,
    writer: Box<dyn RecordWriter>,
    done: u64,
}

impl ExpectEvaluated {
    /// Points that have come.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.incoming.count()
    }

    /// Takes the next bytes of the code of R, removes the own blinding of its points and computes
    /// their tags; at the end matches them with the Sender's.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`], [`Code::WrongCount`], [`Code::NotIncreasing`],
    /// [`Code::UnexpectedMessage`], [`Code::NonCanonicalElement`], [`Code::IdentityElement`],
    /// [`Code::CanaryMissing`]; errors of the store; [`Error::Cancelled`].
    pub fn handle(
        mut self,
        header: RowsHeader,
        bytes: &[u8],
    ) -> Result<Awaiting<Self, Matched>, Error> {
        let (setup, tools) = (&self.keep.setup, &self.keep.tools);
        let complete = self.incoming.accept_points(header, bytes, |points| {
            self.canaries.push(points)?;
            let mut plain = vec![[0; 32]; points.len()];
            let kernel = tools.kernel.as_ref();
            batch::decode_mul_encode(kernel, points, &self.unblind, &mut plain)
                .map_err(decode_failed)?;
            let mut tags = Vec::new();
            let (job_id, width) = (&setup.job_id, setup.tag_bytes);
            tag::tags(job_id, setup.match_index, &plain, width, &mut tags);
            self.writer.push(&tags)?;
            self.done += points.len() as u64;
            let total = setup.part.points();
            tools.progress.report(Stage::Match, self.done, total)
        })?;
        if complete {
            self.finish().map(Awaiting::Done)
        } else {
            Ok(Awaiting::More(self))
        }
    }

    fn finish(self) -> Result<Matched, Error> {
        let Self {
            keep,
            mut received,
            canaries,
            tags,
            incoming,
            writer,
            ..
        } = self;
        canaries.finish()?;
        received.push(incoming.finish());
        let own = writer.finish()?;
        let count = matching::merge(own.as_ref(), tags.as_ref(), |_| {})?;
        let job_id = &keep.setup.job_id;
        let transcripts = Transcripts {
            to_sender: combine(job_id, Direction::ToSender, &[keep.sent]),
            to_receiver: combine(job_id, Direction::ToReceiver, &received),
        };
        Ok(Matched {
            count,
            salt: keep.seed_salt,
            setup: keep.setup,
            transcripts,
        })
    }
}

/// What to answer when a batch from the peer does not decode.
pub(super) fn decode_failed(failed: DecodeFailed) -> Error {
    if failed.identity {
        Error::misbehaved(Code::IdentityElement, "an element is the identity")
    } else {
        Error::misbehaved(
            Code::NonCanonicalElement,
            "an element is not canonically encoded",
        )
    }
}

/// The match is done; the count has not been shown to anyone.
///
/// # Security
/// No `Debug`: a count below the minimum must not be printed or stored.
pub struct Matched {
    setup: MatchSetup,
    count: u64,
    salt: [u8; 32],
    transcripts: Transcripts,
}

/// What the Receiver's side keeps and what it sends at the end.
pub struct Released {
    /// Kept: the cell that the Receiver's analyst may see, if it is a recipient.
    pub cell: Cell,
    /// Kept: the salt of the output commitment.
    pub salt: [u8; 32],
    /// Kept: for the closing entry.
    pub transcripts: Transcripts,
    /// Sent to the Sender.
    pub message: Outcome,
}

impl Matched {
    /// Applies the minimum and forgets a count below it.
    #[must_use]
    pub fn release(self) -> Released {
        let released = self.count >= self.setup.minimum;
        let count = if released { self.count } else { 0 };
        let opening = Opening {
            released,
            count,
            salt: self.salt,
        };
        let cell = opened_cell(&opening);
        let message = Outcome {
            opening: self.setup.sender_is_recipient.then_some(opening),
            output_commitment: output_commitment(&self.salt, &[cell]),
        };
        Released {
            cell,
            salt: self.salt,
            transcripts: self.transcripts,
            message,
        }
    }
}
