//! How this program fails, and with which exit code.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::process::ExitCode;

/// Why a run gives no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments ask for something that cannot be; exit code 2, as for all bad usage.
    Usage(String),
    /// The nodes answered something else than the generated data says; exit code 3.
    WrongAnswer(String),
    /// Nothing came in the time allowed; exit code 4.
    TimedOut(String),
    /// Everything else; exit code 1.
    Other(String),
}

/// What most functions here return.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn other(what: impl Into<String>) -> Self {
        Self::Other(what.into())
    }

    /// Prints what happened, and gives the exit code for it.
    pub(crate) fn report(self) -> ExitCode {
        let code = match self {
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::WrongAnswer(_) => 3,
            Self::TimedOut(_) => 4,
        };
        eprintln!("error: {self}");
        ExitCode::from(code)
    }
}

impl Display for Failure {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (Self::Usage(what)
        | Self::WrongAnswer(what)
        | Self::TimedOut(what)
        | Self::Other(what)) = self;
        out.write_str(what.trim_end())
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.to_string())
    }
}
