//! One pass over a table: a record of every row with an identity, and whether a condition selects
//! the row.
//!
//! Spec 10 §4. Used at load (all keys of all rows) and to freeze a job's input (one key). A record
//! is the digest of a key, what [`Extras`] keep of the row beside it, and the flag of the selected.
//! Pieces of the source are read and digested by threads; what they find goes through a bounded
//! channel to the caller, who keeps it.
//!
//! # Security
//! Every row is read, every comparison made, every key digested and every record handed over,
//! whatever the condition selects. So neither the work nor the space of a pass tells how many rows
//! it does. [`Chunk::tally`] lets tests say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_buffer::BooleanBuffer;
use psi_core::kernel::Kernel;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use zeroize::Zeroize;

use crate::condition::{Condition, Tally};
use crate::config::ReadOptions;
use crate::error::FreezeError;
use crate::key_text::ScanKey;
use crate::rows::{self, Extras};
use crate::source::read::{self, Piece};
use crate::source::{Batch, Projection, Source};
use crate::survey::{Survey, Surveyed};

/// Chunks that may wait for the caller; each is one batch's records.
const CHUNKS_WAITING_MAX: usize = 8;

/// What one batch held.
pub(crate) struct Chunk {
    /// Rows read.
    pub(crate) rows: u64,
    /// Rows for which the condition is TRUE; all without one.
    pub(crate) selected: u64,
    /// For each key, the records of the rows that have an identity by it, one after another.
    pub(crate) records: Vec<Vec<u8>>,
    /// For each key, the rows whose key is NULL.
    pub(crate) nulls: Vec<u64>,
    /// For each key, the selected rows whose key is NULL.
    pub(crate) selected_nulls: Vec<u64>,
    /// For each value of the extras, the rows in which it is NULL.
    pub(crate) value_nulls: Vec<u64>,
    /// For each value of the extras, the rows in which it does not fit.
    pub(crate) misfits: Vec<u64>,
    /// Rows that have an identity by some key and a value that does not fit.
    pub(crate) identity_misfits: u64,
    /// For each place of the projection, values that their form does not hold.
    pub(crate) lost: Vec<u64>,
    /// What the condition cost.
    pub(crate) tally: Tally,
    /// What a load sees in the values.
    pub(crate) surveyed: Option<Surveyed>,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.records.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// What a pass over a table collects.
#[derive(Clone)]
pub(crate) struct Pass {
    pub(crate) source: Arc<Source>,
    pub(crate) projection: Projection,
    pub(crate) condition: Option<Condition>,
    pub(crate) keys: Vec<ScanKey>,
    pub(crate) extras: Extras,
    /// What a load wants to see in the values; no job asks for it.
    pub(crate) survey: Option<Survey>,
}

/// Reads a source once, as `options` say, and hands every batch's records to `take`.
///
/// # Errors
/// [`FreezeError::Read`] if a file cannot be read; whatever `take` returns, which ends the pass.
pub(crate) async fn scan(
    options: &ReadOptions,
    pass: Pass,
    take: &mut (dyn FnMut(&Chunk) -> Result<(), FreezeError> + Send),
) -> Result<(), FreezeError> {
    let source = Arc::clone(&pass.source);
    let pieces = tokio::task::spawn_blocking(move || read::pieces(&source)).await;
    let pieces = pieces.map_err(|_| FreezeError::stopped())??;
    let work = Arc::new(Work {
        kernel: Arc::clone(&options.kernel),
        pass,
        next: AtomicUsize::new(0),
        pieces,
    });
    let (sender, mut receiver) = mpsc::channel(CHUNKS_WAITING_MAX);
    let mut readers = JoinSet::new();
    for _ in 0..options.threads.clamp(1, work.pieces.len().max(1)) {
        let (work, sender) = (Arc::clone(&work), sender.clone());
        readers.spawn_blocking(move || work.run(&sender));
    }
    drop(sender);
    // Dropping the receiver, on any way out, stops the readers at their next batch.
    while let Some(chunk) = receiver.recv().await {
        take(&chunk?)?;
    }
    while let Some(ended) = readers.join_next().await {
        ended.map_err(|_| FreezeError::stopped())?;
    }
    Ok(())
}

/// The pieces of a source, and which of them is next.
struct Work {
    kernel: Arc<dyn Kernel>,
    pass: Pass,
    next: AtomicUsize,
    pieces: Vec<Piece>,
}

impl Work {
    /// Reads one piece after the other, until none is left or nobody listens.
    fn run(&self, sender: &mpsc::Sender<Result<Chunk, FreezeError>>) {
        let Pass {
            source, projection, ..
        } = &self.pass;
        while let Some(piece) = self.pieces.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mut send = |batch: Batch| {
                let chunk = self.pass.chunk(&*self.kernel, &batch);
                sender.blocking_send(Ok(chunk)).is_ok()
            };
            if let Err(error) = read::read(source, piece, projection, &mut send) {
                // A closed channel means that the pass ended; there is nobody to tell.
                let _ = sender.blocking_send(Err(error.into()));
                return;
            }
            if sender.is_closed() {
                return;
            }
        }
    }
}

impl Pass {
    fn chunk(&self, kernel: &dyn Kernel, batch: &Batch) -> Chunk {
        let rows = batch.rows;
        let mut tally = Tally::default();
        let selects = match &self.condition {
            Some(condition) => condition.select(&batch.columns, rows, &mut tally),
            None => BooleanBuffer::new_set(rows),
        };
        let extras = self.extras.encode(&batch.columns, rows);
        let mut chunk = Chunk {
            rows: rows as u64,
            selected: selects.count_set_bits() as u64,
            records: Vec::with_capacity(self.keys.len()),
            nulls: Vec::with_capacity(self.keys.len()),
            selected_nulls: Vec::with_capacity(self.keys.len()),
            value_nulls: extras.nulls,
            misfits: extras.misfits,
            identity_misfits: 0,
            lost: batch.lost.clone(),
            tally,
            surveyed: self
                .survey
                .as_ref()
                .map(|survey| survey.of(&batch.columns, &self.keys)),
        };
        let width = self.extras.layout().width();
        let extra = self.extras.layout().extra();
        for key in &self.keys {
            let mut records = Vec::with_capacity(rows * width);
            let (mut nulls, mut selected_nulls) = (0, 0);
            key.for_each_digest(kernel, &batch.columns, rows, |row, digest| {
                let Some(digest) = digest else {
                    nulls += 1;
                    selected_nulls += u64::from(selects.value(row));
                    return;
                };
                if extras.unfit_rows.get(row).is_some_and(|unfit| *unfit) {
                    chunk.identity_misfits += 1;
                }
                records.extend_from_slice(&digest);
                records.extend_from_slice(rows::of_row(&extras.bytes, row, extra));
                records.push(selects.value(row).into());
            });
            chunk.records.push(records);
            chunk.nulls.push(nulls);
            chunk.selected_nulls.push(selected_nulls);
        }
        chunk
    }
}
