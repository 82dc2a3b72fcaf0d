//! A source as a table of the engine, read by this crate's own readers.
//!
//! Spec 10 §2.9. SQL sees the columns as conditions do ([`crate::source`]), with two exceptions for text
//! files, because SQL makes keys and amounts of them ([`Source::show_exactly`]). The files that are read
//! are those that were seen: one that was replaced ends the load.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{
    Array as _, ArrayRef, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, new_null_array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use super::engine::BATCH_ROWS;
use crate::column::{Column, Int128Array};
use crate::source::read::{self, Piece};
use crate::source::{Batch, Projection, Source, SourceError};

/// Batches that one reader may be ahead.
const BATCHES_WAITING_MAX: usize = 2;

/// A source in a session.
#[derive(Debug)]
pub(super) struct SourceTable {
    name: String,
    source: Arc<Rows>,
    schema: SchemaRef,
    /// For each column of the schema, its number in the source.
    numbers: Vec<usize>,
    threads: usize,
    lost: Arc<Lost>,
}

struct Rows {
    source: Source,
    pieces: Vec<Piece>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows")
    }
}

/// What readers found that the engine cannot say: why they stopped, and values that are NULL because they
/// are not of their column's type.
#[derive(Debug)]
pub(super) struct Lost {
    source: String,
    columns: Vec<(String, AtomicU64)>,
    /// Whether such values count as NULL: where jobs with differential privacy are allowed, one row
    /// must not decide whether the table is served.
    is_null: bool,
    error: Mutex<Option<SourceError>>,
}

impl Lost {
    /// Why a reader stopped.
    pub(super) fn error(&self) -> Option<SourceError> {
        self.slot().clone()
    }

    /// What the owner ought to know of values that count as NULL.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> + '_ {
        self.columns.iter().filter_map(|(column, lost)| {
            let lost = lost.load(Ordering::Relaxed);
            let source = &self.source;
            (lost > 0).then(|| {
                format!(
                    "source {source}: {lost} values of {column:?} are not of its type; they count as NULL"
                )
            })
        })
    }

    fn stop(&self, error: SourceError) {
        self.slot().get_or_insert(SourceError {
            what: format!("source {}: {}", self.source, error.what),
            ..error
        });
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<SourceError>> {
        // One assignment, so a poisoned lock is as good as any.
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourceTable {
    pub(super) fn new(
        name: &str,
        source: Source,
        threads: usize,
        is_private: bool,
    ) -> Result<Self, SourceError> {
        let pieces = read::pieces(&source)
            .map_err(|error| SourceError::unreadable(&error, "check the files"))?;
        let columns = source.columns.iter().enumerate();
        let shown =
            columns.filter_map(|(number, column)| Some((number, column, column.sql_type()?)));
        let (mut fields, mut numbers, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for (number, column, kind) in shown {
            fields.push(Field::new(&column.name, kind, true));
            numbers.push(number);
            counts.push((column.name.clone(), AtomicU64::new(0)));
        }
        Ok(Self {
            name: name.to_owned(),
            source: Arc::new(Rows { source, pieces }),
            schema: Arc::new(Schema::new(fields)),
            numbers,
            threads,
            lost: Arc::new(Lost {
                source: name.to_owned(),
                columns: counts,
                is_null: is_private,
                error: Mutex::default(),
            }),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn lost(&self) -> Arc<Lost> {
        Arc::clone(&self.lost)
    }
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.numbers.len()).collect();
        let shown = projection.unwrap_or(&all);
        let mut wanted = Projection::default();
        let mut columns = Vec::with_capacity(shown.len());
        for place in shown {
            let number = self.numbers.get(*place).copied();
            let number = number.ok_or_else(|| DataFusionError::Internal("a column".to_owned()))?;
            columns.push((*place, wanted.value(number)));
        }
        if columns.is_empty() {
            // Rows are counted by reading something of them.
            self.numbers.first().map(|number| wanted.value(*number));
        }
        let schema = Arc::new(self.schema.project(shown)?);
        let reading = Arc::new(Reading {
            rows: Arc::clone(&self.source),
            wanted,
            columns,
            schema: Arc::clone(&schema),
            lost: Arc::clone(&self.lost),
            next: AtomicUsize::new(0),
        });
        let threads = self.threads.clamp(1, self.source.pieces.len().max(1));
        let partitions = (0..threads).map(|_| {
            let partition: Arc<dyn PartitionStream> = Arc::new(Partition(Arc::clone(&reading)));
            partition
        });
        let plan =
            StreamingTableExec::try_new(schema, partitions.collect(), None, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// One reading of a source, by several threads.
#[derive(Debug)]
struct Reading {
    rows: Arc<Rows>,
    wanted: Projection,
    /// For each column of the schema, its place in the table and in the batches that are read.
    columns: Vec<(usize, usize)>,
    schema: SchemaRef,
    lost: Arc<Lost>,
    /// The next piece that nobody reads yet.
    next: AtomicUsize,
}

#[derive(Debug)]
struct Partition(Arc<Reading>);

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let reading = Arc::clone(&self.0);
        let schema = Arc::clone(&reading.schema);
        let mut stream = RecordBatchReceiverStreamBuilder::new(schema, BATCHES_WAITING_MAX);
        let sender = stream.tx();
        stream.spawn_blocking(move || {
            let Rows { source, pieces } = &*reading.rows;
            while let Some(piece) = pieces.get(reading.next.fetch_add(1, Ordering::Relaxed)) {
                let mut failed = None;
                let mut take = |batch: Batch| match reading.batch(&batch) {
                    Ok(batch) => sender.blocking_send(Ok(batch)).is_ok(),
                    Err(error) => {
                        failed = Some(error);
                        false
                    }
                };
                let read = read::read_by(BATCH_ROWS, source, piece, &reading.wanted, &mut take);
                let read = read.map_err(|error| SourceError::unreadable(&error, "check the files"));
                if let Err(error) = failed.map_or(read, Err) {
                    reading.lost.stop(error);
                    return Err(DataFusionError::Internal("a reader stopped".to_owned()));
                }
                if sender.is_closed() {
                    break;
                }
            }
            Ok(())
        });
        stream.build()
    }
}

impl Reading {
    fn batch(&self, batch: &Batch) -> Result<RecordBatch, SourceError> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for ((table, place), field) in self.columns.iter().zip(self.schema.fields()) {
            if let Some(lost) = batch.lost.get(*place)
                && let Some((name, count)) = self.lost.columns.get(*table)
                && *lost > 0
            {
                if !self.lost.is_null {
                    return Err(SourceError::new(
                        format!("values of {name:?} are not of its type"),
                        "correct the values, list words for missing values under `null` of the source, \
                         or declare the column as text in its `types` and write TRY_CAST",
                    ));
                }
                count.fetch_add(*lost, Ordering::Relaxed);
            }
            let column = batch.columns.get(*place);
            let array = column.and_then(|column| array(column, field.data_type()));
            columns.push(array.ok_or_else(|| {
                SourceError::new(
                    format!("a value of {:?} does not fit {}", field.name(), field.data_type()),
                    "write moments with at most six digits of a second, and years that a calendar has",
                )
            })?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|_| SourceError::new("its columns do not fit together", "check the files"))
    }
}

/// A column as the engine holds it; `None` if a value does not fit.
fn array(column: &Column, kind: &DataType) -> Option<ArrayRef> {
    match (column, kind) {
        (column, DataType::Null) => Some(new_null_array(&DataType::Null, column.len())),
        (Column::Decimal(units, _), DataType::Decimal128(precision, scale)) => {
            let units = units.clone().with_precision_and_scale(*precision, *scale);
            let units = units.ok()?;
            units.validate_decimal_precision(*precision).ok()?;
            Some(Arc::new(units))
        }
        (Column::Instant(nanos), DataType::Timestamp(unit, zone)) => {
            let zone = zone.clone();
            Some(match unit {
                TimeUnit::Second => {
                    let times: TimestampSecondArray = in_units(nanos, 1_000_000_000)?.into();
                    Arc::new(times.with_timezone_opt(zone))
                }
                TimeUnit::Millisecond => {
                    let times: TimestampMillisecondArray = in_units(nanos, 1_000_000)?.into();
                    Arc::new(times.with_timezone_opt(zone))
                }
                TimeUnit::Microsecond => {
                    let times: TimestampMicrosecondArray = in_units(nanos, 1_000)?.into();
                    Arc::new(times.with_timezone_opt(zone))
                }
                TimeUnit::Nanosecond => {
                    let times: TimestampNanosecondArray = in_units(nanos, 1)?.into();
                    Arc::new(times.with_timezone_opt(zone))
                }
            })
        }
        (column, _) => column.shown().ok(),
    }
}

/// Nanoseconds in a larger unit; `None` if one is not a whole number of them, or too far away.
fn in_units(nanos: &Int128Array, unit: i128) -> Option<Vec<Option<i64>>> {
    let one = |value: Option<i128>| match value {
        None => Some(None),
        Some(value) if value % unit == 0 => i64::try_from(value / unit).ok().map(Some),
        Some(_) => None,
    };
    (0..nanos.len())
        .map(|row| one(nanos.is_valid(row).then(|| nanos.value(row))))
        .collect()
}
