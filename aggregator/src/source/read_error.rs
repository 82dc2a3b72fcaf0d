//! Why a file cannot be read, as sentences of our own by what failed.
//!
//! Spec 10 §2.5. Called by the readers of this folder.
//!
//! # Security
//! The errors of the libraries that decode files can quote what a file holds, so none of their texts
//! goes further than this module.

use std::io;
use std::path::{Path, PathBuf};

use arrow_schema::ArrowError;

use crate::error::FreezeError;

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {what}", .path.display())]
pub(crate) struct ReadError {
    path: PathBuf,
    what: String,
}

impl ReadError {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(path, format!("cannot be read: {}", error.kind()))
    }

    /// A file that the CSV reader does not take.
    pub(super) fn csv(path: &Path, error: &ArrowError) -> Self {
        let what = match error {
            ArrowError::IoError(_, error) => return Self::io(path, error),
            ArrowError::CsvError(text) => match line_of_misfit(text) {
                Some(line) => format!(
                    "cannot be read as CSV: line {line} has another number of values than the first"
                ),
                None => "cannot be read as CSV".to_owned(),
            },
            _ => "cannot be read as CSV".to_owned(),
        };
        Self::new(path, what)
    }

    pub(super) fn not_parquet(path: &Path) -> Self {
        Self::new(
            path,
            "cannot be read as Parquet: its footer does not make sense",
        )
    }

    pub(super) fn damaged(path: &Path) -> Self {
        Self::new(
            path,
            "cannot be read as Parquet: a page of it does not make sense",
        )
    }

    pub(super) fn changed(path: &Path) -> Self {
        Self::new(path, "has other columns than when it was loaded")
    }

    fn new(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}

/// The number of the line that the CSV reader complains about, if it counts its values.
fn line_of_misfit(text: &str) -> Option<u64> {
    let rest = text.strip_prefix("incorrect number of fields for line ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

impl From<ReadError> for FreezeError {
    fn from(error: ReadError) -> Self {
        Self::Read(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_named_and_no_value_is_quoted() {
        let path = Path::new("t.csv");
        let says =
            |text: &str| ReadError::csv(path, &ArrowError::CsvError(text.to_owned())).to_string();
        let ragged = "incorrect number of fields for line 7, expected 2 got more than 2";
        let found = says(ragged);
        assert!(
            found.contains("line 7 has another number of values"),
            "{found}"
        );
        let found = says("Encountered invalid UTF-8 data for line 3 and field 1: secret");
        assert_eq!(found, "t.csv cannot be read as CSV");
        let other = ArrowError::ParseError("secret".to_owned());
        assert!(!ReadError::csv(path, &other).to_string().contains("secret"));
    }
}
