//! CSV files: names from the header, types from all values.
//!
//! Spec 10 §2.2. Everything is read as text. A column whose values are all of one type is shown
//! to filters as that type. A value with leading zeros is text, not a number: `0800` is a postcode.
//!
//! Cost: one pass over the files at load.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, AsArray as _};
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::Format as CsvReading;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::files::{FileSet, FileStamp};
use super::{Source, SourceColumn, SourceError, View};
use crate::sql::temporal;

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
    let raw: SchemaRef = Arc::new(Schema::new(
        names
            .iter()
            .map(|name| Field::new(name, DataType::Utf8, true))
            .collect::<Vec<_>>(),
    ));
    let mut seen = vec![Seen::default(); names.len()];
    for file in &files.files {
        look_at_values(file, &raw, null_words, &mut seen)?;
    }
    let columns = names
        .into_iter()
        .zip(seen)
        .map(|(name, seen)| SourceColumn::new(name, DataType::Utf8, seen.view()))
        .collect();
    Ok(Source {
        files,
        raw,
        columns,
        null_pattern: Some(null_pattern(null_words)),
    })
}

/// The names in the first line, without the blanks around them and a byte order mark.
fn header(file: &FileStamp) -> Result<Vec<String>, SourceError> {
    let reader = BufReader::new(File::open(&file.path).map_err(|err| unreadable(file, &err))?);
    let format = CsvReading::default().with_header(true);
    let (schema, _) = format
        .infer_schema(reader, Some(0))
        .map_err(|err| unreadable(file, &err))?;
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
    raw: &SchemaRef,
    null_words: &[String],
    seen: &mut [Seen],
) -> Result<(), SourceError> {
    let reader = BufReader::new(File::open(&file.path).map_err(|err| unreadable(file, &err))?);
    let batches = ReaderBuilder::new(Arc::clone(raw))
        .with_header(true)
        .with_batch_size(8192)
        .build(reader)
        .map_err(|err| unreadable(file, &err))?;
    for batch in batches {
        let batch = batch.map_err(|err| unreadable(file, &err))?;
        for (column, seen) in batch.columns().iter().zip(seen.iter_mut()) {
            // The reader turns empty values into NULL; whether they are is decided here.
            let column = column.as_string::<i32>();
            for row in 0..column.len() {
                let value = if column.is_null(row) {
                    ""
                } else {
                    column.value(row)
                };
                if !null_words.iter().any(|word| word == value) {
                    seen.value(value);
                }
            }
        }
    }
    Ok(())
}

fn unreadable(file: &FileStamp, err: &dyn std::fmt::Display) -> SourceError {
    SourceError::new(
        format!("{} cannot be read as CSV: {err}", file.path.display()),
        "check that it is UTF-8, comma-separated, and has as many values in each line as names \
         in the first",
    )
}

/// A pattern that matches exactly the null words.
fn null_pattern(words: &[String]) -> String {
    use std::fmt::Write as _;
    let mut pattern = String::from("^(?:");
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            pattern.push('|');
        }
        for c in word.chars() {
            // Writing into a String cannot fail.
            let _ = write!(pattern, "\\x{{{:x}}}", u32::from(c));
        }
    }
    // Without words nothing is NULL: a pattern that matches no text at all.
    pattern.push_str(if words.is_empty() {
        "[^\\s\\S])$"
    } else {
        ")$"
    });
    pattern
}

/// What the values of one column have been so far.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one question about the values"
)]
struct Seen {
    any: bool,
    blanks: bool,
    integer: bool,
    number: bool,
    boolean: bool,
    date: bool,
    moment: bool,
    with_offset: bool,
    without_offset: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            any: false,
            blanks: false,
            integer: true,
            number: true,
            boolean: true,
            date: true,
            moment: true,
            with_offset: false,
            without_offset: false,
        }
    }
}

impl Seen {
    fn value(&mut self, value: &str) {
        let trimmed = value.trim_matches(' ');
        self.blanks |= trimmed.len() != value.len();
        if trimmed.is_empty() {
            // Blanks alone say nothing about a type; in a column of text they stay what they are.
            return;
        }
        self.any = true;
        self.integer = self.integer && is_integer(trimmed);
        self.number = self.number && is_number(trimmed);
        self.boolean = self.boolean
            && (trimmed.eq_ignore_ascii_case("true") || trimmed.eq_ignore_ascii_case("false"));
        if self.moment {
            if let Some(moment) = temporal::parse(trimmed) {
                self.date = self.date && moment.is_date();
                self.with_offset |= moment.has_offset();
                self.without_offset |= !moment.has_offset();
            } else {
                (self.date, self.moment) = (false, false);
            }
        }
    }

    fn view(&self) -> View {
        let to = match self {
            Self { any: false, .. } => return View::AsIs,
            Self { integer: true, .. } => DataType::Int64,
            Self { number: true, .. } => DataType::Float64,
            Self { boolean: true, .. } => DataType::Boolean,
            Self { date: true, .. } => DataType::Date32,
            Self {
                moment: true,
                with_offset: false,
                ..
            } => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self {
                moment: true,
                without_offset: false,
                ..
            } => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            _ => return View::AsIs,
        };
        View::Parse {
            to,
            trim: self.blanks,
        }
    }
}

/// Digits without leading zeros, perhaps with a minus sign, that fit 64 bits.
fn is_integer(value: &str) -> bool {
    has_plain_whole_part(value) && value.parse::<i64>().is_ok()
}

/// Digits with at most one point, and perhaps an exponent; no leading zeros, no words.
fn is_number(value: &str) -> bool {
    let decimal = value
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    // A whole number beyond 64 bits is an identifier, which a double would round.
    let whole = value.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    decimal
        && has_plain_whole_part(value)
        && (!whole || value.parse::<i64>().is_ok())
        && value.parse::<f64>().is_ok_and(f64::is_finite)
}

fn has_plain_whole_part(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value).as_bytes();
    match digits {
        [] | [b'0', b'0'..=b'9', ..] => false,
        [first, ..] => first.is_ascii_digit(),
    }
}

#[cfg(test)]
mod tests {
    use super::{DataType, Seen, TimeUnit, View, null_pattern};

    fn view(values: &[&str]) -> View {
        let mut seen = Seen::default();
        for value in values {
            seen.value(value);
        }
        seen.view()
    }

    #[test]
    fn a_column_gets_the_type_that_all_its_values_have() {
        let parse = |to| View::Parse { to, trim: false };
        assert_eq!(view(&["1", "-20", "0"]), parse(DataType::Int64));
        assert_eq!(view(&["1", "2.5", "1e3"]), parse(DataType::Float64));
        assert_eq!(view(&["true", "FALSE"]), parse(DataType::Boolean));
        assert_eq!(view(&["2025-01-01"]), parse(DataType::Date32));
        let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(view(&["2025-01-01", "2025-01-01 10:00:00"]), parse(moment));
        let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(view(&["2025-01-01T10:00:00Z"]), parse(zoned));
        assert_eq!(
            view(&[" 1", "2", " "]),
            View::Parse {
                to: DataType::Int64,
                trim: true
            }
        );
    }

    #[test]
    fn a_column_stays_text_if_reading_it_otherwise_would_lose_something() {
        for values in [
            &["0800", "1234"][..],
            &["12345678901234567890"],
            &["1", "x"],
            &["nan"],
            &["2025-01-01 10:00:00Z", "2025-01-01"],
            &["1", "2025-01-01"],
            &[""],
            &[],
        ] {
            assert_eq!(view(values), View::AsIs, "{values:?}");
        }
    }

    #[test]
    fn null_words_are_taken_literally() {
        assert_eq!(
            null_pattern(&[String::new(), "N.A".into()]),
            r"^(?:|\x{4e}\x{2e}\x{41})$"
        );
    }
}
