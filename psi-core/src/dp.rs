//! Differential privacy: units, parameters and samplers of the noise that hides one identity.
//!
//! Spec 02 §5 names the streams that the noise is drawn from. The `README.md` in this module's
//! folder derives every parameter. Planning a job calls this for sizes and bounds; the session
//! calls it for the draws. There are two kinds of noise:
//!
//! * [`CountNoise`], never negative and at most T: how many of a part's T dummies the Sender marks.
//! * [`ShareNoise`], of both signs: what a side adds to a number before it opens it.
//!
//! No float, no rejection and no branch on a drawn value. Tables and thresholds are integers that
//! both nodes compute alike, and every draw takes the same number of random bits and steps. Nothing
//! here keeps an account of what was spent, or knows what the numbers mean. Only [`Spread`], which
//! is for display, uses floats.

mod amount;
mod count;
mod drawn;
mod fixed;
mod share;
mod split;
mod spread;
mod units;

pub use amount::Amount;
pub use count::{CountNoise, dummies};
pub use drawn::Drawn;
pub use share::ShareNoise;
pub use split::{Split, split};
pub use spread::{Spread, Uncertainty};
pub use units::{Delta, Epsilon};

use crate::limits;

/// Why the parameters that were asked for give no noise. All figures are public: they follow from
/// policies and from the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// Epsilon is zero, or beyond [`limits::EPSILON_MICROS_MAX`].
    #[error(
        "an epsilon of {micros} millionths; it must be 1 to {} of them",
        limits::EPSILON_MICROS_MAX
    )]
    EpsilonNotServed {
        /// Millionths.
        micros: u64,
    },
    /// Epsilon and delta are so small that a part would need more than [`limits::DUMMIES_MAX`]
    /// dummies.
    #[error(
        "epsilon {epsilon} with delta {delta} needs more than {} dummies",
        limits::DUMMIES_MAX
    )]
    TooManyDummies {
        /// The epsilon of one count.
        epsilon: Epsilon,
        /// The delta of one count.
        delta: Delta,
    },
    /// A number of dummies that cannot centre any noise: zero, odd, or beyond
    /// [`limits::DUMMIES_MAX`].
    #[error(
        "{dummies} dummies; it must be an even number up to {}",
        limits::DUMMIES_MAX
    )]
    DummiesNotServed {
        /// The number.
        dummies: u64,
    },
    /// A sensitivity of zero, or beyond [`limits::SENSITIVITY_MAX`].
    #[error(
        "a sensitivity of {sensitivity}; it must be 1 to {}",
        limits::SENSITIVITY_MAX
    )]
    SensitivityNotServed {
        /// The sensitivity.
        sensitivity: u64,
    },
    /// The noise would need more than [`limits::NOISE_BITS_MAX`] bits.
    #[error(
        "sensitivity {sensitivity} at epsilon {epsilon} needs noise of more than {} bits",
        limits::NOISE_BITS_MAX
    )]
    NoiseTooWide {
        /// The sensitivity.
        sensitivity: u64,
        /// The epsilon of one component.
        epsilon: Epsilon,
    },
    /// The epsilon or delta of the job is less than one unit for each share.
    #[error("epsilon {epsilon} and delta {delta} cannot be split into {shares}")]
    TooLittleToSplit {
        /// The epsilon of the job.
        epsilon: Epsilon,
        /// The delta of the job.
        delta: Delta,
        /// The number of shares.
        shares: u64,
    },
}

#[cfg(test)]
pub(crate) mod tests;
