//! The account as its owner reads it: sums by population, runs by table, debits one by one.
//!
//! Called by `psi-node budget`; changes nothing.

use aggregator::budget::{self, Odometer, Period, RunCounts};

use super::{COLUMNS, StoredDebit, each_of, is_shared, latest, read, runs};
use crate::state::{State, StateError, bytes};

impl State {
    /// The time that counts, for showing an account at `unix`.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn budget_now(&self, unix: i64) -> Result<i64, StateError> {
        Ok(budget::advance(latest(&self.lock())?, unix))
    }

    /// Whether several collaborations share this node's populations.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn budget_is_shared(&self) -> Result<bool, StateError> {
        is_shared(&self.lock())
    }

    /// What a population has lost in the period of `now`, and by peer. A peer is named once for
    /// each name it had.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if a debit cannot be read.
    pub fn budget_of(
        &self,
        population: &str,
        refresh: Period,
        now: i64,
    ) -> Result<(Odometer, Vec<(String, Odometer)>), StateError> {
        let connection = self.lock();
        let mut all = Odometer::default();
        let mut peers: Vec<(String, Odometer)> = Vec::new();
        each_of(&connection, population, refresh, now, |debit, state| {
            all.count(state, debit.amount);
            let place = peers.iter().position(|(name, _)| *name == debit.peer);
            let place = place.unwrap_or_else(|| {
                peers.push((debit.peer.clone(), Odometer::default()));
                peers.len() - 1
            });
            if let Some((_, odometer)) = peers.get_mut(place) {
                odometer.count(state, debit.amount);
            }
        })?;
        Ok((all, peers))
    }

    /// How often a table was used in the periods of `now`, by peer.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if a debit cannot be read.
    pub fn budget_runs(
        &self,
        table: &str,
        now: i64,
    ) -> Result<Vec<(String, RunCounts)>, StateError> {
        let connection = self.lock();
        let peers: Vec<(Vec<u8>, String)> = connection
            .prepare_cached(
                "SELECT DISTINCT peer_id, peer FROM debits \
                 WHERE table_name = ?1 AND run <> 'free' ORDER BY peer",
            )?
            .query_map([table.to_lowercase()], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        peers
            .into_iter()
            .map(|(id, peer)| {
                let id = bytes(&id, "a node id")?;
                let counts = runs(&connection, table, &id, &peer, now)?;
                Ok((peer, counts))
            })
            .collect()
    }

    /// The newest debits, at most `limit`, the newest first.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if one cannot be read.
    pub fn budget_history(&self, limit: u32) -> Result<Vec<StoredDebit>, StateError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM debits ORDER BY unix DESC, rowid DESC LIMIT ?1"
        ))?;
        let mut rows = statement.query([limit])?;
        let mut debits = Vec::new();
        while let Some(row) = rows.next()? {
            debits.push(read(row)?);
        }
        Ok(debits)
    }
}
