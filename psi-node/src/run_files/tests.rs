//! Files and folders of lists: their modes, their end, and what happens when the disk is full.

use std::os::unix::fs::PermissionsExt as _;

use psi_core::store::{
    BackgroundStore, ExternalStore, MemoryBudget, RecordList, RecordStore, RecordWriter, Tuning,
};
use tempfile::TempDir;

/// What psi-core asks of every store.
#[path = "../../../psi-core/src/store/conformance.rs"]
mod conformance;

use super::*;
use crate::identity::NodeId;

const TINY: Tuning = Tuning {
    guaranteed_bytes: 4_000,
    small_list_bytes: 100,
    list_bytes_max: 8_000,
    merge_runs_max: 4,
    list_runs_max: 12,
    read_buffer_min: 256,
    read_buffer_max: 1_000,
};

fn runs(folder: &TempDir, job: &str, space: &DiskSpace) -> DiskRuns {
    runs_of(folder, job, space, Whose::Owner)
}

fn runs_of(folder: &TempDir, job: &str, space: &DiskSpace, whose: Whose) -> DiskRuns {
    DiskRuns::new(&folder.path().join("jobs"), job, space.clone(), whose)
}

fn store(runs: &DiskRuns) -> ExternalStore {
    ExternalStore::with_tuning(Arc::new(runs.clone()), MemoryBudget::new(0), TINY)
}

fn records() -> Vec<u8> {
    (0..1_000_u32)
        .flat_map(|n| [n.wrapping_mul(2_654_435_761).to_be_bytes(); 8].concat())
        .collect()
}

fn write(store: &ExternalStore) -> Result<Box<dyn RecordList>, StoreError> {
    let mut writer = store.unsorted(32)?;
    writer.push(&records())?;
    writer.finish()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn files(path: &Path) -> Vec<PathBuf> {
    fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn lists_on_disk_keep_the_promises_of_every_store() {
    let folder = TempDir::new().unwrap();
    let space = DiskSpace::new(None);
    let runs = runs(&folder, "1", &space);
    conformance::check(&store(&runs));
    conformance::check(&BackgroundStore::new(store(&runs), MemoryBudget::new(0)));
    assert!(space.peak() > 100_000, "nothing was on disk");
    assert_eq!((files(runs.path()).len(), space.used()), (0, 0));
}

#[test]
fn a_list_with_runs_is_read_in_order() {
    let folder = TempDir::new().unwrap();
    let runs = runs(&folder, "1", &DiskSpace::new(None));
    let list = write(&store(&runs)).unwrap();
    let mut read = Vec::new();
    list.reader().unwrap().next_batch(&mut read, 1_000).unwrap();
    let mut expected: Vec<[u8; 32]> = records().as_chunks().0.to_vec();
    expected.sort_unstable();
    assert!(read == expected.as_flattened());
}

#[test]
fn only_the_owner_can_read_lists_and_folder() {
    let folder = TempDir::new().unwrap();
    let runs = runs(&folder, "1", &DiskSpace::new(None));
    let list = write(&store(&runs)).unwrap();
    assert_eq!(mode(&folder.path().join("jobs")), 0o700);
    assert_eq!(mode(runs.path()), 0o700);
    let files = files(runs.path());
    assert!(!files.is_empty());
    assert!(files.iter().all(|file| mode(file) == 0o600));
    drop(list);
}

#[test]
fn files_go_with_their_list_and_the_folder_with_the_last_of_the_job() {
    let folder = TempDir::new().unwrap();
    let space = DiskSpace::new(None);
    let runs = runs(&folder, "1", &space);
    let path = runs.path().to_owned();
    let first = write(&store(&runs)).unwrap();
    let second = write(&store(&runs)).unwrap();
    assert_eq!(space.used(), 64_000);
    drop(first);
    assert_eq!(space.used(), 32_000);
    drop(runs);
    assert!(path.exists(), "a list lost its folder");
    assert!(second.reader().is_ok());
    drop(second);
    assert!(!path.exists());
    assert_eq!(space.used(), 0);
}

#[test]
fn a_job_does_not_take_the_folder_of_another() {
    let folder = TempDir::new().unwrap();
    let space = DiskSpace::new(None);
    let first = runs(&folder, "1", &space);
    let list = write(&store(&first)).unwrap();
    let again = runs(&folder, "1", &space);
    let error = write(&store(&again)).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Io);
    drop(again);
    assert!(first.path().exists(), "the folder of a running job is gone");
    assert!(list.reader().is_ok());
}

#[test]
fn a_job_whose_lists_stay_in_memory_has_no_folder() {
    let folder = TempDir::new().unwrap();
    let runs = runs(&folder, "1", &DiskSpace::new(None));
    let lists = ExternalStore::new(Arc::new(runs.clone()), MemoryBudget::new(1 << 24));
    let list = write(&lists).unwrap();
    assert_eq!(list.len(), 1_000);
    assert!(!folder.path().join("jobs").exists());
}

#[test]
fn a_full_disk_is_told_from_other_failures() {
    let folder = TempDir::new().unwrap();
    let runs = runs(&folder, "1", &DiskSpace::new(None));
    runs.folder.make().unwrap();
    // Every write to this device fails as on a full disk.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let path = runs.path().join("full");
    let mut writer = file::FileWriter::over(full, path.clone(), Arc::clone(&runs.folder));
    let error = writer.append(&[1; 10]).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::DiskFull);
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(remedy(error.kind).contains("free space"));

    for (number, kind) in [
        (28, StoreErrorKind::DiskFull),  // ENOSPC
        (122, StoreErrorKind::DiskFull), // EDQUOT
        (27, StoreErrorKind::DiskFull),  // EFBIG
        (5, StoreErrorKind::Io),         // EIO
        (13, StoreErrorKind::Io),        // EACCES
    ] {
        let error = failed("a test", &path, io::Error::from_raw_os_error(number));
        assert_eq!(error.kind, kind, "error {number}");
    }
}

#[test]
fn the_limit_holds_for_all_jobs_together_and_harms_no_list_that_is_written() {
    let folder = TempDir::new().unwrap();
    let space = DiskSpace::new(Some(100_000));
    let first = runs(&folder, "1", &space);
    let second = runs(&folder, "2", &space);
    let list = write(&store(&first)).unwrap();
    let mut kept = Vec::new();
    let error = loop {
        // Lists of the second job, until no room is left for the next.
        match write(&store(&second)) {
            Ok(list) => kept.push(list),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, StoreErrorKind::DiskLimit);
    assert!(!kept.is_empty(), "the limit is too low for this test");
    assert!(remedy(error.kind).contains("disk_limit"));
    assert!(space.peak() <= 100_000);
    let mut read = Vec::new();
    list.reader().unwrap().next_batch(&mut read, 2_000).unwrap();
    assert_eq!(read.len(), 32_000);
    drop(kept);
    assert!(write(&store(&second)).is_ok(), "no room after others left");
}

#[test]
fn a_file_that_was_cut_is_an_error_and_not_a_short_list() {
    let folder = TempDir::new().unwrap();
    let runs = runs(&folder, "1", &DiskSpace::new(None));
    let list = write(&store(&runs)).unwrap();
    for file in files(runs.path()) {
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_len(100).unwrap();
    }
    let error = list.reader().err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Io);
}

#[test]
fn room_that_a_job_was_promised_is_its_own_however_little_of_it_is_written() {
    let folder = TempDir::new().unwrap();
    let space = DiskSpace::new(Some(100_000));
    let (first, second) = (runs(&folder, "1", &space), runs(&folder, "2", &space));
    let promised = store(&first).reserve(70_000).unwrap();
    assert!(promised.is_something());
    // Written or not, it counts once; what is written beyond it counts as well.
    for lists in 0..3_u64 {
        let kept: Vec<_> = (0..lists).map(|_| write(&store(&first)).unwrap()).collect();
        assert_eq!(space.used(), 70_000.max(lists * 32_000));
        let error = store(&second).reserve(40_000).err().unwrap();
        assert_eq!(error.kind, StoreErrorKind::DiskLimit, "{lists} lists");
        drop(kept);
    }
    assert_eq!(space.used(), 70_000);
    let list = write(&store(&first)).unwrap();
    drop(promised);
    assert_eq!(space.used(), 32_000);
    let all = store(&second).reserve(68_000).unwrap();
    drop((list, all));
    assert_eq!(space.used(), 0);
}

#[test]
fn no_more_is_promised_than_the_disk_has() {
    let folder = TempDir::new().unwrap();
    let runs = runs(&folder, "1", &DiskSpace::new(None));
    let error = store(&runs).reserve(1 << 62).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::DiskFull);
    assert!(store(&runs).reserve(1_000).is_ok());
    assert!(!runs.path().exists(), "a promise makes nothing on disk");
}

#[test]
fn the_jobs_of_one_peer_have_half_of_the_disk_and_leave_the_rest_to_others() {
    let folder = TempDir::new().unwrap();
    let space = DiskSpace::new(Some(150_000));
    let (rude, other) = (NodeId([1; 32]), NodeId([2; 32]));
    let of = |job: &str, whose| store(&runs_of(&folder, job, &space, whose));
    let first = write(&of("1", Whose::Peer(rude))).unwrap();
    let refused = write(&of("2", Whose::Peer(rude))).err().unwrap();
    assert_eq!(refused.kind, StoreErrorKind::DiskLimit);
    assert!(refused.source.to_string().contains("75000"), "{refused}");
    let second = write(&of("3", Whose::Peer(other))).unwrap();
    let own = write(&of("4", Whose::Owner)).unwrap();
    drop(first);
    assert!(write(&of("5", Whose::Peer(rude))).is_ok());
    drop((second, own));
    assert_eq!(space.used(), 0);
}

#[test]
fn lists_leave_the_state_its_part_of_the_disk() {
    let folder = TempDir::new().unwrap();
    let free = rustix::fs::statvfs(folder.path()).unwrap();
    let free = free.f_bavail * free.f_frsize;
    let space = DiskSpace::beside_state(folder.path(), None);
    let runs = runs(&folder, "1", &space);
    // Others write meanwhile, so the figures are not those of one moment.
    let refused = store(&runs).reserve(free - (100 << 20)).err().unwrap();
    assert!(matches!(
        refused.kind,
        StoreErrorKind::DiskFull | StoreErrorKind::DiskLimit
    ));
    assert!(store(&runs).reserve(free / 4).is_ok());
}
