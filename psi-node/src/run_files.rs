//! Lists on disk: the folder of a job, and the runs in it as files.
//!
//! Spec 04 §6. Implements [`SortedRunStorage`] for [`ExternalStore`](psi_core::store::ExternalStore). One
//! folder per job, `<state_dir>/jobs/<local job id>/`, mode 0700, its files 0600. A file is removed
//! with its run, the folder with the last run and the last [`DiskRuns`] of the job; what a crash
//! leaves is removed when the daemon starts.
//!
//! Files are never synced: no list outlives its process. Removing a file frees its blocks and does
//! not overwrite them.

mod file;
mod space;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use psi_core::store::{Reserved, SortedRunStorage, SortedRunWriter, StoreError, StoreErrorKind};

use crate::places::Whose;
pub use space::DiskSpace;
use space::JobSpace;

/// The folder of one job's runs. Clones share it.
#[derive(Clone)]
pub struct DiskRuns {
    folder: Arc<JobFolder>,
}

struct JobFolder {
    path: PathBuf,
    space: JobSpace,
    /// Number of the next file.
    next: AtomicU64,
    /// Whether the folder is there. Most jobs need none.
    made: Mutex<bool>,
}

impl JobFolder {
    /// Makes the folder, once.
    fn make(&self) -> Result<(), StoreError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if *made {
            return Ok(());
        }
        let jobs_dir = self.path.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(jobs_dir)
            .and_then(|()| DirBuilder::new().mode(0o700).create(&self.path))
            .map_err(|error| failed("making the folder of a job's lists", &self.path, error))?;
        *made = true;
        Ok(())
    }
}

impl DiskRuns {
    /// Runs in the folder `job` of `jobs_dir`; both are made when the first run is. Its files count
    /// in `space`, in the share of `whose` question it answers.
    #[must_use]
    pub fn new(jobs_dir: &Path, job: &str, space: DiskSpace, whose: Whose) -> Self {
        Self {
            folder: Arc::new(JobFolder {
                path: jobs_dir.join(job),
                space: JobSpace::new(space, whose),
                next: AtomicU64::new(0),
                made: Mutex::new(false),
            }),
        }
    }

    /// Where the files are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder.path
    }
}

impl SortedRunStorage for DiskRuns {
    fn create(&self) -> Result<Box<dyn SortedRunWriter>, StoreError> {
        self.folder.make()?;
        let number = self.folder.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path.join(format!("{number:08}.run"));
        Ok(Box::new(file::FileWriter::create(
            path,
            Arc::clone(&self.folder),
        )?))
    }

    fn reserve(&self, bytes: u64) -> Result<Reserved, StoreError> {
        self.folder.space.promise(&self.folder.path, bytes)?;
        let folder = Arc::clone(&self.folder);
        Ok(Reserved::holding(Box::new(Promise { folder, bytes })))
    }
}

/// Room that a job was promised.
struct Promise {
    folder: Arc<JobFolder>,
    bytes: u64,
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.folder.space.release(self.bytes);
    }
}

impl Drop for JobFolder {
    fn drop(&mut self) {
        // A folder that this job did not make belongs to another.
        if !*self.made.get_mut().unwrap_or_else(PoisonError::into_inner) {
            return;
        }
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let folder = self.path.display();
                tracing::warn!(%folder, %error, "a job's folder stays until the next start");
            }
            _ => {}
        }
    }
}

/// What to do about a failure of a list, for the person who asked or who runs the node.
#[must_use]
pub const fn remedy(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::DiskFull => {
            "free space on the file system of the state folder, or move the state folder to a larger \
             one; then run the query again"
        }
        StoreErrorKind::DiskLimit => {
            "raise `disk_limit` in node.toml, or run fewer jobs at once; then run the query again"
        }
        StoreErrorKind::Memory => {
            "give the node less to do at once or the machine more memory; then run the query again"
        }
        _ => "check the disk that holds the state folder, then run the query again",
    }
}

/// An error of the file system, with the place.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
struct FileFailed {
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> StoreError {
    let kind = match source.kind() {
        // ENOSPC, EDQUOT and EFBIG: none goes away by trying again.
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreErrorKind::DiskFull
        }
        _ => StoreErrorKind::Io,
    };
    let path = path.to_owned();
    StoreError {
        kind,
        what,
        source: FileFailed { path, source }.into(),
    }
}

#[cfg(test)]
mod tests;
