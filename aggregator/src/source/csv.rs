//! CSV files: names from the header, types from all values.
//!
//! Spec 10 §2.2. Everything is read as text. A column whose values are all of one type is shown to
//! filters as that type, as plain SQL engines do: `0800` is the number 800. Join keys are always
//! text, so there the zeros stay. [`crate::column::parse`] says which values have which type.
//!
//! Cost: one pass over the files at load.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_csv::reader::Format as CsvReading;

use super::dialect::Dialect;
use super::files::{FileSet, FileStamp};
use super::read::{BATCH_ROWS, CsvRows, Written};
use super::read_error::ReadError;
use super::{Origin, Source, SourceColumn, SourceError, suspect, text};
use crate::column::parse::{Seen, with_null_words};

pub(super) fn open(
    files: FileSet,
    null_words: &[String],
    dialect: &Dialect,
) -> Result<Source, SourceError> {
    let delimiter = dialect.delimiter(files.format);
    let mut names: Option<Vec<String>> = None;
    for file in &files.files {
        let header = header(file, dialect, delimiter)?;
        match &names {
            None => names = Some(header),
            Some(first) if *first == header => {}
            Some(_) => {
                return Err(SourceError::new(
                    format!(
                        "{} has another header than the first file",
                        file.path.display()
                    ),
                    "give all files of the folder the same columns in the same order",
                ));
            }
        }
    }
    let names = names.unwrap_or_default();
    let mut seen = vec![Seen::default(); names.len()];
    for file in &files.files {
        look_at_values(file, delimiter, null_words, dialect, &mut seen)
            .map_err(|error| unreadable(&error))?;
    }
    let words: Arc<[String]> = null_words.into();
    let line_values = names.len();
    let columns = names.into_iter().zip(seen).enumerate();
    let columns = columns.map(|(place, (name, seen))| {
        SourceColumn::of_text(name, Origin::Line(place), &seen, &words)
    });
    Ok(Source {
        files,
        columns: columns.collect(),
        line_values,
        dialect: dialect.clone(),
        notes: Vec::new(),
    })
}

/// The names in the first line, without the blanks around them.
fn header(file: &FileStamp, dialect: &Dialect, delimiter: u8) -> Result<Vec<String>, SourceError> {
    suspect::check(file, dialect, unreadable)?;
    let text = text::open(file, dialect.encoding).map_err(|error| unreadable(&error))?;
    let format = CsvReading::default()
        .with_header(true)
        .with_delimiter(delimiter);
    let (schema, _) = format
        .infer_schema(text, Some(0))
        .map_err(|error| unreadable(&ReadError::csv(&file.path, file.packing, &error)))?;
    let names = schema.fields().iter();
    let names: Vec<String> = names.map(|field| field.name().trim().to_owned()).collect();
    if names.is_empty() {
        return Err(SourceError::new(
            format!("{} is empty", file.path.display()),
            "write the column names into the first line",
        ));
    }
    suspect::check_names(file, &names, delimiter)?;
    Ok(names)
}

fn look_at_values(
    file: &FileStamp,
    delimiter: u8,
    null_words: &[String],
    dialect: &Dialect,
    seen: &mut [Seen],
) -> Result<(), ReadError> {
    let all: Vec<usize> = (0..seen.len()).collect();
    let written = Written {
        delimiter,
        encoding: dialect.encoding,
    };
    for batch in CsvRows::open(file, written, seen.len(), all, BATCH_ROWS)? {
        for (column, seen) in batch?.columns().iter().zip(seen.iter_mut()) {
            let values = with_null_words(column.as_string::<i32>(), null_words);
            for value in values.iter().flatten() {
                seen.value(&dialect.usual(value));
            }
        }
    }
    Ok(())
}

fn unreadable(error: &ReadError) -> SourceError {
    SourceError::unreadable(
        error,
        "check that it is complete, in the declared encoding (UTF-8 if none is; another one is declared as \
         csv = { encoding = \"windows-1252\" }), and has as many values in each line as names in the first, \
         with quotes around values that hold the delimiter",
    )
}
