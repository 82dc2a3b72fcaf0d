//! Receives one list from a peer: decodes, checks and hashes it.
//!
//! Spec 04 §1 and Spec 06 §5. Both roles use it.

use crate::error::{Code, Error};
use crate::kernel::batch;
use crate::list::{OrderCheck, Plain, RecordCodec as _, RecordDecoder, Rice};
use crate::messages::frame::RowsHeader;
use crate::transcript::{ListHash, ListTranscript};

/// Decodes, checks and hashes a list from a peer, piece by piece.
pub(super) struct Incoming {
    header: RowsHeader,
    width: usize,
    decoder: Box<dyn RecordDecoder>,
    order: OrderCheck,
    transcript: ListTranscript,
    /// Decoded and checked, but not handed out yet: less than one kernel call takes.
    held: Vec<u8>,
    /// Points that were handed out and await the arithmetic, one piece.
    waiting: Vec<u8>,
}

/// The outcome of a piece of a list.
pub(super) struct Accepted {
    /// The next records; empty if the piece completed too few.
    pub(super) records: Vec<u8>,
    /// Whether they are the last.
    pub(super) complete: bool,
}

impl Incoming {
    /// Expects `count` records of `width` bytes as the list that `header` names.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if no such list can exist.
    pub(super) fn new(header: RowsHeader, width: usize, count: u64) -> Result<Self, Error> {
        let order = OrderCheck::new(width, count);
        Ok(Self::with(
            header,
            width,
            count,
            Rice.decoder(width, count)?,
            order,
        ))
    }

    /// Expects `count` records of `width` bytes that travel as they are, in any order.
    pub(super) fn of_any_order(header: RowsHeader, width: usize, count: u64) -> Self {
        let order = OrderCheck::of_any_order(width, count);
        Self::with(header, width, count, Box::new(Plain::new(width)), order)
    }

    fn with(
        header: RowsHeader,
        width: usize,
        count: u64,
        decoder: Box<dyn RecordDecoder>,
        order: OrderCheck,
    ) -> Self {
        Self {
            header,
            width,
            decoder,
            order,
            transcript: ListTranscript::new(header, width, count),
            held: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Takes the next bytes of this list's code, cut anywhere. Checks that they belong to this list
    /// and are its code, and that the records are strictly increasing and not too many.
    ///
    /// # Discussion
    /// Where a peer cuts its frames decides how many records each completes. Nevertheless, the
    /// number of calls depends on the list's size alone: records are handed out in multiples of
    /// what one kernel call takes.
    pub(super) fn accept(&mut self, header: RowsHeader, bytes: &[u8]) -> Result<Accepted, Error> {
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

    /// [`Self::accept`] for a list of points. Meanwhile the points of the last piece go through
    /// `work`. Returns whether the list is complete and all of it went through.
    pub(super) fn accept_points(
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
    pub(super) const fn count(&self) -> u64 {
        self.order.count()
    }

    pub(super) fn finish(self) -> ListHash {
        self.transcript.finish()
    }
}
