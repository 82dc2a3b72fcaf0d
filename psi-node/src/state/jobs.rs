//! Jobs as this node's owner sees them: asked here or by the peer, and what became of them.

use std::fmt;

use psi_core::limits::REFUSED_JOBS_MAX;
use psi_core::spec::{CollabId, JobId};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{State, StateError, bytes, now_unix};

/// Which side of a job this node was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobRole {
    /// This node's analyst asked.
    Requester,
    /// The peer asked.
    Responder,
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It has not ended.
    Running,
    /// The requester has the result.
    Released,
    /// The protocol ran to its end, and the result rests on too few identities to be shown.
    Suppressed,
    /// The protocol ran to its end; this side (the responder) does not learn the result.
    Completed,
    /// One of the two policies said no; nothing was opened.
    Refused,
    /// It ended without a result.
    Aborted,
}

impl JobRole {
    const ALL: [Self; 2] = [Self::Requester, Self::Responder];

    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requester => "requester",
            Self::Responder => "responder",
        }
    }
}

impl JobState {
    const ALL: [Self; 6] = [
        Self::Running,
        Self::Released,
        Self::Suppressed,
        Self::Completed,
        Self::Refused,
        Self::Aborted,
    ];

    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Released => "released",
            Self::Suppressed => "suppressed",
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Aborted => "aborted",
        }
    }
}

impl fmt::Display for JobRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The short name of a job that both members have agreed to: the first digits of its id. Both show it,
/// and their commands take it.
#[must_use]
pub fn short_name(job_id: &JobId) -> String {
    hex::encode(job_id)
        .chars()
        .take(SHORT_NAME_DIGITS)
        .collect()
}

/// Enough to tell the jobs of one node apart for years.
const SHORT_NAME_DIGITS: usize = 8;

impl StoredJob {
    /// What the job is called: as the other member calls it, if both have agreed to it.
    #[must_use]
    pub fn name(&self) -> String {
        self.job_id
            .as_ref()
            .map_or_else(|| self.id.clone(), short_name)
    }
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJob {
    /// The local id, 16 hexadecimal digits.
    pub id: String,
    /// The id both members share, once the job specification is complete.
    pub job_id: Option<JobId>,
    /// The collaboration.
    pub collab_id: CollabId,
    /// Its name.
    pub collab: String,
    /// Which side this node is.
    pub role: JobRole,
    /// The query as typed (requester) or in canonical form (responder).
    pub query: String,
    /// What became of it.
    pub state: JobState,
    /// The stable code, where the job has no result.
    pub reason: Option<String>,
    /// The owner's sentence.
    pub detail: Option<String>,
    /// The result document (JSON), on the requester's side.
    pub result: Option<String>,
    /// When it began.
    pub created_unix: i64,
    /// When it ended.
    pub finished_unix: Option<i64>,
}

impl StoredJob {
    /// A running job that begins now; the caller fills in the collaboration.
    #[must_use]
    pub fn begin(id: &str, role: JobRole, query: &str) -> Self {
        Self {
            id: id.to_owned(),
            job_id: None,
            collab_id: CollabId([0; 32]),
            collab: String::new(),
            role,
            query: query.to_owned(),
            state: JobState::Running,
            reason: None,
            detail: None,
            result: None,
            created_unix: now_unix(),
            finished_unix: None,
        }
    }
}

pub(super) fn insert(transaction: &Transaction<'_>, job: &StoredJob) -> Result<(), StateError> {
    transaction.execute(
        &format!(
            "INSERT INTO jobs ({COLUMNS}) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
        ),
        params![
            job.id,
            job.job_id.as_ref().map(JobId::as_bytes),
            job.collab_id.as_bytes(),
            job.collab,
            job.role.as_str(),
            job.query,
            job.state.as_str(),
            job.reason,
            job.detail,
            job.result,
            job.created_unix,
            job.finished_unix
        ],
    )?;
    Ok(())
}

/// Records a peer's job that came to nothing. Of these each collaboration keeps the newest
/// [`REFUSED_JOBS_MAX`].
pub(super) fn insert_refused(
    transaction: &Transaction<'_>,
    job: &StoredJob,
) -> Result<(), StateError> {
    insert(transaction, job)?;
    transaction.execute(
        "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs \
         WHERE collab_id = ?1 AND role = ?2 AND job_id IS NULL \
         ORDER BY created_unix DESC, rowid DESC LIMIT -1 OFFSET ?3)",
        params![
            job.collab_id.as_bytes(),
            JobRole::Responder.as_str(),
            i64::try_from(REFUSED_JOBS_MAX).unwrap_or(i64::MAX)
        ],
    )?;
    Ok(())
}

const COLUMNS: &str = "id, job_id, collab_id, collab, role, query, state, reason, detail, result, \
                       created_unix, finished_unix";

impl State {
    /// Records a new job, of which nothing has happened yet. Synced when its input begins to freeze
    /// ([`Self::budget_freezing`]), or when it ends.
    ///
    /// # Errors
    /// [`StateError::Database`], also if the id is taken.
    pub fn job_insert(&self, job: &StoredJob) -> Result<(), StateError> {
        self.write_behind(|transaction| insert(transaction, job))
    }

    /// Records the id that both members share; synced when the input begins to freeze.
    ///
    /// # Errors
    /// [`StateError::UnknownJob`].
    pub fn job_set_job_id(&self, id: &str, job_id: &JobId) -> Result<(), StateError> {
        self.write_behind(|transaction| {
            let sql = "UPDATE jobs SET job_id = ?2 WHERE id = ?1";
            match transaction.execute(sql, params![id, job_id.as_bytes()])? {
                0 => Err(StateError::UnknownJob(id.to_owned())),
                _ => Ok(()),
            }
        })
    }

    /// Records how a running job ended. A job that has ended stays as it is. Synced if this node's
    /// owner asked, who is told of the end next, or received a result; the end of another job is synced
    /// with the next commit, because its receipt is on disk.
    ///
    /// # Errors
    /// [`StateError::UnknownJob`].
    pub fn job_finish(
        &self,
        id: &str,
        state: JobState,
        reason: Option<&str>,
        detail: Option<&str>,
        result: Option<&str>,
    ) -> Result<(), StateError> {
        let role: Option<String> = self
            .lock()
            .query_row("SELECT role FROM jobs WHERE id = ?1", [id], |row| {
                row.get(0)
            })
            .optional()?;
        let role = role.ok_or_else(|| StateError::UnknownJob(id.to_owned()))?;
        let finish = |transaction: &Transaction<'_>| {
            transaction.execute(
                "UPDATE jobs SET state = ?2, reason = ?3, detail = ?4, result = ?5, \
                 finished_unix = ?6 WHERE id = ?1 AND state = 'running'",
                params![id, state.as_str(), reason, detail, result, now_unix()],
            )?;
            Ok(())
        };
        if role == JobRole::Responder.as_str() && result.is_none() {
            self.write_behind(finish)
        } else {
            self.write(finish)
        }
    }

    /// The job whose local id or shared id begins with these digits.
    ///
    /// # Errors
    /// [`StateError::UnknownJob`] or [`StateError::AmbiguousJob`].
    pub fn job(&self, id_or_prefix: &str) -> Result<StoredJob, StateError> {
        let shown = || id_or_prefix.chars().take(128).collect::<String>();
        let digits = id_or_prefix.to_ascii_lowercase();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(StateError::UnknownJob(shown()));
        }
        let found = self.jobs_where(
            "WHERE substr(id, 1, length(?1)) = ?1 \
             OR substr(lower(hex(job_id)), 1, length(?1)) = ?1 \
             ORDER BY id = ?1 DESC, created_unix LIMIT 2",
            [&digits],
        )?;
        let exact = found.first().is_some_and(|job| job.id == digits);
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Err(StateError::UnknownJob(shown())),
            (Some(_), Some(_)) if !exact => Err(StateError::AmbiguousJob(shown())),
            (Some(job), _) => Ok(job),
        }
    }

    /// The newest jobs, at most `limit`, the newest first.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if a stored job cannot be read.
    pub fn jobs(&self, limit: u32) -> Result<Vec<StoredJob>, StateError> {
        self.jobs_where("ORDER BY created_unix DESC, rowid DESC LIMIT ?1", [limit])
    }

    /// Ends every job that is still recorded as running, and returns them. Called at start: what
    /// a crash left running runs no more.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if a stored job cannot be read.
    pub fn jobs_abort_running(
        &self,
        reason: &str,
        detail: &str,
    ) -> Result<Vec<StoredJob>, StateError> {
        let running = self.jobs_where("WHERE state = ?1 ORDER BY created_unix", ["running"])?;
        for job in &running {
            self.job_finish(&job.id, JobState::Aborted, Some(reason), Some(detail), None)?;
        }
        Ok(running)
    }

    fn jobs_where(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<StoredJob>, StateError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM jobs {condition}"))?;
        let mut rows = statement.query(values)?;
        let mut jobs = Vec::new();
        while let Some(row) = rows.next()? {
            jobs.push(read(row)?);
        }
        Ok(jobs)
    }
}

fn read(row: &Row<'_>) -> Result<StoredJob, StateError> {
    let job_id: Option<Vec<u8>> = row.get("job_id")?;
    let collab_id: Vec<u8> = row.get("collab_id")?;
    let (role, state): (String, String) = (row.get("role")?, row.get("state")?);
    let role = JobRole::ALL
        .into_iter()
        .find(|known| known.as_str() == role);
    let state = JobState::ALL
        .into_iter()
        .find(|known| known.as_str() == state);
    let unknown = |what: &str| StateError::Damaged(format!("a job has an unknown {what}"));
    Ok(StoredJob {
        id: row.get("id")?,
        job_id: job_id.map(|id| bytes(&id, "a job id")).transpose()?,
        collab_id: bytes(&collab_id, "a collaboration id")?,
        collab: row.get("collab")?,
        role: role.ok_or_else(|| unknown("role"))?,
        query: row.get("query")?,
        state: state.ok_or_else(|| unknown("state"))?,
        reason: row.get("reason")?,
        detail: row.get("detail")?,
        result: row.get("result")?,
        created_unix: row.get("created_unix")?,
        finished_unix: row.get("finished_unix")?,
    })
}
