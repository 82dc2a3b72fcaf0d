//! From opened cells to the rows that the analyst sees.
//!
//! Spec 10 §3.5 and Spec 05 §6. Called by the recipient's node once both shares are known. Pure
//! arithmetic: suppression first, then aggregates from cells, HAVING, ORDER BY and LIMIT, in which
//! a suppressed cell is NULL. All outputs of a suppressed row are hidden but the labels of its
//! groups, which come from a public domain.

mod cells;
mod evaluate;
mod noise;
mod number;
mod order;

use psi_core::facts::{GroupFacts, LabelKind};
use psi_core::session::opened::OpenedMatch;
use psi_core::spec::{JobSpec, Party};

pub use self::noise::{ColumnNoise, NoisyKind, NoisyNumber};

use self::cells::Cells;
use crate::plan::{Measure, OutputPlan, Shown};
use crate::sql::ast::Function;

/// Why opened cells gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultError {
    /// The cells are not those of the job, or what no table can have.
    #[error(transparent)]
    Core(#[from] psi_core::Error),
    /// An output exceeds what the exact arithmetic holds.
    #[error("an output has more than 255 bits; ask for its parts instead")]
    Overflow,
}

/// The rows of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultTable {
    /// The output columns.
    pub columns: Vec<ResultColumn>,
    /// The rows, in the order that the query asks for.
    pub rows: Vec<ResultRow>,
}

/// An output column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultColumn {
    /// Its name.
    pub name: String,
    /// The decimal scale at which the doubles or decimals in it were taken; `None` where only
    /// whole numbers are counted and summed.
    pub decimals: Option<u8>,
    /// Whether one identity's contribution was clamped.
    pub clamped: bool,
    /// Whose column's groups it labels; `None` where it holds numbers.
    pub groups_of: Option<Party>,
}

/// An output row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// Whether it rests on too few identities to be shown.
    pub suppressed: bool,
    /// Its values, as many as there are columns.
    pub values: Vec<ResultValue>,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultValue {
    /// A text or date that labels a group.
    Text(String),
    /// A boolean that labels a group.
    Boolean(bool),
    /// The group of all values that its dimension does not list, NULL included.
    Other,
    /// A whole number.
    Integer(i128),
    /// A number with decimals, as digits.
    Decimal(String),
    /// SQL's NULL.
    Null,
    /// Hidden, because the row rests on too few identities.
    Suppressed,
}

impl OutputPlan {
    /// The rows of a completed job; `opened` holds what was opened of each of its matches.
    ///
    /// # Errors
    /// [`ResultError::Core`] if `opened` does not fit `spec`, or holds a count that no table can
    /// have; [`ResultError::Overflow`] if an output is too large.
    ///
    /// # Security
    /// Cells below the specification's minimum are never evaluated.
    pub fn rows(&self, spec: &JobSpec, opened: &[OpenedMatch]) -> Result<ResultTable, ResultError> {
        let cells = Cells::new(spec, opened)?;
        let groups: Vec<&GroupFacts> = self
            .program
            .groups
            .iter()
            .map(|(party, number)| cells::group_facts(spec, *party, *number))
            .collect::<Result<_, _>>()?;
        let mut rows = Vec::new();
        for labels in combinations(&groups) {
            let cell = cells.cell(&self.program.groups, &labels)?;
            if let Some(row) = evaluate::row(&self.program, spec, cell.as_ref(), &labels)? {
                rows.push(row);
            }
        }
        order::sort(&mut rows, &self.program.order, &groups);
        if let Some(limit) = self.program.limit {
            rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(ResultTable {
            columns: self.columns(spec),
            rows: rows.iter().map(|row| row.shown(&groups)).collect(),
        })
    }

    /// The output columns of a job.
    #[must_use]
    pub fn columns(&self, spec: &JobSpec) -> Vec<ResultColumn> {
        let column = |(name, output): (&String, &Shown)| {
            let mut column = ResultColumn {
                name: name.clone(),
                decimals: None,
                clamped: false,
                groups_of: match output {
                    Shown::Group(number) => self.program.groups.get(*number).map(|(of, _)| *of),
                    Shown::Formula(_) => None,
                },
            };
            if let Shown::Formula(formula) = output {
                formula.leaves(&mut |measure| note(&mut column, measure, spec));
            }
            column
        };
        self.columns
            .iter()
            .zip(&self.program.outputs)
            .map(column)
            .collect()
    }
}

/// Notes at which scale, and whether clamped, a measure was taken.
fn note(column: &mut ResultColumn, measure: &Measure, spec: &JobSpec) {
    let Measure::Of {
        function,
        owner,
        value,
    } = measure
    else {
        return;
    };
    // A count does not depend on how values are taken.
    if *function == Function::Count {
        return;
    }
    let asked = spec.shape.side(*owner).values.get(*value);
    let facts = spec.half(*owner).facts.values.get(*value);
    let (Some(asked), Some(facts)) = (asked, facts) else {
        return;
    };
    if asked.sum && !facts.whole {
        column.decimals = column.decimals.max(Some(facts.decimals));
    }
    column.clamped |= facts.clamp.is_some();
}

/// All combinations of group indices, the last group counting fastest; one empty without groups.
fn combinations(groups: &[&GroupFacts]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for group in groups {
        all = all
            .iter()
            .flat_map(|labels| {
                (0..group.len()).map(|index| {
                    let mut labels = labels.clone();
                    labels.push(index);
                    labels
                })
            })
            .collect();
    }
    all
}

/// The label of a group.
fn label(group: &GroupFacts, index: usize) -> ResultValue {
    let Some(label) = group.values.get(index) else {
        return ResultValue::Other;
    };
    match group.labels {
        LabelKind::Text | LabelKind::Date => ResultValue::Text(label.clone()),
        LabelKind::Boolean => ResultValue::Boolean(label == "true"),
        // Facts were checked: the label is a number.
        LabelKind::Integer => label
            .parse()
            .map_or_else(|_| ResultValue::Text(label.clone()), ResultValue::Integer),
    }
}

/// Both parties.
const PARTIES: [Party; 2] = [Party::Requester, Party::Responder];
