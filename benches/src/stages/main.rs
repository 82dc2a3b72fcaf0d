//! What each stage of a match costs by itself, and which of them limits a machine of more cores.
//!
//! Every stage runs alone; its cost is processor time, least of some repetitions, so that work beside
//! it disturbs little. A stage that spreads over all cores takes that time divided by their number, one
//! that does not takes all of it. The lists have 2^20 random records, in memory or in sixteen runs; the
//! file as many rows; the connection is one stream over loopback.

mod arithmetic;
mod connection;
#[path = "../end_to_end/data.rs"]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the end-to-end measurement makes other tables too"
    )
)]
mod data;
#[path = "../end_to_end/failure.rs"]
#[expect(dead_code, reason = "as `data`, to which it belongs")]
mod failure;
mod file;
#[path = "../lists.rs"]
mod lists;
mod of_lists;
mod stage;

use std::time::Duration;

use clap::Parser;
use lists::RECORDS;
use psi_core::kernel::{Choice, select};
use rustix::time::{ClockId, clock_gettime};
use stage::{Spread, Stage};

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
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("the system gives what a runtime needs");
    let table = runtime.block_on(file::Table::make(&kernel));
    let reading = Stage::new(
        "read a Parquet file of 64 hexadecimal digits, normalise, digest",
        Spread::Files,
        least(repeat, file::ROWS, || runtime.block_on(table.read())),
    );
    let mut stages = vec![reading];
    stages.extend(arithmetic::stages(kernel.as_ref(), repeat));
    stages.extend(of_lists::stages(repeat));
    let (send, receive) = (0..repeat)
        .map(|_| connection::nanos_a_byte())
        .fold((f64::INFINITY, f64::INFINITY), |least, now| {
            (least.0.min(now.0), least.1.min(now.1))
        });
    let bytes = of_lists::coded_point_bytes();
    let of_points = |what, nanos| Stage::new(what, Spread::One, nanos * bytes);
    stages.push(of_points("connection: send coded points", send));
    stages.push(of_points("connection: receive them", receive));
    println!(
        "Kernel {}, {RECORDS} records, least of {repeat}.\n",
        kernel.name()
    );
    stage::print(&stages);
}

/// Nanoseconds of processor time for each of `records`, the least of all repetitions.
fn least(repeat: u32, records: usize, mut stage: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..repeat {
        let start = clock(ClockId::ProcessCPUTime);
        stage();
        let spent = clock(ClockId::ProcessCPUTime).saturating_sub(start);
        least = least.min(spent.as_secs_f64());
    }
    let records = u32::try_from(records).unwrap_or(u32::MAX);
    least * 1e9 / f64::from(records)
}

fn clock(which: ClockId) -> Duration {
    let time = clock_gettime(which);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}
