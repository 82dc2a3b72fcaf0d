//! The noise that dummies add to a count: discrete Laplace, truncated to {0..T} and centred in T/2.
//!
//! README.md §2 and §4. Planning a job calls [`dummies`] and writes T into the job's specification;
//! the session draws with [`CountNoise::sample`]. Steps: once per job, T fractions exp(-epsilon j)
//! make a table of cumulative probabilities in units of 2^-128. A draw is one 128-bit number,
//! compared with every entry. Cost: 16 T bytes, and T comparisons per draw.

use rand_core::CryptoRng;
use subtle::ConstantTimeGreater as _;
use zeroize::Zeroize as _;

use super::drawn::Drawn;
use super::fixed::{self, Number};
use super::spread::Spread;
use super::units::MICROS;
use super::{Delta, Epsilon, NoiseError};
use crate::limits;

/// The most that all rounding of the table can cost, in units of 2^-128, for every epsilon and T
/// that are served (README.md §4).
const ROUNDING: u128 = 1 << 44;

/// Noise from 0 to T.
pub struct CountNoise {
    epsilon: Epsilon,
    /// Entry k: the probability of k or less, in units of 2^-128. The entry of T would be 1 and is
    /// left out.
    cumulative: Vec<u128>,
}

impl CountNoise {
    /// The noise for `epsilon` with `dummies` dummies, T.
    ///
    /// # Errors
    /// [`NoiseError::DummiesNotServed`] if T is zero, odd or above [`limits::DUMMIES_MAX`].
    pub fn new(epsilon: Epsilon, dummies: u64) -> Result<Self, NoiseError> {
        let refused = NoiseError::DummiesNotServed { dummies };
        if dummies == 0 || !dummies.is_multiple_of(2) || dummies > limits::DUMMIES_MAX {
            return Err(refused);
        }
        let half = usize::try_from(dummies / 2).map_err(|_| refused)?;
        let mut tails = Tails::new(epsilon);
        let weights: Vec<u128> = tails.by_ref().take(half).map(|tail| tail.weight).collect();
        // From the edge to the place beside the centre.
        let edge_inwards = weights
            .iter()
            .rev()
            .map(|weight| fixed::divide(*weight, tails.total));
        let mut cumulative = Vec::with_capacity(2 * half);
        let mut below = 0_u128;
        for probability in edge_inwards {
            below += probability;
            cumulative.push(below);
        }
        // The centre takes what is left of 1, so that the table is symmetric and its sum exact: the
        // probability of at most T/2 + j is 1 less that of being below T/2 - j.
        let outwards: Vec<u128> = cumulative
            .iter()
            .rev()
            .map(|at| at.wrapping_neg())
            .collect();
        cumulative.extend(outwards);
        Ok(Self {
            epsilon,
            cumulative,
        })
    }

    /// T, the largest value of the noise.
    #[must_use]
    pub const fn dummies(&self) -> u64 {
        self.cumulative.len() as u64
    }

    /// T/2: the mean, and what is subtracted from a noisy count.
    #[must_use]
    pub const fn centre(&self) -> u64 {
        self.dummies() / 2
    }

    /// The epsilon of one count.
    #[must_use]
    pub const fn epsilon(&self) -> Epsilon {
        self.epsilon
    }

    /// The delta of one count, rounding included. It is the probability of 0, which only the
    /// smaller of two neighbouring counts can show.
    #[must_use]
    pub fn delta(&self) -> Delta {
        delta_of(self.probability(0))
    }

    /// The probability of `value`, in units of 2^-128.
    #[must_use]
    pub fn probability(&self, value: u64) -> u128 {
        let at_most = |index: u64| usize::try_from(index).ok().map(|i| self.cumulative.get(i));
        let upper = match at_most(value).flatten() {
            Some(upper) => *upper,
            // 1, which is 0 modulo 1.
            None if value == self.dummies() => 0,
            None => return 0,
        };
        let lower = value.checked_sub(1).and_then(at_most).flatten();
        upper.wrapping_sub(lower.copied().unwrap_or(0))
    }

    /// Draws one value; reads 16 bytes.
    ///
    /// # Security
    /// Time and memory access do not depend on the draw. Whoever learns the draw learns the count
    /// that it hides.
    pub fn sample(&self, rng: &mut impl CryptoRng) -> Drawn<u64> {
        let mut drawn = draw(rng);
        let mut value = 0;
        for at_most in &self.cumulative {
            // The value is above k exactly if the draw is not below entry k.
            value += u64::from((!at_most.ct_gt(&drawn)).unwrap_u8());
        }
        drawn.zeroize();
        Drawn::new(value)
    }

    /// How far the noise strays, for display.
    #[must_use]
    pub fn spread(&self) -> Spread {
        let centre = self.centre();
        let variance = (0..=self.dummies()).map(|value| {
            let distance = super::spread::float(value.abs_diff(centre));
            super::spread::fraction(self.probability(value)) * distance * distance
        });
        let scale = super::spread::float(MICROS) / super::spread::float(self.epsilon.micros());
        Spread::new(scale, variance.sum::<f64>().sqrt())
    }

    /// The standard deviation, for display.
    #[must_use]
    pub fn std_dev(&self) -> f64 {
        self.spread().std_dev()
    }
}

/// The number of dummies of a part, T: the smallest even number for which [`CountNoise`] costs no
/// more than `delta`.
///
/// # Errors
/// [`NoiseError::TooManyDummies`] if that is above [`limits::DUMMIES_MAX`].
pub fn dummies(epsilon: Epsilon, delta: Delta) -> Result<u64, NoiseError> {
    for (tail, half) in Tails::new(epsilon).zip(1..=limits::DUMMIES_MAX / 2) {
        if delta_of(fixed::divide(tail.weight, tail.total)) <= delta {
            return Ok(2 * half);
        }
    }
    Err(NoiseError::TooManyDummies { epsilon, delta })
}

/// The delta of a table whose first entry is `edge`, rounded upward.
fn delta_of(edge: u128) -> Delta {
    let units = edge.saturating_add(ROUNDING) >> 64;
    Delta(u64::try_from(units).unwrap_or(u64::MAX).saturating_add(1))
}

/// One 128-bit draw.
pub(super) fn draw(rng: &mut impl CryptoRng) -> u128 {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    let drawn = u128::from_le_bytes(bytes);
    bytes.zeroize();
    drawn
}

/// The weights exp(-epsilon j) for j = 1, 2, …, each with the sum of all weights from -j to j.
struct Tails {
    epsilon: Epsilon,
    j: u64,
    total: Number,
}

/// One step of [`Tails`].
struct Tail {
    weight: u128,
    total: Number,
}

impl Tails {
    const fn new(epsilon: Epsilon) -> Self {
        Self {
            epsilon,
            j: 0,
            total: Number::one_and(0),
        }
    }
}

impl Iterator for Tails {
    type Item = Tail;

    fn next(&mut self) -> Option<Tail> {
        self.j += 1;
        let exponent = u128::from(self.epsilon.micros()) * u128::from(self.j);
        let weight = fixed::exp_minus(Number::quotient(exponent, MICROS.into()));
        self.total = self.total.add(weight).add(weight);
        Some(Tail {
            weight,
            total: self.total,
        })
    }
}
