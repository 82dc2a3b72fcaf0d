//! The units in which privacy is accounted: integers, so that two nodes never disagree and a ledger
//! adds without error.
//!
//! Everything in [`super`], specifications and ledgers use them. They are never made from a float.

use std::fmt;

use bincode::{Decode, Encode};

use super::NoiseError;
use crate::limits;

/// Millionths in a whole epsilon.
pub(super) const MICROS: u64 = 1_000_000;

/// An epsilon that noise can be made for, in millionths: 1 to [`limits::EPSILON_MICROS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
pub struct Epsilon(u64);

impl Epsilon {
    /// An epsilon of `micros` millionths.
    ///
    /// # Errors
    /// [`NoiseError::EpsilonNotServed`] if that is 0 or above [`limits::EPSILON_MICROS_MAX`].
    pub const fn from_micros(micros: u64) -> Result<Self, NoiseError> {
        if micros == 0 || micros > limits::EPSILON_MICROS_MAX {
            return Err(NoiseError::EpsilonNotServed { micros });
        }
        Ok(Self(micros))
    }

    /// Millionths.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }
}

impl<Context> Decode<Context> for Epsilon {
    fn decode<D: bincode::de::Decoder<Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        Self::from_micros(u64::decode(decoder)?)
            .map_err(|_| bincode::error::DecodeError::Other("epsilon out of range"))
    }
}

bincode::impl_borrow_decode!(Epsilon);

/// As a decimal number, exactly: `0.5`, `2`, `0.000001`.
impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, millionths) = (self.0 / MICROS, self.0 % MICROS);
        if millionths == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{millionths:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// A delta in units of 2^-64.
///
/// A derived delta is rounded upward, so that a cost is never understated. A budget that is read
/// from decimal digits should be rounded downward, for the same reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Delta(pub u64);

impl Delta {
    /// A delta of zero.
    pub const ZERO: Self = Self(0);

    /// The smallest positive delta, 2^-64.
    pub const UNIT: Self = Self(1);

    /// One in `count`, rounded upward to whole units. One in zero or in one saturates.
    #[must_use]
    pub fn one_in(count: u64) -> Self {
        let units = (1_u128 << 64).div_ceil(u128::from(count).max(1));
        Self(u64::try_from(units).unwrap_or(u64::MAX))
    }

    /// The delta of two releases together. Saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The delta of `count` such releases. Saturates.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// The approximate value, for display only.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "for people; sixteen digits are enough"
    )]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 2_f64.powi(64)
    }
}

/// In scientific notation with three digits, for display.
impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2e}", self.as_f64())
    }
}
