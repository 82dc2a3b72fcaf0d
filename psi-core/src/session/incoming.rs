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
    /// Points that were handed out and await the arithmetic: those of the last frames.
    waiting: Vec<u8>,
}

/// The outcome of a piece of a list.
pub(super) struct Accepted {
    /// The next records; empty if the piece completed too few.
    pub(super) records: Vec<u8>,
    /// Whether they are the last.
    pub(super) complete: bool,
}

/// The outcome of some frames of a list of points.
pub(super) struct Taken {
    /// How many of the frames belong to the list.
    pub(super) frames: usize,
    /// Whether it is complete, and all of it went through the work.
    pub(super) complete: bool,
}

/// What some frames of a list held.
struct Came {
    points: Vec<u8>,
    /// How many frames passed every check.
    frames: usize,
    /// Whether the list is complete; the defect of the frame after these.
    complete: Result<bool, Error>,
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

    /// [`Self::accept`] for a list of points, and as many frames as belong to it. Meanwhile the
    /// points that came before go through `work`.
    ///
    /// # Errors
    /// Those of [`Self::accept`] and of `work`, whichever comes first in the list. So they do not
    /// depend on how many frames are taken at once.
    pub(super) fn accept_points(
        &mut self,
        header: RowsHeader,
        frames: &[&[u8]],
        mut work: impl FnMut(&[[u8; 32]]) -> Result<(), Error> + Send,
    ) -> Result<Taken, Error> {
        let waiting = std::mem::take(&mut self.waiting);
        let (came, worked) = rayon::join(
            || self.accept_frames(header, frames),
            || work(waiting.as_chunks::<32>().0),
        );
        worked?;
        let Came {
            points,
            frames,
            complete,
        } = came;
        if let Ok(false) = complete {
            self.waiting = points;
        } else if !points.is_empty() {
            work(points.as_chunks::<32>().0)?;
        }
        Ok(Taken {
            frames,
            complete: complete?,
        })
    }

    /// Takes frames up to the end of the list, or up to one with a defect.
    fn accept_frames(&mut self, header: RowsHeader, frames: &[&[u8]]) -> Came {
        let mut came = Came {
            points: Vec::new(),
            frames: 0,
            complete: Ok(false),
        };
        for bytes in frames {
            match self.accept(header, bytes) {
                Ok(Accepted { records, complete }) => {
                    came.frames += 1;
                    came.complete = Ok(complete);
                    if came.points.is_empty() {
                        came.points = records;
                    } else {
                        came.points.extend_from_slice(&records);
                    }
                }
                Err(error) => came.complete = Err(error),
            }
            if !matches!(came.complete, Ok(false)) {
                break;
            }
        }
        came
    }

    /// How many records have come and passed the checks.
    pub(super) const fn count(&self) -> u64 {
        self.order.count()
    }

    pub(super) fn finish(self) -> ListHash {
        self.transcript.finish()
    }
}
