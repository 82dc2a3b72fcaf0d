//! The hashes of the lists that this side sends, computed while they are sent.
//!
//! Spec 05 §5. Both roles call this with each list that they hand out; the hashes are needed at the
//! end of the match. A short list is hashed at once, a longer one on a thread of its own, one after
//! the other. It never outlives this value.
//!
//! Memory: a reader of the list that is being hashed, and one batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::{BATCH_RECORDS, SharedList};
use crate::error::Error;
use crate::messages::frame::RowsHeader;
use crate::store::{RecordList, StoreError, StoreErrorKind};
use crate::transcript::{ListHash, ListTranscript};

/// Hashes of lists in the order in which they were added.
#[derive(Default)]
pub(super) struct OwnHashes {
    done: Vec<ListHash>,
    running: Option<Running>,
}

impl OwnHashes {
    /// Adds a hash that is known.
    ///
    /// # Errors
    /// Those of the list before.
    pub(super) fn push(&mut self, hash: ListHash) -> Result<(), Error> {
        self.settle()?;
        self.done.push(hash);
        Ok(())
    }

    /// Adds the hash of a list of this side as the peer will see it.
    ///
    /// # Errors
    /// Those of the store, for this list or the one before.
    pub(super) fn add(&mut self, list: RowsHeader, records: &SharedList) -> Result<(), Error> {
        self.settle()?;
        let count = records.len();
        let transcript = ListTranscript::new(list, records.width(), count);
        if count <= BATCH_RECORDS as u64 {
            let hash = hash(transcript, records.as_ref(), &AtomicBool::new(false))?;
            self.done.push(hash);
        } else {
            self.running = Some(Running::start(transcript, Arc::clone(records))?);
        }
        Ok(())
    }

    /// All hashes. Waits for the last list.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn finish(mut self) -> Result<Vec<ListHash>, Error> {
        self.settle()?;
        Ok(self.done)
    }

    /// Waits for the list that is being hashed, and lets it go. A caller does so before it reads
    /// other lists, which would take as much memory again.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        if let Some(running) = self.running.take() {
            self.done.push(running.finish()?);
        }
        Ok(())
    }
}

type Outcome = Result<ListHash, StoreError>;

/// The thread that hashes one list. Dropping this ends the thread and waits until it has ended.
struct Running {
    /// `None` once it was waited for.
    thread: Option<JoinHandle<Outcome>>,
    abandoned: Arc<AtomicBool>,
}

impl Running {
    fn start(transcript: ListTranscript, records: SharedList) -> Result<Self, StoreError> {
        let abandoned = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&abandoned);
        let thread = thread::Builder::new()
            .name("psi-hash".into())
            .spawn(move || hash(transcript, records.as_ref(), &stop))
            .map_err(|why| StoreError {
                kind: StoreErrorKind::Io,
                what: "starting a thread for the hash of a list",
                source: why.into(),
            })?;
        Ok(Self {
            thread: Some(thread),
            abandoned,
        })
    }

    fn finish(mut self) -> Outcome {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            // A panic goes to the caller, as it would without a thread in between.
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Err(StoreError::misuse(
                "hashing a list",
                "it was waited for before",
            )),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Nobody needs the hash any more, nor the reason why there is none.
            drop(thread.join());
        }
    }
}

/// The hash of the whole list; of a part of it, which nobody takes, once it is abandoned.
fn hash(
    mut transcript: ListTranscript,
    records: &dyn RecordList,
    abandoned: &AtomicBool,
) -> Outcome {
    let mut reader = records.reader()?;
    let mut batch = Vec::new();
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() || abandoned.load(Ordering::Relaxed) {
            return Ok(transcript.finish());
        }
        transcript.update(&batch);
    }
}

#[cfg(test)]
mod tests;
