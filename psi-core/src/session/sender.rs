//! The Sender: sends tags of its own list, raises the Receiver's blinded list to its scalar and
//! returns it shuffled.
//!
//! Spec 04 §1, steps 2 and 3, and §2 (the barrier). Called by the node's job runner. Learns nothing
//! of the match but what the Receiver opens to it.
//!
//! Cost: `N2 + N1` multiplications, one sort of `N2` tags, one of `N1` points.

use std::sync::Arc;

use super::receiver::decode_failed;
use super::{
    Awaiting, BATCH_RECORDS, Incoming, MatchSetup, SharedList, Tools, list_transcript, opened_cell,
};
use crate::error::{Code, Error};
use crate::group::SecretScalar;
use crate::kernel::batch;
use crate::messages::Outcome;
use crate::messages::frame::{ListId, RowsHeader};
use crate::progress::Stage;
use crate::receipt::{Cell, output_commitment};
use crate::seed::{JobSeed, Purpose, SeedStream};
use crate::store::{RecordList, RecordWriter};
use crate::tag;
use crate::transcript::{Direction, ListTranscript, Transcripts, combine};

/// How often filler is drawn anew because its tag equals another. A tag is long enough that even
/// one collision has probability below 2^-40, so a second in a row means a broken store.
const REDRAWS_MAX: usize = 4;

/// The Sender's first step.
pub struct Encrypted {
    /// Kept: what comes next.
    pub state: ExpectBlinded,
    /// Sent first: `K_b = b*G`.
    pub key: [u8; 32],
    /// Sent next: the tags, `N2` of them in ascending order. May flow while A arrives.
    pub message: SharedList,
}

/// Computes the own tags: `sort(H2(b*H(y)) u filler)`.
///
/// `identities` are the distinct digests of the own rows that pass the filter, ascending.
///
/// # Errors
/// [`Error::Limit`] if there are more identities than registered; errors of the store;
/// [`Error::Cancelled`].
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
    let mut filler = seed.stream(Purpose::Filler, index, 0);
    let message: SharedList =
        Arc::from(own_tags(&setup, identities, &mut filler, &scalar, &tools)?);
    let mut key_transcript = ListTranscript::new(ListId::SenderKey, index, 0, 32, 1);
    key_transcript.update(&key);
    let tags_transcript = list_transcript(ListId::Tags, index, message.as_ref())?;
    let sent = vec![key_transcript.finish(), tags_transcript];
    let incoming = Incoming::new(ListId::Blinded, index, 32, setup.part.points())?;
    let writer = tools.store.unsorted(32)?;
    let state = ExpectBlinded {
        setup,
        scalar,
        tools,
        sent,
        incoming,
        writer,
        done: 0,
    };
    Ok(Encrypted {
        state,
        key,
        message,
    })
}

fn own_tags(
    setup: &MatchSetup,
    identities: &dyn RecordList,
    filler: &mut SeedStream,
    scalar: &SecretScalar,
    tools: &Tools,
) -> Result<Box<dyn RecordList>, Error> {
    let width = setup.tag_bytes;
    let to_tags = |points: &[[u8; 32]]| {
        let mut tags = Vec::new();
        tag::tags(&setup.job_id, setup.match_index, points, width, &mut tags);
        tags
    };
    let mut writer = tools.store.unsorted(width)?;
    setup.multiply_own_list(
        identities,
        setup.sender_size,
        filler,
        scalar,
        tools,
        |points| Ok(writer.push(&to_tags(points))?),
    )?;
    let mut tags = writer.finish_distinct()?;
    for _ in 0..REDRAWS_MAX {
        let missing = setup.sender_size - tags.len();
        if missing == 0 {
            break;
        }
        let mut again = tools.store.unsorted(width)?;
        copy(tags.as_ref(), again.as_mut())?;
        for _ in 0..missing {
            let mut digest = [0; 32];
            filler.fill(&mut digest);
            again.push(&to_tags(&setup.multiply(&[digest], scalar, tools)))?;
        }
        tags = again.finish_distinct()?;
    }
    if tags.len() == setup.sender_size {
        Ok(tags)
    } else {
        Err(Error::ApiMisuse("tags keep colliding"))
    }
}

fn copy(from: &dyn RecordList, to: &mut dyn RecordWriter) -> Result<(), Error> {
    let mut reader = from.reader()?;
    let mut batch = Vec::new();
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() {
            return Ok(());
        }
        to.push(&batch)?;
    }
}

/// Awaits the Receiver's blinded list A.
pub struct ExpectBlinded {
    setup: MatchSetup,
    scalar: SecretScalar,
    tools: Tools,
    /// Transcripts of `K_b` and of the tags.
    sent: Vec<[u8; 64]>,
    incoming: Incoming,
    writer: Box<dyn RecordWriter>,
    done: u64,
}

/// The Sender's second step.
pub struct Evaluated {
    /// Kept: what comes next.
    pub state: ExpectOutcome,
    /// Sent: the list R, `N1` points in ascending order.
    pub message: SharedList,
}

impl ExpectBlinded {
    /// Takes the next bytes of the code of A and multiplies its points; hands out R only when all
    /// of A has come and passed every check.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`], [`Code::WrongCount`], [`Code::NotIncreasing`],
    /// [`Code::UnexpectedMessage`], [`Code::NonCanonicalElement`], [`Code::IdentityElement`];
    /// errors of the store; [`Error::Cancelled`].
    ///
    /// # Discussion
    /// Answering piece by piece would be simpler and need no store, and would tell a peer who
    /// follows the protocol how many matches each of its pieces has. R is therefore sorted as a
    /// whole: that sort is the shuffle.
    pub fn handle(
        mut self,
        header: RowsHeader,
        bytes: &[u8],
    ) -> Result<Awaiting<Self, Evaluated>, Error> {
        let (setup, tools) = (&self.setup, &self.tools);
        let complete = self.incoming.accept_points(header, bytes, |points| {
            let mut raised = vec![[0; 32]; points.len()];
            let kernel = tools.kernel.as_ref();
            batch::decode_mul_encode(kernel, points, &self.scalar, &mut raised)
                .map_err(decode_failed)?;
            self.writer.push(raised.as_flattened())?;
            self.done += points.len() as u64;
            let total = setup.part.points();
            tools.progress.report(Stage::Evaluate, self.done, total)
        })?;
        if complete {
            self.finish().map(Awaiting::Done)
        } else {
            Ok(Awaiting::More(self))
        }
    }

    fn finish(self) -> Result<Evaluated, Error> {
        let Self {
            setup,
            mut sent,
            incoming,
            writer,
            ..
        } = self;
        let message: SharedList = Arc::from(writer.finish()?);
        sent.push(list_transcript(
            ListId::Evaluated,
            setup.match_index,
            message.as_ref(),
        )?);
        let transcripts = Transcripts {
            to_sender: combine(&setup.job_id, Direction::ToSender, &[incoming.finish()]),
            to_receiver: combine(&setup.job_id, Direction::ToReceiver, &sent),
        };
        Ok(Evaluated {
            state: ExpectOutcome { setup, transcripts },
            message,
        })
    }
}

/// Awaits what the Receiver opens.
pub struct ExpectOutcome {
    setup: MatchSetup,
    transcripts: Transcripts,
}

/// What the Sender's side knows at the end.
pub struct Learned {
    /// The cell and the salt of its commitment, if this side is a recipient.
    pub opened: Option<(Cell, [u8; 32])>,
    /// For the closing entry.
    pub output_commitment: [u8; 64],
    /// For the closing entry.
    pub transcripts: Transcripts,
}

impl ExpectOutcome {
    /// Takes the outcome and checks that it is one the specification allows.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if there is an opening for a side that is no recipient, none for
    /// one that is, a released count below the minimum or above the lists' sizes, a count beside
    /// `suppressed`, or a commitment that does not fit.
    pub fn handle(self, outcome: &Outcome) -> Result<Learned, Error> {
        let malformed = |detail| Err(Error::misbehaved(Code::MalformedMessage, detail));
        let Outcome {
            opening,
            output_commitment: commitment,
        } = *outcome;
        if opening.is_some() != self.setup.sender_is_recipient {
            return malformed("an opening for the wrong side");
        }
        if let Some(opening) = &opening {
            let most = self.setup.part.identities.min(self.setup.sender_size);
            let possible = if opening.released {
                (self.setup.minimum..=most).contains(&opening.count)
            } else {
                opening.count == 0
            };
            if !possible {
                return malformed("an opening that the specification does not allow");
            }
            if output_commitment(&opening.salt, &[opened_cell(opening)]) != commitment {
                return malformed("an output commitment that does not fit the opening");
            }
        }
        Ok(Learned {
            opened: opening.map(|opening| (opened_cell(&opening), opening.salt)),
            output_commitment: commitment,
            transcripts: self.transcripts,
        })
    }
}
