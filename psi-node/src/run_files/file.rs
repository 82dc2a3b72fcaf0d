//! One run as one file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use psi_core::store::{SortedRun, SortedRunWriter, StoreError};

use super::{JobFolder, failed};
use crate::durable_file::PRIVATE;

/// A file, removed when dropped, and the bytes counted for it.
struct RunFile {
    path: PathBuf,
    bytes: u64,
    /// Keeps the folder while there is a file in it.
    folder: Arc<JobFolder>,
}

impl Drop for RunFile {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let file = self.path.display();
                tracing::warn!(%file, %error, "a list cannot be removed from disk");
            }
            _ => {}
        }
        self.folder.space.give_back(self.bytes);
    }
}

/// A run that is being written.
pub(super) struct FileWriter {
    file: File,
    run: RunFile,
}

impl FileWriter {
    pub(super) fn create(path: PathBuf, folder: Arc<JobFolder>) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(&path)
            .map_err(|error| failed("writing a list to disk", &path, error))?;
        Ok(Self::over(file, path, folder))
    }

    /// Writes to an open file.
    pub(super) const fn over(file: File, path: PathBuf, folder: Arc<JobFolder>) -> Self {
        let run = RunFile {
            path,
            bytes: 0,
            folder,
        };
        Self { file, run }
    }
}

impl SortedRunWriter for FileWriter {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let more = bytes.len() as u64;
        let folder = &self.run.folder;
        folder.space.take(&folder.path, more)?;
        self.run.bytes += more;
        self.file
            .write_all(bytes)
            .map_err(|error| failed("writing a list to disk", &self.run.path, error))
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn SortedRun>, StoreError> {
        Ok(Box::new(self.run))
    }
}

/// # Discussion
/// Every read opens the file: a list may have a thousand runs and a node many lists, more than a
/// process may have files open. Opening costs microseconds, and a read brings records for
/// milliseconds of work.
impl SortedRun for RunFile {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        File::open(&self.path)
            .and_then(|file| file.read_exact_at(out, offset))
            .map_err(|error| failed("reading a list from disk", &self.path, error))
    }
}
