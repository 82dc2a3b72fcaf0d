//! What each stage of a match costs by itself, and which of them limits a machine of more cores.
//!
//! Every stage runs alone, over 2^20 random records in memory or in sixteen runs; its cost is the
//! processor time of all threads, least of some repetitions, so that work beside it disturbs little.
//! A stage that spreads over all cores takes that time divided by their number, one that does not
//! takes all of it. Reading files, and the connection, are not in it: the whole program must run for
//! them, and `docs/performance/sizing.md` says what was measured of their threads.

mod lists;

use std::hint::black_box;
use std::time::Duration;

use clap::Parser;
use lists::{RECORDS, finished, random, read, spilling, written};
use psi_core::group::SecretScalar;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use psi_core::kernel::batch::{self, BATCH};
use psi_core::kernel::{Choice, Kernel, select};
use psi_core::list::{RecordCodec as _, Rice};
use psi_core::matching;
use psi_core::seed::{JobSeed, Purpose};
use psi_core::spec::JobId;
use psi_core::store::MemoryStore;
use psi_core::tag::tags;
use rustix::time::{ClockId, clock_gettime};

/// Measures each stage of a match by itself
#[derive(Debug, Parser)]
struct Arguments {
    /// Repetitions, of which the quickest counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// The kernel
    #[arg(long, default_value = "auto")]
    kernel: Choice,
}

/// Bytes of a tag where both sides have a million identities.
const TAG: usize = 11;
/// Elements that the stages of group arithmetic are measured on.
const POINTS: usize = 1 << 15;

/// Over how many threads a stage spreads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    /// All cores.
    Cores,
    /// One thread for each list.
    One,
}

struct Stage {
    what: &'static str,
    spread: Spread,
    nanos: f64,
}

fn main() {
    let arguments = Arguments::parse();
    let kernel = match select(arguments.kernel) {
        Ok(kernel) => kernel,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let repeat = arguments.repeat;
    let mut stages = arithmetic(kernel.as_ref(), repeat);
    stages.extend(of_lists(repeat));
    println!(
        "Kernel {}, {RECORDS} records, least of {repeat}.\n",
        kernel.name()
    );
    println!(
        "| stage | spreads over | ns a record | records/s, one thread | 8 cores | 16 cores | 32 cores |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for stage in &stages {
        let on = |cores: f64| match stage.spread {
            Spread::Cores => cores * 1e3 / stage.nanos,
            Spread::One => 1e3 / stage.nanos,
        };
        let spread = match stage.spread {
            Spread::Cores => "all cores",
            Spread::One => "one thread a list",
        };
        println!(
            "| {} | {spread} | {:.1} | {:.2} M | {:.2} M | {:.2} M | {:.2} M |",
            stage.what,
            stage.nanos,
            on(1.0),
            on(8.0),
            on(16.0),
            on(32.0)
        );
    }
}

/// What the kernel does.
fn arithmetic(kernel: &dyn Kernel, repeat: u32) -> Vec<Stage> {
    let stage = |what, nanos| Stage {
        what,
        spread: Spread::Cores,
        nanos,
    };
    let scalar: SecretScalar = JobSeed::new([5; 32])
        .stream(Purpose::BlindingScalar, 0, 0)
        .scalar();
    let records = random(32, 1);
    let (digests, _) = records.as_chunks::<32>();
    let (digests, _) = digests.split_at(POINTS);
    let mut points = vec![[0; 32]; POINTS];
    let mut out = points.clone();
    let mut tagged = Vec::new();
    let texts: Vec<String> = (0..POINTS).map(|number| format!("{number:064x}")).collect();
    let mut hasher = IdentityHasher::new(&[IdentifierKind::Hex]);
    vec![
        stage(
            "normalise and digest 64 hexadecimal digits",
            least(repeat, POINTS, || {
                for texts in texts.chunks(BATCH) {
                    let rows = texts.iter().map(|text| [Some(text)]);
                    hasher.digests(kernel, rows).for_each(|digest| {
                        black_box(digest);
                    });
                }
            }),
        ),
        stage(
            "hash to the group, multiply, encode",
            least(repeat, POINTS, || {
                batch::hash_mul_encode(kernel, b"psi/v1/hex", digests, &scalar, &mut points);
            }),
        ),
        stage(
            "decode, multiply, encode",
            least(repeat, POINTS, || {
                batch::decode_mul_encode(kernel, &points, &scalar, &mut out)
                    .expect("the points were encoded by this kernel");
            }),
        ),
        stage(
            "tags of points",
            least(repeat, POINTS, || {
                tags(kernel, &JobId([7; 64]), 0, &out, TAG, &mut tagged);
            }),
        ),
    ]
}

/// What is done with lists.
fn of_lists(repeat: u32) -> Vec<Stage> {
    let mut stages = Vec::new();
    for (width, names) in [
        (
            32,
            [
                "points: sort in memory",
                "points: sort and write 16 runs",
                "points: merge 16 runs",
                "points: encode for the wire",
                "points: decode",
            ],
        ),
        (
            TAG,
            [
                "tags: sort in memory",
                "tags: sort and write 16 runs",
                "tags: merge 16 runs",
                "tags: encode for the wire",
                "tags: decode",
            ],
        ),
    ] {
        let records = random(width, 1);
        let mut add = |what, spread, nanos| {
            stages.push(Stage {
                what,
                spread,
                nanos,
            });
        };
        let [sort, spill, merge, encode, decode] = names;
        let copy = least(repeat, RECORDS, || {
            black_box(written(&MemoryStore, width, &records));
        });
        let whole = least(repeat, RECORDS, || {
            black_box(finished(&MemoryStore, width, &records));
        });
        add(sort, Spread::Cores, whole - copy);
        let store = spilling(width);
        let nanos = least(repeat, RECORDS, || {
            black_box(finished(&store, width, &records));
        });
        add(spill, Spread::One, nanos);
        let list = finished(&store, width, &records);
        add(
            merge,
            Spread::One,
            least(repeat, RECORDS, || read(list.as_ref())),
        );
        let mut sorted = Vec::new();
        let in_memory = finished(&MemoryStore, width, &records);
        let mut reader = in_memory.reader().expect("a list can be read");
        reader
            .next_batch(&mut sorted, RECORDS)
            .expect("a list can be read");
        let mut bytes = Vec::with_capacity(2 * sorted.len());
        let nanos = least(repeat, RECORDS, || {
            bytes.clear();
            let mut encoder = Rice
                .encoder(width, RECORDS as u64)
                .expect("the codec serves this width");
            encoder
                .encode(&sorted, &mut bytes)
                .and_then(|()| encoder.finish(&mut bytes))
                .expect("distinct records in ascending order");
        });
        add(encode, Spread::One, nanos);
        let mut out = Vec::with_capacity(2 * sorted.len());
        let nanos = least(repeat, RECORDS, || {
            out.clear();
            let mut decoder = Rice
                .decoder(width, RECORDS as u64)
                .expect("the codec serves this width");
            decoder
                .decode(&bytes, &mut out)
                .expect("what the encoder wrote");
        });
        add(decode, Spread::One, nanos);
        if width == TAG {
            let list = finished(&MemoryStore, width, &records);
            let other = finished(&MemoryStore, width, &random(width, 2));
            let nanos = least(repeat, RECORDS, || {
                matching::merge(list.as_ref(), other.as_ref(), |_| {}).expect("lists can be read");
            });
            add("match two lists of tags", Spread::One, nanos);
        }
    }
    stages
}

/// Nanoseconds of processor time for each of `records`, the least of all repetitions.
fn least(repeat: u32, records: usize, mut stage: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..repeat {
        let start = processor_time();
        stage();
        let spent = processor_time().saturating_sub(start);
        least = least.min(spent.as_secs_f64());
    }
    let records = u32::try_from(records).unwrap_or(u32::MAX);
    least * 1e9 / f64::from(records)
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}
