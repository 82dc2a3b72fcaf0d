//! What one identity may contribute at its position, by the facts that its owner has published.
//!
//! Spec 07 §12, step 4. The noise of mode `dp` is made for these bounds (Spec 12 §4), and the
//! check against overflow rests on them in every mode (Spec 03 §6), so a Sender that froze more
//! protects nobody. Called by [`super::input`] for each position of a Sender's list; arithmetic
//! alone. What it says names components, never a number.

use psi_core::facts::{Clamp, TableFacts};
use psi_core::spec::{Component, ComponentKind, Payload};

/// The bounds of every position of one payload.
pub(super) struct PositionBounds {
    /// Of one block.
    components: Vec<Bounded>,
    /// How many blocks there are.
    blocks: usize,
    /// In how many of them one identity can be.
    blocks_of_one: i128,
    /// Where a block says how many identities it holds, and how many rows.
    identities: Option<usize>,
    rows: Option<usize>,
    /// Whether an identity has one row, so that rows need no component.
    key_unique: bool,
}

/// A component, and what its bounds rest on.
struct Bounded {
    component: Component,
    /// Of a sum that is clamped.
    clamp: Option<Clamp>,
    /// Of a sum or squares, where its block counts the rows that are not NULL.
    count: Option<usize>,
}

impl PositionBounds {
    /// Those of `payload`, whose Sender has published `facts`.
    pub(super) fn new(payload: &Payload, facts: &TableFacts) -> Self {
        let bounded = |component: &Component| {
            let of = match component.kind {
                ComponentKind::Sum(value) | ComponentKind::Squares(value) => Some(value),
                _ => None,
            };
            let count = of.and_then(|value| payload.find(ComponentKind::Count(value)));
            let clamp = match component.kind {
                ComponentKind::Sum(value) => usize::try_from(value)
                    .ok()
                    .and_then(|value| facts.values.get(value)?.clamp),
                _ => None,
            };
            Bounded {
                component: *component,
                clamp,
                count,
            }
        };
        let most = if facts.groups_are_constant() {
            1
        } else {
            // Without differential privacy nothing but the number of groups bounds it.
            facts.privacy.map_or(payload.groups, |privacy| {
                privacy.max_groups_per_identity.into()
            })
        };
        Self {
            components: payload.components.iter().map(bounded).collect(),
            // A width that no list has fits no record.
            blocks: usize::try_from(payload.groups).unwrap_or(usize::MAX),
            blocks_of_one: most.into(),
            identities: payload.find(ComponentKind::Identities),
            rows: payload.find(ComponentKind::Rows),
            key_unique: facts.key_unique,
        }
    }

    /// Numbers at one position.
    pub(super) const fn width(&self) -> usize {
        self.components.len().saturating_mul(self.blocks)
    }

    /// What is wrong with a position, first of all in single blocks, then over all of them.
    pub(super) fn wrong(&self, payload: &[u8]) -> Option<String> {
        let words = payload.as_chunks::<8>().0.iter();
        let numbers: Vec<i128> = words.map(|word| i64::from_be_bytes(*word).into()).collect();
        let length = self.components.len().max(1);
        let mut totals = vec![0_i128; self.components.len()];
        for (number, block) in numbers.chunks(length).enumerate() {
            if let Some((at, why)) = self.wrong_in(block) {
                let component = number * length + at;
                return Some(format!("component {component} of a position {why}"));
            }
            for (total, amount) in totals.iter_mut().zip(block) {
                *total += amount.abs();
            }
        }
        let mut totals = self.components.iter().zip(totals).enumerate();
        totals.find_map(|(at, (bounded, total))| match bounded.component.kind {
            ComponentKind::Identities => (total > self.blocks_of_one)
                .then(|| "an identity is in more groups than its owner declares".to_owned()),
            // What bounds it is the clamp of each block, and the number of blocks.
            ComponentKind::Sum(_) if bounded.clamp.is_some() => None,
            _ => (total > bounded.component.bound.into()).then(|| {
                format!("component {at} of all blocks of a position together is beyond its bound")
            }),
        })
    }

    /// The first component of a block that cannot be, and why.
    fn wrong_in(&self, block: &[i128]) -> Option<(usize, &'static str)> {
        let at = |index: Option<usize>| index.and_then(|index| block.get(index)).copied();
        // Without groups an identity is in the only block, or it were not in the list.
        let identities = at(self.identities).unwrap_or(1);
        let rows = at(self.rows).or(self.key_unique.then_some(identities));
        let all = self.components.iter().zip(block).enumerate();
        let mut wrong = all.filter_map(|(index, (bounded, number))| {
            let why = bounded.wrong(*number, identities, rows, at(bounded.count))?;
            Some((index, why))
        });
        wrong.next()
    }
}

impl Bounded {
    /// Why a block with this many `identities` cannot hold a number. The block has this many
    /// `rows`, if that is known, of which `count` are not NULL, where some can be.
    fn wrong(
        &self,
        number: i128,
        identities: i128,
        rows: Option<i128>,
        count: Option<i128>,
    ) -> Option<&'static str> {
        let bound = i128::from(self.component.bound);
        // No component but a sum can be below zero.
        if number < 0 && !matches!(self.component.kind, ComponentKind::Sum(_)) {
            return Some("is below zero");
        }
        if number.abs() > bound {
            return Some("is beyond its bound");
        }
        let most = rows.unwrap_or(bound);
        match self.component.kind {
            ComponentKind::Rows | ComponentKind::Count(_) if identities == 0 && number != 0 => {
                Some("counts rows where the identity has none")
            }
            ComponentKind::Identities | ComponentKind::Rows => None,
            ComponentKind::Count(_) => (number > most).then_some("counts more rows than there are"),
            ComponentKind::Sum(_) | ComponentKind::Squares(_) => {
                let has_values = identities != 0 && count.or(rows) != Some(0);
                match self.clamp {
                    _ if !has_values => (number != 0).then_some("sums up rows that there are not"),
                    Some(clamp) => {
                        let within = i128::from(clamp.low)..=i128::from(clamp.high);
                        (!within.contains(&number)).then_some("is not within its clamp")
                    }
                    None => None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use psi_core::facts::{Clamp, GroupFacts, LabelKind, TableFacts, ValueFacts};
    use psi_core::identifier::IdentifierKind;
    use psi_core::spec::{Component, ComponentKind, Payload};

    use super::PositionBounds;

    /// What is wrong with numbers of these components, with this clamp and these many groups.
    fn wrong(
        kinds: &[(ComponentKind, u64)],
        clamp: Option<Clamp>,
        groups: Vec<GroupFacts>,
        numbers: &[i64],
    ) -> Option<String> {
        let value = ValueFacts {
            whole: true,
            decimals: 0,
            nullable: true,
            clamp,
            sum_bound: 20,
            squares_bound: 60,
        };
        let facts = TableFacts {
            member: "bert".into(),
            table: "orders".into(),
            key_columns: vec!["name".into()],
            key_kinds: vec![IdentifierKind::Text],
            key_unique: false,
            identities: 60,
            minimum: 5,
            prefer_receiver: false,
            owner_may_receive: true,
            result_to_both: true,
            rows_bound: 4,
            groups,
            values: vec![value],
            privacy: None,
        };
        let components = kinds.iter().map(|(kind, bound)| Component {
            kind: *kind,
            bound: *bound,
        });
        let payload = Payload {
            groups: facts.group_count(),
            components: components.collect(),
        };
        let of = PositionBounds::new(&payload, &facts);
        assert_eq!(of.width(), numbers.len());
        of.wrong(
            &numbers
                .iter()
                .flat_map(|n| n.to_be_bytes())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn both_ends_of_a_clamp_bound_a_sum_and_null_alone_is_zero() {
        use ComponentKind::{Count, Sum};
        let clamp = Some(Clamp { low: 5, high: 20 });
        // Without NULLs each identity has a value.
        let alone = |sum| wrong(&[(Sum(0), 20)], clamp, Vec::new(), &[sum]);
        for sum in [5, 20] {
            assert_eq!(alone(sum), None, "{sum}");
        }
        for sum in [4, 0, -20] {
            let place = "component 0 of a position is not within its clamp";
            assert_eq!(alone(sum).as_deref(), Some(place), "{sum}");
        }
        let kinds = [(Count(0), 1), (Sum(0), 20)];
        let counted = |numbers: &[i64]| wrong(&kinds, clamp, Vec::new(), numbers);
        for numbers in [[1, 5], [1, 20], [0, 0]] {
            assert_eq!(counted(&numbers), None, "{numbers:?}");
        }
        for numbers in [[1, 4], [1, 0], [1, -20], [0, 5]] {
            let found = counted(&numbers).unwrap();
            assert!(found.starts_with("component 1 of a position"), "{found}");
        }
    }

    #[test]
    fn sums_without_a_clamp_and_squares_are_bounded_over_all_groups() {
        use ComponentKind::{Identities, Squares, Sum};
        let kinds = [(Identities, 1), (Sum(0), 10), (Squares(0), 60)];
        let by_group = |numbers: &[i64]| {
            let group = GroupFacts {
                labels: LabelKind::Text,
                values: vec!["north".into(), "south".into()],
                identities: Vec::new(),
            };
            wrong(&kinds, None, vec![group], numbers)
        };
        assert_eq!(by_group(&[1, 6, 36, 1, -4, 16, 0, 0, 0]), None);
        for (numbers, component) in [
            ([1, 6, 36, 1, -5, 16, 0, 0, 0], 1),
            ([1, 5, 45, 1, -4, 16, 0, 0, 0], 2),
        ] {
            let place = format!("component {component} of all blocks of a position together");
            let found = by_group(&numbers).unwrap();
            assert!(found.starts_with(&place), "{found}");
        }
        assert_eq!(
            by_group(&[1, 6, -36, 0, 0, 0, 0, 0, 0]).as_deref(),
            Some("component 2 of a position is below zero")
        );
    }
}
