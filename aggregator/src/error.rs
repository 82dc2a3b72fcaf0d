//! What can go wrong, as pairs of what happened and what to do.
//!
//! Spec 09 and 10. Sentences are for the owner of this node only. Of a [`Refusal`] or a
//! [`FreezeError`] the peer sees the [`Code`] and nothing else.

use std::fmt;

use psi_core::Code;

/// What is wrong with a setting, or with the data that it names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Problem {
    /// The setting, for example `table.customers.minimum`.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    pub(crate) fn new(
        place: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// What is wrong with something that was written, wherever it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

impl Mistake {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// The same, in a setting.
    pub(crate) fn at(self, place: impl Into<String>) -> Problem {
        Problem::new(place, self.what, self.remedy)
    }
}

/// Why a policy, this side's or the peer's reading of a text, said no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence} ({code}, rule {rule})")]
pub struct Refusal {
    /// What the peer is told.
    pub code: Code,
    /// The deciding rule, for example `table.customers.filter`.
    pub rule: String,
    /// What happened, for the owner's log.
    pub sentence: String,
    /// What the owner can do, if the answer should be another one.
    pub remedy: String,
}

/// A place in a query text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Position {
    /// Where a text begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong in a query text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where.
    pub at: Position,
    /// What is wrong there.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

/// Why a requester's query did not become a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is not SQL.
    #[error("{}: {}", .0.at, .0.what)]
    Syntax(Told),
    /// SQL, but outside the accepted subset: `what` names the construct.
    #[error("{}: {} is not in the accepted SQL subset", .0.at, .0.what)]
    NotInSubset(Told),
    /// A name has no meaning here, or a value does not fit its column.
    #[error("{}: {}", .0.at, .0.what)]
    Meaning(Told),
    /// This side's own policy says no.
    #[error("this node's policy refuses it: {0}")]
    Refused(Refusal),
}

impl Told {
    fn new(at: Position, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl QueryError {
    pub(crate) fn syntax(at: Position, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Syntax(Told::new(at, what, remedy))
    }

    pub(crate) fn subset(at: Position, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::NotInSubset(Told::new(at, what, remedy))
    }

    pub(crate) fn meaning(
        at: Position,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Meaning(Told::new(at, what, remedy))
    }

    /// What is wrong in the text, if it is about the text.
    #[must_use]
    pub const fn told(&self) -> Option<&Told> {
        match self {
            Self::Syntax(told) | Self::NotInSubset(told) | Self::Meaning(told) => Some(told),
            Self::Refused(_) => None,
        }
    }

    /// What the analyst can do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Syntax(told) | Self::NotInSubset(told) | Self::Meaning(told) => &told.remedy,
            Self::Refused(refusal) => &refusal.remedy,
        }
        .clone()
    }
}

impl From<Refusal> for QueryError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A table cannot be served now. For the owner's log only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("table {table:?} is not served: {what}; {remedy}")]
pub struct Unavailable {
    /// The table's name in the configuration.
    pub table: String,
    /// Why.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Unavailable {
    pub(crate) fn unknown(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            what: "it is not configured".to_owned(),
            remedy: "add a [table.…] section to node.toml, then run `psi-node reload`".to_owned(),
        }
    }
}

/// Why the input of a job could not be frozen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreezeError {
    /// The table is not served, or its files changed since it was checked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// All rows of the table together no longer keep what was agreed: the table has to be loaded
    /// again.
    #[error(transparent)]
    Violated(Unavailable),
    /// A file could not be read or decoded. The text says which and what failed, and holds no value
    /// of the table.
    #[error("the table could not be read: {0}; run `psi-node check` and look at the files")]
    Read(String),
    /// Something inside of this node does not fit.
    #[error("the input could not be prepared: {0}; please report it")]
    Internal(&'static str),
    /// The owner or the operator asked to stop.
    #[error("the job was cancelled")]
    Cancelled,
    /// The list could not be kept.
    #[error(transparent)]
    Core(psi_core::Error),
}

impl FreezeError {
    /// The code a peer may see for this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unavailable(_) | Self::Violated(_) | Self::Read(_) | Self::Internal(_) => {
                Code::Unavailable
            }
            Self::Cancelled => Code::Cancelled,
            Self::Core(error) => error.code(),
        }
    }
}

impl FreezeError {
    /// A thread ended by itself.
    pub(crate) const fn stopped() -> Self {
        Self::Internal("a thread stopped unexpectedly")
    }
}

impl From<psi_core::Error> for FreezeError {
    fn from(error: psi_core::Error) -> Self {
        match error {
            psi_core::Error::Cancelled => Self::Cancelled,
            other => Self::Core(other),
        }
    }
}

impl From<psi_core::store::StoreError> for FreezeError {
    fn from(error: psi_core::store::StoreError) -> Self {
        Self::Core(error.into())
    }
}
