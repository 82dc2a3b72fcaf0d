//! Writes lists on threads of their own, so that sorting and moving records out of memory overlap
//! with the arithmetic of the thread that writes the list.
//!
//! Spec 04 §6. Wraps any [`RecordStore`]. The node puts it around a store that keeps runs on disk.
//!
//! Records are gathered into batches of [`QUEUED_BATCH_BYTES`]. The first full batch starts the
//! thread, so a short list needs none. Memory: per list one batch being gathered, one being
//! written, and [`QUEUED_BATCHES_MAX`] between; all counted. An error shows at the next push or at
//! the end. The thread never outlives the writer.
//!
//! INVARIANT: the thread waits for nobody but its disk, and threads of which the same is true. The
//! writer of a list may be one of rayon's threads, and it waits for this thread. So a store that is
//! wrapped here must not use rayon's threads while it is written, other than those of
//! [`ListThreads`](super::ListThreads).

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use zeroize::Zeroizing;

use super::budget::{Grant, MemoryBudget};
use super::{
    RecordList, RecordStore, RecordWriter, Reserved, StoreError, StoreErrorKind, buffer,
    check_whole, check_width,
};
use crate::limits::{QUEUED_BATCH_BYTES, QUEUED_BATCHES_MAX};

/// A store whose lists are written in the background.
#[derive(Clone)]
pub struct BackgroundStore<S> {
    inner: S,
    budget: MemoryBudget,
}

impl<S: RecordStore> BackgroundStore<S> {
    /// Writes to `inner` and counts the batches on the way in `budget`.
    #[must_use]
    pub const fn new(inner: S, budget: MemoryBudget) -> Self {
        Self { inner, budget }
    }

    fn around(&self, inner: Box<dyn RecordWriter>, width: usize) -> Box<dyn RecordWriter> {
        Box::new(BackgroundWriter {
            width,
            budget: self.budget.clone(),
            gathered: None,
            writing: Writing::Here(inner),
        })
    }
}

impl<S: RecordStore> RecordStore for BackgroundStore<S> {
    fn unsorted(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        check_width(width)?;
        Ok(self.around(self.inner.unsorted(width)?, width))
    }

    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        check_width(width)?;
        Ok(self.around(self.inner.in_order(width)?, width))
    }

    fn reserve(&self, bytes: u64) -> Result<Reserved, StoreError> {
        self.inner.reserve(bytes)
    }
}

/// Records on their way to the thread.
struct Batch {
    records: Zeroizing<Vec<u8>>,
    room: usize,
    /// Declared after `records`, so that memory goes before its grant.
    _grant: Grant,
}

impl Batch {
    /// An empty batch with room for whole records of `width` bytes, at least one.
    fn new(width: usize, budget: &MemoryBudget) -> Result<Self, StoreError> {
        let room = (QUEUED_BATCH_BYTES / width).max(1) * width;
        let grant = budget.take(room);
        Ok(Self {
            records: buffer(room)?,
            room,
            _grant: grant,
        })
    }

    /// Takes as many as there is room for and returns the rest.
    fn fill<'a>(&mut self, records: &'a [u8]) -> &'a [u8] {
        let room = self.room - self.records.len();
        let (now, later) = records.split_at(room.min(records.len()));
        self.records.extend_from_slice(now);
        later
    }

    fn is_full(&self) -> bool {
        self.records.len() == self.room
    }
}

struct BackgroundWriter {
    width: usize,
    budget: MemoryBudget,
    gathered: Option<Batch>,
    writing: Writing,
}

/// Where the inner writer is now.
enum Writing {
    /// Still here: no batch was full yet.
    Here(Box<dyn RecordWriter>),
    There(Worker),
    /// It failed, and the error was handed out.
    Failed,
}

impl BackgroundWriter {
    /// Sends a batch to the thread, and starts the thread if it does not run yet.
    fn send(&mut self, batch: Batch) -> Result<(), StoreError> {
        let worker = match std::mem::replace(&mut self.writing, Writing::Failed) {
            Writing::Here(inner) => Worker::start(inner)?,
            Writing::There(worker) => worker,
            Writing::Failed => return Err(given_up()),
        };
        match worker.send(batch) {
            Ok(worker) => {
                self.writing = Writing::There(worker);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until everything is written and takes the inner writer back.
    fn come_back(&mut self) -> Result<Box<dyn RecordWriter>, StoreError> {
        let mut inner = match std::mem::replace(&mut self.writing, Writing::Failed) {
            Writing::Here(inner) => inner,
            Writing::There(worker) => worker.finish()?,
            Writing::Failed => return Err(given_up()),
        };
        if let Some(batch) = self.gathered.take() {
            inner.push(&batch.records)?;
        }
        Ok(inner)
    }
}

fn given_up() -> StoreError {
    StoreError::misuse("adding to a list", "the list failed before")
}

impl RecordWriter for BackgroundWriter {
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError> {
        check_whole(records, self.width)?;
        let mut rest = records;
        while !rest.is_empty() {
            let mut batch = match self.gathered.take() {
                Some(batch) => batch,
                None => Batch::new(self.width, &self.budget)?,
            };
            rest = batch.fill(rest);
            if batch.is_full() {
                self.send(batch)?;
            } else {
                self.gathered = Some(batch);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        self.come_back()?.finish()
    }

    fn finish_distinct(mut self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        self.come_back()?.finish_distinct()
    }
}

type Outcome = Result<Box<dyn RecordWriter>, StoreError>;

/// The thread of one list. Dropping it ends the thread and waits until it has ended.
struct Worker {
    /// `None` once no more batches come.
    queue: Option<SyncSender<Batch>>,
    /// `None` once it was waited for.
    thread: Option<JoinHandle<Outcome>>,
    abandoned: Arc<AtomicBool>,
}

impl Worker {
    fn start(inner: Box<dyn RecordWriter>) -> Result<Self, StoreError> {
        let (queue, batches) = sync_channel(QUEUED_BATCHES_MAX);
        let abandoned = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&abandoned);
        let thread = thread::Builder::new()
            .name("psi-list".into())
            .spawn(move || write_all(inner, &batches, &stop))
            .map_err(|why| StoreError {
                kind: StoreErrorKind::Io,
                what: "starting a thread for a list",
                source: why.into(),
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            abandoned,
        })
    }

    /// Waits for room in the queue. The worker comes back unless its list failed.
    fn send(self, batch: Batch) -> Result<Self, StoreError> {
        if self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.send(batch).is_ok())
        {
            return Ok(self);
        }
        // The thread hung up. Before the end, only an error makes it do that.
        self.finish()?;
        Err(given_up())
    }

    fn finish(mut self) -> Outcome {
        self.queue = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            // A panic goes to the caller, as it would without a thread in between.
            Some(Err(panic)) => resume_unwind(panic),
            None => Err(given_up()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // Nobody needs the list any more, nor the reason why it failed.
            drop(thread.join());
        }
    }
}

fn write_all(
    mut inner: Box<dyn RecordWriter>,
    batches: &Receiver<Batch>,
    abandoned: &AtomicBool,
) -> Outcome {
    while let Ok(batch) = batches.recv() {
        if abandoned.load(Ordering::Relaxed) {
            break;
        }
        inner.push(&batch.records)?;
    }
    Ok(inner)
}

#[cfg(test)]
mod tests;
