//! The even split of a job's epsilon and delta.
//!
//! Called where a job is planned; the result stands in its specification.

use super::{Delta, Epsilon, NoiseError};

/// What each released number of one identity's part of a job costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// For the match count, and for each component.
    pub epsilon: Epsilon,
    /// For the match count, and for each component.
    pub delta: Delta,
}

/// Splits what a job may cost evenly over its match count and `components` payload components.
///
/// An identity is in one part and adds to each of its components once, so parts need no split.
/// Both divisions round downward: what does not divide is left unspent, less than one unit for
/// each.
///
/// # Errors
/// [`NoiseError::TooLittleToSplit`] if less than one unit of either would be left for each.
pub fn split(epsilon: Epsilon, delta: Delta, components: u16) -> Result<Split, NoiseError> {
    let shares = u64::from(components) + 1;
    let refused = NoiseError::TooLittleToSplit {
        epsilon,
        delta,
        shares,
    };
    let share = Delta(delta.0 / shares);
    if share == Delta::ZERO {
        return Err(refused);
    }
    Ok(Split {
        epsilon: Epsilon::from_micros(epsilon.micros() / shares).map_err(|_| refused)?,
        delta: share,
    })
}
