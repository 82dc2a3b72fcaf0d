//! One pass over a table: records of its keys, and which rows a condition selects.
//!
//! Spec 10 §4. Used at load (all keys of all rows) and to freeze a job's input (one key of the
//! selected rows). A record is the digest of a key and what [`Extras`] keep of the row beside it. Partitions are read and digested by tasks; what they find goes through a
//! bounded channel to the caller, who keeps it.
//!
//! # Security
//! The condition is evaluated as a column instead of being pushed into the scan, and every row is
//! digested whether it is selected or not, so the time of a pass depends little on how many rows
//! a filter selects.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::execute_stream_partitioned;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use zeroize::Zeroize;

use crate::config::EngineOptions;
use crate::engine;
use crate::error::FreezeError;
use crate::keys::TextColumn;
use crate::rows::{DIGEST_BYTES, Extras};
use crate::source::{Source, SourceColumn};

/// Chunks that may wait for the caller; each is one batch's records.
const CHUNKS_WAITING_MAX: usize = 8;

/// A key to digest.
pub(crate) struct ScanKey<'a> {
    pub(crate) columns: Vec<&'a SourceColumn>,
    pub(crate) kinds: &'a [IdentifierKind],
}

/// Which rows' records are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All rows'; the condition is only counted.
    All,
    /// Those of rows for which the condition is TRUE.
    Selected,
}

/// What one batch held.
pub(crate) struct Chunk {
    /// Rows read.
    pub(crate) rows: u64,
    /// Rows for which the condition is TRUE; all without one.
    pub(crate) selected: u64,
    /// For each key, the records of the kept rows, one after another.
    pub(crate) records: Vec<Vec<u8>>,
    /// For each key, the kept rows whose key is NULL.
    pub(crate) nulls: Vec<u64>,
    /// For each value of the extras, the rows read in which it is NULL.
    pub(crate) value_nulls: Vec<u64>,
    /// For each value of the extras, the rows read in which it does not fit.
    pub(crate) misfits: Vec<u64>,
    /// Rows read, selected or not, that have an identity by some key and a value that does not fit.
    pub(crate) identity_misfits: u64,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.records.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// What a pass over a table collects.
pub(crate) struct Pass<'a> {
    pub(crate) source: &'a Source,
    pub(crate) condition: Option<Expr>,
    pub(crate) keys: &'a [ScanKey<'a>],
    pub(crate) extras: Extras,
    pub(crate) keep: Keep,
}

/// Reads a source once and hands every batch's records to `take`.
///
/// # Errors
/// [`FreezeError::Engine`] if the files cannot be read or an expression fails; whatever `take`
/// returns, which ends the pass.
pub(crate) async fn scan(
    options: &EngineOptions,
    pass: Pass<'_>,
    take: &mut (dyn FnMut(&Chunk) -> Result<(), FreezeError> + Send),
) -> Result<(), FreezeError> {
    let streams = streams(options, &pass).await.map_err(engine_error)?;
    let digester = Arc::new(Digester {
        has_condition: pass.condition.is_some(),
        keys: columns_of(pass.keys),
        extras: pass.extras,
        keep: pass.keep,
    });
    let (sender, mut receiver) = mpsc::channel(CHUNKS_WAITING_MAX);
    // Dropping the set, on any way out, stops the tasks.
    let mut tasks = JoinSet::new();
    for stream in streams {
        tasks.spawn(Arc::clone(&digester).run(stream, sender.clone()));
    }
    drop(sender);
    while let Some(chunk) = receiver.recv().await {
        take(&chunk.map_err(engine_error)?)?;
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|_| FreezeError::Engine("a reader stopped unexpectedly".to_owned()))?;
    }
    Ok(())
}

/// The plan's output: the condition if there is one, the columns of all keys in turn, then those
/// of the extras.
async fn streams(
    options: &EngineOptions,
    pass: &Pass<'_>,
) -> Result<Vec<SendableRecordBatchStream>, DataFusionError> {
    let key_columns = pass
        .keys
        .iter()
        .flat_map(|key| &key.columns)
        .map(|column| column.raw_expr());
    let outputs = pass
        .condition
        .clone()
        .into_iter()
        .chain(key_columns)
        .chain(pass.extras.exprs());
    streams_of(options, pass.source, outputs.collect()).await
}

/// Reads a source once, for these expressions over its raw columns.
pub(crate) async fn streams_of(
    options: &EngineOptions,
    source: &Source,
    outputs: Vec<Expr>,
) -> Result<Vec<SendableRecordBatchStream>, DataFusionError> {
    let context = engine::context(options)?;
    let outputs = outputs.into_iter().enumerate();
    let outputs = outputs.map(|(i, expr)| expr.alias(format!("output {i}")));
    let plan = engine::rows(&context, source)?
        .select(outputs.collect::<Vec<_>>())?
        .create_physical_plan()
        .await?;
    execute_stream_partitioned(plan, context.task_ctx())
}

fn columns_of(keys: &[ScanKey<'_>]) -> Vec<(usize, Vec<IdentifierKind>)> {
    keys.iter()
        .map(|key| (key.columns.len(), key.kinds.to_vec()))
        .collect()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
pub(crate) fn engine_error(error: DataFusionError) -> FreezeError {
    FreezeError::Engine(error.strip_backtrace())
}

/// Turns batches into chunks.
struct Digester {
    has_condition: bool,
    /// For each key, its number of columns and their kinds.
    keys: Vec<(usize, Vec<IdentifierKind>)>,
    extras: Extras,
    keep: Keep,
}

impl Digester {
    async fn run(
        self: Arc<Self>,
        mut stream: SendableRecordBatchStream,
        sender: mpsc::Sender<Result<Chunk, DataFusionError>>,
    ) {
        use datafusion::common::DataFusionError as Error;
        while let Some(batch) = next(&mut stream).await {
            let chunk = batch.and_then(|batch| self.chunk(&batch).map_err(Error::from));
            let failed = chunk.is_err();
            // A closed channel means that the pass ended; there is nobody to tell.
            if sender.send(chunk).await.is_err() || failed {
                return;
            }
        }
    }

    fn chunk(&self, batch: &RecordBatch) -> Result<Chunk, datafusion::arrow::error::ArrowError> {
        let rows = batch.num_rows();
        let condition = self.has_condition.then(|| batch.column(0).as_boolean());
        let selects = |row: usize| condition.is_none_or(|c| c.is_valid(row) && c.value(row));
        let selected = (0..rows).filter(|row| selects(*row)).count();
        let first_key = usize::from(self.has_condition);
        let key_columns: usize = self.keys.iter().map(|(columns, _)| columns).sum();
        let (keys, extras) = batch.columns()[first_key..].split_at(key_columns);
        let extras = self.extras.encode(extras, rows)?;
        let mut chunk = Chunk {
            rows: rows as u64,
            selected: selected as u64,
            records: Vec::with_capacity(self.keys.len()),
            nulls: Vec::with_capacity(self.keys.len()),
            value_nulls: extras.nulls,
            misfits: extras.misfits,
            identity_misfits: 0,
        };
        let width = self.extras.layout().width();
        let extra = width - DIGEST_BYTES;
        let mut next_column = 0;
        for (columns, kinds) in &self.keys {
            let text = keys[next_column..next_column + columns]
                .iter()
                .map(TextColumn::new)
                .collect::<Result<Vec<_>, _>>()?;
            next_column += columns;
            let mut hasher = IdentityHasher::new(kinds);
            let mut records = Vec::with_capacity(rows * width);
            let mut nulls = 0;
            for row in 0..rows {
                let digest = hasher.digest(text.iter().map(|column| column.value(row)));
                if digest.is_some() && extras.unfit_rows.get(row).is_some_and(|unfit| *unfit) {
                    chunk.identity_misfits += 1;
                }
                if self.keep == Keep::All || selects(row) {
                    match digest {
                        Some(digest) => {
                            records.extend_from_slice(&digest);
                            records
                                .extend_from_slice(&extras.bytes[row * extra..(row + 1) * extra]);
                        }
                        None => nulls += 1,
                    }
                }
            }
            chunk.records.push(records);
            chunk.nulls.push(nulls);
        }
        Ok(chunk)
    }
}

pub(crate) async fn next(
    stream: &mut SendableRecordBatchStream,
) -> Option<Result<RecordBatch, DataFusionError>> {
    // `futures::StreamExt::next`, without a dependency for one line.
    std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await
}
