//! Noise of both signs for a number that is opened: discrete Laplace, as the difference of two
//! geometric variables that are drawn bit by bit.
//!
//! README.md §5. Planning a job makes it for its bound. The session makes it to add a draw to each
//! number of its share. With scale = sensitivity / epsilon, bit j of a geometric variable is 1 with
//! probability 1 / (1 + exp(2^j / scale)), independent of the others. The parameters fix the number
//! of bits. Cost: 32 bytes of stream and two comparisons per bit.

use rand_core::CryptoRng;
use subtle::ConstantTimeGreater as _;
use zeroize::Zeroize as _;

use super::count::draw;
use super::drawn::Drawn;
use super::fixed::{self, Number};
use super::spread::{Spread, float};
use super::units::MICROS;
use super::{Delta, Epsilon, NoiseError};
use crate::limits;

/// A geometric variable is cut where less than exp(-47 - epsilon) of it is left, so that the cut
/// costs less than 2^-65 (README.md §5).
const CUT: u64 = 47;

/// Noise from `-bound` to `bound`.
pub struct ShareNoise {
    sensitivity: u64,
    epsilon: Epsilon,
    /// The probability of a 1, for each bit from the lowest, in units of 2^-128.
    thresholds: Vec<u128>,
}

impl ShareNoise {
    /// The noise for a number to which one identity adds at most `sensitivity`, of either sign.
    ///
    /// # Errors
    /// [`NoiseError::SensitivityNotServed`] if the sensitivity is 0 or above
    /// [`limits::SENSITIVITY_MAX`]; [`NoiseError::NoiseTooWide`] if the noise would have more than
    /// [`limits::NOISE_BITS_MAX`] bits.
    pub fn new(sensitivity: u64, epsilon: Epsilon) -> Result<Self, NoiseError> {
        if sensitivity == 0 || sensitivity > limits::SENSITIVITY_MAX {
            return Err(NoiseError::SensitivityNotServed { sensitivity });
        }
        let micros = u128::from(epsilon.micros());
        // 2^bits / scale must reach 47 + epsilon.
        let needed = (u128::from(CUT * MICROS) + micros) * u128::from(sensitivity);
        let denominator = u128::from(MICROS) * u128::from(sensitivity);
        let bits = (1..=limits::NOISE_BITS_MAX).find(|bits| micros << bits >= needed);
        let Some(bits) = bits else {
            return Err(NoiseError::NoiseTooWide {
                sensitivity,
                epsilon,
            });
        };
        let threshold = |bit| {
            let odds = fixed::exp_minus(Number::quotient(micros << bit, denominator));
            fixed::divide(odds, Number::one_and(odds))
        };
        Ok(Self {
            sensitivity,
            epsilon,
            thresholds: (0..bits).map(threshold).collect(),
        })
    }

    /// The largest distance of the noise from zero.
    #[must_use]
    pub const fn bound(&self) -> u64 {
        (1 << self.thresholds.len()) - 1
    }

    /// What truncation and rounding cost, beside epsilon: less than 2^-65 for all parameters that
    /// are served, rounded upward to one unit (README.md §5).
    #[must_use]
    pub const fn delta(&self) -> Delta {
        Delta::UNIT
    }

    /// The epsilon of one number.
    #[must_use]
    pub const fn epsilon(&self) -> Epsilon {
        self.epsilon
    }

    /// The most that one identity adds to the number.
    #[must_use]
    pub const fn sensitivity(&self) -> u64 {
        self.sensitivity
    }

    /// The probability that bit `bit` of a geometric variable is 1, in units of 2^-128; 0 beyond
    /// its bits.
    #[must_use]
    pub fn threshold(&self, bit: usize) -> u128 {
        self.thresholds.get(bit).copied().unwrap_or(0)
    }

    /// Draws one value; reads 32 bytes per bit of [`ShareNoise::bound`].
    ///
    /// # Security
    /// Time and memory access do not depend on the draw. Whoever learns the draw learns the number
    /// that it hides.
    pub fn sample(&self, rng: &mut impl CryptoRng) -> Drawn<i64> {
        let mut up = self.geometric(rng);
        let mut down = self.geometric(rng);
        // Both are below 2^62.
        let noise = up.wrapping_sub(down).cast_signed();
        up.zeroize();
        down.zeroize();
        Drawn::new(noise)
    }

    /// A geometric variable: one draw for each bit, from the lowest.
    fn geometric(&self, rng: &mut impl CryptoRng) -> u64 {
        let mut value = 0;
        for (bit, threshold) in self.thresholds.iter().enumerate() {
            let mut drawn = draw(rng);
            value |= u64::from(threshold.ct_gt(&drawn).unwrap_u8()) << bit;
            drawn.zeroize();
        }
        value
    }

    /// How far the noise strays, for display.
    #[must_use]
    pub fn spread(&self) -> Spread {
        let rate = float(self.epsilon.micros()) / float(MICROS) / float(self.sensitivity);
        // The variance of the discrete Laplace distribution, 2q/(1-q)^2 with q = exp(-rate).
        let std_dev = std::f64::consts::FRAC_1_SQRT_2 / (rate / 2.0).sinh();
        Spread::new(rate.recip(), std_dev)
    }

    /// The standard deviation, for display.
    #[must_use]
    pub fn std_dev(&self) -> f64 {
        self.spread().std_dev()
    }
}
