//! What a table's owner declares in public about a table and one of its join keys.
//!
//! Spec 03 §2. Facts come from configuration and from the unfiltered table at load; nothing here
//! depends on which rows a query selects. Both sides' facts stand in the [`crate::spec::JobSpec`].

use bincode::{Decode, Encode};

use crate::error::{Code, Error};
use crate::identifier::IdentifierKind;
use crate::limits;

/// The public facts of one table under one join key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
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
}

impl TableFacts {
    /// Checks the bounds that every decoder of facts must hold.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if a name or list is empty or too long, or the numbers of
    /// columns and kinds differ; [`Code::SizeNotServed`] if `identities` or `minimum` is zero or
    /// above [`limits::IDENTITIES_MAX`].
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
            if size == 0 || size > limits::IDENTITIES_MAX {
                return Err(Error::misbehaved(Code::SizeNotServed, "a registered size"));
            }
        }
        Ok(())
    }
}
