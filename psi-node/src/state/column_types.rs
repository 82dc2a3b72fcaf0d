//! The types that the columns of this node's tables had when they were first served.
//!
//! Spec 10 §2.2. Kept at each load that is served, and asked for before the next one, by the tables of
//! the daemon and of `check`. While this node has joined no collaboration, nobody has agreed on
//! anything, and a load takes the types of the day.

use std::collections::BTreeMap;

use aggregator::{AgreedTypes, ColumnTypes};
use rusqlite::params;

use super::{State, StateError};

impl State {
    /// The types that the columns of a table are held to.
    ///
    /// # Errors
    /// [`StateError`] if the database fails.
    pub fn column_types(&self, table: &str) -> Result<ColumnTypes, StateError> {
        if self.collabs()?.is_empty() {
            return Ok(ColumnTypes::new());
        }
        Ok(read(&self.lock(), table)?)
    }

    /// Keeps the types of a table in place of the earlier ones.
    ///
    /// # Errors
    /// [`StateError`] if the database fails.
    pub fn keep_column_types(&self, table: &str, types: &ColumnTypes) -> Result<(), StateError> {
        if read(&self.lock(), table)? == *types {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.execute("DELETE FROM column_types WHERE table_name = ?1", [table])?;
            for (column, word) in types {
                transaction.execute(
                    "INSERT INTO column_types (table_name, column_name, type) VALUES (?1, ?2, ?3)",
                    params![table, column, word],
                )?;
            }
            Ok(())
        })
    }
}

fn read(connection: &rusqlite::Connection, table: &str) -> Result<ColumnTypes, rusqlite::Error> {
    let mut statement = connection
        .prepare_cached("SELECT column_name, type FROM column_types WHERE table_name = ?1")?;
    let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect::<Result<BTreeMap<_, _>, _>>()
}

impl AgreedTypes for State {
    fn of(&self, table: &str) -> Result<ColumnTypes, String> {
        self.column_types(table).map_err(|error| error.to_string())
    }

    fn keep(&self, table: &str, types: &ColumnTypes) -> Result<(), String> {
        let kept = self.keep_column_types(table, types);
        kept.map_err(|error| error.to_string())
    }
}

/// For a command that looks and changes nothing.
pub(crate) struct LooksOnly(pub(crate) State);

impl AgreedTypes for LooksOnly {
    fn of(&self, table: &str) -> Result<ColumnTypes, String> {
        self.0.of(table)
    }

    fn keep(&self, _table: &str, _types: &ColumnTypes) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aggregator::ColumnTypes;

    use crate::fixture::{sign_all, unsigned};
    use crate::identity::NodeKey;
    use crate::state::State;
    use crate::state::place::private_tempdir;

    fn types(pairs: &[(&str, &str)]) -> ColumnTypes {
        let pairs = pairs
            .iter()
            .map(|(name, word)| ((*name).into(), (*word).into()));
        pairs.collect()
    }

    #[test]
    fn types_hold_from_the_first_collaboration_on_and_outlive_the_process() {
        let folder = private_tempdir();
        let state = State::open(folder.path()).unwrap();
        let first = types(&[("since", "date"), ("zip", "text")]);
        state.keep_column_types("people", &first).unwrap();
        assert!(
            state.column_types("people").unwrap().is_empty(),
            "nobody agreed"
        );
        let mut keys = [NodeKey::generate().unwrap(), NodeKey::generate().unwrap()];
        keys.sort_by_key(NodeKey::id);
        let collab = sign_all(unsigned("summer", &keys), &keys);
        state.collab_join(&collab).unwrap();
        drop(state);
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.column_types("people").unwrap(), first);
        assert!(state.column_types("orders").unwrap().is_empty());
        let second = types(&[("since", "text")]);
        state.keep_column_types("people", &second).unwrap();
        assert_eq!(state.column_types("people").unwrap(), second);
    }
}
