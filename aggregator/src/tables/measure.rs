//! What the whole table says about its groups and values, for one key.
//!
//! Spec 10 §2.8. One pass over the sorted row records, one identity after another. What comes out
//! is public or bounds what is: sizes of groups, how much one identity can contribute. It rests on
//! all rows, so it does not depend on any filter.

use std::collections::BTreeMap;

use psi_core::store::RecordList;

use crate::error::FreezeError;
use crate::report::SharedValues;
use crate::rows::for_each_record;
use crate::rows::{DIGEST_BYTES, RowLayout};

/// The largest amount of a sum.
const AMOUNT_MAX: u64 = i64::MAX as u64;

/// What was found under one key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyMeasure {
    /// Distinct identities.
    pub(crate) distinct: u64,
    /// The most rows of one identity.
    pub(crate) rows_max: u64,
    /// Identities and their rows, by the power of two that their number of rows reaches.
    pub(crate) by_rows: BTreeMap<u32, (u64, u64)>,
    /// For each dimension, the identities of each group; `None` if the rows of one identity fall
    /// into different groups.
    pub(crate) groups: Vec<Option<Vec<u64>>>,
    /// For each value, how large it gets.
    pub(crate) values: Vec<ValueMeasure>,
}

/// How large the values of a column get under one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ValueMeasure {
    /// The smallest and the largest value, 0 included.
    pub(crate) range: (i64, i64),
    /// The largest sum of amounts of one identity; saturates. No sum over some of its rows exceeds
    /// this amount, whatever their signs.
    pub(crate) amount: u128,
    /// The largest sum of squares of one identity; saturates.
    pub(crate) squares: u128,
}

/// The smallest power of two that is at least `amount`, if it fits 63 bits: a bound to publish
/// that tells little about the largest value.
pub(crate) fn public_bound(amount: u128) -> Option<u64> {
    let bound = amount.max(1).checked_next_power_of_two()?;
    u64::try_from(bound)
        .ok()
        .filter(|bound| *bound <= AMOUNT_MAX)
}

/// Measures a sorted list of row records; `groups` are the sizes of the dimensions' domains.
pub(crate) fn measure(
    list: &dyn RecordList,
    layout: RowLayout,
    groups: &[usize],
) -> Result<KeyMeasure, FreezeError> {
    let mut found = KeyMeasure {
        groups: groups.iter().map(|len| Some(vec![0; *len])).collect(),
        values: vec![ValueMeasure::default(); layout.values],
        ..KeyMeasure::default()
    };
    let mut identity: Option<Identity> = None;
    for_each_record(list, &mut |record| {
        let digest = RowLayout::digest(record);
        match &mut identity {
            Some(current) if current.digest == *digest => current.add(record, layout),
            current => {
                if let Some(done) = current.take() {
                    found.add(&done);
                }
                *current = Some(Identity::begin(record, layout));
            }
        }
        for (number, value) in found.values.iter_mut().enumerate() {
            let amount = layout.value(record, number).unwrap_or(0);
            value.range = (value.range.0.min(amount), value.range.1.max(amount));
        }
        Ok(())
    })?;
    if let Some(done) = identity {
        found.add(&done);
    }
    Ok(found)
}

/// One identity's rows so far.
struct Identity {
    digest: [u8; DIGEST_BYTES],
    rows: u64,
    /// The group of the first row by each dimension; `None` once another row differs.
    groups: Vec<Option<usize>>,
    amounts: Vec<u128>,
    squares: Vec<u128>,
}

impl Identity {
    fn begin(record: &[u8], layout: RowLayout) -> Self {
        let mut identity = Self {
            digest: *RowLayout::digest(record),
            rows: 0,
            groups: (0..layout.groups)
                .map(|group| Some(RowLayout::group(record, group)))
                .collect(),
            amounts: vec![0; layout.values],
            squares: vec![0; layout.values],
        };
        identity.add(record, layout);
        identity
    }

    fn add(&mut self, record: &[u8], layout: RowLayout) {
        self.rows += 1;
        for (number, group) in self.groups.iter_mut().enumerate() {
            *group = group.filter(|group| *group == RowLayout::group(record, number));
        }
        let sums = self.amounts.iter_mut().zip(&mut self.squares);
        for (number, (amount, squares)) in sums.enumerate() {
            let value = u128::from(layout.value(record, number).unwrap_or(0).unsigned_abs());
            *amount = amount.saturating_add(value);
            *squares = squares.saturating_add(value * value);
        }
    }
}

impl KeyMeasure {
    fn add(&mut self, identity: &Identity) {
        self.distinct += 1;
        self.rows_max = self.rows_max.max(identity.rows);
        let power = identity.rows.checked_ilog2().unwrap_or(0);
        let of_power = self.by_rows.entry(power).or_default();
        *of_power = (of_power.0 + 1, of_power.1 + identity.rows);
        for (sizes, group) in self.groups.iter_mut().zip(&identity.groups) {
            match (sizes.as_mut(), group) {
                (Some(counted), Some(group)) => {
                    // A domain's index is below its size.
                    if let Some(size) = counted.get_mut(*group) {
                        *size += 1;
                    }
                }
                _ => *sizes = None,
            }
        }
        let sums = identity.amounts.iter().zip(&identity.squares);
        for (value, (amount, squares)) in self.values.iter_mut().zip(sums) {
            value.amount = value.amount.max(*amount);
            value.squares = value.squares.max(*squares);
        }
    }
}

/// Fewer rows than this may well share a value.
const SHARED_ROWS_MIN: u64 = 20;

/// One row in so many may well share a value.
const SHARED_PART: u64 = 100;

/// So many times the rows of an identity on average may well share a value.
const SHARED_TIMES: u64 = 10;

impl KeyMeasure {
    /// Values that very many rows share, such as a word for a missing value or one person's address
    /// that is used for all of a shop's. For the owner alone, like everything that says a true number.
    pub(crate) fn shared(&self) -> Option<SharedValues> {
        let rows: u64 = self.by_rows.values().map(|(_, rows)| rows).sum();
        let average = rows.div_ceil(self.distinct.max(1));
        let most = [
            SHARED_ROWS_MIN,
            rows.div_ceil(SHARED_PART),
            average.saturating_mul(SHARED_TIMES),
        ];
        let limit = most.into_iter().max()?;
        if self.rows_max < limit {
            return None;
        }
        let power = limit.ilog2();
        let many = self.by_rows.range(power..).map(|(_, counts)| counts);
        let (values, in_rows) = many.fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1));
        Some(SharedValues {
            values,
            rows_each: 1 << power,
            rows: in_rows,
            of_rows: rows,
            rows_max: self.rows_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use psi_core::store::{MemoryStore, RecordStore as _};

    use super::{KeyMeasure, ValueMeasure, measure, public_bound};
    use crate::rows::{DIGEST_BYTES, RowLayout};

    const LAYOUT: RowLayout = RowLayout {
        groups: 2,
        values: 1,
    };

    fn record(digest: u8, groups: [u16; 2], value: Option<i64>) -> Vec<u8> {
        let mut bytes = vec![digest; 32];
        for group in groups {
            bytes.extend_from_slice(&group.to_be_bytes());
        }
        bytes.push(u8::from(value.is_none()));
        bytes.extend_from_slice(&value.unwrap_or(0).to_be_bytes());
        // The flag of a selected row says nothing here.
        bytes.push(digest % 2);
        bytes
    }

    #[test]
    fn groups_and_bounds_are_those_of_the_whole_table() {
        let mut writer = MemoryStore.unsorted(LAYOUT.width()).unwrap();
        for row in [
            record(1, [0, 0], Some(100)),
            record(2, [1, 1], Some(-7)),
            record(1, [0, 2], Some(-100)),
            record(2, [1, 1], None),
            record(3, [0, 2], Some(3)),
        ] {
            writer.push(&row).unwrap();
        }
        let list = writer.finish().unwrap();
        assert_eq!(
            measure(list.as_ref(), LAYOUT, &[2, 3]).unwrap(),
            KeyMeasure {
                distinct: 3,
                rows_max: 2,
                by_rows: BTreeMap::from([(0, (1, 1)), (1, (2, 4))]),
                groups: vec![Some(vec![2, 1]), None],
                values: vec![ValueMeasure {
                    range: (-100, 100),
                    amount: 200,
                    squares: 20_000,
                }],
            }
        );
    }

    fn key(identities: &[(u64, u64)]) -> KeyMeasure {
        let mut key = KeyMeasure::default();
        for (number, rows) in identities {
            for _ in 0..*number {
                key.add(&super::Identity {
                    digest: [0; DIGEST_BYTES],
                    rows: *rows,
                    groups: Vec::new(),
                    amounts: Vec::new(),
                    squares: Vec::new(),
                });
            }
        }
        key
    }

    #[test]
    fn values_that_very_many_rows_share_are_counted() {
        // Nobody is unusual: persons, orders of few customers, a small table with a family.
        for usual in [
            &[(20_000, 1)][..],
            &[(30, 40)],
            &[(50, 1), (1, 19)],
            &[(900, 9), (100, 80)],
            &[],
        ] {
            assert_eq!(key(usual).shared(), None, "{usual:?}");
        }
        let shared = key(&[(17_000, 1), (1, 2_500), (1, 400), (1, 100)]);
        let shared = shared.shared().unwrap();
        assert_eq!(
            (
                shared.values,
                shared.rows_each,
                shared.rows,
                shared.of_rows,
                shared.rows_max
            ),
            // One in a hundred rows is 200, and 128 the power of two below.
            (2, 128, 2_900, 20_000, 2_500)
        );
    }

    #[test]
    fn published_bounds_are_powers_of_two_within_63_bits() {
        for (amount, bound) in [
            (0, Some(1)),
            (1, Some(1)),
            (3, Some(4)),
            (1 << 62, Some(1 << 62)),
            ((1 << 62) + 1, None),
            (u128::MAX, None),
        ] {
            assert_eq!(public_bound(amount), bound, "{amount}");
        }
    }
}
