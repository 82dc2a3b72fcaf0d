//! The ledger: what jobs have cost, from their acceptance on (Spec 13 §4).
//!
//! A debit is reserved in one transaction with the decision that it fits, so two jobs at once
//! cannot overspend. What becomes of it then is in `course`, what an owner reads of it in `account`.
//! Called by the job runner, at start, and by `psi-node budget`; decides nothing itself:
//! [`aggregator::budget`] does.

mod account;
mod course;

use aggregator::Refusal;
use aggregator::budget::{self, Amount, DebitState, Limits, Period, RunCounts, RunState, Usage};
use psi_core::spec::JobId;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{State, StateError, bytes, doubt};
use crate::collab::CollabId;
use crate::identity::NodeId;

pub(super) use course::commit;

/// What opening one job costs, and whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debit {
    /// The job.
    pub job_id: JobId,
    /// The peer's node id.
    pub peer_id: NodeId,
    /// The peer's name in the collaboration.
    pub peer: String,
    /// This node's table that the job is about; stored in lower case, which SQL does not tell
    /// apart.
    pub table: String,
    /// The population that the table belonged to. Without one, a cost counts for every population.
    pub population: Option<String>,
    /// What the peer will see costs.
    pub amount: Amount,
    /// The machine's time.
    pub unix: i64,
}

/// A debit as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDebit {
    /// The collaboration.
    pub collab_id: CollabId,
    /// The debit, with the time that it counts for.
    pub debit: Debit,
    /// What became of the amount.
    pub state: DebitState,
    /// Whether the job counts as a run.
    pub run: RunState,
}

/// An opened job without a debit: its opened entry, and when the job began, if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncharged {
    /// The collaboration.
    pub collab_id: CollabId,
    /// The encoded entry.
    pub entry: Vec<u8>,
    /// When the job began here.
    pub unix: Option<i64>,
}

impl State {
    /// Jobs that were ever opened in this collaboration.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn jobs_debited(&self, collab_id: &CollabId) -> Result<u64, StateError> {
        let sum: i64 = self.lock().query_row(
            "SELECT COUNT(*) FROM opened_jobs WHERE collab_id = ?1",
            [collab_id.as_bytes()],
            |row| row.get(0),
        )?;
        u64::try_from(sum).map_err(|_| StateError::Damaged("a count is negative".into()))
    }

    /// Reserves a debit if it fits, in one transaction. Nothing is reserved under limits while the
    /// ledger is in doubt. Synced with [`Self::budget_freezing`]: before that neither a row is read
    /// nor the commitment made without which nobody can open the job.
    ///
    /// # Errors
    /// [`StateError::JobReused`] if the job has a debit.
    pub fn budget_reserve(
        &self,
        collab_id: &CollabId,
        debit: &Debit,
        limits: &Limits<'_>,
    ) -> Result<Result<(), Refusal>, StateError> {
        self.write_behind(|transaction| reserve(transaction, collab_id, debit, limits))
    }

    /// Whether [`Self::budget_reserve`] would reserve a debit now; reserves nothing. Moves the ledger's
    /// clock on, which is synced with the next commit.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn budget_would_reserve(
        &self,
        debit: &Debit,
        limits: &Limits<'_>,
    ) -> Result<Result<(), Refusal>, StateError> {
        self.write_behind(|transaction| {
            fits(transaction, debit, limits).map(|fits| fits.map(|_| ()))
        })
    }

    /// Opened jobs that have no debit: those of a state that is older than the ledger.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if one cannot be read.
    pub fn budget_uncharged(&self) -> Result<Vec<Uncharged>, StateError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT o.collab_id, e.entry, \
             (SELECT MIN(created_unix) FROM jobs WHERE jobs.job_id = o.job_id) AS unix \
             FROM opened_jobs o JOIN entries e \
             ON e.collab_id = o.collab_id AND e.seq = o.opened_seq \
             WHERE NOT EXISTS (SELECT 1 FROM debits d WHERE d.job_id = o.job_id)",
        )?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let collab_id: Vec<u8> = row.get("collab_id")?;
            found.push(Uncharged {
                collab_id: bytes(&collab_id, "a collaboration id")?,
                entry: row.get("entry")?,
                unix: row.get("unix")?,
            });
        }
        Ok(found)
    }
}

const COLUMNS: &str = "job_id, collab_id, peer_id, peer, table_name, population, micro_epsilon, \
                       delta_units, unix, state, run";

fn reserve(
    transaction: &Transaction<'_>,
    collab_id: &CollabId,
    debit: &Debit,
    limits: &Limits<'_>,
) -> Result<Result<(), Refusal>, StateError> {
    let now = match fits(transaction, debit, limits)? {
        Ok(now) => now,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (state, run) = (DebitState::Reserved, RunState::Held);
    match insert(transaction, collab_id, debit, state, run, now)? {
        0 => Err(StateError::JobReused),
        _ => Ok(Ok(())),
    }
}

/// Whether a debit may be reserved, and the time that counts for it.
fn fits(
    transaction: &Transaction<'_>,
    debit: &Debit,
    limits: &Limits<'_>,
) -> Result<Result<i64, Refusal>, StateError> {
    let now = advance(transaction, debit.unix)?;
    if limits.any()
        && let Some(refusal) = doubt::refusal(transaction)?
    {
        return Ok(Err(refusal));
    }
    Ok(admit(transaction, debit, limits, now)?.map(|()| now))
}

fn insert(
    transaction: &Transaction<'_>,
    collab_id: &CollabId,
    debit: &Debit,
    state: DebitState,
    run: RunState,
    now: i64,
) -> Result<usize, StateError> {
    // A cost beyond the column stays at its end: no limit reaches it.
    let stored = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
    let sql = format!(
        "INSERT INTO debits ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT (job_id) DO NOTHING"
    );
    Ok(transaction.prepare_cached(&sql)?.execute(params![
        debit.job_id.as_bytes(),
        collab_id.as_bytes(),
        debit.peer_id.as_bytes(),
        debit.peer,
        debit.table.to_lowercase(),
        debit.population,
        stored(debit.amount.micro_epsilon),
        stored(debit.amount.delta_units),
        now,
        state.as_str(),
        run.as_str()
    ])?)
}

impl State {
    /// The latest time that the ledger has seen, if any.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn ledger_latest(&self) -> Result<Option<i64>, StateError> {
        latest(&self.lock())
    }
}

/// The latest time that was ever seen.
fn latest(connection: &Connection) -> Result<Option<i64>, StateError> {
    let mut statement = connection.prepare_cached("SELECT latest_unix FROM ledger_clock")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// Moves the ledger's clock on and returns the time that counts.
pub(super) fn advance(transaction: &Transaction<'_>, unix: i64) -> Result<i64, StateError> {
    let seen = latest(transaction)?;
    let now = budget::advance(seen, unix);
    if seen != Some(now) {
        transaction
            .prepare_cached(
                "INSERT INTO ledger_clock (one, latest_unix) VALUES (1, ?1) \
                 ON CONFLICT (one) DO UPDATE SET latest_unix = excluded.latest_unix",
            )?
            .execute([now])?;
    }
    Ok(now)
}

fn admit(
    transaction: &Transaction<'_>,
    debit: &Debit,
    limits: &Limits<'_>,
    now: i64,
) -> Result<Result<(), Refusal>, StateError> {
    let runs = runs(transaction, &debit.table, &debit.peer_id, &debit.peer, now)?;
    let mut usage = Usage {
        runs,
        ..Usage::default()
    };
    if let Some((name, config)) = limits.population {
        usage.shared = is_shared(transaction)?;
        let mut of_peer = Vec::new();
        each_of(transaction, name, config.refresh, now, |found, state| {
            usage.population.count(state, found.amount);
            if found.peer_id == debit.peer_id || found.peer == debit.peer {
                usage.peer.count(state, found.amount);
                of_peer.push((found.job_id, state, found.amount));
            }
        })?;
        if usage.shared {
            for (job_id, state, amount) in of_peer {
                if state == DebitState::Reserved || is_open(transaction, &job_id)? {
                    usage.held = usage.held.saturating_add(amount);
                }
            }
        }
    }
    Ok(budget::admit(limits, &usage, debit.amount, now))
}

/// Whether the log holds the opening of a job and not its end.
fn is_open(connection: &Connection, job_id: &JobId) -> Result<bool, StateError> {
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM opened_jobs WHERE job_id = ?1 AND closed_seq IS NULL")?;
    Ok(statement.exists([job_id.as_bytes()])?)
}

/// Whether several collaborations can use this node's tables, and so its populations.
fn is_shared(connection: &Connection) -> Result<bool, StateError> {
    let mut statement =
        connection.prepare_cached("SELECT COUNT(*) FROM (SELECT 1 FROM collabs LIMIT 2)")?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))? > 1)
}

/// Every debit that a population bears in the period of `now`.
fn each_of(
    connection: &Connection,
    population: &str,
    refresh: Period,
    now: i64,
    mut work: impl FnMut(&Debit, DebitState),
) -> Result<(), StateError> {
    let begin = refresh.begin(now).unwrap_or(i64::MIN);
    for whose in ["population = ?2", "?2 <> '' AND population IS NULL"] {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM debits WHERE state <> 'returned' AND unix >= ?1 AND {whose} \
             AND (micro_epsilon > 0 OR delta_units > 0)"
        ))?;
        let mut rows = statement.query(params![begin, population])?;
        while let Some(row) = rows.next()? {
            let stored = read(row)?;
            work(&stored.debit, stored.state);
        }
    }
    Ok(())
}

fn runs(
    connection: &Connection,
    table: &str,
    peer_id: &NodeId,
    peer: &str,
    now: i64,
) -> Result<RunCounts, StateError> {
    let mut statement = connection.prepare_cached(
        "SELECT unix FROM debits WHERE table_name = ?1 AND run <> 'free' \
         AND (peer_id = ?2 OR peer = ?3)",
    )?;
    let mut rows = statement.query(params![table.to_lowercase(), peer_id.as_bytes(), peer])?;
    let mut counts = RunCounts::default();
    while let Some(row) = rows.next()? {
        counts.count(row.get(0)?, now);
    }
    Ok(counts)
}

fn read(row: &Row<'_>) -> Result<StoredDebit, StateError> {
    let blob = |column| -> Result<Vec<u8>, StateError> { Ok(row.get(column)?) };
    let amount = |column| -> Result<u64, StateError> {
        let value: i64 = row.get(column)?;
        u64::try_from(value).map_err(|_| StateError::Damaged("a debit is negative".into()))
    };
    let unknown = || StateError::Damaged("a debit has an unknown state".into());
    let state: String = row.get("state")?;
    let state = DebitState::ALL.into_iter().find(|of| of.as_str() == state);
    let run: String = row.get("run")?;
    let run = RunState::ALL.into_iter().find(|of| of.as_str() == run);
    Ok(StoredDebit {
        collab_id: bytes(&blob("collab_id")?, "a collaboration id")?,
        debit: Debit {
            job_id: bytes(&blob("job_id")?, "a job id")?,
            peer_id: bytes(&blob("peer_id")?, "a node id")?,
            peer: row.get("peer")?,
            table: row.get("table_name")?,
            population: row.get("population")?,
            amount: Amount {
                micro_epsilon: amount("micro_epsilon")?,
                delta_units: amount("delta_units")?,
            },
            unix: row.get("unix")?,
        },
        state: state.ok_or_else(unknown)?,
        run: run.ok_or_else(unknown)?,
    })
}

#[cfg(test)]
mod tests;
