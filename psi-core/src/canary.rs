//! Canaries: points of the Receiver's list whose answers it can predict. A Sender that drops or
//! alters points loses some of them and is caught.
//!
//! Spec 04 §4. The Receiver mixes points `r_i*G` among its blinded identities. Each answer
//! `b*(r_i*G) = r_i*K_b` must then occur in the reply, whatever the reply's order. A canary looks
//! like any other point. So a Sender that drops `d` of `N1` points, or multiplies them by another
//! scalar, escapes `m` canaries with probability about `(1 - d/N1)^m`. Where the reply keeps the
//! order of A (Spec 04 §7), each canary is looked for at its place. The Receiver's session calls
//! this.
//!
//! Cost: `m` multiples of the generator, then `m` of the Sender's key, both from tables. `m` is at
//! most 1,024 for each part.

use crate::error::{Code, Error};
use crate::group::{Element, SecretScalar};
use crate::kernel::{Kernel, batch};
use crate::seed::SeedStream;

/// The canaries of one part, before the Sender's key is known.
pub struct Canaries {
    scalars: Vec<SecretScalar>,
    points: Vec<[u8; 32]>,
    /// Their positions in A, ascending; present only if the reply keeps the order of A.
    places: Option<Vec<u64>>,
}

impl Canaries {
    /// Draws `count` canaries from `stream` and computes their points.
    ///
    /// # Security
    /// Two equal scalars have probability below 2^-230; nothing looks for them.
    #[must_use]
    pub fn draw(stream: &mut SeedStream, count: u64, kernel: &dyn Kernel) -> Self {
        let scalars: Vec<SecretScalar> = (0..count).map(|_| stream.scalar()).collect();
        let mut points = vec![[0; 32]; scalars.len()];
        batch::base_mul_encode(kernel, &scalars, &mut points);
        Self {
            scalars,
            points,
            places: None,
        }
    }

    /// The encoded points `r_i*G`, in the order drawn; the caller's sort hides them.
    #[must_use]
    pub fn points(&self) -> &[[u8; 32]] {
        &self.points
    }

    /// Sets the canaries' positions in A, which is sorted: for a reply that keeps its order.
    #[must_use]
    pub(crate) fn at(self, places: Vec<u64>) -> Self {
        let mut canaries: Vec<_> = self.points.into_iter().zip(self.scalars).collect();
        canaries.sort_unstable_by_key(|(point, _)| *point);
        let (points, scalars) = canaries.into_iter().unzip();
        Self {
            scalars,
            points,
            places: Some(places),
        }
    }

    /// What the canaries become under the Sender's key `key = b*G`. The scalars are zeroized.
    #[must_use]
    pub fn expect_under(self, key: &Element) -> CanaryCheck {
        let mut expected = vec![[0; 32]; self.scalars.len()];
        batch::multiples_encode(key, &self.scalars, &mut expected);
        if self.places.is_none() {
            expected.sort_unstable();
        }
        CanaryCheck {
            expected,
            places: self.places,
            seen: 0,
            found: 0,
            missing: false,
        }
    }
}

/// Looks for every canary in the Sender's reply, piece by piece.
pub struct CanaryCheck {
    /// `r_i*K_b`, in the order of the reply.
    expected: Vec<[u8; 32]>,
    /// The place of each in the reply; without them the reply is sorted.
    places: Option<Vec<u64>>,
    /// Points of the reply so far.
    seen: u64,
    /// How many of `expected`, from the front, are settled: found or known to be missing.
    found: usize,
    missing: bool,
}

impl CanaryCheck {
    /// Looks through the next points of the reply. They must be strictly increasing over all pieces
    /// ([`crate::list::OrderCheck`] comes first), unless canaries are looked for at their places.
    ///
    /// # Errors
    /// None yet. Only [`Self::finish`] reports a missing canary, so that the moment of an abort
    /// does not point at it.
    pub fn push(&mut self, points: &[[u8; 32]]) -> Result<(), Error> {
        if let Some(places) = &self.places {
            for (place, point) in (self.seen..).zip(points) {
                if places.get(self.found) == Some(&place) {
                    self.missing |= self.expected.get(self.found) != Some(point);
                    self.found += 1;
                }
            }
            self.seen += points.len() as u64;
            return Ok(());
        }
        for point in points {
            while let Some(expected) = self.expected.get(self.found) {
                if expected > point {
                    break;
                }
                self.missing |= expected != point;
                self.found += 1;
            }
        }
        Ok(())
    }

    /// Ends the reply.
    ///
    /// # Errors
    /// [`Code::CanaryMissing`] if any canary did not occur.
    pub fn finish(self) -> Result<(), Error> {
        if self.missing || self.found < self.expected.len() {
            return Err(Error::misbehaved(
                Code::CanaryMissing,
                "a canary did not come back",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
