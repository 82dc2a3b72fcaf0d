//! The codec of lists on the wire, per record, on one thread.

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use psi_core::list::{RecordCodec as _, Rice};
use psi_core::seed::{JobSeed, Purpose};

/// Few enough that a run is short, so that the median says something on a machine that is not idle.
const RECORDS: usize = 10_000;

/// Random records in ascending order, one after the other.
fn sorted(width: usize) -> Vec<u8> {
    let mut bytes = vec![0; RECORDS * width];
    JobSeed::new([5; 32])
        .stream(Purpose::Filler, 0, 0)
        .fill(&mut bytes);
    let mut records: Vec<&[u8]> = bytes.chunks_exact(width).collect();
    records.sort_unstable();
    records.concat()
}

fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rice");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.sampling_mode(SamplingMode::Flat);
    group.sample_size(1000);
    group.measurement_time(Duration::from_secs(1));
    // Tags of a list of a million, and points.
    for width in [11, 32] {
        let records = sorted(width);
        let encode = |out: &mut Vec<u8>| {
            let mut encoder = Rice.encoder(width, RECORDS as u64)?;
            encoder.encode(&records, out)?;
            encoder.finish(out)
        };
        let mut bytes = Vec::new();
        encode(&mut bytes).expect("distinct records in ascending order");
        println!(
            "{RECORDS} records of {width} bytes in {} bytes instead of {}",
            bytes.len(),
            records.len()
        );
        let mut out = Vec::with_capacity(2 * records.len());
        group.bench_function(format!("encode/{width}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                encode(&mut out)
            });
        });
        group.bench_function(format!("decode/{width}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                let mut decoder = Rice.decoder(width, RECORDS as u64)?;
                decoder.decode(&bytes, &mut out)?;
                decoder.finish()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
