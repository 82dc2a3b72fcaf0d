//! What commands print: tables, JSON documents and errors.
//!
//! Text that came from a peer (queries, statements) is escaped by [`crate::printable`] before it
//! reaches a terminal: here for cells, errors, remarks and JSON, and at the places that put it into a
//! sentence for all else. A closed standard output (`psi-node jobs list | head`) ends a command
//! quietly.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use aggregator::calendar::day_text;
use clap::ValueEnum;
use serde::Serialize;

use crate::error::UserError;
use crate::printable;

/// How lists and documents are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people
    #[default]
    Table,
    /// One JSON document for scripts
    Json,
}

/// How and where an error is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorStyle {
    /// `error: …` and `help: …` on standard error.
    Text,
    /// A JSON object on standard error.
    JsonOnStderr,
    /// A JSON object on standard output, where `query` prints its result document.
    JsonOnStdout,
}

impl ErrorStyle {
    /// The style of a command that prints in `format`, or prints no document at all.
    #[must_use]
    pub const fn of(format: Option<Format>) -> Self {
        match format {
            Some(Format::Json) => Self::JsonOnStderr,
            Some(Format::Table) | None => Self::Text,
        }
    }
}

/// An error as JSON: `{"error": "…", "help": "…", "exit": 2, "exit_name": "bad_input"}`.
#[derive(Debug, Serialize)]
struct ErrorDocument<'a> {
    error: &'a str,
    help: &'a str,
    exit: u8,
    exit_name: &'static str,
}

/// Prints an error; nothing is left to do if that fails.
pub fn print_error(error: &UserError, style: ErrorStyle) {
    let document = ErrorDocument {
        error: &error.what,
        help: &error.remedy,
        exit: error.exit.number(),
        exit_name: error.exit.as_str(),
    };
    // A struct of strings and numbers always serialises.
    let json = printable::json(&serde_json::to_string(&document).unwrap_or_default());
    let _ = match style {
        ErrorStyle::Text => {
            let (what, remedy) = (printable::line(&error.what), printable::line(&error.remedy));
            writeln!(io::stderr(), "error: {what}\nhelp: {remedy}")
        }
        ErrorStyle::JsonOnStderr => writeln!(io::stderr(), "{json}"),
        ErrorStyle::JsonOnStdout => writeln!(io::stdout(), "{json}"),
    };
}

/// Prints a remark beside the output, on standard error; nothing is left to do if that fails.
pub fn print_note(note: &str) {
    let _ = writeln!(io::stderr(), "note: {}", printable::line(note));
}

/// Prints text on standard output as it is; what a peer chose in it has to be escaped before.
///
/// # Errors
/// [`UserError`] if it cannot be written; a reader that went away is no error.
pub fn print(text: &str) -> Result<(), UserError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(UserError::machine("cannot write to standard output", e))
        }
        _ => Ok(()),
    }
}

/// Prints a value as one JSON document.
///
/// # Errors
/// Those of [`print()`].
pub fn print_json(value: &impl Serialize) -> Result<(), UserError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| UserError::internal(format!("a document does not serialise: {e}")))?;
    print(&(printable::json(&text) + "\n"))
}

/// Rows of text under a header, printed in aligned columns.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    /// Columns whose cells stand at the right.
    right: Vec<usize>,
}

impl Table {
    /// A table with these column names and no rows.
    #[must_use]
    pub fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|name| printable::line(name)).collect()],
            right: Vec::new(),
        }
    }

    /// The cells of this column, counted from 0, stand at the right, as numbers do.
    pub fn align_right(&mut self, column: usize) {
        self.right.push(column);
    }

    /// Adds a row; each cell is escaped, and so is one line.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells.into_iter().map(|cell| printable::line(cell.as_ref()));
        self.rows.push(cells.collect());
    }

    /// Whether no row was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The table as text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (width, cell)) in widths.iter().zip(row).enumerate() {
                // Writing into a String cannot fail.
                let _ = if self.right.contains(&column) {
                    write!(line, "{cell:>width$}  ")
                } else {
                    write!(line, "{cell:width$}  ")
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A number of things: `1 file`, `2 files`.
#[must_use]
pub(crate) fn counted(number: impl TryInto<u64>, one: &str, several: &str) -> String {
    // What is counted here fits; a number that does not would be several.
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", if number == 1 { one } else { several })
}

/// `unix` seconds as `2026-01-31T12:34:56Z`.
#[must_use]
pub fn utc(unix: i64) -> String {
    let (day, seconds) = (day_text(unix), unix.rem_euclid(86_400));
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{day}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The beginning of a query, for a list.
#[must_use]
pub(crate) fn shortened(query: &str) -> String {
    match query.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &query[..end]),
        None => query.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, counted, utc};

    #[test]
    fn columns_are_aligned_and_lines_do_not_end_in_spaces() {
        let mut table = Table::new(&["NAME", "ID"]);
        table.row(["a", "1"]);
        table.row(["longer", ""]);
        assert_eq!(table.render(), "NAME    ID\na       1\nlonger\n");
    }

    #[test]
    fn numbers_can_stand_at_the_right() {
        let mut table = Table::new(&["NAME", "COUNT"]);
        table.align_right(1);
        table.row(["a", "1"]);
        table.row(["b", "1000000"]);
        assert_eq!(
            table.render(),
            "NAME    COUNT\na           1\nb     1000000\n"
        );
    }

    #[test]
    fn cells_and_names_of_columns_are_escaped() {
        let mut table = Table::new(&["NAME", "a\u{202e}b"]);
        table.row(["x\u{1b}[2J\ny", "1"]);
        assert_eq!(
            table.render(),
            "NAME              a\\u{202e}b\nx\\u{1b}[2J\\u{a}y  1\n"
        );
    }

    #[test]
    fn one_thing_is_not_called_several() {
        let files = |number: usize| counted(number, "file", "files");
        assert_eq!(
            [files(0), files(1), files(2)],
            ["0 files", "1 file", "2 files"]
        );
    }

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(utc(-1), "1969-12-31T23:59:59Z");
    }
}
