//! Where the lists of a replay are kept: in memory up to a bound, then as files beside the record.
//!
//! Spec 04 §6. The files are for their owner alone, in a folder that no other process knows, and go
//! with the lists; they are never synced. Called by [`crate::cli::replay`]. A node that replays a
//! record of its own keeps lists where its jobs keep them instead.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use psi_core::store::{
    BackgroundStore, ExternalStore, MemoryBudget, RecordStore, SortedRun, SortedRunStorage,
    SortedRunWriter, StoreError, StoreErrorKind,
};
use tempfile::{NamedTempFile, TempDir, TempPath};

/// What lists take in memory before they become files.
const MEMORY_BYTES: usize = 256 * 1024 * 1024;

/// A store whose files, if it needs any, are in a new folder in `beside`.
#[must_use]
pub fn store(beside: &Path) -> Arc<dyn RecordStore> {
    store_with(beside, MEMORY_BYTES)
}

fn store_with(beside: &Path, memory: usize) -> Arc<dyn RecordStore> {
    let budget = MemoryBudget::new(memory);
    let runs = Arc::new(ScratchRuns {
        beside: beside.to_owned(),
        folder: Mutex::new(None),
    });
    let lists = ExternalStore::new(runs, budget.clone());
    Arc::new(BackgroundStore::new(lists, budget))
}

/// Makes runs in a folder of its own, which it makes with the first.
struct ScratchRuns {
    beside: PathBuf,
    folder: Mutex<Option<Arc<TempDir>>>,
}

impl ScratchRuns {
    fn folder(&self) -> io::Result<Arc<TempDir>> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = folder.as_ref() {
            return Ok(Arc::clone(made));
        }
        let made = tempfile::Builder::new()
            .prefix("lists-")
            .tempdir_in(&self.beside)?;
        Ok(Arc::clone(folder.insert(Arc::new(made))))
    }
}

impl SortedRunStorage for ScratchRuns {
    fn create(&self) -> Result<Box<dyn SortedRunWriter>, StoreError> {
        let made = self.folder().and_then(|folder| {
            let (file, path) = NamedTempFile::new_in(folder.path())?.into_parts();
            Ok((file, path, folder))
        });
        let (file, path, folder) = made.map_err(|e| failed("writing a list to disk", e))?;
        let run = ScratchRun {
            path,
            bytes: 0,
            _folder: folder,
        };
        Ok(Box::new(ScratchWriter { file, run }))
    }
}

/// A run that is being written.
struct ScratchWriter {
    file: File,
    run: ScratchRun,
}

impl SortedRunWriter for ScratchWriter {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.run.bytes = self.run.bytes.saturating_add(bytes.len() as u64);
        self.file
            .write_all(bytes)
            .map_err(|e| failed("writing a list to disk", e))
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn SortedRun>, StoreError> {
        Ok(Box::new(self.run))
    }
}

/// A run as a file, which goes with the value.
struct ScratchRun {
    path: TempPath,
    bytes: u64,
    /// Dropped after the file in it.
    _folder: Arc<TempDir>,
}

impl SortedRun for ScratchRun {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        // Opened for each read: a list may have more runs than a process may have files open.
        File::open(&self.path)
            .and_then(|file| file.read_exact_at(out, offset))
            .map_err(|e| failed("reading a list from disk", e))
    }
}

fn failed(what: &'static str, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreErrorKind::DiskFull
        }
        _ => StoreErrorKind::Io,
    };
    StoreError {
        kind,
        what,
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use super::store_with;

    #[test]
    fn lists_that_outgrow_memory_are_files_for_a_while_and_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = store_with(folder.path(), 0);
        let mut writer = store.unsorted(32).unwrap();
        let records: Vec<[u8; 32]> = (0..200_000_u32)
            .map(|number| {
                let mut record = [0; 32];
                record[..4].copy_from_slice(&number.swap_bytes().reverse_bits().to_be_bytes());
                record
            })
            .collect();
        for records in records.chunks(1000) {
            writer.push(records.as_flattened()).unwrap();
        }
        let list = writer.finish_distinct().unwrap();
        let made: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(made.len(), 1, "one folder of files");
        let mut sorted = records;
        sorted.sort_unstable();
        let (mut batch, mut read) = (Vec::new(), Vec::new());
        let mut reader = list.reader().unwrap();
        loop {
            reader.next_batch(&mut batch, 5000).unwrap();
            if batch.is_empty() {
                break;
            }
            read.extend_from_slice(&batch);
        }
        assert!(read == sorted.as_flattened(), "the same records, in order");
        drop(reader);
        drop(list);
        drop(store);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
