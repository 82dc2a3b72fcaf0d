//! Lists of random records for measurements, in memory and in runs.
//!
//! Runs are files without a name in the folder for temporary files; at these sizes they stay in the
//! system's cache. Used by the benchmark `store` and by `stages`.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use psi_core::seed::{JobSeed, Purpose};
use psi_core::store::{
    ExternalStore, MemoryBudget, RecordList, RecordStore, RecordWriter, SortedRun,
    SortedRunStorage, SortedRunWriter, StoreError, StoreErrorKind, Tuning,
};

/// Records of a list.
pub(crate) const RECORDS: usize = 1 << 20;
/// Runs of a list that spills.
const RUNS: usize = 16;
/// Records pushed and read at a time.
const BATCH: usize = 4096;

fn failed(source: std::io::Error) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Io,
        what: "benchmark",
        source: source.into(),
    }
}

struct Files;

struct RunFile {
    file: File,
    bytes: u64,
}

impl SortedRunStorage for Files {
    fn create(&self) -> Result<Box<dyn SortedRunWriter>, StoreError> {
        let file = tempfile::tempfile().map_err(failed)?;
        Ok(Box::new(RunFile { file, bytes: 0 }))
    }
}

impl SortedRunWriter for RunFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(failed)
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn SortedRun>, StoreError> {
        Ok(self)
    }
}

impl SortedRun for RunFile {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        self.file.read_exact_at(out, offset).map_err(failed)
    }
}

/// A store that keeps a list in sixteen runs.
pub(crate) fn spilling(width: usize) -> ExternalStore {
    let budget = MemoryBudget::new(0);
    let bytes = RECORDS / RUNS * width;
    let tuning = Tuning {
        guaranteed_bytes: bytes,
        list_bytes_max: bytes,
        ..Tuning::of(&budget)
    };
    ExternalStore::with_tuning(Arc::new(Files), budget, tuning)
}

/// All records in a list that is not sorted yet.
pub(crate) fn written(
    store: &dyn RecordStore,
    width: usize,
    records: &[u8],
) -> Box<dyn RecordWriter> {
    let mut writer = store.unsorted(width).expect("a list can be made");
    for batch in records.chunks(BATCH * width) {
        writer.push(batch).expect("records can be kept");
    }
    writer
}

/// All records in a sorted list.
pub(crate) fn finished(
    store: &dyn RecordStore,
    width: usize,
    records: &[u8],
) -> Box<dyn RecordList> {
    written(store, width, records)
        .finish()
        .expect("a list can be finished")
}

/// Reads a list from front to back.
pub(crate) fn read(list: &dyn RecordList) {
    let mut reader = list.reader().expect("a list can be read");
    let mut batch = Vec::new();
    loop {
        reader
            .next_batch(&mut batch, BATCH)
            .expect("a list can be read");
        if batch.is_empty() {
            break;
        }
        black_box(&batch);
    }
}

/// Random records, other ones for each `part`.
pub(crate) fn random(width: usize, part: u8) -> Vec<u8> {
    let mut records = vec![0; RECORDS * width];
    JobSeed::new([part; 32])
        .stream(Purpose::Filler, 0, 0)
        .fill(&mut records);
    records
}
