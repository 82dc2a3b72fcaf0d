//! Questions that wait for the owner's approval, and what the owner decided (Spec 10 §5.3).
//!
//! A request is found again by the hash of its question, so that the same question can be proposed
//! again and again until it is decided. Everything here survives a restart. Expiry is a comparison
//! with the ledger's time at the time of asking, which never goes back: a clock that is set back
//! revives nothing, and nothing has to run for a request to expire. Called by
//! `job::approval` and the local API.

use std::fmt;

use psi_core::limits;
use psi_core::spec::JobId;
use rusqlite::{Row, Transaction, params};

use super::{State, StateError, bytes, ledger};
use crate::collab::CollabId;

/// How long requests that are past deciding are kept for the owner to see, in seconds.
const KEPT_SECONDS: i64 = 90 * DAY;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    /// The owner has not decided.
    Pending,
    /// The owner approved one run, which has not taken place.
    Approved,
    /// The owner refused.
    Denied,
    /// The approved run was agreed on.
    Used,
    /// Its time passed before it was decided, or before it was used.
    Expired,
}

impl ApprovalState {
    /// What is stored; that a request expired follows from the clock.
    const STORED: [Self; 4] = [Self::Pending, Self::Approved, Self::Denied, Self::Used];

    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Used => "used",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What makes two proposals the same question (Spec 10 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuestionHash(pub [u8; 64]);

impl From<[u8; 64]> for QuestionHash {
    fn from(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
}

/// A question, as the owner has to judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedQuestion {
    /// What identifies it.
    pub hash: QuestionHash,
    /// The collaboration.
    pub collab_id: CollabId,
    /// Its name.
    pub collab: String,
    /// The name of the member that asks.
    pub asker: String,
    /// The owner's table.
    pub table: String,
    /// The canonical query.
    pub query: String,
    /// `requester` or `both`.
    pub recipients: String,
    /// The registered sizes, as JSON.
    pub sizes: String,
    /// The rules that allowed it, as a JSON list.
    pub rules: String,
}

/// A request for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// 16 hexadecimal digits.
    pub id: String,
    /// What is asked.
    pub question: AskedQuestion,
    /// What became of it.
    pub state: ApprovalState,
    /// The owner's words about a refusal; the peer does not see them.
    pub reason: Option<String>,
    /// How often it was asked.
    pub asked: u64,
    /// When it was asked first.
    pub requested_unix: i64,
    /// When it lapses, or the decision does.
    pub expires_unix: i64,
    /// When the owner decided.
    pub decided_unix: Option<i64>,
    /// The job that used the approval.
    pub job_id: Option<JobId>,
}

/// What has become of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is new, and was recorded under this id.
    Recorded(String),
    /// It was asked before and is not decided.
    Waiting(String),
    /// One run is approved.
    Approved(String),
    /// The owner refused it.
    Denied(String),
    /// Too many questions of the collaboration wait, or came in a day; nothing was recorded.
    TooMany,
}

impl State {
    /// What `question` is at `now`; records it, for `lifetime` seconds, if it is new or its last
    /// request is past.
    ///
    /// # Errors
    /// [`StateError::Machine`] if the system gives no randomness for an id;
    /// [`StateError::Database`].
    pub fn approval_ask(
        &self,
        question: &AskedQuestion,
        now: i64,
        lifetime: i64,
    ) -> Result<Standing, StateError> {
        self.write(|transaction| {
            let now = ledger::advance(transaction, now)?;
            if let Some(open) = open_request(transaction, question.hash, now)? {
                transaction.execute(
                    "UPDATE approvals SET asked = asked + 1 WHERE id = ?1",
                    [&open.id],
                )?;
                return Ok(match open.state {
                    ApprovalState::Approved => Standing::Approved(open.id),
                    ApprovalState::Denied => Standing::Denied(open.id),
                    _ => Standing::Waiting(open.id),
                });
            }
            transaction.execute(
                "DELETE FROM approvals WHERE expires_unix < ?1",
                [now.saturating_sub(KEPT_SECONDS)],
            )?;
            let pending: i64 = transaction.query_row(
                "SELECT COUNT(*) FROM approvals \
                 WHERE collab_id = ?1 AND state = 'pending' AND expires_unix > ?2",
                params![question.collab_id.as_bytes(), now],
                |row| row.get(0),
            )?;
            let of_day: i64 = transaction.query_row(
                "SELECT COUNT(*) FROM approvals \
                 WHERE collab_id = ?1 AND asker = ?2 AND requested_unix > ?3",
                params![
                    question.collab_id.as_bytes(),
                    question.asker,
                    now.saturating_sub(DAY)
                ],
                |row| row.get(0),
            )?;
            let too_many = usize::try_from(pending).unwrap_or(usize::MAX)
                >= limits::APPROVALS_PENDING_MAX
                || u64::try_from(of_day).unwrap_or(u64::MAX) >= limits::APPROVALS_PER_DAY_MAX;
            if too_many {
                return Ok(Standing::TooMany);
            }
            let id = fresh_id()?;
            transaction.execute(
                &format!(
                    "INSERT INTO approvals ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
                     ?10, 'pending', NULL, 1, ?11, ?12, NULL, NULL)"
                ),
                params![
                    id,
                    question.hash.0,
                    question.collab_id.as_bytes(),
                    question.collab,
                    question.asker,
                    question.table,
                    question.query,
                    question.recipients,
                    question.sizes,
                    question.rules,
                    now,
                    now.saturating_add(lifetime)
                ],
            )?;
            Ok(Standing::Recorded(id))
        })
    }

    /// Spends an approval on a job. Returns whether it still stood; two jobs cannot spend one.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn approval_use(&self, id: &str, job_id: &JobId, now: i64) -> Result<bool, StateError> {
        self.write(|transaction| {
            let now = ledger::advance(transaction, now)?;
            let used = transaction.execute(
                "UPDATE approvals SET state = 'used', job_id = ?2 \
                 WHERE id = ?1 AND state = 'approved' AND expires_unix > ?3",
                params![id, job_id.as_bytes(), now],
            )?;
            Ok(used == 1)
        })
    }

    /// Records the owner's decision, which then is valid for `lifetime` seconds. What was approved
    /// and not used can still be denied.
    ///
    /// # Errors
    /// [`StateError::UnknownApproval`], [`StateError::AmbiguousApproval`], or
    /// [`StateError::Decided`] if the request is past deciding.
    pub fn approval_decide(
        &self,
        id_or_prefix: &str,
        decision: Result<(), Option<&str>>,
        now: i64,
        lifetime: i64,
    ) -> Result<Approval, StateError> {
        self.write(|transaction| {
            let now = ledger::advance(transaction, now)?;
            let found = find(transaction, id_or_prefix, now)?;
            let (state, reason, allowed) = match decision {
                Ok(()) => (
                    ApprovalState::Approved,
                    None,
                    found.state == ApprovalState::Pending,
                ),
                Err(reason) => (
                    ApprovalState::Denied,
                    reason,
                    matches!(
                        found.state,
                        ApprovalState::Pending | ApprovalState::Approved
                    ),
                ),
            };
            if !allowed {
                let (id, state) = (found.id, found.state);
                return Err(StateError::Decided { id, state });
            }
            transaction.execute(
                "UPDATE approvals SET state = ?2, reason = ?3, decided_unix = ?4, expires_unix = ?5 \
                 WHERE id = ?1",
                params![
                    found.id,
                    state.as_str(),
                    reason,
                    now,
                    now.saturating_add(lifetime)
                ],
            )?;
            find(transaction, &found.id, now)
        })
    }

    /// The request whose id begins with these digits.
    ///
    /// # Errors
    /// [`StateError::UnknownApproval`] or [`StateError::AmbiguousApproval`].
    pub fn approval(&self, id_or_prefix: &str, now: i64) -> Result<Approval, StateError> {
        self.write(|transaction| {
            let now = ledger::advance(transaction, now)?;
            find(transaction, id_or_prefix, now)
        })
    }

    /// The newest requests, at most `limit`, those that wait first.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if a stored request cannot be read.
    pub fn approvals(&self, limit: u32, now: i64) -> Result<Vec<Approval>, StateError> {
        self.write(|transaction| {
            let now = ledger::advance(transaction, now)?;
            let condition = "ORDER BY state = 'pending' AND expires_unix > ?1 DESC, \
                             requested_unix DESC, rowid DESC LIMIT ?2";
            select(transaction, condition, params![now, limit], now)
        })
    }
}

const COLUMNS: &str = "id, question, collab_id, collab, asker, table_name, query, recipients, \
                       sizes, rules, state, reason, asked, requested_unix, expires_unix, \
                       decided_unix, job_id";

/// The request about this question that is neither used nor past, if there is one.
fn open_request(
    transaction: &Transaction<'_>,
    question: QuestionHash,
    now: i64,
) -> Result<Option<Approval>, StateError> {
    let condition = "WHERE question = ?1 AND state != 'used' AND expires_unix > ?2 \
                     ORDER BY requested_unix DESC, rowid DESC LIMIT 1";
    let found = select(transaction, condition, params![question.0, now], now)?;
    Ok(found.into_iter().next())
}

fn find(transaction: &Transaction<'_>, digits: &str, now: i64) -> Result<Approval, StateError> {
    let shown = || digits.chars().take(128).collect::<String>();
    let digits = digits.to_ascii_lowercase();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(StateError::UnknownApproval(shown()));
    }
    let condition = "WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 2";
    let mut found = select(transaction, condition, [&digits], now)?.into_iter();
    match (found.next(), found.next()) {
        (Some(request), None) => Ok(request),
        (None, _) => Err(StateError::UnknownApproval(shown())),
        (Some(_), Some(_)) => Err(StateError::AmbiguousApproval(shown())),
    }
}

fn select(
    transaction: &Transaction<'_>,
    condition: &str,
    values: impl rusqlite::Params,
    now: i64,
) -> Result<Vec<Approval>, StateError> {
    let mut statement =
        transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM approvals {condition}"))?;
    let mut rows = statement.query(values)?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        requests.push(read(row, now)?);
    }
    Ok(requests)
}

fn fresh_id() -> Result<String, StateError> {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|_| {
        StateError::Machine("the operating system gave no randomness for a request's id".into())
    })?;
    Ok(hex::encode(random))
}

fn read(row: &Row<'_>, now: i64) -> Result<Approval, StateError> {
    let hash: Vec<u8> = row.get("question")?;
    let collab_id: Vec<u8> = row.get("collab_id")?;
    let job_id: Option<Vec<u8>> = row.get("job_id")?;
    let state: String = row.get("state")?;
    let asked: i64 = row.get("asked")?;
    let expires_unix: i64 = row.get("expires_unix")?;
    let stored = ApprovalState::STORED
        .into_iter()
        .find(|known| known.as_str() == state)
        .ok_or_else(|| StateError::Damaged("a request has an unknown state".into()))?;
    let past = expires_unix <= now;
    let state = match stored {
        ApprovalState::Pending | ApprovalState::Approved if past => ApprovalState::Expired,
        stored => stored,
    };
    Ok(Approval {
        id: row.get("id")?,
        question: AskedQuestion {
            hash: bytes(&hash, "the hash of a question")?,
            collab_id: bytes(&collab_id, "a collaboration id")?,
            collab: row.get("collab")?,
            asker: row.get("asker")?,
            table: row.get("table_name")?,
            query: row.get("query")?,
            recipients: row.get("recipients")?,
            sizes: row.get("sizes")?,
            rules: row.get("rules")?,
        },
        state,
        reason: row.get("reason")?,
        asked: u64::try_from(asked).unwrap_or(0),
        requested_unix: row.get("requested_unix")?,
        expires_unix,
        decided_unix: row.get("decided_unix")?,
        job_id: job_id.map(|id| bytes(&id, "a job id")).transpose()?,
    })
}

#[cfg(test)]
mod tests;
