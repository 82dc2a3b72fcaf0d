//! A section of `node.toml` for a file that nobody has described yet.
//!
//! Called by `psi-node init --table` and `psi-node tables add`. The file is read as a table is, so what the section says is what
//! a load finds: how the file is written, the types of its columns, which of them could be keys, of
//! which kind, and whether their values repeat. Nobody may ask until the owner names members. No value
//! of the table is in the section, but for words that mean that there is none.
//!
//! Cost: a pass over the first rows to guess, and a load for the keys.

mod countries;
mod guess;
pub(crate) mod hints;
mod write;

use std::path::Path;

use arrow_array::Array as _;
use psi_core::identifier::IdentifierKind;
use psi_core::store::MemoryStore;

use crate::agreed_types::NoTypes;
use crate::column::{Column, projected};
use crate::config::{CsvConfig, ReadOptions, TableConfig};
use crate::error::Problem;
use crate::report::KeyReport;
use crate::source::dialect::Dialect;
use crate::source::read;
use crate::source::{Batch, Projection, Source, SourceError, TextType};
use crate::sql::typing::ColumnClass;
use crate::tables::load;

/// Rows that are looked at to guess.
const ROWS_MAX: usize = 50_000;

/// Keys that are tried, those of the likeliest kinds first.
const KEYS_MAX: usize = 4;

/// What was found in a file.
struct Sketch {
    csv: CsvConfig,
    /// Words of the file that mean that there is no value.
    null_words: Vec<String>,
    columns: Vec<SketchColumn>,
    /// Columns that may be keys, the likeliest first.
    keys: Vec<SketchKey>,
    /// What a load says of each of them.
    loaded: Vec<KeyReport>,
    rows: u64,
    /// The country of most telephone numbers that name one.
    phone_country: Option<String>,
    /// Whether dates may be written with the day or with the month first: both fit.
    dates_are_unclear: bool,
}

/// A column that may be a key.
struct SketchKey {
    column: String,
    kind: IdentifierKind,
}

/// A column of the file.
struct SketchColumn {
    name: String,
    /// In words.
    describes: String,
    /// The type of its values, where they are text that has one.
    kind: Option<TextType>,
    /// What conditions see.
    class: Option<ColumnClass>,
}

/// A section of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketched {
    /// Its text, with comments.
    pub text: String,
    /// Whether a column looks like a key. A table without one is not served.
    pub has_key: bool,
}

/// The section for a table `name` over the file or folder at `path`, which the configuration is to
/// call `source`.
///
/// # Errors
/// [`Problem`] if the file cannot be read as a table, whichever way it may be written.
pub async fn sketch(name: &str, path: &Path, source: &str) -> Result<Sketched, Problem> {
    let owned = path.to_owned();
    let found = tokio::task::spawn_blocking(move || look(&owned)).await;
    let place = || format!("table.{name}.source");
    let mut sketch = match found {
        Ok(Ok(sketch)) => sketch,
        Ok(Err(error)) => return Err(Problem::new(place(), error.what, error.remedy)),
        Err(_) => {
            let what = "reading it stopped unexpectedly";
            return Err(Problem::new(place(), what, "check the file"));
        }
    };
    let config = sketch.config(path)?;
    let options = ReadOptions::default();
    let store = MemoryStore;
    let (report, _) = load::load(
        name,
        Path::new(""),
        &config,
        &options,
        None,
        &store,
        &NoTypes,
    )
    .await;
    sketch.rows = report.rows;
    sketch.loaded = report.keys;
    Ok(Sketched {
        text: write::section(name, source, &sketch),
        has_key: !sketch.keys.is_empty(),
    })
}

impl Sketch {
    /// A configuration with all keys, to load them.
    fn config(&self, path: &Path) -> Result<TableConfig, Problem> {
        let text = write::to_load(path, self);
        toml::from_str(&text).map_err(|error| {
            let what = format!(
                "its columns cannot be written into a configuration: {}",
                error.message()
            );
            Problem::new("table", what, "give the columns plainer names")
        })
    }
}

/// Opens the file in the ways in which it may be written, and looks at its first rows.
fn look(path: &Path) -> Result<Sketch, SourceError> {
    let (mut csv, _) = open(path)?;
    let words = vec![String::new()];
    let source = Source::open(path, &words, &Dialect::of(&csv))?;
    let mut columns = texts(&source)?;
    let null_words = guess::null_words(&columns);
    for values in &mut columns {
        values.retain(|value| !null_words.contains(value));
    }
    let style = guess::style(&columns, csv.delimiter);
    (csv.decimal, csv.date) = (style.decimal, style.date);
    let mut words = words;
    words.extend(null_words);
    let source = Source::open(path, &words, &Dialect::of(&csv))?;
    let columns = texts(&source)?;
    let named = source.columns.iter().zip(&columns);
    let keys = guess::keys(named.map(|(column, values)| (column.name.as_str(), values)));
    let keys = keys.into_iter().filter(|key| {
        let column = source.column(&key.column);
        column.is_ok_and(|column| column.key_problem(key.kind).is_none())
    });
    let keys: Vec<SketchKey> = keys.take(KEYS_MAX).collect();
    let phone = keys.iter().find(|key| key.kind == IdentifierKind::Phone);
    let mut named = source.columns.iter().zip(&columns);
    let phones = phone.and_then(|key| named.find(|(column, _)| column.name == key.column));
    let phone_country = phones.and_then(|(_, values)| countries::of_most(values));
    Ok(Sketch {
        csv,
        null_words: words,
        keys,
        phone_country,
        columns: source
            .columns
            .iter()
            .map(|column| SketchColumn {
                name: column.name.clone(),
                describes: column.describe(),
                kind: column.inferred(),
                class: column.class().cloned(),
            })
            .collect(),
        loaded: Vec::new(),
        rows: 0,
        dates_are_unclear: style.dates_are_unclear,
    })
}

/// The first way of writing in which the file is a table.
fn open(path: &Path) -> Result<(CsvConfig, Source), SourceError> {
    let words = [String::new()];
    let mut first = None;
    for encoding in [None, Some("windows-1252"), Some("utf-16le")] {
        for delimiter in [None, Some(';'), Some('\t'), Some('|')] {
            let csv = CsvConfig {
                delimiter,
                encoding: encoding.map(str::to_owned),
                ..CsvConfig::default()
            };
            match Source::open(path, &words, &Dialect::of(&csv)) {
                // UTF-16 read as something else has a zero in every other place.
                Ok(source) if source.columns.iter().all(|c| !c.name.contains('\0')) => {
                    return Ok((csv, source));
                }
                Ok(_) => {}
                Err(error) => first = first.or(Some(error)),
            }
        }
    }
    let what = "it is not written in any way that is known";
    Err(first.unwrap_or_else(|| SourceError::new(what, "write it as CSV in UTF-8, or as Parquet")))
}

/// The first values of each column that is text, without those that are missing.
fn texts(source: &Source) -> Result<Vec<Vec<String>>, SourceError> {
    let mut projection = Projection::default();
    let columns = source.columns.iter().enumerate();
    let places: Vec<Option<usize>> = columns
        .map(|(number, column)| {
            let is_text = column.is_untyped_text() || column.class() == Some(&ColumnClass::Text);
            is_text.then(|| projection.key(number, IdentifierKind::Text))
        })
        .collect();
    let mut columns = vec![Vec::new(); places.len()];
    let mut rows = 0;
    let failed = |error| SourceError::unreadable(&error, "check that it is complete");
    for piece in read::pieces(source).map_err(failed)? {
        let mut take = |batch: Batch| {
            for (place, values) in places.iter().zip(&mut columns) {
                if let Some(Column::Text(text)) =
                    place.map(|place| projected(&batch.columns, place))
                {
                    let text = (0..text.len())
                        .filter(|row| text.is_valid(*row))
                        .map(|row| text.value(row));
                    values.extend(text.map(str::to_owned));
                }
            }
            rows += batch.rows;
            rows < ROWS_MAX
        };
        read::read(source, &piece, &projection, &mut take).map_err(failed)?;
        if rows >= ROWS_MAX {
            break;
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests;
