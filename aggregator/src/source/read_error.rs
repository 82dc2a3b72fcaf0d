//! Why a file cannot be read, as sentences of our own by what failed.
//!
//! Spec 10 §2.5. Called by the readers of this folder.
//!
//! # Security
//! The errors of the libraries that decode files can quote what a file holds, so none of their texts
//! goes further than this module.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use arrow_schema::ArrowError;

use super::decode::WrongEncoding;
use super::format::Packing;
use crate::error::FreezeError;

/// What is said of a file that its declared encoding does not fit.
const WRONG_ENCODING: &str = "holds bytes that its declared encoding does not have";

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {what}", .path.display())]
pub(crate) struct ReadError {
    path: PathBuf,
    what: String,
    may_pass: bool,
}

impl ReadError {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self {
            may_pass: true,
            ..Self::new(path, format!("cannot be read: {}", error.kind()))
        }
    }

    /// Whether it may pass without a change of the file: what the system said, not its contents.
    pub(super) const fn may_pass(&self) -> bool {
        self.may_pass
    }

    /// Text that cannot be read or unpacked.
    pub(super) fn text(path: &Path, packing: Packing, error: &io::Error) -> Self {
        let below = error.get_ref();
        if below.is_some_and(<dyn Error + Send + Sync>::is::<WrongEncoding>) {
            return Self::new(path, WRONG_ENCODING);
        }
        let packing = match packing {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Plain => return Self::io(path, error),
        };
        // What the system says has a number, what a library says of the bytes has none.
        if error.raw_os_error().is_some() {
            return Self::io(path, error);
        }
        // The library has no kind for it. Its sentence is not passed on.
        let what = if error.to_string().contains("too much memory") {
            "was packed with a window of more than 128 MiB; pack it without `--long`".to_owned()
        } else {
            format!("cannot be unpacked: it is not {packing}, or is damaged or cut short")
        };
        Self::new(path, what)
    }

    /// A file that the CSV reader does not take.
    pub(super) fn csv(path: &Path, packing: Packing, error: &ArrowError) -> Self {
        let what = match error {
            ArrowError::IoError(_, error) => return Self::text(path, packing, error),
            ArrowError::CsvError(text) => complaint(text),
            _ => "cannot be read as CSV".to_owned(),
        };
        Self::new(path, what)
    }

    pub(super) fn replaced(path: &Path) -> Self {
        Self::new(path, "was replaced or changed after it was looked at")
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
            may_pass: false,
        }
    }
}

/// What the CSV reader complains about, with the line, if it is one of its usual complaints.
fn complaint(text: &str) -> String {
    // The reader hands on the sentence of an error below it, and not the error.
    if text.contains(&WrongEncoding.to_string()) {
        return WRONG_ENCODING.to_owned();
    }
    let line_behind = |words: &str| {
        let rest = text.strip_prefix(words)?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u64>().ok()
    };
    if let Some(line) = line_behind("incorrect number of fields for line ") {
        format!("cannot be read as CSV: line {line} has another number of values than the first")
    } else if let Some(line) = line_behind("Encountered invalid UTF-8 data for line ") {
        format!("cannot be read as CSV: line {line} is not UTF-8")
    } else {
        "cannot be read as CSV".to_owned()
    }
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
        for (text, says) in [
            (
                "incorrect number of fields for line 7, expected 2 got more than 2",
                "cannot be read as CSV: line 7 has another number of values than the first",
            ),
            (
                "Encountered invalid UTF-8 data for line 3 and field 1: secret",
                "cannot be read as CSV: line 3 is not UTF-8",
            ),
            ("secret", "cannot be read as CSV"),
        ] {
            assert_eq!(complaint(text), says);
        }
    }
}
