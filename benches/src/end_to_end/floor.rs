//! The kernel floor: what the group arithmetic of a job costs by itself.
//!
//! A job of `n1` records on the Receiver's side and `n2` on the Sender's must hash and multiply
//! each of them once (`expand` and `map_mul_encode`, `n1 + n2` times), and decode and
//! multiply each of the Receiver's points twice more (`decode_mul_encode`, `2 * n1` times; Spec 04
//! §1). The floor is the processor time of exactly these calls, in batches of the size that the
//! sessions use, over data that stays in the cache, with as many threads as there are processors.
//! It contains no file, no digest of an identifier, no sort, no copy, no network and no encryption
//! of a connection; nor the canaries, which are at most 1024 of the Receiver's points.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use psi_core::group::SecretScalar;
use psi_core::kernel::batch::BATCH;
use psi_core::kernel::{Kernel, available};
use psi_core::seed::{JobSeed, Purpose};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::proc::cores;
use crate::size::float;

/// A kernel that every thread can use.
pub(crate) type SharedKernel = Arc<dyn Kernel>;

/// The kernels that this machine can run, the slowest first.
pub(crate) fn kernels() -> Vec<SharedKernel> {
    available()
}

/// Processor microseconds of one call for one element.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Floor {
    /// `expand` and `map_mul_encode`.
    pub(crate) map_us: f64,
    /// `decode_mul_encode`.
    pub(crate) decode_us: f64,
}

impl Floor {
    /// Measures for about so many seconds of wall time, with all processors busy.
    pub(crate) fn measure(kernel: &SharedKernel, seconds: f64) -> Outcome<Self> {
        let until = Instant::now() + Duration::from_secs_f64(seconds);
        let threads: Vec<_> = (0..cores())
            .map(|number| {
                let kernel = Arc::clone(kernel);
                thread::spawn(move || work(kernel.as_ref(), number, until))
            })
            .collect();
        let mut sum = Spent::default();
        for thread in threads {
            let spent = thread
                .join()
                .map_err(|_| Failure::other("a thread of the floor's measurement panicked"))?;
            sum.elements += spent.elements;
            sum.map += spent.map;
            sum.decode += spent.decode;
        }
        let elements = float(sum.elements);
        Ok(Self {
            map_us: sum.map.as_secs_f64() * 1e6 / elements,
            decode_us: sum.decode.as_secs_f64() * 1e6 / elements,
        })
    }

    pub(crate) fn mean(self, other: Self) -> Self {
        Self {
            map_us: f64::midpoint(self.map_us, other.map_us),
            decode_us: f64::midpoint(self.decode_us, other.decode_us),
        }
    }

    /// Processor microseconds for each of the `receiver + sender` elements of a job.
    pub(crate) fn us_per_element(self, receiver: u64, sender: u64) -> f64 {
        let elements = float(receiver + sender);
        self.map_us + self.decode_us * 2.0 * float(receiver) / elements
    }
}

/// What one thread did.
#[derive(Default)]
struct Spent {
    elements: u64,
    map: Duration,
    decode: Duration,
}

fn work(kernel: &dyn Kernel, thread: u64, until: Instant) -> Spent {
    let scalar = |purpose| -> SecretScalar { JobSeed::new([7; 32]).stream(purpose, 0, 0).scalar() };
    let first = scalar(Purpose::BlindingScalar);
    let second = scalar(Purpose::SenderScalar);
    let mut digests = [[0; 32]; BATCH];
    let mut uniform = [[0; 64]; BATCH];
    let mut points = [[0; 32]; BATCH];
    let mut again = [[0; 32]; BATCH];
    let mut spent = Spent::default();
    // At least once, however short the time is.
    loop {
        let started = thread_cpu();
        for (digest, number) in digests.iter_mut().zip(spent.elements..) {
            digest[..8].copy_from_slice(&thread.to_le_bytes());
            digest[8..16].copy_from_slice(&number.to_le_bytes());
        }
        kernel.expand(b"psi/v1/hex", &digests, &mut uniform);
        kernel.map_mul_encode(&uniform, &first, &mut points);
        let mapped = thread_cpu();
        kernel
            .decode_mul_encode(&points, &second, &mut again)
            .expect("a kernel decodes what it encoded");
        let decoded = thread_cpu();
        spent.map += mapped.saturating_sub(started);
        spent.decode += decoded.saturating_sub(mapped);
        spent.elements += BATCH as u64;
        if Instant::now() >= until {
            return spent;
        }
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_a_floor_and_a_name_of_its_own() {
        let mut names: Vec<&str> = Vec::new();
        for kernel in kernels() {
            assert!(!names.contains(&kernel.name()));
            names.push(kernel.name());
            let floor = Floor::measure(&kernel, 0.0).unwrap();
            assert!(floor.map_us > 0.0 && floor.decode_us > 0.0, "{floor:?}");
        }
    }

    #[test]
    fn a_small_receiver_spares_two_of_the_three_multiplications_of_the_sender() {
        let floor = Floor {
            map_us: 3.0,
            decode_us: 2.0,
        };
        // Per pair two maps and two decodes.
        assert!((floor.us_per_element(10, 10) - 5.0).abs() < 1e-9);
        assert!((floor.us_per_element(1, 99) - (3.0 + 2.0 * 0.02)).abs() < 1e-9);
    }
}
