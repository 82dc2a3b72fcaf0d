//! Where the lists of a node's jobs are kept: in memory while it lasts, then on disk.
//!
//! Spec 04 §6 and 09 §4. One budget of memory and one of disk for the whole node, one folder for
//! each job. Made by the daemon; the job runner asks for a store per job, the catalog for one to
//! count identities with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aggregator::SqlOptions;
use psi_core::store::{
    BackgroundStore, ExternalStore, Grant, MemoryBudget, RecordStore, StoreError,
};

use crate::config::NodeConfig;
use crate::memory::MemoryShares;
use crate::places::Whose;
use crate::run_files::{DiskRuns, DiskSpace};
use crate::threads;

/// The folder of lists on disk, in the state folder.
pub const JOBS_FOLDER: &str = "jobs";

/// The folder of the tables that SQL makes, in the state folder.
pub const MADE_FOLDER: &str = "made-by-sql";

/// The memory and the disk that the lists of a node share. Clones share them too.
#[derive(Clone)]
pub struct Lists {
    budget: MemoryBudget,
    match_bits_max: u64,
    /// What reading tables may take.
    read_bytes: u64,
    space: DiskSpace,
    jobs_dir: PathBuf,
}

/// The match bits of one job take no more of the budget than one in this many, so that lists keep
/// a share in a node that runs few jobs.
const MATCH_BITS_SHARE_MIN: u64 = 4;

impl Lists {
    /// Under the limits of a configuration. Makes nothing on disk.
    #[must_use]
    pub fn new(config: &NodeConfig) -> Self {
        let shares = MemoryShares::of(
            config.memory_limit,
            config.jobs_max,
            threads::batches_at_once(),
        );
        let share = shares.list_bytes;
        let wanted = config.list_memory.map_or(share, |wanted| wanted.as_u64());
        let bytes = share.min(wanted);
        // INVARIANT: the match bits of all jobs that run at once fit the budget together.
        let jobs = (config.jobs_max as u64).max(MATCH_BITS_SHARE_MIN);
        Self {
            budget: MemoryBudget::new(usize::try_from(bytes).unwrap_or(usize::MAX)),
            match_bits_max: bytes / jobs,
            read_bytes: shares.read_bytes,
            space: DiskSpace::beside_state(
                &config.state_dir(),
                config.disk_limit.map(|limit| limit.as_u64()),
            ),
            jobs_dir: config.state_dir().join(JOBS_FOLDER),
        }
    }

    /// Bytes that the match bits of one job may take (Spec 09 §4).
    #[must_use]
    pub const fn match_bits_max(&self) -> u64 {
        self.match_bits_max
    }

    /// Takes memory for match bits, at most [`Self::match_bits_max`], until the grant is dropped.
    /// Lists that find too little left go to disk.
    #[must_use]
    pub fn take_match_bits(&self, bytes: u64) -> Grant {
        self.budget
            .take(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// Where and within what tables are made by SQL, in the folder `folder`: while it runs nothing else
    /// of its table is read, so it has the share of reading.
    #[must_use]
    pub fn sql_options(&self, folder: PathBuf) -> SqlOptions {
        SqlOptions {
            folder,
            memory_bytes: self.read_bytes,
            disk_bytes: self.space.limit(),
        }
    }

    /// Whether the file system of the state has `bytes` beside what lists were promised and what is
    /// left to the state.
    ///
    /// # Errors
    /// [`StoreError`] of the kind [`DiskFull`](psi_core::store::StoreErrorKind::DiskFull).
    pub fn check_disk(&self, bytes: u64) -> Result<(), StoreError> {
        self.space.check_disk(&self.jobs_dir, bytes)
    }

    /// [`Self::store`] for the frozen input of a job, with a promise of room of its own
    /// (Spec 10 §4): what the job writes later counts beside that promise, however little of it was
    /// needed.
    #[must_use]
    pub fn input_store(&self, job: &str, whose: Whose) -> Arc<dyn RecordStore> {
        self.store_of(&format!("{job}.input"), whose)
    }

    /// [`Self::store_of`] for this node's owner.
    #[must_use]
    pub fn store(&self, job: &str) -> Arc<dyn RecordStore> {
        self.store_of(job, Whose::Owner)
    }

    /// A store whose lists, where they outgrow memory, are kept in the folder `job`, which is
    /// removed with the last of them. They count in the share of the owner or peer that asked.
    #[must_use]
    pub fn store_of(&self, job: &str, whose: Whose) -> Arc<dyn RecordStore> {
        let runs = DiskRuns::new(&self.jobs_dir, job, self.space.clone(), whose);
        let lists = ExternalStore::new(Arc::new(runs), self.budget.clone());
        let lists = lists.with_threads(threads::list_threads());
        Arc::new(BackgroundStore::new(lists, self.budget.clone()))
    }
}

/// A name for the lists of a command that may run beside the daemon, such as `check`. It tells the
/// process, so that a daemon that starts meanwhile leaves them alone, and the time, so that a later
/// process with the same number takes another.
#[must_use]
pub fn place_of_this_process(what: &str) -> String {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos());
    format!("{what}-{}-{nanos}", std::process::id())
}

/// Removes what processes that are gone left in the folder of lists.
///
/// # Errors
/// The operating system's, with the path.
pub fn remove_stale(jobs_dir: &Path) -> Result<(), (PathBuf, io::Error)> {
    let failed = |path: &Path, e| (path.to_owned(), e);
    let entries = match fs::read_dir(jobs_dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| failed(jobs_dir, e))?,
    };
    for entry in entries {
        let entry = entry.map_err(|e| failed(jobs_dir, e))?;
        if belongs_to_a_live_process(&entry.file_name().to_string_lossy()) {
            continue;
        }
        match fs::remove_dir_all(entry.path()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&entry.path(), e));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a folder has a name of [`place_of_this_process`] whose process runs. The names of jobs
/// have no hyphen.
fn belongs_to_a_live_process(name: &str) -> bool {
    let mut parts = name.split('-');
    let process = parts.nth(1).and_then(|number| number.parse().ok());
    process
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|process| rustix::process::test_kill_process(process).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_of_processes_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = folder.path().join(JOBS_FOLDER);
        remove_stale(&jobs).unwrap();
        let own = place_of_this_process("check");
        // No process has the largest number that fits.
        let gone = format!("check-{}-1", i32::MAX);
        for name in [own.as_str(), gone.as_str(), "0123456789abcdef", "tables"] {
            fs::create_dir_all(jobs.join(name)).unwrap();
            fs::write(jobs.join(name).join("00000000.run"), b"x").unwrap();
        }
        remove_stale(&jobs).unwrap();
        let left: Vec<_> = fs::read_dir(&jobs)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(left, [own]);
    }
}
