//! How fast this node multiplies: a short measurement of the kernel, just before it is needed.
//!
//! Measured anew each time, on all threads of the pool that jobs use, so that it knows what else
//! the machine is doing. Touches no data and no secret of a job.

use std::sync::Arc;
use std::time::Instant;

use psi_core::group::SecretScalar;
use psi_core::kernel::{Kernel, batch};
use serde::{Deserialize, Serialize};

use crate::job::failure::Failure;
use crate::job::link::compute;

/// Points of one measurement: a tenth of a second on a slow processor.
const POINTS: usize = 2048;

/// How fast this node multiplies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Multiplications a second, hashing and encoding included, over all threads.
    pub multiplications_per_second: f64,
    /// The kernel.
    pub kernel: String,
    /// Threads that it ran on.
    pub threads: usize,
}

/// Measures for a moment.
pub(super) async fn measure(kernel: Arc<dyn Kernel>) -> Result<Rate, Failure> {
    compute(move || {
        let scalar = SecretScalar::from_wide_bytes(&[7; 64])
            .ok_or(psi_core::Error::ApiMisuse("a fixed scalar is not zero"))?;
        let uniform: Vec<[u8; 64]> = (0..POINTS).map(input).collect();
        let mut out = vec![[0; 32]; POINTS];
        let mut run = || {
            let start = Instant::now();
            batch::map_mul_encode(kernel.as_ref(), &uniform, &scalar, &mut out);
            start.elapsed()
        };
        // The first warms caches and clocks.
        let seconds = run().min(run()).as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a few thousand is exact in a double"
        )]
        let points = POINTS as f64;
        Ok(Rate {
            multiplications_per_second: points / seconds.max(1e-9),
            kernel: kernel.name().to_owned(),
            threads: rayon::current_num_threads(),
        })
    })
    .await
}

fn input(number: usize) -> [u8; 64] {
    let mut bytes = [0x5a; 64];
    for (byte, source) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = source;
    }
    bytes
}
