//! The payload of one identity: its rows summed up per group, as the job specification asks.
//!
//! Spec 10 §4.1 and Spec 03 §6. Sums are exact. [`super::check`] has found that no identity exceeds
//! the bounds that the owner has published, over all of its rows, so none does over some of them.
//! Rows that are not used go through the same sums, as zeros.

use psi_core::spec::{ComponentKind, Payload};
use zeroize::Zeroize;

use crate::error::FreezeError;
use crate::rows::DIGEST_BYTES;

/// Bytes of one component.
const WORD_BYTES: usize = 8;

/// Bytes of one record: a digest and all components.
pub(super) fn record_bytes(payload: &Payload) -> usize {
    // INVARIANT: `JobSpec::assemble` bounds the width by `limits::COMPONENTS_MAX`.
    let words = usize::try_from(payload.width()).unwrap_or(0);
    DIGEST_BYTES + words * WORD_BYTES
}

/// Sums up one identity after another. Rows of one group come one after another.
pub(super) struct Accumulator<'a> {
    payload: &'a Payload,
    /// For each value, bounds on one identity's sum within one group.
    clamps: &'a [Option<(i64, i64)>],
    /// The digest and all components.
    record: Vec<u8>,
    /// The group whose rows are being added.
    open: Option<usize>,
    /// Whether a row of the identity is used.
    is_used: bool,
    rows: i128,
    values: Vec<Sums>,
}

/// Sums of one value.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: i128,
    sum: i128,
    squares: i128,
}

impl Drop for Accumulator<'_> {
    fn drop(&mut self) {
        self.record.zeroize();
    }
}

impl<'a> Accumulator<'a> {
    pub(super) fn new(payload: &'a Payload, clamps: &'a [Option<(i64, i64)>]) -> Self {
        Self {
            payload,
            clamps,
            record: vec![0; record_bytes(payload)],
            open: None,
            is_used: false,
            rows: 0,
            values: vec![Sums::default(); clamps.len()],
        }
    }

    /// Bytes of one record.
    pub(super) fn record_bytes(&self) -> usize {
        self.record.len()
    }

    /// Begins an identity.
    pub(super) fn begin(&mut self, digest: &[u8; DIGEST_BYTES]) {
        self.record.fill(0);
        if let Some(first) = self.record.first_chunk_mut() {
            *first = *digest;
        }
        self.open = None;
        self.is_used = false;
    }

    /// Adds a row of the identity, or zeros if it is not used; `value` gives its values, `None` for
    /// NULL.
    pub(super) fn add(
        &mut self,
        group: usize,
        is_used: bool,
        value: impl Fn(usize) -> Option<i64>,
    ) -> Result<(), FreezeError> {
        if self.open != Some(group) {
            self.close()?;
            self.open = Some(group);
        }
        let used = i128::from(is_used);
        self.is_used |= is_used;
        self.rows += used;
        for (number, sums) in self.values.iter_mut().enumerate() {
            if let Some(value) = value(number) {
                let value = i128::from(value) * used;
                sums.count += used;
                // 2^63 values of 64 bits fit, and of their squares 2^63 below the bound that is
                // checked when the group is closed.
                sums.sum += value;
                sums.squares = sums.squares.saturating_add(value * value);
            }
        }
        Ok(())
    }

    /// Ends the identity; says whether a row of it is used, and shows its record.
    pub(super) fn finish(&mut self) -> Result<(bool, &[u8]), FreezeError> {
        self.close()?;
        Ok((self.is_used, &self.record))
    }

    /// Writes the components of the group whose rows were added.
    fn close(&mut self) -> Result<(), FreezeError> {
        let Some(group) = self.open.take() else {
            return Ok(());
        };
        let block = self.payload.components.len();
        for (number, component) in self.payload.components.iter().enumerate() {
            let result = match component.kind {
                ComponentKind::Identities => (self.rows > 0).into(),
                ComponentKind::Rows => self.rows,
                ComponentKind::Count(value) => self.sums(value)?.count,
                ComponentKind::Sum(value) => self.clamped(value)?,
                ComponentKind::Squares(value) => self.sums(value)?.squares,
            };
            // The bounds hold, so nothing is cut off.
            let bound = i128::from(component.bound);
            let word = i64::try_from(result.clamp(-bound, bound)).map_err(|_| no_place())?;
            let at = DIGEST_BYTES + (group * block + number) * WORD_BYTES;
            let bytes = self.record.get_mut(at..at + WORD_BYTES);
            bytes
                .ok_or_else(no_place)?
                .copy_from_slice(&word.to_be_bytes());
        }
        self.rows = 0;
        self.values.fill(Sums::default());
        Ok(())
    }

    fn sums(&self, value: u32) -> Result<Sums, FreezeError> {
        let index = usize::try_from(value).unwrap_or(usize::MAX);
        self.values.get(index).copied().ok_or_else(no_place)
    }

    fn clamped(&self, value: u32) -> Result<i128, FreezeError> {
        let sums = self.sums(value)?;
        let index = usize::try_from(value).unwrap_or(usize::MAX);
        Ok(match self.clamps.get(index).copied().flatten() {
            // An identity without a value contributes nothing.
            Some((low, high)) if sums.count > 0 => sums.sum.clamp(low.into(), high.into()),
            _ => sums.sum,
        })
    }
}

fn no_place() -> FreezeError {
    FreezeError::Internal("a component without a place")
}

#[cfg(test)]
mod tests {
    use psi_core::spec::{Component, ComponentKind, Payload};

    use super::{Accumulator, DIGEST_BYTES};

    fn payload(groups: u64, bound: u64) -> Payload {
        use ComponentKind::{Count, Identities, Rows, Squares, Sum};
        let kinds = [Identities, Rows, Count(0), Sum(0), Squares(0)];
        Payload {
            groups,
            components: kinds.map(|kind| Component { kind, bound }).to_vec(),
        }
    }

    fn words(record: &[u8]) -> Vec<i64> {
        record[DIGEST_BYTES..]
            .chunks_exact(8)
            .map(|word| i64::from_be_bytes(word.try_into().unwrap()))
            .collect()
    }

    #[test]
    fn rows_of_a_group_are_summed_and_other_groups_are_zero() {
        let payload = payload(3, 1000);
        let mut identity = Accumulator::new(&payload, &[None]);
        identity.begin(&[5; 32]);
        for (group, value) in [(0, Some(3)), (0, None), (0, Some(-10)), (2, None)] {
            identity.add(group, true, |_| value).unwrap();
        }
        let (is_used, record) = identity.finish().unwrap();
        assert!(is_used);
        assert_eq!(record[..32], [5; 32]);
        assert_eq!(
            words(record),
            [1, 3, 2, -7, 109, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]
        );
        identity.begin(&[6; 32]);
        identity.add(1, true, |_| Some(4)).unwrap();
        let expected = [0, 0, 0, 0, 0, 1, 1, 1, 4, 16, 0, 0, 0, 0, 0];
        assert_eq!(words(identity.finish().unwrap().1), expected);
    }

    #[test]
    fn a_clamp_bounds_the_sum_within_one_group_and_leaves_null_alone() {
        let payload = payload(3, 1000);
        let mut identity = Accumulator::new(&payload, &[Some((5, 20))]);
        identity.begin(&[5; 32]);
        for (group, value) in [(0, Some(15)), (0, Some(15)), (1, Some(-3)), (2, None)] {
            identity.add(group, true, |_| value).unwrap();
        }
        let words = words(identity.finish().unwrap().1);
        assert_eq!((words[3], words[8], words[13]), (20, 5, 0));
    }

    #[test]
    fn rows_that_are_not_used_leave_no_trace() {
        let payload = payload(2, 1000);
        let mut identity = Accumulator::new(&payload, &[Some((5, 20))]);
        identity.begin(&[5; 32]);
        for (group, is_used) in [(0, false), (0, true), (0, false), (1, false)] {
            identity.add(group, is_used, |_| Some(7)).unwrap();
        }
        let (is_used, record) = identity.finish().unwrap();
        assert!(is_used);
        assert_eq!(words(record), [1, 1, 1, 7, 49, 0, 0, 0, 0, 0]);
        identity.begin(&[6; 32]);
        identity.add(0, false, |_| Some(7)).unwrap();
        let (is_used, record) = identity.finish().unwrap();
        assert!(!is_used);
        assert_eq!(words(record), [0; 10]);
    }
}
