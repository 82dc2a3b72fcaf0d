//! Does the time of a kernel tell anything of the secret scalar? A measurement on demand, in the
//! manner of O. Reparaz, J. Balasch and I. Verbauwhede, "Dude, is my code constant time?" (DATE
//! 2017); nothing that a test could assert.
//!
//! Steps: 1. for each measurement draw one of two classes, a fixed scalar or a random one; 2. time
//! a call on the same points; 3. over all measurements below several percentiles, compare the
//! classes with Welch's t-test. A |t| above 4.5 says that the classes differ. One far below says
//! only that so many measurements did not show a difference. A control that picks table entries by
//! branching and indexing shows that the measurement can see what it looks for.
//!
//! `cargo bench -p psi-benches --bench timing [-- MEASUREMENTS]`

use std::hint::black_box;
use std::time::Instant;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::traits::Identity as _;
use psi_core::group::{Element, SecretScalar};
use psi_core::kernel::available;

/// From here on a difference is taken for real.
const THRESHOLD: f64 = 4.5;
/// Measurements of each pair of classes, unless asked otherwise.
const MEASUREMENTS: usize = 40_000;
/// Points of one call: few, so that little else is in the time, but a whole vector for every kernel.
const POINTS: usize = 8;
/// Slow measurements are the machine's doing; each of these shares of the fast ones is tested.
const KEPT_PERCENT: [usize; 5] = [100, 90, 75, 50, 25];

/// A weak generator: it draws classes and scalars that need not be secret.
struct Draws(u64);

impl Draws {
    fn word(&mut self) -> u64 {
        // splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    /// A canonical scalar: any number of 252 bits.
    fn scalar(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for word in bytes.as_chunks_mut::<8>().0 {
            *word = self.word().to_le_bytes();
        }
        bytes[31] &= 0x0f;
        bytes
    }
}

fn points(draws: &mut Draws) -> Vec<[u8; 32]> {
    let mut point = || {
        let mut uniform = [0; 64];
        for word in uniform.as_chunks_mut::<8>().0 {
            *word = draws.word().to_le_bytes();
        }
        Element::from_uniform_bytes(&uniform).encode()
    };
    (0..POINTS).map(|_| point()).collect()
}

/// The same work with a selection that is not constant-time: additions of zero are left out, and
/// the digit is an index.
fn control(points: &[[u8; 32]], scalar: &[u8; 32]) {
    for bytes in points {
        let point = CompressedRistretto(*bytes)
            .decompress()
            .expect("the points were encoded by the group");
        let mut table = [RistrettoPoint::identity(); 16];
        for i in 1..table.len() {
            table[i] = table[i - 1] + point;
        }
        let mut sum = RistrettoPoint::identity();
        for byte in scalar.iter().rev() {
            for digit in [byte >> 4, byte & 15] {
                for _ in 0..4 {
                    sum += sum;
                }
                if digit != 0 {
                    sum += table[usize::from(digit)];
                }
            }
        }
        black_box(sum.compress());
    }
}

/// The largest |t| over all shares of the fast measurements.
fn largest_t(times: &[(bool, f64)]) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|(_, nanos)| *nanos).collect();
    sorted.sort_by(f64::total_cmp);
    KEPT_PERCENT
        .iter()
        .map(|percent| {
            let limit = sorted[(sorted.len() - 1) * percent / 100];
            let class = |fixed| {
                times
                    .iter()
                    .filter(move |(class, nanos)| *class == fixed && *nanos <= limit)
                    .map(|(_, nanos)| *nanos)
            };
            let (mean_a, error_a) = mean_and_squared_error(class(true));
            let (mean_b, error_b) = mean_and_squared_error(class(false));
            ((mean_a - mean_b) / (error_a + error_b).sqrt()).abs()
        })
        .fold(0.0, f64::max)
}

/// The mean, and the variance divided by the number.
fn mean_and_squared_error(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut number, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        number += 1.0;
        let distance = value - mean;
        mean += distance / number;
        squares += distance * (value - mean);
    }
    (mean, squares / (number - 1.0) / number)
}

/// Times `call` on a fixed and on random scalars in random order.
fn compare(measurements: usize, fixed: &[u8; 32], mut call: impl FnMut(&[u8; 32])) -> f64 {
    let mut draws = Draws(7);
    let mut times = Vec::with_capacity(measurements);
    for _ in 0..measurements {
        let is_fixed = draws.word() & 1 == 0;
        // Both classes take the same steps up to here.
        let random = draws.scalar();
        let mut scalar = [0; 32];
        for ((byte, fixed), random) in scalar.iter_mut().zip(fixed).zip(random) {
            let mask = u8::from(is_fixed).wrapping_neg();
            *byte = fixed & mask | random & !mask;
        }
        let start = Instant::now();
        call(black_box(&scalar));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 ns")]
        times.push((is_fixed, start.elapsed().as_nanos() as f64));
    }
    // The first tenth warms up.
    largest_t(&times[measurements / 10..])
}

fn main() {
    let measurements = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(MEASUREMENTS)
        .max(1000);
    let points = points(&mut Draws(3));
    // Kernels work with the digits of k / 2.
    let mut two = [0; 32];
    two[0] = 2;
    let mut eights = [0x10; 32];
    eights[1..31].fill(0x11);
    eights[31] = 0x01;
    let classes = [("k = 2, digits of zero", two), ("digits of eight", eights)];
    println!("{measurements} measurements of {POINTS} points each; |t| above {THRESHOLD} differs");
    for kernel in available() {
        for (name, fixed) in &classes {
            let mut out = vec![[0; 32]; POINTS];
            let t = compare(measurements, fixed, |scalar| {
                let k = SecretScalar::from_canonical_bytes(*scalar)
                    .expect("numbers of 252 bits that are not zero");
                kernel
                    .decode_mul_encode(&points, &k, black_box(&mut out))
                    .expect("the points were encoded by the group");
            });
            report(kernel.name(), name, t);
        }
    }
    let t = compare(measurements, &two, |scalar| control(&points, scalar));
    report("control", "k = 2, digits of zero", t);
    if t < THRESHOLD {
        println!("the control was not detected: this run says nothing");
        std::process::exit(1);
    }
}

fn report(kernel: &str, class: &str, t: f64) {
    let verdict = if t < THRESHOLD {
        "no difference seen"
    } else {
        "DIFFERS"
    };
    println!("{kernel:<10} {class:<24} |t| {t:>8.2}  {verdict}");
}
