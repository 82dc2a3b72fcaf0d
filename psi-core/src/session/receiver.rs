//! The Receiver: sends its blinded list, receives tags and the shuffled reply, and learns which of
//! the Sender's anonymous positions match in each part of its list.
//!
//! Spec 04 §1, steps 1, 2 and 4. [`super::Exchange`] calls this. It never learns which of its own
//! identifiers match, because the reply to each part is one global sort. The exception is a list
//! (Spec 04 §7), whose answer is just that.
//!
//! Cost: `2 * N1` multiplications, one sort of `N1` points, one of `N1` tags; with payload one bit
//! of memory per part and position.

mod blinding;
mod listing;

use zeroize::Zeroizing;

pub use blinding::{Blinded, blind};

use super::held::Held;
use super::incoming::{Accepted, Incoming, Taken};
use super::own_hashes::OwnHashes;
use super::{Awaiting, MatchSetup, Tools};
use crate::canary::{Canaries, CanaryCheck};
use crate::error::{Code, Error};
use crate::group::{Element, SecretScalar};
use crate::kernel::{DecodeFailed, batch};
use crate::matching;
use crate::messages::frame::{ListId, RowsHeader};
use crate::ot::choices::Choices;
use crate::progress::Stage;
use crate::spec::PartSize;
use crate::store::{RecordList, RecordWriter};
use crate::tag;
use crate::transcript::{ListHash, ListHashes, ListTranscript};

/// Bytes of the number of a part, which follows a tag where there are several parts.
const PART_BYTES: usize = 2;

/// What the Receiver carries from state to state.
struct Keep {
    setup: MatchSetup,
    /// One for each part.
    scalars: Vec<SecretScalar>,
    /// Where a list is asked for: the points of A, each with its digest.
    own_digests: Option<Box<dyn RecordList>>,
    tools: Tools,
    /// Transcripts of the parts of A.
    sent: OwnHashes,
}

/// Awaits `K_b`.
pub struct ExpectSenderKey {
    keep: Keep,
    canaries: Vec<Canaries>,
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
        let canaries = canaries.into_iter();
        let canaries = canaries.map(|of_part| of_part.expect_under(&key)).collect();
        let mut transcript = ListTranscript::new(setup.header(ListId::SenderKey, 0), 32, 1);
        transcript.update(point);
        let width = setup.tag_bytes;
        let header = setup.header(ListId::Tags, 0);
        let incoming = Incoming::new(header, width, setup.sender_size)?;
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
    key: ListHash,
    canaries: Vec<CanaryCheck>,
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
        let unblind = keep.scalars.iter().map(SecretScalar::invert).collect();
        let part_bytes = if setup.parts.len() > 1 { PART_BYTES } else { 0 };
        let store = keep.tools.store.as_ref();
        let (key_bytes, writer) = if setup.list {
            let width = setup.tag_bytes + listing::KEY_BYTES_BEYOND_TAG;
            (width, store.in_order(width)?)
        } else {
            let width = setup.tag_bytes;
            (width, store.unsorted(width + part_bytes)?)
        };
        let reply = Reply {
            unblind,
            key_bytes,
            part_bytes,
            writer,
            done: 0,
        };
        Ok(Awaiting::Done(ExpectEvaluated {
            incoming: evaluated(setup, 0)?,
            part: 0,
            keep,
            received,
            canaries,
            tags,
            reply,
        }))
    }
}

/// Expects the reply to a part.
fn evaluated(setup: &MatchSetup, part: u16) -> Result<Incoming, Error> {
    let size = setup
        .parts
        .get(usize::from(part))
        .ok_or(Error::ApiMisuse("a part that the match does not have"))?;
    let header = setup.header(ListId::Evaluated, part);
    if setup.list {
        return Ok(Incoming::of_any_order(header, 32, size.points()));
    }
    Incoming::new(header, 32, size.points())
}

/// Awaits the Sender's reply R, part by part.
pub struct ExpectEvaluated {
    keep: Keep,
    /// Transcripts of `K_b`, of the tags and of the parts of R that have come.
    received: Vec<ListHash>,
    canaries: Vec<CanaryCheck>,
    tags: Box<dyn RecordList>,
    /// The part that is awaited.
    part: u16,
    incoming: Incoming,
    reply: Reply,
}

/// Turns the points of R into tags.
struct Reply {
    /// The inverse scalar of each part.
    unblind: Vec<SecretScalar>,
    /// Bytes of the hash that are kept of each point: those of a tag, and more where a list is
    /// asked for.
    key_bytes: usize,
    /// Bytes of the part's number behind each tag; 0 with a single part.
    part_bytes: usize,
    /// The tags of all parts in one list, so that one pass over the Sender's tags finds all.
    writer: Box<dyn RecordWriter>,
    done: u64,
}

impl Reply {
    /// Removes this side's blinding from points of a part and keeps their tags.
    fn add(
        &mut self,
        setup: &MatchSetup,
        tools: &Tools,
        part: u16,
        points: &[[u8; 32]],
    ) -> Result<(), Error> {
        let unblind = self
            .unblind
            .get(usize::from(part))
            .ok_or(Error::ApiMisuse("a part that the match does not have"))?;
        let mut plain = vec![[0; 32]; points.len()];
        let kernel = tools.kernel.as_ref();
        batch::decode_mul_encode(kernel, points, unblind, &mut plain).map_err(decode_failed)?;
        let mut tags = Vec::new();
        let (job_id, width) = (&setup.job_id, self.key_bytes);
        let index = setup.match_index;
        tag::tags(kernel, job_id, index, &plain, width, &mut tags);
        if self.part_bytes == 0 {
            self.writer.push(&tags)?;
        } else {
            let part = part.to_be_bytes();
            let marked = tags
                .chunks_exact(width)
                .flat_map(|tag| tag.iter().chain(&part));
            self.writer.push(&marked.copied().collect::<Vec<u8>>())?;
        }
        self.done += points.len() as u64;
        tools
            .progress
            .report(Stage::Match, self.done, setup.points())
    }
}

impl ExpectEvaluated {
    /// Records of this match that have come: the tags, and points of all parts.
    #[must_use]
    pub fn received(&self) -> u64 {
        let before = self.keep.setup.parts.iter().take(usize::from(self.part));
        let before: u64 = before.map(PartSize::points).sum();
        self.tags.len() + before + self.incoming.count()
    }

    /// Takes the next bytes of the code of R, removes this side's blinding from its points and
    /// computes their tags. At the end, matches them with the Sender's.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`], [`Code::WrongCount`], [`Code::NotIncreasing`],
    /// [`Code::UnexpectedMessage`], [`Code::NonCanonicalElement`], [`Code::IdentityElement`],
    /// [`Code::CanaryMissing`]; errors of the store; [`Error::Cancelled`].
    pub fn handle(
        self,
        header: RowsHeader,
        bytes: &[u8],
    ) -> Result<Awaiting<Self, Matched>, Error> {
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
    ) -> Result<(Awaiting<Self, Matched>, usize), Error> {
        let (setup, tools, part) = (&self.keep.setup, &self.keep.tools, self.part);
        let canaries = self
            .canaries
            .get_mut(usize::from(part))
            .ok_or(Error::ApiMisuse("a part that the match does not have"))?;
        let Taken { frames, complete } = self.incoming.accept_points(header, frames, |points| {
            canaries.push(points)?;
            self.reply.add(setup, tools, part, points)
        })?;
        if !complete {
            return Ok((Awaiting::More(self), frames));
        }
        self.part += 1;
        if usize::from(self.part) == setup.parts.len() {
            self.received.push(self.incoming.finish());
            let matched = finish(
                self.keep,
                self.received,
                self.canaries,
                self.tags.as_ref(),
                self.reply,
            )?;
            return Ok((Awaiting::Done(matched), frames));
        }
        let next = evaluated(setup, self.part)?;
        self.received
            .push(std::mem::replace(&mut self.incoming, next).finish());
        Ok((Awaiting::More(self), frames))
    }
}

/// Checks the canaries of all parts and matches the tags of R with the Sender's.
///
/// # Discussion
/// A canary that is missing in one part is reported only when all parts have come. Otherwise the
/// moment of an abort would reveal which part it was in.
fn finish(
    keep: Keep,
    received: Vec<ListHash>,
    canaries: Vec<CanaryCheck>,
    tags: &dyn RecordList,
    reply: Reply,
) -> Result<Matched, Error> {
    let setup = keep.setup;
    canaries.into_iter().try_for_each(CanaryCheck::finish)?;
    let own = reply.writer.finish()?;
    let lists = ListHashes {
        to_sender: keep.sent.finish()?,
        to_receiver: received,
    };
    if let Some(own_digests) = keep.own_digests {
        let store = keep.tools.store.as_ref();
        let joined = listing::join(own_digests.as_ref(), own.as_ref(), store)?;
        drop((own_digests, own));
        let matched = listing::matches(joined.as_ref(), tags, store)?;
        let counts = Zeroizing::new(vec![matched.len()]);
        return Ok(Matched {
            held: Held::of_receiver(setup, counts, lists).with_list(Some(matched)),
            choices: None,
        });
    }
    let mut counts = Zeroizing::new(vec![0; setup.parts.len()]);
    let mut choices = match setup.transfer()? {
        Some(transfer) => Some(Choices::new(&transfer)?),
        None => None,
    };
    matching::merge_marked(own.as_ref(), tags, |position, mark| {
        // Without a mark there is only one part.
        let part = <[u8; PART_BYTES]>::try_from(mark).map_or(0, u16::from_be_bytes);
        if let Some(count) = counts.get_mut(usize::from(part)) {
            *count += 1;
        }
        match &mut choices {
            Some(choices) => choices.mark(part, position),
            None => Ok(()),
        }
    })?;
    Ok(Matched {
        held: Held::of_receiver(setup, counts, lists),
        choices,
    })
}

/// The match is done; no count has been shown to anyone.
///
/// # Security
/// No `Debug`: a count below the minimum must not be printed or stored.
pub struct Matched {
    /// Kept to the opening.
    pub(super) held: Held,
    /// The match bits, if there is payload to be transferred.
    pub(super) choices: Option<Choices>,
}

/// The error for a batch from the peer that does not decode.
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
