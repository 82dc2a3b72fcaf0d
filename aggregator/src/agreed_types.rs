//! The types that columns of text files had when a table was first served, kept from then on.
//!
//! Spec 10 §2.2. One odd value changes the type that all values of a column have, and with it what
//! conditions mean. So what was agreed is kept, and a file that does not fit is a problem for its
//! owner. [`crate::Catalog`] asks for the types before a load and hands over those of every load that
//! is served; psi-node keeps them in its state.

use std::collections::BTreeMap;

/// The types of the columns of one table, as words by name.
pub type ColumnTypes = BTreeMap<String, String>;

/// Where types are kept. A failure is a sentence about the machine, without any value.
pub trait AgreedTypes: Send + Sync {
    /// The types that the columns of `table` are held to; none for a table that was never served.
    ///
    /// # Errors
    /// Why they cannot be read: the table is not served then.
    fn of(&self, table: &str) -> Result<ColumnTypes, String>;

    /// Keeps the types of `table` in place of the earlier ones, durably.
    ///
    /// # Errors
    /// Why they cannot be kept: the table is not served then.
    fn keep(&self, table: &str, types: &ColumnTypes) -> Result<(), String>;
}

/// Keeps nothing: each load takes the types of the day.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTypes;

impl AgreedTypes for NoTypes {
    fn of(&self, _table: &str) -> Result<ColumnTypes, String> {
        Ok(ColumnTypes::new())
    }

    fn keep(&self, _table: &str, _types: &ColumnTypes) -> Result<(), String> {
        Ok(())
    }
}
