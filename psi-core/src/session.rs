//! The match as two state machines without I/O: Receiver and Sender.
//!
//! Spec 04. A state is named for the message it awaits and is consumed by it. A step that has
//! something to send returns it beside the next state, so that what leaves the machine can be read
//! off the types:
//!
//! ```text
//! Receiver                                   Sender
//! receiver::blind -> A, ExpectSenderKey      sender::encrypt -> K_b, tags, ExpectBlinded
//! ExpectSenderKey -> ExpectTags              ExpectBlinded   -> R, ExpectOutcome
//! ExpectTags      -> ExpectEvaluated         ExpectOutcome   -> what the Sender's side learns
//! ExpectEvaluated -> Matched -> Outcome
//! ```
//!
//! Tags do not depend on A, so a caller may send them while A is still arriving. R exists only as
//! the result of the last byte of A: there is no value that a caller could send earlier.
//!
//! Lists are written to and read from the [`RecordStore`] in [`Tools`]; calls do the arithmetic of
//! a whole batch and belong on a thread that may block.

pub mod receiver;
pub mod sender;
mod setup;

use std::sync::Arc;

pub use setup::MatchSetup;

use crate::error::{Code, Error};
use crate::kernel::{Kernel, batch};
use crate::list::{OrderCheck, RecordCodec as _, RecordDecoder, Rice};
use crate::messages::Opening;
use crate::messages::frame::{ListId, RowsHeader};
use crate::progress::Progress;
use crate::receipt::Cell;
use crate::store::{RecordList, RecordStore};
use crate::transcript::ListTranscript;

/// A finished list that may be sent from one thread while another goes on.
pub type SharedList = Arc<dyn RecordList>;

/// Records read, multiplied and written at a time: about a rows frame of points.
pub const BATCH_RECORDS: usize = crate::limits::ROWS_BYTES_MAX / 32;

/// What a session works with.
#[derive(Clone)]
pub struct Tools {
    /// The group arithmetic.
    pub kernel: Arc<dyn Kernel>,
    /// Where lists are kept.
    pub store: Arc<dyn RecordStore>,
    /// Who is told how far the work is, and may stop it.
    pub progress: Arc<dyn Progress>,
}

/// What a state that takes a list in pieces becomes.
pub enum Awaiting<S, T> {
    /// The list is not complete.
    More(S),
    /// It was complete and passed every check.
    Done(T),
}

/// The decoding, the checks and the hash that every list from a peer goes through, piece by piece.
struct Incoming {
    header: RowsHeader,
    width: usize,
    decoder: Box<dyn RecordDecoder>,
    order: OrderCheck,
    transcript: ListTranscript,
    /// Decoded and checked, and not handed out: less than a kernel call's worth.
    held: Vec<u8>,
    /// Points that were handed out and wait for the arithmetic, one piece.
    waiting: Vec<u8>,
}

/// What became of a piece of a list.
struct Accepted {
    /// The next records; none, if the piece completed too few.
    records: Vec<u8>,
    /// Whether they are the last.
    complete: bool,
}

impl Incoming {
    /// Expects `count` records of `width` bytes as the list `list`, part 0, of the match.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if there is no such list.
    fn new(list: ListId, match_index: u8, width: usize, count: u64) -> Result<Self, Error> {
        Ok(Self {
            header: RowsHeader {
                list,
                match_index,
                part: 0,
            },
            width,
            decoder: Rice.decoder(width, count)?,
            order: OrderCheck::new(width, count),
            transcript: ListTranscript::new(list, match_index, 0, width, count),
            held: Vec::new(),
            waiting: Vec::new(),
        })
    }

    /// Takes the next bytes of this list's code, cut anywhere. Checks that they belong to this list
    /// and are its code, and that the records are strictly increasing and not too many.
    ///
    /// # Discussion
    /// Where a peer cuts its frames decides how many records each completes. They are handed out in
    /// multiples of one kernel call's, so that the number of calls is a function of the list's size
    /// all the same.
    fn accept(&mut self, header: RowsHeader, bytes: &[u8]) -> Result<Accepted, Error> {
        if header != self.header {
            let detail = "records of a list that is not awaited";
            return Err(Error::misbehaved(Code::UnexpectedMessage, detail));
        }
        let mut records = std::mem::take(&mut self.held);
        let known = records.len();
        self.decoder.decode(bytes, &mut records)?;
        let new = records.get(known..).unwrap_or_default();
        self.order.push(new)?;
        self.transcript.update(new);
        let complete = self.order.is_complete();
        if !complete {
            let call = batch::BATCH * self.width;
            self.held = records.split_off(records.len() - records.len() % call);
        }
        Ok(Accepted { records, complete })
    }

    /// [`Self::accept`] for a list of points, while the points of the piece before go through
    /// `work`. Returns whether the list is complete and all of it went through.
    fn accept_points(
        &mut self,
        header: RowsHeader,
        bytes: &[u8],
        mut work: impl FnMut(&[[u8; 32]]) -> Result<(), Error> + Send,
    ) -> Result<bool, Error> {
        let waiting = std::mem::take(&mut self.waiting);
        let (accepted, worked) = rayon::join(
            || self.accept(header, bytes),
            || work(waiting.as_chunks::<32>().0),
        );
        let Accepted { records, complete } = accepted?;
        worked?;
        if complete {
            work(records.as_chunks::<32>().0)?;
        } else {
            self.waiting = records;
        }
        Ok(complete)
    }

    /// How many records have come and passed the checks.
    const fn count(&self) -> u64 {
        self.order.count()
    }

    fn finish(self) -> [u8; 64] {
        self.transcript.finish()
    }
}

/// The hash of an own list as the peer will see it.
fn list_transcript(
    list: ListId,
    match_index: u8,
    records: &dyn RecordList,
) -> Result<[u8; 64], Error> {
    let mut transcript = ListTranscript::new(list, match_index, 0, records.width(), records.len());
    let mut reader = records.reader()?;
    let mut batch = Vec::new();
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() {
            return Ok(transcript.finish());
        }
        transcript.update(&batch);
    }
}

/// The cell that an opening shows.
const fn opened_cell(opening: &Opening) -> Cell {
    if opening.released {
        Some(opening.count)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
