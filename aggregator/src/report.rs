//! What a load found out, for `psi-node check` and the start of the daemon.
//!
//! Spec 10 §2. Plain values for the owner's eyes; nothing here is shown to a peer except what
//! [`crate::plan`] puts into public facts.

use std::path::PathBuf;

use psi_core::identifier::IdentifierKind;

use crate::config::AggregateFunction;
use crate::error::Problem;

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
    /// The values of each column, row by row.
    pub values: Vec<KeyColumnReport>,
    /// Values of the whole key that very many rows share, if there are any.
    pub shared: Option<SharedValues>,
}

/// Values of a key that very many rows share: more than one row in a hundred and ten times as many as
/// usual. Words for missing values do, and whatever a program fills in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedValues {
    /// How many values.
    pub values: u64,
    /// Each of them is in at least so many rows.
    pub rows_each: u64,
    /// They are in so many rows together.
    pub rows: u64,
    /// Rows of the table that have a value.
    pub of_rows: u64,
    /// The most frequent of them is in so many rows.
    pub rows_max: u64,
}

/// The values of one column of a join key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyColumnReport {
    /// The column.
    pub column: String,
    /// Its identifier kind.
    pub kind: IdentifierKind,
    /// Rows whose value normalises.
    pub normalised: u64,
    /// Rows in which it is NULL.
    pub nulls: u64,
    /// What the other values are, which do not normalise and so match nothing.
    pub refused: Vec<ClassCount>,
    /// Values that normalise and look as if they would not match.
    pub doubtful: Vec<ClassCount>,
}

/// How many values are of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// The class.
    pub class: ValueClass,
    /// The rows.
    pub rows: u64,
}

/// What a value of a key looks like. Each value is of one class at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueClass {
    /// Nothing, or blanks alone.
    Empty,
    /// What is written where a value is missing: `N/A`, `unknown`, `null`, `0000`.
    Placeholder,
    /// A hash that a program made of an empty value.
    HashOfNothing,
    /// 64 hexadecimal digits.
    Sha256,
    /// As long as base64 of a hash.
    Base64,
    /// With an `@`, where none is expected.
    EmailAddress,
    /// Not one `@` with something around it, where that is expected.
    NoEmailAddress,
    /// A telephone number in another form than `+` and 7 to 15 digits.
    NotE164,
    /// A number with a fraction, an exponent or separators, or too large to be exact.
    NotWhole,
    /// An e-mail address or a hash with letters in upper case, which are compared as they are.
    UpperCase,
    /// White space at an end, which is compared as it is.
    BlanksAround,
    /// An address of Gmail with dots or a `+tag`: one mailbox in several spellings, which are compared as
    /// they are.
    SeveralSpellings,
    /// Longer than any identifier may be.
    TooLong,
    /// Anything else.
    Other,
}

impl ValueClass {
    /// All classes, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Empty,
        Self::Placeholder,
        Self::HashOfNothing,
        Self::Sha256,
        Self::Base64,
        Self::EmailAddress,
        Self::NoEmailAddress,
        Self::NotE164,
        Self::NotWhole,
        Self::UpperCase,
        Self::BlanksAround,
        Self::SeveralSpellings,
        Self::TooLong,
        Self::Other,
    ];

    /// The name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Placeholder => "placeholder",
            Self::HashOfNothing => "hash_of_nothing",
            Self::Sha256 => "sha256",
            Self::Base64 => "base64",
            Self::EmailAddress => "email_address",
            Self::NoEmailAddress => "no_email_address",
            Self::NotE164 => "not_e164",
            Self::NotWhole => "not_whole",
            Self::UpperCase => "upper_case",
            Self::BlanksAround => "blanks_around",
            Self::SeveralSpellings => "several_spellings",
            Self::TooLong => "too_long",
            Self::Other => "other",
        }
    }

    /// In words, behind a number of values.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Empty => "empty or blanks alone",
            Self::Placeholder => "a placeholder, such as N/A, unknown, null or 0000",
            Self::HashOfNothing => "the hash of an empty text",
            Self::Sha256 => "like SHA-256 in hexadecimal digits",
            Self::Base64 => "like a hash in base64",
            Self::EmailAddress => "like an e-mail address",
            Self::NoEmailAddress => {
                "not an e-mail address, which has one @ with something around it"
            }
            Self::NotE164 => "not E.164, which is + and 7 to 15 digits",
            Self::NotWhole => "not a whole number that is exact",
            Self::UpperCase => "with letters in upper case, where case counts",
            Self::BlanksAround => "with blanks around, which count",
            Self::SeveralSpellings => {
                "an address of Gmail with dots or a +tag, one mailbox in several spellings"
            }
            Self::TooLong => "too long",
            Self::Other => "of another form",
        }
    }
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

/// A configured table that queries may not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotServed {
    /// Its name.
    pub name: String,
    /// Why.
    pub problems: Vec<Problem>,
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
