//! CSV files: names from the header, types from all values.
//!
//! Spec 10 §2.2. Everything is read as text. A column whose values are all of one type is shown
//! to filters as that type, as plain SQL engines do: `0800` is the number 800. Join keys are
//! always text, so there the zeros stay. What is a value of which type says
//! [`crate::column::parse`].
//!
//! Cost: one pass over the files at load.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_csv::reader::Format as CsvReading;
use arrow_schema::DataType;

use super::files::{FileSet, FileStamp};
use super::read::CsvRows;
use super::read_error::ReadError;
use super::{Source, SourceColumn, SourceError};
use crate::column::Form;
use crate::column::parse::{Inferred, Seen, with_null_words};
use crate::sql::typing::ColumnClass;
use crate::sql::zone::Zone;

pub(super) fn open(files: FileSet, null_words: &[String]) -> Result<Source, SourceError> {
    let mut names: Option<Vec<String>> = None;
    for file in &files.files {
        let header = header(file)?;
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
        look_at_values(file, null_words, &mut seen).map_err(|error| unreadable(&error))?;
    }
    let null_words: Arc<[String]> = null_words.into();
    let columns = names
        .into_iter()
        .zip(seen)
        .map(|(name, seen)| column(name, &seen, &null_words))
        .collect();
    Ok(Source { files, columns })
}

fn column(name: String, seen: &Seen, null_words: &Arc<[String]>) -> SourceColumn {
    let (form, class) = match seen.inferred() {
        // Blanks alone are NULL as whole numbers, and so is everything else in the column.
        Inferred::Empty => (Form::Whole, ColumnClass::Empty),
        Inferred::InstantInUtc => (
            Form::Instant,
            ColumnClass::Instant {
                zone: Some(Zone::UTC),
            },
        ),
        Inferred::Form(form) => (
            form,
            match form {
                Form::Boolean => ColumnClass::Boolean,
                Form::Whole => ColumnClass::Integer,
                Form::Decimal(scale) => ColumnClass::Decimal {
                    precision: crate::column::DECIMAL_DIGITS,
                    scale,
                },
                Form::Double => ColumnClass::Float,
                Form::Text | Form::Bytes => ColumnClass::Text,
                Form::Date => ColumnClass::Date,
                Form::Instant => ColumnClass::Instant { zone: None },
            },
        ),
    };
    SourceColumn {
        name,
        stored: DataType::Utf8,
        form: Some(form),
        class: Some(class),
        null_words: Some(Arc::clone(null_words)),
        declared: None,
    }
}

/// The names in the first line, without the blanks around them and a byte order mark.
fn header(file: &FileStamp) -> Result<Vec<String>, SourceError> {
    let failed = |error: ReadError| unreadable(&error);
    let reader =
        File::open(&file.path).map_err(|error| failed(ReadError::io(&file.path, &error)))?;
    let format = CsvReading::default().with_header(true);
    let (schema, _) = format
        .infer_schema(BufReader::new(reader), Some(0))
        .map_err(|error| failed(ReadError::csv(&file.path, &error)))?;
    let names: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            field
                .name()
                .trim_start_matches('\u{feff}')
                .trim()
                .to_owned()
        })
        .collect();
    if names.is_empty() {
        return Err(SourceError::new(
            format!("{} is empty", file.path.display()),
            "write the column names into the first line",
        ));
    }
    Ok(names)
}

fn look_at_values(
    file: &FileStamp,
    null_words: &[String],
    seen: &mut [Seen],
) -> Result<(), ReadError> {
    let all: Vec<usize> = (0..seen.len()).collect();
    for batch in CsvRows::open(&file.path, seen.len(), all)? {
        for (column, seen) in batch?.columns().iter().zip(seen.iter_mut()) {
            let values = with_null_words(column.as_string::<i32>(), null_words);
            values.iter().flatten().for_each(|value| seen.value(value));
        }
    }
    Ok(())
}

fn unreadable(error: &ReadError) -> SourceError {
    SourceError::new(
        error.to_string(),
        "check that it is UTF-8, comma-separated, and has as many values in each line as names \
         in the first",
    )
}
