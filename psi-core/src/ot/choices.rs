//! The Receiver's choice bits: the match bits of every part, over the Sender's positions.
//!
//! Spec 11 §1. The match fills them (Spec 04 §5); [`super::receiver`] reads them.

use zeroize::Zeroizing;

use super::setup::TransferSetup;
use crate::error::Error;
use crate::store::{StoreError, StoreErrorKind};

/// One bit per row, in memory: the bits never reach a store.
///
/// # Security
/// Zeroized when dropped, no `Debug`. Marking a position touches memory at a place that depends on
/// it, as does the match that finds it. Code that reads the bits afterwards has no branches or
/// indices that depend on them.
pub struct Choices {
    setup: TransferSetup,
    words: Zeroizing<Vec<u128>>,
}

impl Choices {
    /// Choices in which no position of any part matches yet.
    ///
    /// # Errors
    /// [`Error::Store`] if the system does not give one bit of memory per row.
    pub fn new(setup: &TransferSetup) -> Result<Self, Error> {
        let failed = |source| StoreError {
            kind: StoreErrorKind::Memory,
            what: "keeping match bits in memory",
            source,
        };
        let count = usize::try_from(setup.words()).map_err(|why| failed(why.into()))?;
        let mut words = Zeroizing::new(Vec::new());
        words
            .try_reserve_exact(count)
            .map_err(|why| failed(why.into()))?;
        words.resize(count, 0);
        Ok(Self {
            setup: *setup,
            words,
        })
    }

    /// Marks that position `position` matches in part `part`.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if the part or position does not exist.
    pub fn mark(&mut self, part: u16, position: u64) -> Result<(), Error> {
        let setup = &self.setup;
        let outside = Error::ApiMisuse("a match bit outside the lists");
        if part >= setup.parts() || position >= setup.positions() {
            return Err(outside);
        }
        let row = u64::from(part) * setup.positions() + position;
        let word = usize::try_from(row / 128)
            .ok()
            .and_then(|word| self.words.get_mut(word))
            .ok_or(outside)?;
        *word |= 1 << (row % 128);
        Ok(())
    }

    /// The transfer that the bits are for.
    pub(super) const fn setup(&self) -> &TransferSetup {
        &self.setup
    }

    /// The bits by words of 128 rows, the first row in the lowest bit.
    pub(super) fn words(&self) -> &[u128] {
        &self.words
    }
}
