//! A drawn number that nobody else may see.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Noise that was drawn.
///
/// # Security
/// Whoever knows the noise of a released number knows the number. No `Debug`; zeroized when
/// dropped. The caller must wipe what [`Drawn::expose`] gives.
pub struct Drawn<T: Zeroize>(T);

impl<T: Zeroize + Copy> Drawn<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn expose(&self) -> T {
        self.0
    }
}

impl<T: Zeroize> Drop for Drawn<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> ZeroizeOnDrop for Drawn<T> {}
