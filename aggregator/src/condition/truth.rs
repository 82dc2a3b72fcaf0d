//! Three truth values for every row of a batch, and Kleene's AND, OR and NOT over them.
//!
//! Spec 10 §3.4. Two sets of rows: those for which a condition is TRUE and those for which it is
//! FALSE; for the others it is NULL. So no operator can fail.

use arrow_buffer::{BooleanBuffer, NullBuffer};

/// The truth of a condition in every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Truth {
    yes: BooleanBuffer,
    no: BooleanBuffer,
}

impl Truth {
    /// TRUE for all rows, or FALSE for all.
    pub(super) fn all(value: bool, rows: usize) -> Self {
        let (set, unset) = (BooleanBuffer::new_set(rows), BooleanBuffer::new_unset(rows));
        if value {
            Self {
                yes: set,
                no: unset,
            }
        } else {
            Self {
                yes: unset,
                no: set,
            }
        }
    }

    /// NULL for all rows.
    pub(super) fn unknown(rows: usize) -> Self {
        Self {
            yes: BooleanBuffer::new_unset(rows),
            no: BooleanBuffer::new_unset(rows),
        }
    }

    /// What `values` says, where `known` does not say NULL.
    pub(super) fn of(values: BooleanBuffer, known: Option<&NullBuffer>) -> Self {
        match known {
            None => Self {
                no: !&values,
                yes: values,
            },
            Some(known) => Self {
                no: &!&values & known.inner(),
                yes: &values & known.inner(),
            },
        }
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self {
            yes: &self.yes & &other.yes,
            no: &self.no | &other.no,
        }
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self {
            yes: &self.yes | &other.yes,
            no: &self.no & &other.no,
        }
    }

    pub(super) fn not(self) -> Self {
        Self {
            yes: self.no,
            no: self.yes,
        }
    }

    /// The opposite if `negated`.
    pub(super) fn turned(self, negated: bool) -> Self {
        if negated { self.not() } else { self }
    }

    /// The rows for which it is TRUE.
    pub(super) fn into_yes(self) -> BooleanBuffer {
        self.yes
    }

    /// The rows for which it is TRUE.
    pub(super) const fn yes(&self) -> &BooleanBuffer {
        &self.yes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A truth value; `None` is NULL.
    type One = Option<bool>;

    /// TRUE, FALSE and NULL, each beside each.
    fn pairs() -> (Truth, Truth, Vec<(One, One)>) {
        let values = [Some(true), Some(false), None];
        let pairs: Vec<_> = values
            .iter()
            .flat_map(|a| values.map(|b| (*a, b)))
            .collect();
        let truth = |side: &dyn Fn(usize) -> Option<bool>| {
            let values = BooleanBuffer::collect_bool(9, |row| side(row).unwrap_or(row % 2 == 0));
            let known = NullBuffer::new(BooleanBuffer::collect_bool(9, |row| side(row).is_some()));
            Truth::of(values, Some(&known))
        };
        let left = truth(&|row| pairs[row].0);
        let right = truth(&|row| pairs[row].1);
        (left, right, pairs)
    }

    fn read(truth: &Truth) -> Vec<Option<bool>> {
        let rows = 0..truth.yes.len();
        rows.map(|row| match (truth.yes.value(row), truth.no.value(row)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
            (true, true) => panic!("both"),
        })
        .collect()
    }

    #[test]
    fn the_operators_are_those_of_three_truth_values() {
        let (left, right, pairs) = pairs();
        let expected = |op: &dyn Fn(Option<bool>, Option<bool>) -> Option<bool>| {
            pairs.iter().map(|(a, b)| op(*a, *b)).collect::<Vec<_>>()
        };
        let and = |a, b| match (a, b) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
        let or = |a, b| match (a, b) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
        assert_eq!(read(&left.and(&right)), expected(&and));
        assert_eq!(read(&left.or(&right)), expected(&or));
        assert_eq!(read(&left.clone().not()), expected(&|a, _| a.map(|a| !a)));
        assert_eq!(read(&left.clone().turned(false)), expected(&|a, _| a));
        assert_eq!(read(&Truth::unknown(2)), [None, None]);
        assert_eq!(read(&Truth::all(false, 1)), [Some(false)]);
    }
}
