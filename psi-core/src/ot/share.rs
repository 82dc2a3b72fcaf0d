//! One side's share of every sum.
//!
//! Spec 11 §7. [`super::sender`] and [`super::receiver`] make it; [`super::opening`] opens it.

use zeroize::Zeroizing;

use super::setup::TransferSetup;
use crate::error::Error;

/// The two sides of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Holds the match bits.
    Receiver,
    /// Holds the payload.
    Sender,
}

impl Role {
    /// The byte for the role in a commitment.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Receiver => 0,
            Self::Sender => 1,
        }
    }

    /// The other side.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Receiver => Self::Sender,
            Self::Sender => Self::Receiver,
        }
    }
}

/// One number modulo 2^64 per part and component, part by part. Added to the other side's modulo
/// 2^64, they are the sums in two's complement.
///
/// # Security
/// Zeroized when dropped, no `Debug`. One share alone is uniform; the two together are the result.
pub struct Share {
    pub(super) setup: TransferSetup,
    pub(super) role: Role,
    pub(super) values: Zeroizing<Vec<u64>>,
}

impl Share {
    /// All zero.
    pub(super) fn zero(setup: &TransferSetup, role: Role) -> Self {
        Self {
            setup: *setup,
            role,
            values: Zeroizing::new(vec![0; setup.sums()]),
        }
    }

    /// Adds the sums of a run of rows.
    pub(super) fn add_partial(&mut self, run: &PartialShare) {
        let start = usize::from(run.part) * self.setup.components();
        for (value, added) in self.values.iter_mut().skip(start).zip(run.values.iter()) {
            *value = value.wrapping_add(*added);
        }
    }

    /// Gives up the sums of a part. Nobody can open them any more, since the share that would
    /// complete the other side's is gone.
    pub fn withhold(&mut self, part: u16) {
        let components = self.setup.components();
        let start = usize::from(part) * components;
        for value in self.values.iter_mut().skip(start).take(components) {
            *value = 0;
        }
    }

    /// Adds noise, one number per part and component, part by part.
    ///
    /// Differential privacy enters here: each side adds its own noise to its own share before any
    /// step of [`super::opening`]. So neither side sees a sum without the other's noise.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if the numbers are not as many as the sums.
    pub fn add_noise(&mut self, noise: &[i64]) -> Result<(), Error> {
        if noise.len() != self.values.len() {
            return Err(Error::ApiMisuse("as many numbers of noise as sums"));
        }
        for (value, noise) in self.values.iter_mut().zip(noise) {
            *value = value.wrapping_add_signed(*noise);
        }
        Ok(())
    }
}

/// What a run of rows adds to the share: components of one part and of those that follow it.
pub(super) struct PartialShare {
    part: u16,
    components: usize,
    values: Zeroizing<Vec<u64>>,
}

impl PartialShare {
    /// One for rows of the parts `first` to `last`.
    pub(super) fn new(setup: &TransferSetup, first: u16, last: u16) -> Self {
        let parts = usize::from(last.saturating_sub(first)) + 1;
        Self {
            part: first,
            components: setup.components(),
            values: Zeroizing::new(vec![0; parts * setup.components()]),
        }
    }

    /// The sums of one part.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: callers name a part between the two that it was made for"
    )]
    pub(super) fn part(&mut self, part: u16) -> &mut [u64] {
        let start = usize::from(part - self.part) * self.components;
        &mut self.values[start..start + self.components]
    }
}
