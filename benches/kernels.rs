//! The group arithmetic of the bulk path, per point, on one thread: every kernel of this machine in
//! one process, and the ratios of their CPU times.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use psi_core::kernel::available;

#[path = "src/ratio.rs"]
mod ratio;

/// Runs for the table of ratios.
const RATIO_RUNS: usize = 200;

fn kernels(criterion: &mut Criterion) {
    let inputs = ratio::Inputs::new();
    let mut out = vec![[0; 32]; ratio::POINTS];
    for kernel in available() {
        let mut group = criterion.benchmark_group(kernel.name());
        group.throughput(Throughput::Elements(ratio::POINTS as u64));
        group.bench_function("expand_map_mul_encode", |bencher| {
            bencher.iter(|| inputs.encode(kernel.as_ref(), &mut out));
        });
        group.bench_function("expand", |bencher| {
            bencher.iter(|| inputs.expand(kernel.as_ref()));
        });
        group.bench_function("decode_mul_encode", |bencher| {
            bencher.iter(|| inputs.evaluate(kernel.as_ref(), &mut out));
        });
        group.finish();
    }
    print!("{}", ratio::table(&ratio::measure(RATIO_RUNS)));
}

criterion_group!(benches, kernels);
criterion_main!(benches);
