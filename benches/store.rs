//! Sorting, spilling and merging lists of digests (32 bytes) and tags (11 bytes), per record.
//!
//! Runs are files without a name in the folder for temporary files; at these sizes they stay in the
//! system's cache.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use psi_core::matching;
use psi_core::seed::{JobSeed, Purpose};
use psi_core::store::{
    ExternalStore, MemoryBudget, MemoryStore, RecordList, RecordStore, RecordWriter, Run,
    RunStorage, RunWriter, StoreError, StoreErrorKind, Tuning,
};

const RECORDS: usize = 1 << 20;
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

impl RunStorage for Files {
    fn create(&self) -> Result<Box<dyn RunWriter>, StoreError> {
        let file = tempfile::tempfile().map_err(failed)?;
        Ok(Box::new(RunFile { file, bytes: 0 }))
    }
}

impl RunWriter for RunFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(failed)
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Run>, StoreError> {
        Ok(self)
    }
}

impl Run for RunFile {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        self.file.read_exact_at(out, offset).map_err(failed)
    }
}

fn spilling(width: usize) -> ExternalStore {
    let budget = MemoryBudget::new(0);
    let bytes = RECORDS / RUNS * width;
    let tuning = Tuning {
        guaranteed_bytes: bytes,
        list_bytes_max: bytes,
        ..Tuning::of(&budget)
    };
    ExternalStore::with_tuning(Arc::new(Files), budget, tuning)
}

fn written(store: &dyn RecordStore, width: usize, records: &[u8]) -> Box<dyn RecordWriter> {
    let mut writer = store.unsorted(width).expect("a list can be made");
    for batch in records.chunks(BATCH * width) {
        writer.push(batch).expect("records can be kept");
    }
    writer
}

fn finished(store: &dyn RecordStore, width: usize, records: &[u8]) -> Box<dyn RecordList> {
    written(store, width, records)
        .finish()
        .expect("a list can be finished")
}

fn read(list: &dyn RecordList) {
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

fn random(width: usize, part: u8) -> Vec<u8> {
    let mut records = vec![0; RECORDS * width];
    JobSeed::new([part; 32])
        .stream(Purpose::Filler, 0, 0)
        .fill(&mut records);
    records
}

fn lists(criterion: &mut Criterion) {
    for width in [32, 11] {
        let records = random(width, 1);
        let mut group = criterion.benchmark_group(format!("store/{width}"));
        group.throughput(Throughput::Elements(RECORDS as u64));
        group.sample_size(10);
        group.bench_function("sort in memory", |bencher| {
            bencher.iter_batched(
                || written(&MemoryStore, width, &records),
                |writer| writer.finish().expect("a list can be finished"),
                BatchSize::PerIteration,
            );
        });
        let store = spilling(width);
        group.bench_function("write with spilling", |bencher| {
            bencher.iter(|| finished(&store, width, &records));
        });
        let list = finished(&store, width, &records);
        group.bench_function("read 16 runs", |bencher| bencher.iter(|| read(&*list)));
        let list = finished(&MemoryStore, width, &records);
        group.bench_function("read from memory", |bencher| {
            bencher.iter(|| read(&*list));
        });
        group.bench_function("match in memory", |bencher| {
            let other = finished(&MemoryStore, width, &random(width, 2));
            bencher.iter(|| matching::merge(&*list, &*other, |_| {}).expect("lists can be read"));
        });
        group.finish();
    }
}

criterion_group!(benches, lists);
criterion_main!(benches);
