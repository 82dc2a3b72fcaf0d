//! Runs a plan and writes its rows to a file that only this node's user can read.
//!
//! Spec 10 §2.9. Rows go from the engine to the file batch by batch; what a row group waits for is
//! bounded, so memory does not grow with the table.

use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_cast::cast;
use arrow_schema::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tokio::sync::mpsc;

use super::failure::{no_place, while_running};
use super::made_columns;
use super::source_table::Lost;
use crate::source::SourceError;

/// What a row group holds in memory before it is written.
const GROUP_BYTES: usize = 8 << 20;

/// Batches that may wait for the disk.
const BATCHES_WAITING_MAX: usize = 2;

/// Writes the rows of a plan to `path` and returns how many there are.
pub(super) async fn run(
    session: &SessionState,
    plan: LogicalPlan,
    path: &Path,
    lost: &[Arc<Lost>],
) -> Result<u64, SourceError> {
    let stored = made_columns::stored(plan.schema().as_arrow());
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    let (path, columns) = (path.to_owned(), Arc::clone(&stored));
    let writing = tokio::task::spawn_blocking(move || write(&path, &columns, receiver));
    // Boxed: the engine's futures are large.
    let given = Box::pin(give(session, &plan, &stored, sender)).await;
    let written = writing
        .await
        .map_err(|_| no_place(&io::Error::other("stopped")));
    // What a reader says of its file is nearer to the cause than what became of it.
    if let Some(error) = lost.iter().find_map(|lost| lost.error()) {
        return Err(error);
    }
    given.map_err(|error| while_running(&error))?;
    written?.map_err(|error| no_place(&error))
}

/// Hands over the rows of a plan, until nobody takes them any more.
async fn give(
    session: &SessionState,
    plan: &LogicalPlan,
    stored: &SchemaRef,
    sender: mpsc::Sender<RecordBatch>,
) -> Result<(), DataFusionError> {
    let plan = session.create_physical_plan(plan).await?;
    let mut rows = execute_stream(plan, session.task_ctx())?;
    while let Some(batch) = poll_fn(|context| rows.as_mut().poll_next(context)).await {
        let batch = batch?;
        let columns = batch.columns().iter().zip(stored.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        let columns = columns.collect::<Result<_, _>>()?;
        let batch = RecordBatch::try_new(Arc::clone(stored), columns)?;
        if sender.send(batch).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn write(
    path: &Path,
    columns: &SchemaRef,
    mut receiver: mpsc::Receiver<RecordBatch>,
) -> io::Result<u64> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file: File = options.open(path)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let mut writer =
        ArrowWriter::try_new(&file, Arc::clone(columns), Some(properties.build())).map_err(disk)?;
    let mut rows = 0;
    while let Some(batch) = receiver.blocking_recv() {
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(disk)?;
        if writer.in_progress_size() > GROUP_BYTES {
            writer.flush().map_err(disk)?;
        }
    }
    writer.close().map_err(disk)?;
    file.sync_all()?;
    Ok(rows)
}

fn disk(error: parquet::errors::ParquetError) -> io::Error {
    io::Error::other(error)
}
