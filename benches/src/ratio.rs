//! What one point costs on each kernel, on one thread, in the CPU time of that thread.
//!
//! Used by `kernel_ratio` and by the benchmark `kernels`. The kernels take turns, so that a slower
//! or busier machine is slower for all of them. The minimum is what the code costs; the median is
//! what the machine gave at the time.

use std::hint::black_box;
use std::sync::Arc;

use psi_core::group::SecretScalar;
use psi_core::kernel::{Kernel, available};
use psi_core::seed::{JobSeed, Purpose};
use rustix::time::{ClockId, clock_gettime};

/// Points of one call: what a session asks for at a time.
pub(crate) const POINTS: usize = psi_core::kernel::batch::BATCH;

/// Inputs of both paths.
pub(crate) struct Inputs {
    digests: Vec<[u8; 32]>,
    points: Vec<[u8; 32]>,
    scalar: SecretScalar,
}

impl Inputs {
    /// The same for every run.
    pub(crate) fn new() -> Self {
        let digests: Vec<[u8; 32]> = (0..POINTS)
            .map(|n| [u8::try_from(n).unwrap_or(0); 32])
            .collect();
        let scalar = JobSeed::new([5; 32])
            .stream(Purpose::BlindingScalar, 0, 0)
            .scalar();
        let mut inputs = Self {
            digests,
            points: vec![[0; 32]; POINTS],
            scalar,
        };
        let mut points = vec![[0; 32]; POINTS];
        inputs.encode(available()[0].as_ref(), &mut points);
        inputs.points = points;
        inputs
    }

    /// `expand_message_xmd` alone.
    pub(crate) fn expand(&self, kernel: &dyn Kernel) -> Vec<[u8; 64]> {
        let mut uniform = vec![[0; 64]; POINTS];
        kernel.expand(b"psi/v1/text", &self.digests, &mut uniform);
        uniform
    }

    /// The path of an own identity: expand, map, multiply, encode.
    pub(crate) fn encode(&self, kernel: &dyn Kernel, out: &mut [[u8; 32]]) {
        kernel.map_mul_encode(&self.expand(kernel), &self.scalar, out);
    }

    /// The path of a peer's point: decode, multiply, encode.
    pub(crate) fn evaluate(&self, kernel: &dyn Kernel, out: &mut [[u8; 32]]) {
        kernel
            .decode_mul_encode(&self.points, &self.scalar, out)
            .expect("the points were encoded by a kernel");
    }
}

/// Microseconds per point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Of the least disturbed run.
    pub(crate) min: f64,
    /// Of the run in the middle.
    pub(crate) median: f64,
}

/// What one kernel costs.
pub(crate) struct Costs {
    /// The kernel's name.
    pub(crate) kernel: &'static str,
    /// Of the path of an own identity.
    pub(crate) encode: Cost,
    /// Of the path of a peer's point.
    pub(crate) evaluate: Cost,
}

/// Measures every kernel of this machine, the portable one first.
pub(crate) fn measure(runs: usize) -> Vec<Costs> {
    let inputs = Inputs::new();
    let kernels = available();
    let mut out = vec![[0; 32]; POINTS];
    let mut times = vec![[Vec::new(), Vec::new()]; kernels.len()];
    for _ in 0..runs {
        for (kernel, [encode, evaluate]) in kernels.iter().map(Arc::as_ref).zip(&mut times) {
            encode.push(cpu_micros(|| inputs.encode(kernel, black_box(&mut out))));
            evaluate.push(cpu_micros(|| inputs.evaluate(kernel, black_box(&mut out))));
        }
    }
    kernels
        .iter()
        .zip(times)
        .map(|(kernel, [encode, evaluate])| Costs {
            kernel: kernel.name(),
            encode: cost(encode),
            evaluate: cost(evaluate),
        })
        .collect()
}

/// A table of the costs, with the ratios to those of the first kernel.
pub(crate) fn table(all: &[Costs]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "us per point      encode path              evaluate path\n\
         kernel            min    median   ratio    min    median   ratio\n",
    );
    for costs in all {
        let (encode, evaluate) = (costs.encode, costs.evaluate);
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:<15} {:>6.2}  {:>6.2}  {:>6.2}   {:>6.2}  {:>6.2}  {:>6.2}",
            costs.kernel,
            encode.min,
            encode.median,
            all[0].encode.min / encode.min,
            evaluate.min,
            evaluate.median,
            all[0].evaluate.min / evaluate.min,
        );
    }
    text
}

fn cost(mut micros: Vec<f64>) -> Cost {
    micros.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let per_point = |index: usize| micros[index] / POINTS as f64;
    Cost {
        min: per_point(0),
        median: per_point(micros.len() / 2),
    }
}

fn cpu_micros(call: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 ns")]
        let nanos = (time.tv_sec * 1_000_000_000 + time.tv_nsec) as f64;
        nanos
    };
    let before = now();
    call();
    (now() - before) / 1000.0
}
