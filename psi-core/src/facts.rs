//! What a table's owner declares in public about the table, one of its join keys, and the columns
//! that a query groups by or aggregates.
//!
//! Spec 03 §2. Facts come from configuration and from the unfiltered table at load; nothing here
//! depends on which rows a query selects. The [`crate::spec::JobSpec`] holds both sides' facts.

mod columns;
mod privacy;

use bincode::{Decode, Encode};

pub use columns::{Clamp, GroupFacts, LabelKind, ValueFacts, is_shown_as_it_is};
pub use privacy::PrivacyFacts;

use crate::error::{Code, Error};
use crate::identifier::IdentifierKind;
use crate::limits;

/// The public facts of one table under one join key, as far as a query needs them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a separate declaration, in the owner's configuration too"
)]
pub struct TableFacts {
    /// The member that owns the table.
    pub member: String,
    /// The table's name in that member's configuration.
    pub table: String,
    /// The columns of the join key, in the order of the query's ON clause.
    pub key_columns: Vec<String>,
    /// The identifier kind of each key column.
    pub key_kinds: Vec<IdentifierKind>,
    /// Whether the owner declares that no key value repeats.
    pub key_unique: bool,
    /// The registered number of distinct identities, to which lists are padded.
    pub identities: u64,
    /// The fewest distinct identities that an output row may rest on.
    pub minimum: u64,
    /// Whether the owner asks for the Receiver role where the choice is free.
    pub prefer_receiver: bool,
    /// Whether the other side may receive aggregates of columns that it owns itself.
    pub owner_may_receive: bool,
    /// Whether the owner lets both sides receive the result.
    pub result_to_both: bool,
    /// The most rows of one identity, rounded up to a power of two; 1 where the key is unique or
    /// the query does not need it.
    pub rows_bound: u64,
    /// This side's expressions of GROUP BY, in the order of the query.
    pub groups: Vec<GroupFacts>,
    /// This side's aggregated expressions, in the order of the query.
    pub values: Vec<ValueFacts>,
    /// What jobs with differential privacy rest on; absent in all others.
    pub privacy: Option<PrivacyFacts>,
}

impl TableFacts {
    /// Checks the bounds that every decoder of facts must hold.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if a name or list is empty or too long, the numbers of columns
    /// and kinds differ, or the facts of a group, a value or privacy contradict themselves;
    /// [`Code::SizeNotServed`] if a size is zero or above [`limits::IDENTITIES_MAX`].
    pub fn validate(&self) -> Result<(), Error> {
        let names = [&self.member, &self.table]
            .into_iter()
            .chain(&self.key_columns);
        for name in names {
            if name.is_empty() || name.len() > limits::NAME_BYTES_MAX {
                return Err(Error::misbehaved(Code::MalformedMessage, "a name's length"));
            }
        }
        let columns = self.key_columns.len();
        if columns == 0 || columns > limits::KEY_COLUMNS_MAX || columns != self.key_kinds.len() {
            return Err(Error::misbehaved(
                Code::MalformedMessage,
                "the number of key columns",
            ));
        }
        for size in [self.identities, self.minimum] {
            check_size(size)?;
        }
        let repeats = self.rows_bound != 1;
        if self.rows_bound == 0
            || self.rows_bound > columns::BOUND_MAX
            || (self.key_unique && repeats)
        {
            return Err(Error::misbehaved(
                Code::MalformedMessage,
                "the bound of rows of one identity",
            ));
        }
        // Where no row repeats, no identity's rows can fall into different groups.
        if self.key_unique && !self.groups_are_constant() {
            return Err(Error::misbehaved(
                Code::MalformedMessage,
                "a group column that is not constant under a unique key",
            ));
        }
        if let Some(privacy) = &self.privacy {
            privacy.validate(self.rows_bound)?;
        }
        columns::validate(&self.groups, &self.values)
    }

    /// Whether every row of an identity falls into one group, for all group expressions of this
    /// side.
    #[must_use]
    pub fn groups_are_constant(&self) -> bool {
        self.groups.iter().all(GroupFacts::is_constant)
    }

    /// The number of combinations of this side's groups, `other` included; 1 without groups.
    #[must_use]
    pub fn group_count(&self) -> u64 {
        let sizes = self.groups.iter().map(|group| group.len() as u64);
        sizes.fold(1, u64::saturating_mul)
    }
}

/// A registered size or minimum.
fn check_size(size: u64) -> Result<(), Error> {
    if size == 0 || size > limits::IDENTITIES_MAX {
        return Err(Error::misbehaved(Code::SizeNotServed, "a registered size"));
    }
    Ok(())
}
