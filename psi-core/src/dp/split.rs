//! Splits a job's epsilon and delta evenly over the numbers that it releases.
//!
//! Planning a job calls this and writes the result into the job's specification.

use super::{Delta, Epsilon, NoiseError};

/// What each released number costs one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Of the match count, and of each component.
    pub epsilon: Epsilon,
    /// Of the match count, and of each component.
    pub delta: Delta,
}

/// Splits what a job may cost evenly over its match count and `components` payload components.
///
/// An identity is in one part and adds to each of its components once, so parts need no split. Both
/// divisions round downward. The remainder, less than one unit for each number, is left unspent.
///
/// # Errors
/// [`NoiseError::TooLittleToSplit`] if each number would get less than one unit of either.
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
