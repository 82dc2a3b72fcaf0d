//! The pair of epsilon and delta that is charged, accounted and limited.
//!
//! Spec 07 §2, 12 §7 and 13 §1. The job specification says what each side is charged, receipts and
//! messages carry it, and each owner's account adds it up. What a requester asks for has another
//! type, [`crate::spec::Loss`], whose epsilon is bounded.

use bincode::{Decode, Encode};

/// A privacy loss in the integers of an account: what a job costs a population, what a receipt
/// records, what was lost in a period, or a limit on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Amount {
    /// Epsilon, in millionths.
    pub micro_epsilon: u64,
    /// Delta, in units of 2^-64.
    pub delta_units: u64,
}

impl Amount {
    /// What a job without noise is charged.
    pub const ZERO: Self = Self {
        micro_epsilon: 0,
        delta_units: 0,
    };

    /// The sum, by basic composition. A sum beyond the type saturates at its largest value, which
    /// no limit reaches.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self {
            micro_epsilon: self.micro_epsilon.saturating_add(other.micro_epsilon),
            delta_units: self.delta_units.saturating_add(other.delta_units),
        }
    }

    /// The difference of each; zero where it would be negative.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self {
            micro_epsilon: self.micro_epsilon.saturating_sub(other.micro_epsilon),
            delta_units: self.delta_units.saturating_sub(other.delta_units),
        }
    }

    /// The smaller of each.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self {
            micro_epsilon: self.micro_epsilon.min(other.micro_epsilon),
            delta_units: self.delta_units.min(other.delta_units),
        }
    }

    /// Half of both, rounded downward.
    #[must_use]
    pub const fn half(self) -> Self {
        Self {
            micro_epsilon: self.micro_epsilon / 2,
            delta_units: self.delta_units / 2,
        }
    }
}
