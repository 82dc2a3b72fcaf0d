//! What a load found out, for `psi-node check` and the start of the daemon.
//!
//! Spec 10 §2. Plain values for the owner's eyes; nothing here is shown to a peer except what
//! [`crate::plan`] puts into public facts.

use std::path::PathBuf;

use psi_core::identifier::IdentifierKind;

use crate::config::AggregateFunction;

/// The findings about every configured table, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// One entry per table.
    pub tables: Vec<TableReport>,
}

impl LoadReport {
    /// Whether every table is served.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.tables.iter().all(TableReport::is_served)
    }
}

/// The findings about one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableReport {
    /// The table's name in the configuration.
    pub name: String,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// Rows of the whole table.
    pub rows: u64,
    /// Rows for which the owner's `row_filter` is true; all rows without one.
    pub rows_allowed: u64,
    /// The columns and how they are understood.
    pub columns: Vec<ColumnReport>,
    /// The join keys.
    pub keys: Vec<KeyReport>,
    /// What can be grouped by.
    pub dimensions: Vec<DimensionReport>,
    /// What can be aggregated.
    pub aggregates: Vec<AggregateReport>,
    /// Worth knowing, but no reason not to serve the table.
    pub notes: Vec<String>,
    /// Why the table is not served; empty if it is.
    pub problems: Vec<Problem>,
}

impl TableReport {
    /// Whether queries may use the table.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnReport {
    /// Its name in the file, without surrounding blanks.
    pub name: String,
    /// How filters see it, in words such as `integer` or `timestamp (us, UTC)`.
    pub kind: String,
    /// Whether a WHERE clause may use it.
    pub filter: bool,
}

/// One join key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// Its columns.
    pub columns: Vec<String>,
    /// The identifier kind of each column.
    pub kinds: Vec<IdentifierKind>,
    /// Whether the owner declares it unique.
    pub unique: bool,
    /// Distinct identities of the whole table.
    pub distinct: u64,
    /// Rows whose key is NULL or does not normalise.
    pub nulls: u64,
    /// The registered, public number of identities.
    pub identities: u64,
    /// Whether that number was derived from the table instead of configured.
    pub derived: bool,
}

/// One dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DimensionReport {
    /// Its name in the configuration.
    pub name: String,
    /// The values that are groups of their own.
    pub values: Vec<String>,
    /// Whether, under the first key, all rows of an identity fall into one group.
    pub constant: bool,
}

/// One aggregated column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateReport {
    /// Its name in the file.
    pub column: String,
    /// What may be computed of it.
    pub functions: Vec<AggregateFunction>,
    /// The decimal scale of its values, where they are numbers.
    pub decimals: Option<u8>,
    /// Whether one identity's sum within one group is clamped.
    pub clamped: bool,
    /// Rows in which it is NULL.
    pub nulls: u64,
}

/// Why a table is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct Problem {
    /// The setting it is about.
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

/// A table that queries may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedTable {
    /// Its name in the configuration.
    pub name: String,
    /// Its columns.
    pub columns: Vec<ColumnReport>,
    /// Its join keys.
    pub keys: Vec<ServedKey>,
    /// The fewest distinct identities that an output row may rest on.
    pub minimum: u64,
    /// Whether the owner asks for the Receiver role where the choice is free.
    pub prefer_receiver: bool,
}

/// A join key of a [`ServedTable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedKey {
    /// Its columns.
    pub columns: Vec<String>,
    /// The identifier kind of each column.
    pub kinds: Vec<IdentifierKind>,
    /// Whether the owner declares it unique.
    pub unique: bool,
    /// The registered, public number of identities.
    pub identities: u64,
}
