//! Reads the columns that are asked for, of every row of every file, and nothing else.
//!
//! Spec 10 §2.5. The load and the jobs read by the same functions with the same options, so what
//! cannot be decoded shows at load. No condition, limit or statistics reaches this module. A piece
//! of a source, a CSV file or a row group of a Parquet file, is read by one thread from front to
//! back.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use encoding_rs::Encoding;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

use super::files::FileStamp;
use super::projection::{Reading, Wanted};
use super::read_error::ReadError;
use super::{
    Batch, Format, Held, Origin, Projection, Source, SourceColumn, TextType,
    parquet as parquet_files, text,
};
use crate::column::{Column, parse, unpack};

/// Rows of one batch.
pub(crate) const BATCH_ROWS: usize = 8192;

/// A piece of a source, read by one thread.
#[derive(Clone)]
pub(crate) struct Piece {
    file: FileStamp,
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
        let piece = |group| Piece {
            file: file.clone(),
            group,
        };
        match source.files.format {
            Format::Csv | Format::Tsv => pieces.push(piece(None)),
            Format::Parquet => {
                let metadata = parquet_files::metadata(&file.path, &file.open()?)?;
                let groups = 0..metadata.metadata().num_row_groups();
                pieces.extend(groups.map(|group| piece(Some((metadata.clone(), group)))));
            }
        }
    }
    Ok(pieces)
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
    read_by(BATCH_ROWS, source, piece, projection, take)
}

/// The same, in batches of so many rows.
///
/// # Errors
/// Those of [`read`].
pub(crate) fn read_by(
    batch_rows: usize,
    source: &Source,
    piece: &Piece,
    projection: &Projection,
    take: &mut dyn FnMut(Batch) -> bool,
) -> Result<(), ReadError> {
    let file = &piece.file;
    match &piece.group {
        None => {
            let (stored, places) = once_each(projection, |column| {
                Ok(match source.at(column).origin {
                    Origin::Line(place) => Some(place),
                    Origin::Named | Origin::Folder(_) => None,
                })
            })?;
            let wanted = Delivered {
                source,
                projection,
                file,
                places,
            };
            let written = source.written();
            for batch in CsvRows::open(file, written, source.line_values, stored, batch_rows)? {
                if !take(wanted.batch(&batch?)?) {
                    break;
                }
            }
        }
        Some((metadata, group)) => {
            let fields = metadata.schema().fields();
            let (stored, places) = once_each(projection, |column| {
                let column = source.at(column);
                if let Origin::Folder(_) = column.origin {
                    return Ok(None);
                }
                let place = fields.iter().position(|field| *field.name() == column.name);
                place
                    .map(Some)
                    .ok_or_else(|| ReadError::changed(&file.path))
            })?;
            let wanted = Delivered {
                source,
                projection,
                file,
                places,
            };
            let mask = ProjectionMask::roots(metadata.parquet_schema(), stored);
            let reader =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file.open()?, metadata.clone())
                    .with_projection(mask)
                    .with_row_groups(vec![*group])
                    .with_batch_size(batch_rows)
                    .build()
                    .map_err(|_| ReadError::damaged(&file.path))?;
            for batch in reader {
                let batch = batch.map_err(|_| ReadError::damaged(&file.path))?;
                if !take(wanted.batch(&batch)?) {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// The numbers in the file of the columns that are asked for, ascending and each once, in which
/// readers deliver them; and for each place of the projection, where among them it is. `stored` says
/// the number of a column, or that it is not in the file.
fn once_each(
    projection: &Projection,
    stored: impl Fn(usize) -> Result<Option<usize>, ReadError>,
) -> Result<(Vec<usize>, Vec<Option<usize>>), ReadError> {
    let given: Vec<Option<usize>> = projection.columns().map(stored).collect::<Result<_, _>>()?;
    let mut once: Vec<usize> = given.iter().copied().flatten().collect();
    once.sort_unstable();
    once.dedup();
    let place = |number: usize| once.partition_point(|known| *known < number);
    let places = given.iter().map(|number| number.map(place)).collect();
    Ok((once, places))
}

/// What a reader of one file delivers, and where the columns of the projection are in it.
struct Delivered<'a> {
    source: &'a Source,
    projection: &'a Projection,
    file: &'a FileStamp,
    /// For each place of the projection; `None` for what the names of folders say.
    places: Vec<Option<usize>>,
}

impl Delivered<'_> {
    fn batch(&self, rows: &RecordBatch) -> Result<Batch, ReadError> {
        let mut batch = Batch {
            rows: rows.num_rows(),
            columns: Vec::with_capacity(self.places.len()),
            lost: vec![0; self.places.len()],
        };
        let wanted = self.projection.0.iter().zip(&self.places);
        for ((wanted, place), lost) in wanted.zip(&mut batch.lost) {
            let column = self.source.at(wanted.column);
            let words = column.null_words.as_deref().unwrap_or_default();
            batch.columns.push(match (place, column.origin) {
                (Some(place), Origin::Named) => typed(column, *wanted, rows.column(*place), lost)
                    .map_err(|_| ReadError::damaged(&self.file.path))?,
                (Some(place), Origin::Line(_) | Origin::Folder(_)) => {
                    let text = rows.column(*place).as_string::<i32>();
                    let text = parse::with_null_words(text, words);
                    untyped(self.source, column, *wanted, text, lost)
                }
                (None, _) => {
                    let value = self.folder_value(column, words);
                    let text = std::iter::repeat_n(value, batch.rows).collect();
                    untyped(self.source, column, *wanted, text, lost)
                }
            });
        }
        Ok(batch)
    }

    /// What the names of the file's folders say; `None` for NULL.
    fn folder_value(&self, column: &SourceColumn, null_words: &[String]) -> Option<&str> {
        let Origin::Folder(key) = column.origin else {
            return None;
        };
        let value = self.file.values.get(key)?.as_deref()?;
        (!null_words.iter().any(|word| word == value)).then_some(value)
    }
}

/// A column of a Parquet file.
fn typed(
    column: &SourceColumn,
    wanted: Wanted,
    array: &ArrayRef,
    lost: &mut u64,
) -> Result<Column, ArrowError> {
    if wanted.reading == Reading::Hex && unpack::is_bytes(array.data_type()) {
        return unpack::hex_digits(array);
    }
    let form = column.form;
    let form = form.ok_or_else(|| ArrowError::SchemaError("a type without a form".into()))?;
    unpack::unpack(array, form, lost)
}

/// A column of a CSV file, or of the names of folders.
fn untyped(
    source: &Source,
    column: &SourceColumn,
    wanted: Wanted,
    text: StringArray,
    lost: &mut u64,
) -> Column {
    match column.form {
        Some(form) if wanted.reading == Reading::Value => {
            let text = source.dialect.values(text, form);
            // What is read as one form may be of another type than the one that it is held to.
            let values = match column.held {
                Some(Held::Kept(TextType::Number)) => {
                    parse::column(&parse::safe_doubles(&text), form)
                }
                held => match held.map(Held::to) {
                    Some(TextType::Date) => parse::column(&parse::dates(&text), form),
                    Some(TextType::Timestamp) => parse::column(&parse::moments(&text, false), form),
                    Some(TextType::Timestamptz) => {
                        parse::column(&parse::moments(&text, true), form)
                    }
                    _ => parse::column(&text, form),
                },
            };
            *lost += parse::lost(&text, &values);
            values
        }
        _ => Column::Text(text),
    }
}

/// Where the first value of a column of text is that is not of the type that it is held to: the file,
/// and the row in it, of which the header is the first; without row if the names of folders say it.
///
/// # Errors
/// [`ReadError`] if a file cannot be read any more.
pub(crate) fn first_lost(
    source: &Source,
    number: usize,
) -> Result<Option<(PathBuf, Option<u64>)>, ReadError> {
    let column = source.at(number);
    let words = column.null_words.as_deref().unwrap_or_default();
    let wanted = Wanted {
        column: number,
        reading: Reading::Value,
    };
    for file in &source.files.files {
        let place = match column.origin {
            Origin::Line(place) => place,
            Origin::Named => return Ok(None),
            Origin::Folder(key) => {
                let value = file.values.get(key).cloned().flatten();
                let text = parse::with_null_words(&[value].into_iter().collect(), words);
                let mut lost = 0;
                untyped(source, column, wanted, text, &mut lost);
                if lost > 0 {
                    return Ok(Some((file.path.clone(), None)));
                }
                continue;
            }
        };
        let mut row = 1;
        let (written, places) = (source.written(), vec![place]);
        for batch in CsvRows::open(file, written, source.line_values, places, BATCH_ROWS)? {
            let batch = batch?;
            let text = parse::with_null_words(batch.column(0).as_string::<i32>(), words);
            let values = untyped(source, column, wanted, text.clone(), &mut 0);
            if let Some(first) = parse::first_lost(&text, &values) {
                return Ok(Some((file.path.clone(), Some(row + 1 + first as u64))));
            }
            row += batch.num_rows() as u64;
        }
    }
    Ok(None)
}

/// How the text of a CSV file is written.
#[derive(Clone, Copy)]
pub(super) struct Written {
    /// What separates values.
    pub(super) delimiter: u8,
    /// The encoding.
    pub(super) encoding: &'static Encoding,
}

/// Rows of a CSV file, all columns as text.
pub(super) struct CsvRows {
    file: FileStamp,
    reader: arrow_csv::reader::BufReader<text::Text>,
}

impl CsvRows {
    /// Reads the columns with the numbers `wanted` of `columns` in each line.
    pub(super) fn open(
        file: &FileStamp,
        written: Written,
        columns: usize,
        wanted: Vec<usize>,
        batch_rows: usize,
    ) -> Result<Self, ReadError> {
        let fields: Vec<Field> = (0..columns)
            .map(|number| Field::new(number.to_string(), DataType::Utf8, true))
            .collect();
        let reader = arrow_csv::ReaderBuilder::new(Arc::new(Schema::new(fields)))
            .with_header(true)
            .with_delimiter(written.delimiter)
            .with_batch_size(batch_rows)
            .with_projection(wanted)
            .build_buffered(text::open(file, written.encoding)?)
            .map_err(|error| ReadError::csv(&file.path, file.packing, &error))?;
        Ok(Self {
            file: file.clone(),
            reader,
        })
    }
}

impl Iterator for CsvRows {
    type Item = Result<RecordBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|error| ReadError::csv(&self.file.path, self.file.packing, &error)))
    }
}
