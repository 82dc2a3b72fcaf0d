//! Oblivious transfer for sums, per position and side, base transfers included.
//!
//! Both sides are deterministic, so each is measured against the messages of one run of the other.
//! What is measured is processor time of all threads, which other work on the machine disturbs less
//! than it does the clock.

use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use psi_core::Error;
use psi_core::kernel::portable::Portable;
use psi_core::ot::choices::Choices;
use psi_core::ot::{TransferSetup, Transferred, receiver, sender};
use psi_core::progress::Silent;
use psi_core::seed::JobSeed;
use psi_core::session::{Awaiting, Tools};
use psi_core::spec::JobId;
use psi_core::store::{MemoryStore, RecordList, RecordStore as _};
use rustix::time::{ClockId, clock_gettime};

const POSITIONS: u64 = 1 << 20;

/// Processor time of the process, of all its threads.
struct ProcessorTime;

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let nanos = u32::try_from(time.tv_nsec).expect("less than a second");
        Duration::new(time.tv_sec.unsigned_abs(), nanos)
    }

    fn end(&self, start: Duration) -> Duration {
        self.start().saturating_sub(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_secs_f64() * 1e9
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// What crosses the wire, in the order in which it does.
#[derive(Default)]
struct Wire {
    points: Vec<u8>,
    keys: Vec<u8>,
    columns: Vec<Vec<u8>>,
    check: Vec<u8>,
    corrections: Vec<Vec<u8>>,
}

fn tools() -> Tools {
    Tools {
        kernel: Arc::new(Portable),
        store: Arc::new(MemoryStore),
        progress: Arc::new(Silent),
    }
}

fn done<S, T>(awaiting: Result<Awaiting<S, T>, Error>) -> T {
    match awaiting {
        Ok(Awaiting::Done(next)) => next,
        _ => panic!("the run was recorded as a whole"),
    }
}

fn seed(side: u8) -> JobSeed {
    JobSeed::new([side; 32])
}

fn choices(setup: &TransferSetup) -> Choices {
    let mut choices = Choices::new(setup).expect("there is memory for the bits");
    for position in (0..POSITIONS).step_by(3) {
        choices.mark(0, position).expect("the position exists");
    }
    choices
}

fn payload(setup: &TransferSetup) -> Box<dyn RecordList> {
    let mut writer = MemoryStore.in_order(setup.row_bytes()).expect("a list");
    for position in 0..POSITIONS {
        let value = position.to_be_bytes().repeat(setup.components());
        writer.push(&value).expect("there is memory");
    }
    writer.finish().expect("a list")
}

/// The Sender's side against `wire`; `corrections` takes what it sends.
fn send(
    setup: TransferSetup,
    wire: &Wire,
    payload: &dyn RecordList,
    corrections: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<Transferred, Error> {
    let chosen = sender::choose(setup, &seed(2), tools());
    let mut state = Ok(Awaiting::More(chosen.state.handle(&wire.keys)?));
    for records in &wire.columns {
        let Ok(Awaiting::More(expect)) = state else {
            panic!("the run was recorded as a whole");
        };
        state = expect.handle(records);
    }
    done(state)
        .handle(&wire.check)?
        .correct(payload, corrections)
}

/// The Receiver's side against `wire`.
fn receive(choices: Choices, wire: &Wire) -> Result<Transferred, Error> {
    let answered = receiver::prepare(choices, &seed(1), tools()).handle(&wire.points)?;
    let extended = answered.state.send(&mut |_| Ok(()))?;
    let mut state = Ok(Awaiting::More(extended.state));
    for records in &wire.corrections {
        let Ok(Awaiting::More(expect)) = state else {
            panic!("the run was recorded as a whole");
        };
        state = expect.handle(records);
    }
    Ok(done(state))
}

fn record(setup: TransferSetup, payload: &dyn RecordList) -> Result<Wire, Error> {
    let mut wire = Wire {
        points: sender::choose(setup, &seed(2), tools()).message,
        ..Wire::default()
    };
    let answered = receiver::prepare(choices(&setup), &seed(1), tools()).handle(&wire.points)?;
    wire.keys = answered.message;
    let extended = answered.state.send(&mut |records| {
        wire.columns.push(records.to_vec());
        Ok(())
    })?;
    wire.check = extended.message;
    let mut corrections = Vec::new();
    send(setup, &wire, payload, &mut |records| {
        corrections.push(records.to_vec());
        Ok(())
    })?;
    wire.corrections = corrections;
    Ok(wire)
}

fn transfer(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("transfer");
    group.throughput(Throughput::Elements(POSITIONS));
    group.sample_size(10);
    for components in [1, 4, 16] {
        let setup =
            TransferSetup::new(JobId([7; 64]), 0, 1, POSITIONS, components).expect("a transfer");
        let payload = payload(&setup);
        let wire = record(setup, payload.as_ref()).expect("an honest run");
        group.bench_function(format!("sender/{components}"), |bencher| {
            bencher.iter(|| {
                send(setup, &wire, payload.as_ref(), &mut |_| Ok(())).expect("an honest run")
            });
        });
        group.bench_function(format!("receiver/{components}"), |bencher| {
            bencher.iter_batched(
                || choices(&setup),
                |choices| receive(choices, &wire).expect("an honest run"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = transfer
);
criterion_main!(benches);
