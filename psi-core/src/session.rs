//! All matches of a job as state machines without I/O.
//!
//! Spec 04, Spec 05 §6 and Spec 11. A state is named for the message it awaits and is consumed by
//! it. A step that has something to send returns it beside the next state, so that what leaves the
//! machine can be read off the types:
//!
//! ```text
//! Receiver                                   Sender
//! receiver::blind -> A, ExpectSenderKey      sender::encrypt -> K_b, tags, ExpectBlinded
//! ExpectSenderKey -> ExpectTags              ExpectBlinded   -> R, Replied
//! ExpectTags      -> ExpectEvaluated
//! ExpectEvaluated -> Matched
//! then, if there is payload, the transfer of `crate::ot`; then the opening
//! ```
//!
//! [`Exchange`] joins these into one machine per side, which runs all matches of a job and decides
//! in one place which frame is allowed when; it is what a node drives. [`opened`] is what the
//! recipients hold at the end.
//!
//! Tags do not depend on A, so a caller may send them while A is still arriving. R exists only as
//! the result of the last byte of all parts of A: there is no value that a caller could send
//! earlier.
//!
//! Lists are written to and read from the [`RecordStore`] in [`Tools`]; calls do the arithmetic of
//! a whole batch and belong on a thread that may block.

mod exchange;
mod held;
mod incoming;
mod noise;
pub mod opened;
mod opening;
mod positions;
pub mod receiver;
pub mod sender;
mod setup;

use std::sync::Arc;

pub use exchange::{Ended, Exchange, JobLists, Outgoing, Outlet, Step, records_to_send};
pub use setup::MatchSetup;

use crate::error::Error;
use crate::kernel::Kernel;
use crate::messages::frame::ListId;
use crate::progress::Progress;
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

/// The hash of an own list as the peer will see it.
fn list_transcript(
    list: ListId,
    (match_index, part): (u8, u16),
    records: &dyn RecordList,
) -> Result<[u8; 64], Error> {
    let (width, count) = (records.width(), records.len());
    let mut transcript = ListTranscript::new(list, match_index, part, width, count);
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

#[cfg(test)]
mod tests;
