//! Errors as a user sees them: what happened, what to do, and the exit code.
//!
//! Every command returns a [`UserError`]; the modules below convert their own errors into one at
//! the place that knows the remedy. A message never holds key material or values from data.

use std::fmt::Display;

use crate::exit::Exit;

/// What the command line prints as the pair `error: …` / `help: …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct UserError {
    /// What happened, with the place (file, line, column, command).
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// What the process exits with.
    pub exit: Exit,
}

impl UserError {
    /// An error with its remedy and exit code.
    pub fn new(exit: Exit, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            exit,
        }
    }

    /// Bad usage, configuration, SQL or file.
    pub fn bad_input(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, what, remedy)
    }

    /// The machine failed: a file cannot be written, a disk is full.
    pub fn machine(what: impl Into<String>, source: impl Display) -> Self {
        let what = format!("{}: {source}", what.into());
        Self::new(
            Exit::Internal,
            what,
            "check permissions and free space, then try again",
        )
    }

    /// A broken invariant of this program.
    pub fn internal(what: impl Into<String>) -> Self {
        let what = format!("internal error: {}", what.into());
        Self::new(
            Exit::Internal,
            what,
            "this is a bug: please report it with the command you ran",
        )
    }
}
