//! Sorting, spilling and merging lists of digests (32 bytes) and tags (11 bytes), per record.

#[path = "src/lists.rs"]
mod lists;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lists::{RECORDS, finished, random, read, spilling, written};
use psi_core::matching;
use psi_core::store::MemoryStore;

fn stores(criterion: &mut Criterion) {
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

criterion_group!(benches, stores);
criterion_main!(benches);
