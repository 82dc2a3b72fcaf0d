//! Keeping records: one encrypted file for each opened job, until its time is over.
//!
//! Spec 07 §11. The job runner begins a recording once the input is frozen, and hands in every
//! frame before it is handled; the daemon removes what has expired, and what a crash left. A job
//! whose record cannot be written ends as `unavailable`: an owner who wants records wants no job
//! without one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use age::stream::StreamWriter;
use psi_audit::record::{RecordError, RecordWriter};
use psi_audit::seal::{Auditor, seal};
use psi_core::seed::JobSeed;
use psi_core::session::Ended;
use psi_core::spec::{JobId, JobSpec, LiteralSalt, Party};
use psi_core::store::{StoreError, StoreErrorKind};
use psi_core::transcript::ListHashes;
use zeroize::Zeroizing;

use crate::config::NodeConfig;
use crate::durable_file::{PRIVATE, folder_of};
use crate::frozen::Frozen;
use crate::net::Frame;
use crate::state::{State, StateError};

/// The folder of records, in the state folder.
pub const AUDIT_FOLDER: &str = "audit";

/// Whether records are kept, for whom and for how long.
#[derive(Clone, Debug)]
pub struct Retention {
    auditor: Auditor,
    days: u32,
    folder: PathBuf,
}

impl Retention {
    /// What a configuration says; `None` if it keeps no records.
    #[must_use]
    pub fn of(config: &NodeConfig) -> Option<Self> {
        Some(Self {
            auditor: config.auditor.clone()?,
            days: config.retain_for_audit?.days(),
            folder: config.state_dir().join(AUDIT_FOLDER),
        })
    }
}

/// The file of a job's record.
#[must_use]
pub fn record_path(state_dir: &Path, job_id: &JobId) -> PathBuf {
    let name = format!("{}.age", hex::encode(job_id));
    state_dir.join(AUDIT_FOLDER).join(name)
}

/// What a record is about.
pub(crate) struct Subject<'a> {
    pub(crate) spec: &'a JobSpec,
    pub(crate) own: Party,
    pub(crate) seed: &'a JobSeed,
    pub(crate) input: &'a Frozen,
    pub(crate) literals: Vec<SaltedLiteral>,
}

/// A hidden literal of this node's question.
pub(crate) struct SaltedLiteral {
    /// The salt of its commitment.
    pub(crate) salt: LiteralSalt,
    /// Its SQL text.
    pub(crate) text: Zeroizing<String>,
}

/// The record of a running job. Removed when dropped, unless the job was opened.
pub(crate) struct Recording {
    writer: Option<RecordWriter<StreamWriter<BufWriter<File>>>>,
    job_id: JobId,
    path: PathBuf,
    days: u32,
    opened: bool,
}

impl Recording {
    /// Writes everything that does not come from the peer. Takes as long as reading the input.
    pub(crate) fn begin(retention: &Retention, of: &Subject<'_>) -> Result<Self, psi_core::Error> {
        Self::write_input(retention, of).map_err(failed)
    }

    fn write_input(retention: &Retention, of: &Subject<'_>) -> Result<Self, RecordError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&retention.folder)?;
        let job_id = of.spec.job_id();
        let path = retention
            .folder
            .join(format!("{}.age", hex::encode(job_id)));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(&path)?;
        // From here on the file goes with the value.
        let mut recording = Self {
            writer: None,
            job_id,
            path,
            days: retention.days,
            opened: false,
        };
        let sealed = seal(&retention.auditor, BufWriter::new(file))?;
        let mut writer = RecordWriter::begin(sealed, of.own, of.seed, of.spec)?;
        for SaltedLiteral { salt, text } in &of.literals {
            writer.literal(salt, text)?;
        }
        writer.input(&of.input.clone().into(), &of.input.others)?;
        recording.writer = Some(writer);
        Ok(recording)
    }

    /// The job is opened: from here on the record stays.
    pub(crate) fn opened(&mut self, state: &State) -> Result<(), StateError> {
        state.audit_begin(&self.job_id, self.days)?;
        self.opened = true;
        Ok(())
    }

    /// Adds a frame that the peer sent, before it is handled.
    pub(crate) fn received(&mut self, frame: &Frame) -> Result<(), psi_core::Error> {
        match &mut self.writer {
            Some(writer) => writer.received(frame).map_err(failed),
            None => Ok(()),
        }
    }

    /// Ends the record; `ended` is what the job came to, if it came to its end.
    pub(crate) fn finish(
        self,
        state: &State,
        ended: Option<&Ended>,
    ) -> Result<(), psi_core::Error> {
        self.finish_with(state, ended.map(|ended| &ended.lists))
    }

    /// [`Self::finish`] with the hashes of the lists.
    pub(super) fn finish_with(
        mut self,
        state: &State,
        lists: Option<&ListHashes>,
    ) -> Result<(), psi_core::Error> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let (input, received) = (writer.input_bytes, writer.received_bytes);
        let file = writer
            .end(lists)
            .and_then(|sealed| Ok(synced(sealed, &self.path)?))
            .map_err(failed)?;
        state
            .audit_end(&self.job_id, [input, received, file])
            .map_err(|error| failed(RecordError::Io(io::Error::other(error))))
    }
}

/// Brings a whole record to the disk and returns the bytes of its file.
fn synced(sealed: StreamWriter<BufWriter<File>>, path: &Path) -> io::Result<u64> {
    let mut buffered = sealed.finish()?;
    buffered.flush()?;
    let file = buffered.get_ref();
    file.sync_all()?;
    File::open(folder_of(path))?.sync_all()?;
    Ok(file.metadata()?.len())
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !self.opened {
            // What stays behind is removed at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn failed(error: RecordError) -> psi_core::Error {
    let kind = match &error {
        RecordError::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
            StoreErrorKind::DiskFull
        }
        _ => StoreErrorKind::Io,
    };
    psi_core::Error::Store(StoreError {
        kind,
        what: "writing the record for the auditor",
        source: Box::new(error),
    })
}

/// Why records could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// The state.
    #[error("{0}")]
    State(#[from] StateError),
    /// A file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Removes records whose time is over at `now_unix`, and returns how many.
///
/// # Errors
/// [`RemoveError`]; what was removed before stays removed.
pub fn remove_expired(
    state: &State,
    state_dir: &Path,
    now_unix: i64,
) -> Result<usize, RemoveError> {
    let mut removed = 0;
    for record in state.audit_records()? {
        if record.expires_unix <= now_unix {
            remove_file(record_path(state_dir, &record.job_id))?;
            state.audit_forget(&record.job_id)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Removes what a crash left: records that were never completed, and files without a record.
/// Called at start, when no job is running.
///
/// # Errors
/// [`RemoveError`].
pub fn remove_incomplete(state: &State, state_dir: &Path) -> Result<(), RemoveError> {
    let mut kept = Vec::new();
    for record in state.audit_records()? {
        let path = record_path(state_dir, &record.job_id);
        if record.complete {
            kept.push(path);
        } else {
            remove_file(path)?;
            state.audit_forget(&record.job_id)?;
        }
    }
    let folder = state_dir.join(AUDIT_FOLDER);
    let failed = |path: &Path, source| RemoveError::File {
        path: path.to_owned(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| failed(&folder, e))?,
    };
    for entry in entries {
        let path = entry.map_err(|e| failed(&folder, e))?.path();
        if is_record(&path) && !kept.contains(&path) {
            remove_file(path)?;
        }
    }
    Ok(())
}

/// Whether a file has the name of a record.
fn is_record(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let job_id = name.and_then(|name| name.strip_suffix(".age"));
    job_id.is_some_and(|job_id| hex::decode(job_id).is_ok_and(|id| id.len() == 64))
}

fn remove_file(path: PathBuf) -> Result<(), RemoveError> {
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(RemoveError::File { path, source })
        }
        _ => Ok(()),
    }
}
