//! The group arithmetic of the bulk path, per point, on one thread.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use psi_core::group::{SecretScalar, hash_to_uniform};
use psi_core::kernel::Kernel;
use psi_core::kernel::portable::Portable;
use psi_core::seed::{JobSeed, Purpose};

const POINTS: usize = 128;

fn scalar() -> SecretScalar {
    JobSeed::new([5; 32])
        .stream(Purpose::BlindingScalar, 0, 0)
        .scalar()
}

fn kernels(criterion: &mut Criterion) {
    let digests: Vec<[u8; 32]> = (0..POINTS)
        .map(|n| [u8::try_from(n).unwrap_or(0); 32])
        .collect();
    let uniform: Vec<[u8; 64]> = digests
        .iter()
        .map(|digest| hash_to_uniform(b"psi/v1/text", digest))
        .collect();
    let k = scalar();
    let mut points = vec![[0; 32]; POINTS];
    Portable.map_mul_encode(&uniform, &k, &mut points);
    let mut out = vec![[0; 32]; POINTS];

    let mut group = criterion.benchmark_group(Portable.name());
    group.throughput(Throughput::Elements(POINTS as u64));
    group.bench_function("expand", |bencher| {
        bencher.iter(|| {
            digests
                .iter()
                .map(|digest| hash_to_uniform(b"psi/v1/text", digest))
                .collect::<Vec<_>>()
        });
    });
    group.bench_function("map_mul_encode", |bencher| {
        bencher.iter(|| Portable.map_mul_encode(&uniform, &k, &mut out));
    });
    group.bench_function("decode_mul_encode", |bencher| {
        bencher.iter(|| Portable.decode_mul_encode(&points, &k, &mut out));
    });
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
