//! Reads the columns that are asked for, of every row of every file, and nothing else.
//!
//! Spec 10 §2.5. The load and the jobs read by the same functions with the same options, so what
//! cannot be decoded shows at load. No condition, limit or statistics reaches this module. A piece
//! of a source, a CSV file or a row group of a Parquet file, is read by one thread from front to
//! back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

use super::read_error::ReadError;
use super::{Batch, Format, Projection, Source, parquet as parquet_files};
use crate::column::{Column, parse, unpack};
use crate::config::ColumnType;

/// Rows of one batch.
pub(crate) const BATCH_ROWS: usize = 8192;

/// A piece of a source, read by one thread.
#[derive(Clone)]
pub(crate) struct Piece {
    path: PathBuf,
    /// A row group of a Parquet file.
    group: Option<(ArrowReaderMetadata, usize)>,
}

/// The pieces of a source, in the order of its rows.
///
/// # Errors
/// [`ReadError`] if a file cannot be opened or says nothing sensible about itself.
pub(crate) fn pieces(source: &Source) -> Result<Vec<Piece>, ReadError> {
    let mut pieces = Vec::new();
    for file in &source.files.files {
        let path = file.path.clone();
        match source.files.format {
            Format::Csv => pieces.push(Piece { path, group: None }),
            Format::Parquet => {
                let reader = open(&path)?;
                let metadata = parquet_files::metadata(&path, &reader)?;
                for group in 0..metadata.metadata().num_row_groups() {
                    let group = Some((metadata.clone(), group));
                    pieces.push(Piece {
                        path: path.clone(),
                        group,
                    });
                }
            }
        }
    }
    Ok(pieces)
}

fn open(path: &Path) -> Result<File, ReadError> {
    File::open(path).map_err(|error| ReadError::io(path, &error))
}

/// Reads a piece and hands each batch to `take`, until that says that there is nobody left to read
/// for.
///
/// # Errors
/// [`ReadError`] if something cannot be decoded.
pub(crate) fn read(
    source: &Source,
    piece: &Piece,
    projection: &Projection,
    take: &mut dyn FnMut(Batch) -> bool,
) -> Result<(), ReadError> {
    match &piece.group {
        None => {
            let (columns, places) = once_each(projection.columns());
            for batch in CsvRows::open(&piece.path, source.columns.len(), columns)? {
                if !take(of_text(source, projection, &places, &batch?)) {
                    break;
                }
            }
        }
        Some((metadata, group)) => {
            let roots = roots(source, projection, metadata, &piece.path)?;
            let (columns, places) = once_each(roots.into_iter());
            let mask = ProjectionMask::roots(metadata.parquet_schema(), columns);
            let reader = open(&piece.path)?;
            let reader =
                ParquetRecordBatchReaderBuilder::new_with_metadata(reader, metadata.clone())
                    .with_projection(mask)
                    .with_row_groups(vec![*group])
                    .with_batch_size(BATCH_ROWS)
                    .build()
                    .map_err(|_| ReadError::damaged(&piece.path))?;
            for batch in reader {
                let batch = batch.map_err(|_| ReadError::damaged(&piece.path))?;
                let batch = of_arrays(source, projection, &places, &batch)
                    .map_err(|_| ReadError::damaged(&piece.path))?;
                if !take(batch) {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// The numbers, ascending and each once, in which readers deliver them; and where each of the given
/// ones is among them.
fn once_each(numbers: impl Iterator<Item = usize>) -> (Vec<usize>, Vec<usize>) {
    let given: Vec<usize> = numbers.collect();
    let mut once = given.clone();
    once.sort_unstable();
    once.dedup();
    let place = |number: &usize| once.partition_point(|known| known < number);
    let places = given.iter().map(place).collect();
    (once, places)
}

/// For each place of the projection, the number of its column in a Parquet file.
fn roots(
    source: &Source,
    projection: &Projection,
    metadata: &ArrowReaderMetadata,
    path: &Path,
) -> Result<Vec<usize>, ReadError> {
    let fields = metadata.schema().fields();
    projection
        .columns()
        .map(|column| {
            let name = &source.columns[column].name;
            fields.iter().position(|field| field.name() == name)
        })
        .collect::<Option<_>>()
        .ok_or_else(|| ReadError::changed(path))
}

fn of_text(
    source: &Source,
    projection: &Projection,
    places: &[usize],
    rows: &RecordBatch,
) -> Batch {
    let mut batch = Batch {
        rows: rows.num_rows(),
        columns: Vec::with_capacity(places.len()),
        lost: vec![0; places.len()],
    };
    let wanted = projection.0.iter().zip(places).zip(&mut batch.lost);
    for ((wanted, place), lost) in wanted {
        let column = &source.columns[wanted.column];
        let words = column.null_words.as_deref().unwrap_or_default();
        let text = parse::with_null_words(rows.column(*place).as_string::<i32>(), words);
        batch.columns.push(match column.form {
            Some(form) if !wanted.as_stored => {
                let values = match column.declared {
                    Some(ColumnType::Timestamp) => {
                        parse::column(&parse::moments(&text, false), form)
                    }
                    Some(ColumnType::Timestamptz) => {
                        parse::column(&parse::moments(&text, true), form)
                    }
                    _ => parse::column(&text, form),
                };
                *lost += parse::lost(&text, &values);
                values
            }
            _ => Column::Text(text),
        });
    }
    batch
}

fn of_arrays(
    source: &Source,
    projection: &Projection,
    places: &[usize],
    rows: &RecordBatch,
) -> Result<Batch, ArrowError> {
    let mut batch = Batch {
        rows: rows.num_rows(),
        columns: Vec::with_capacity(places.len()),
        lost: vec![0; places.len()],
    };
    let wanted = projection.0.iter().zip(places).zip(&mut batch.lost);
    for ((wanted, place), lost) in wanted {
        let form = source.columns[wanted.column].form;
        let form = form.ok_or_else(|| ArrowError::SchemaError("a type without a form".into()))?;
        batch
            .columns
            .push(unpack::unpack(rows.column(*place), form, lost)?);
    }
    Ok(batch)
}

/// Rows of a CSV file, all columns as text.
pub(super) struct CsvRows {
    path: PathBuf,
    reader: arrow_csv::Reader<File>,
}

impl CsvRows {
    /// Reads the columns with the numbers `wanted` of `columns` in each line.
    pub(super) fn open(path: &Path, columns: usize, wanted: Vec<usize>) -> Result<Self, ReadError> {
        let fields: Vec<Field> = (0..columns)
            .map(|number| Field::new(number.to_string(), DataType::Utf8, true))
            .collect();
        let reader = arrow_csv::ReaderBuilder::new(Arc::new(Schema::new(fields)))
            .with_header(true)
            .with_batch_size(BATCH_ROWS)
            .with_projection(wanted)
            .build(open(path)?)
            .map_err(|error| ReadError::csv(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            reader,
        })
    }
}

impl Iterator for CsvRows {
    type Item = Result<RecordBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|error| ReadError::csv(&self.path, &error)))
    }
}
