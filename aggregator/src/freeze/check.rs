//! Checks again, over all rows of a table, what its load has checked and a job relies on.
//!
//! Spec 10 §4. Called by [`super::input`] with the sorted records of all rows, selected or not. If
//! something does not hold, the files changed in a way that their stamps do not show; the table is
//! then taken out of service. Whether that happens does not depend on what a query selects.
//!
//! Cost: one pass over the records.

use psi_core::facts::TableFacts;
use psi_core::spec::{ComponentKind, JobSpec, Party, Payload};
use psi_core::store::RecordList;

use crate::error::{FreezeError, Unavailable};
use crate::plan::SidePlan;
use crate::rows::RowLayout;
use crate::tables::measure::{self, KeyMeasure};

/// What one identity, one group and the whole table may have in a job.
pub(super) struct Bounds {
    layout: RowLayout,
    domains: Vec<usize>,
    facts: TableFacts,
    /// As Sender, what is attached to each identity.
    payload: Option<Payload>,
    /// Whether this side is Receiver, so that its groups are parts.
    has_parts: bool,
    /// For each value, whether one identity's sum is clamped.
    clamped: Vec<bool>,
}

impl Bounds {
    pub(super) fn new(spec: &JobSpec, own: Party, side: &SidePlan, layout: RowLayout) -> Self {
        let matches = spec.matches();
        let payload = matches.iter().find(|m| m.receiver == own.other());
        Self {
            layout,
            domains: side.groups.iter().map(|group| group.domain.len()).collect(),
            facts: spec.half(own).facts.clone(),
            payload: payload.map(|m| m.payload.clone()),
            has_parts: matches.iter().any(|m| m.receiver == own),
            clamped: side.values.iter().map(|v| v.clamp.is_some()).collect(),
        }
    }

    /// Checks the sorted records of all rows.
    pub(super) fn check(&self, side: &SidePlan, rows: &dyn RecordList) -> Result<(), FreezeError> {
        let found = measure::measure(rows, self.layout, &self.domains)?;
        match self.exceeded(&found) {
            None => Ok(()),
            Some(what) => Err(FreezeError::violated(side, what)),
        }
    }

    /// What does not hold.
    fn exceeded(&self, found: &KeyMeasure) -> Option<&'static str> {
        if found.distinct > self.facts.identities {
            return Some("it has more identities than registered");
        }
        if self.facts.key_unique && found.rows_max > 1 {
            return Some("a key that is declared unique repeats");
        }
        if self.has_parts {
            for (groups, facts) in found.groups.iter().zip(&self.facts.groups) {
                let Some(sizes) = groups else {
                    return Some("the rows of one identity fall into different groups");
                };
                if sizes
                    .iter()
                    .zip(&facts.identities)
                    .any(|(size, max)| size > max)
                {
                    return Some("a group has more identities than registered");
                }
            }
        }
        let components = self.payload.iter().flat_map(|payload| &payload.components);
        let is_exceeded = components
            .filter_map(|component| Some((self.most(component.kind, found)?, component.bound)))
            .any(|(most, bound)| most > u128::from(bound));
        is_exceeded.then_some("an identity contributes more than was published")
    }

    /// The most that one identity contributes to a component; `None` if something else bounds it: a
    /// clamp, or with differential privacy the number of rows that are used.
    fn most(&self, kind: ComponentKind, found: &KeyMeasure) -> Option<u128> {
        let value = |number: u32| {
            let number = usize::try_from(number).ok()?;
            let is_clamped = self.clamped.get(number).copied().unwrap_or(false);
            found.values.get(number).filter(|_| !is_clamped)
        };
        let limits_rows = self.facts.privacy.is_some();
        match kind {
            ComponentKind::Identities => None,
            ComponentKind::Rows | ComponentKind::Count(_) => {
                (!limits_rows).then_some(found.rows_max.into())
            }
            ComponentKind::Sum(number) => value(number).map(|value| value.amount),
            ComponentKind::Squares(number) => value(number).map(|value| value.squares),
        }
    }
}

impl FreezeError {
    /// All rows of the side's table together no longer keep what was agreed.
    pub(super) fn violated(side: &SidePlan, what: &str) -> Self {
        Self::Violated(Unavailable {
            table: side.table.clone(),
            what: format!("it no longer keeps what was checked when it was loaded: {what}"),
            remedy:
                "replace files by renaming complete ones into place, never in place; the table \
                     is served again once its files differ"
                    .to_owned(),
        })
    }
}
