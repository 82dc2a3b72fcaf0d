//! Every kernel of this machine on one thread: microseconds of CPU per point, and how many times
//! faster than the portable one. A table on standard error, one JSON document on standard output.

use clap::Parser;
use serde_json::json;

mod ratio;

/// Compares the kernels of this machine
#[derive(Debug, Parser)]
struct Arguments {
    /// Runs of 128 points for each kernel and path
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

fn main() {
    let runs = Arguments::parse().runs;
    let all = ratio::measure(runs as usize);
    eprint!("{}", ratio::table(&all));
    let cost = |cost: ratio::Cost, base: ratio::Cost| {
        json!({
            "min_us": cost.min,
            "median_us": cost.median,
            "min_ratio": base.min / cost.min,
            "median_ratio": base.median / cost.median,
        })
    };
    let kernels: Vec<_> = all
        .iter()
        .map(|costs| {
            json!({
                "kernel": costs.kernel,
                "encode_path": cost(costs.encode, all[0].encode),
                "evaluate_path": cost(costs.evaluate, all[0].evaluate),
            })
        })
        .collect();
    println!(
        "{:#}",
        json!({ "runs": runs, "points_per_run": ratio::POINTS, "kernels": kernels })
    );
}
