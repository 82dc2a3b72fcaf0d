//! Durable state: jobs, collaborations, receipts, the ledger and the node's own log (Spec 07 §2).
//!
//! One `SQLite` file, `state.sqlite`, in write-ahead mode, with commits synced to disk: a method that
//! returned has happened, whatever the machine does next. The exceptions say so: what they write is
//! synced with the next commit, because nothing that depends on it leaves the node before that. The
//! daemon and commands open the file at the same time. No seed, no scalar and no row of any table is
//! ever written here.
//!
//! Methods are synchronous. Statements about one thing live in the module named for it.

mod approvals;
mod audit_records;
mod awaited;
mod collabs;
pub(crate) mod column_types;
mod contact;
mod doubt;
mod invite_rows;
mod jobs;
mod ledger;
mod log_day;
mod member_names;
mod outputs;
mod own_log;
pub(crate) mod place;
mod policies;
mod receipts;
mod schema;
#[cfg(test)]
mod texts;

use std::collections::HashMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aggregator::calendar::day_text;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use self::collabs::Verified;
use crate::collab::RevisionError;
use crate::error::UserError;
use crate::exit::Exit;

pub use approvals::{Approval, ApprovalState, AskedQuestion, QuestionHash, Standing};
pub use audit_records::AuditRecord;
pub use awaited::AwaitedRefusal;
pub use collabs::{CollabStanding, Joined};
pub use contact::{AwaitedCollab, TakenBack, ToldOffer};
pub use doubt::Doubt;
pub use jobs::{JobRole, JobState, StoredJob, short_name};
pub use ledger::{Debit, StoredDebit, Uncharged};
pub use log_day::LogDay;
pub use outputs::StoredOutput;
pub use own_log::{LeftOut, Note, NoteHash, first_wrong as first_wrong_note};
pub use policies::StoredPolicy;
pub use psi_core::receipt::log::{AwaitedJob, OwnClosing, OwnOpening, StoredEntry};
pub use receipts::JobEntries;

/// The file in the state folder.
pub const STATE_FILE: &str = "state.sqlite";
/// How long a method waits while another process writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why durable state could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The database failed.
    #[error("the state database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The folder or file could not be made.
    #[error("cannot open the state in {place}: {source}")]
    Folder {
        /// The folder.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another user owns the folder or a file in it, or can reach it.
    #[error("{what}")]
    Exposed {
        /// Which, and how.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// A later version of this program wrote it.
    #[error(
        "the state in {place} has version {found}, and this program knows versions up to {known}"
    )]
    Newer {
        /// The folder.
        place: String,
        /// Its version.
        found: i64,
        /// The latest version this program knows.
        known: i64,
    },
    /// It holds what this program never writes.
    #[error("the state database is damaged: {0}")]
    Damaged(String),
    /// The machine's clock or randomness failed.
    #[error("{0}")]
    Machine(String),
    /// Another collaboration has the name.
    #[error("another collaboration named `{0}` was joined or accepted before")]
    NameTaken(String),
    /// A member of another collaboration has the name, with another key.
    #[error(
        "in {collab}, {member} is another node than here: rules in node.toml go by names, so one of \
         them would get what you allow the other"
    )]
    MemberNameTaken {
        /// The other collaboration.
        collab: String,
        /// The name.
        member: String,
    },
    /// This node's owner took back what it had accepted, before the inviter's signature came.
    #[error(
        "this node's owner took back that it accepted `{0}`, before the inviter's signature came"
    )]
    NotAwaited(String),
    /// The inviter's signature came after the invite had expired.
    #[error("the invite to `{name}` was valid until {}", day_text(*.expires_unix))]
    InviteExpired {
        /// The collaboration.
        name: String,
        /// Until when it was valid, in seconds since 1970.
        expires_unix: i64,
    },
    /// A document that is not the revision which comes next.
    #[error("{0}")]
    Revision(#[from] RevisionError),
    /// No such collaboration.
    #[error("this node has not joined that collaboration")]
    UnknownCollab,
    /// This node's owner left the collaboration.
    #[error("this node's owner left the collaboration `{0}`, for good")]
    CollabLeft(String),
    /// No such job.
    #[error("there is no job `{0}`")]
    UnknownJob(String),
    /// More than one job begins with these digits.
    #[error("more than one job begins with `{0}`")]
    AmbiguousJob(String),
    /// No such request for approval.
    #[error("there is no request for approval `{0}`")]
    UnknownApproval(String),
    /// More than one request begins with these digits.
    #[error("more than one request for approval begins with `{0}`")]
    AmbiguousApproval(String),
    /// The request is past deciding.
    #[error("the request `{id}` is {state} and cannot be decided any more")]
    Decided {
        /// The request.
        id: String,
        /// What it is.
        state: ApprovalState,
    },
    /// An entry that does not continue the log.
    #[error("a receipt entry does not continue the log: {0}")]
    OutOfPlace(&'static str),
    /// The job was opened before.
    #[error("this job was opened before; a job is opened once")]
    JobReused,
    /// The entry closes a job that is not open.
    #[error("the receipt entry closes a job that is not open")]
    NotOpen,
    /// The job holds nothing in the ledger, or no longer does.
    #[error("the job has reserved nothing; it may not begin to read rows")]
    NotReserved,
}

const MAKE_ROOM: &str = "make room on the disk that holds the state folder, then try again; nothing that \
                         was recorded is lost";

const RESTORE: &str = "restore the state folder from a backup and start the node; where it then \
                       says that logs disagree, run `psi-node receipts repair`";

const EXPIRED: &str = "take it back with `psi-node collab leave NAME --for-good` and ask for another \
                       invite; or, if the inviter has joined, join the document that `psi-node \
                       collab show NAME --document` prints there";

impl From<StateError> for UserError {
    fn from(error: StateError) -> Self {
        let what = error.to_string();
        let sqlite = match &error {
            StateError::Database(source) => source.sqlite_error_code(),
            _ => None,
        };
        let (exit, remedy) = match &error {
            StateError::Database(_) if sqlite == Some(ErrorCode::DatabaseBusy) => (
                Exit::Internal,
                "another process is writing to the state; try again when it is done",
            ),
            StateError::Database(_)
                if matches!(
                    sqlite,
                    Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
                ) =>
            {
                (Exit::Internal, RESTORE)
            }
            StateError::Database(_) if sqlite == Some(ErrorCode::DiskFull) => {
                (Exit::Internal, MAKE_ROOM)
            }
            StateError::Folder { source, .. } if source.kind() == ErrorKind::StorageFull => {
                (Exit::Internal, MAKE_ROOM)
            }
            StateError::Database(_) | StateError::Folder { .. } | StateError::Machine(_) => (
                Exit::Internal,
                "check the disk, the permissions of the state folder and free space",
            ),
            StateError::Newer { .. } => (
                Exit::BadInput,
                "use the newer program; going back needs a copy of the older state",
            ),
            StateError::Damaged(_) => (Exit::Internal, RESTORE),
            StateError::NameTaken(_) => (
                Exit::BadInput,
                "see it with `psi-node collab show`; make the new collaboration under another name",
            ),
            StateError::MemberNameTaken { .. } => (
                Exit::BadInput,
                "let the other member choose another name; if its key was replaced, leave the old \
                 collaboration first",
            ),
            StateError::NotAwaited(_) => (
                Exit::BadInput,
                "accept the invite again, or ask for another one",
            ),
            StateError::InviteExpired { .. } => (Exit::BadInput, EXPIRED),
            StateError::Revision(revision) => return Self::bad_input(what, revision.remedy()),
            StateError::Exposed { remedy, .. } => return Self::bad_input(what, remedy),
            StateError::UnknownApproval(_) => {
                (Exit::BadInput, "list them with `psi-node approvals list`")
            }
            StateError::Decided { .. } => (
                Exit::BadInput,
                "a decision is valid until it is used or expires; the other member can ask again",
            ),
            StateError::UnknownCollab => (
                Exit::BadInput,
                "list them with `psi-node collab list`; join one with `psi-node collab join`",
            ),
            StateError::CollabLeft(_) => (
                Exit::BadInput,
                "make a new collaboration with the other member, under another name",
            ),
            StateError::UnknownJob(_) => {
                (Exit::BadInput, "list the jobs with `psi-node jobs list`")
            }
            StateError::NotReserved => (
                Exit::Internal,
                "ask again; if it comes back, look at `psi-node budget history`",
            ),
            StateError::AmbiguousJob(_) | StateError::AmbiguousApproval(_) => {
                (Exit::BadInput, "give more digits")
            }
            StateError::OutOfPlace(_) | StateError::JobReused | StateError::NotOpen => {
                (Exit::ReceiptsWrong, "compare both members' exported logs")
            }
        };
        Self::new(exit, what, remedy)
    }
}

/// Values of `PRAGMA synchronous`.
#[derive(Clone, Copy)]
struct Levels {
    synced: &'static str,
    behind: &'static str,
}

const SYNCED: Levels = Levels {
    synced: "FULL",
    behind: "NORMAL",
};

/// A handle on a node's durable state. Clones share one connection.
#[derive(Clone)]
pub struct State {
    connection: Arc<Mutex<Connection>>,
    /// SQLite's levels for commits that are synced and for those that may wait.
    levels: Levels,
    /// Documents of collaborations whose signatures were verified, by id.
    verified: Arc<Mutex<HashMap<Vec<u8>, Verified>>>,
}

impl State {
    /// Opens the state in a folder, which is made (mode 0700) if it does not exist, and brings
    /// it to this program's version. A folder that other users can reach is refused.
    ///
    /// # Errors
    /// [`StateError::Folder`], [`StateError::Exposed`], [`StateError::Newer`], [`StateError::Damaged`] or
    /// [`StateError::Database`], as a [`UserError`].
    pub fn open(state_dir: &Path) -> Result<Self, UserError> {
        Ok(Self::open_or_explain(state_dir)?)
    }

    fn open_or_explain(state_dir: &Path) -> Result<Self, StateError> {
        let place = state_dir.display().to_string();
        let folder = |source| StateError::Folder {
            place: place.clone(),
            source,
        };
        if !state_dir.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(state_dir)
                .map_err(folder)?;
        }
        place::check(state_dir)?;
        let file = state_dir.join(STATE_FILE);
        // Made here with its mode; SQLite gives its side files the mode of the database.
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&file)
            .map_err(folder)?;
        sync_folder(state_dir).map_err(folder)?;
        let mut connection = Connection::open(&file)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.pragma_update(None, "trusted_schema", "OFF")?;
        schema::migrate(&mut connection, &place)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            levels: SYNCED,
            verified: Arc::default(),
        })
    }

    /// A number that changes when another process, or another handle, has changed the state.
    ///
    /// # Errors
    /// [`StateError::Database`].
    pub fn version_of_others(&self) -> Result<i64, StateError> {
        let connection = self.lock();
        Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held rolled its transaction back; the connection is sound.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` in one transaction that takes the write lock at once, so that what it read
    /// still holds when it writes. Synced to disk when this returns `Ok`, with everything that was
    /// written before, if it changed anything: SQLite does not sync for a transaction that did not.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        self.transact(self.levels.synced, work)
    }

    /// As [`Self::write`], but synced to disk by the next [`Self::write`] of any process: for what
    /// the next step of a job makes durable before it matters. Until then a program that dies loses
    /// nothing of it; a machine that dies may lose it, and whatever was written after it.
    fn write_behind<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        // The write-ahead log is one file, written in order: syncing a later commit syncs this one.
        self.transact(self.levels.behind, work)
    }

    fn transact<T>(
        &self,
        synchronous: &str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let mut connection = self.lock();
        // Each time: a panic may have left the other level behind.
        connection.pragma_update(None, "synchronous", synchronous)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Seconds since 1970; 0 if the clock is before that.
pub(crate) fn now_unix() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Reads a column of exactly `N` bytes.
fn bytes<const N: usize, T: From<[u8; N]>>(blob: &[u8], what: &str) -> Result<T, StateError> {
    <[u8; N]>::try_from(blob)
        .map(T::from)
        .map_err(|_| StateError::Damaged(format!("{what} has the wrong length")))
}

#[cfg(test)]
mod tests;
