//! What commands print: text, JSON documents and errors.
//!
//! Text that somebody else chose (queries, statements) is escaped by [`crate::printable`] before it
//! reaches a terminal: here for errors and JSON, and at the places that put it into a sentence for
//! all else. A closed standard output (`psi-audit verify … | head`) ends a command quietly. Called
//! by the commands of `psi-audit` and of the node.

use std::io::{self, Write as _};

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

/// Sets a field of a JSON object; of anything else nothing, which no caller has.
pub fn set_field(document: &mut serde_json::Value, name: &str, value: serde_json::Value) {
    if let Some(fields) = document.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
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

/// Prints text on standard output as it is; what a peer chose in it has to be escaped before.
///
/// # Errors
/// [`UserError`] if it cannot be written. A reader that went away is not an error.
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

/// A number of things: `1 file`, `2 files`.
#[must_use]
pub fn counted(number: impl TryInto<u64>, one: &str, several: &str) -> String {
    // What is counted here fits; a number that does not would be several.
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", if number == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_thing_is_not_called_several() {
        let files = |number: usize| counted(number, "file", "files");
        assert_eq!(
            [files(0), files(1), files(2)],
            ["0 files", "1 file", "2 files"]
        );
    }
}
