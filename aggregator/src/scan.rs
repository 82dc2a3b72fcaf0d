//! One pass over a table: digests of its keys, and which rows a condition selects.
//!
//! Spec 10 §4. Used at load (all keys of all rows) and to freeze a job's input (one key of the
//! selected rows). Partitions are read and digested by tasks; what they find goes through a
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
use crate::source::{Source, SourceColumn};

/// Chunks that may wait for the caller; each is one batch's digests.
const CHUNKS_WAITING_MAX: usize = 8;

/// A key to digest.
pub(crate) struct ScanKey<'a> {
    pub(crate) columns: Vec<&'a SourceColumn>,
    pub(crate) kinds: &'a [IdentifierKind],
}

/// Which rows' digests are wanted.
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
    /// For each key, the digests of the kept rows, one after another.
    pub(crate) digests: Vec<Vec<u8>>,
    /// For each key, the kept rows whose key is NULL.
    pub(crate) nulls: Vec<u64>,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.digests.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Reads `source` once and hands every batch's digests to `take`.
///
/// # Errors
/// [`FreezeError::Engine`] if the files cannot be read or an expression fails; whatever `take`
/// returns, which ends the pass.
pub(crate) async fn scan(
    options: &EngineOptions,
    source: &Source,
    condition: Option<Expr>,
    keys: &[ScanKey<'_>],
    keep: Keep,
    take: &mut (dyn FnMut(&Chunk) -> Result<(), FreezeError> + Send),
) -> Result<(), FreezeError> {
    let digester = Arc::new(Digester {
        has_condition: condition.is_some(),
        keys: columns_of(keys),
        keep,
    });
    let streams = streams(options, source, condition, keys)
        .await
        .map_err(engine_error)?;
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

/// The plan's output: the condition if there is one, then the columns of all keys in turn.
async fn streams(
    options: &EngineOptions,
    source: &Source,
    condition: Option<Expr>,
    keys: &[ScanKey<'_>],
) -> Result<Vec<SendableRecordBatchStream>, DataFusionError> {
    let context = engine::context(options)?;
    let key_columns = keys
        .iter()
        .flat_map(|key| &key.columns)
        .map(|column| column.raw_expr());
    let outputs: Vec<Expr> = condition
        .into_iter()
        .chain(key_columns)
        .enumerate()
        .map(|(i, expr)| expr.alias(format!("output {i}")))
        .collect();
    let plan = engine::rows(&context, source)?
        .select(outputs)?
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
fn engine_error(error: DataFusionError) -> FreezeError {
    FreezeError::Engine(error.strip_backtrace())
}

/// Turns batches into chunks.
struct Digester {
    has_condition: bool,
    /// For each key, its number of columns and their kinds.
    keys: Vec<(usize, Vec<IdentifierKind>)>,
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
        let mut chunk = Chunk {
            rows: rows as u64,
            selected: selected as u64,
            digests: Vec::with_capacity(self.keys.len()),
            nulls: Vec::with_capacity(self.keys.len()),
        };
        let mut next_column = usize::from(self.has_condition);
        for (columns, kinds) in &self.keys {
            let text = batch.columns()[next_column..next_column + columns]
                .iter()
                .map(TextColumn::new)
                .collect::<Result<Vec<_>, _>>()?;
            next_column += columns;
            let mut hasher = IdentityHasher::new(kinds);
            let mut digests = Vec::with_capacity(rows * 32);
            let mut nulls = 0;
            for row in 0..rows {
                let digest = hasher.digest(text.iter().map(|column| column.value(row)));
                if self.keep == Keep::All || selects(row) {
                    match digest {
                        Some(digest) => digests.extend_from_slice(&digest),
                        None => nulls += 1,
                    }
                }
            }
            chunk.digests.push(digests);
            chunk.nulls.push(nulls);
        }
        Ok(chunk)
    }
}

async fn next(
    stream: &mut SendableRecordBatchStream,
) -> Option<Result<RecordBatch, DataFusionError>> {
    // `futures::StreamExt::next`, without a dependency for one line.
    std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await
}
