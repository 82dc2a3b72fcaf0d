//! Conditions: which rows of a batch a query, or the owner's row filter, selects.
//!
//! Spec 10 §3.4. [`plan`] makes a [`Condition`] from the tree of a query, once per job; the scan
//! evaluates it for every batch. A condition is *total*: each comparison is TRUE, FALSE or NULL for
//! every value. It is *eager*: each comparison is made for every row, whatever the others say.
//!
//! Cost: one pass over the columns for each comparison; an item of IN is a comparison. A cell that
//! LIKE looks at costs its characters times the words of the pattern ([`like`]).
//!
//! # Security
//! Nothing here ends, skips or fails by what a row holds. [`Tally`] counts the work, so that tests
//! can say so.

mod compare;
mod like;
mod plan;
mod truth;
mod typed_literal;

pub(crate) use self::plan::plan;
pub(crate) use self::typed_literal::TypedColumn;

use self::compare::Comparison;
use self::like::Pattern;
use self::truth::Truth;
use crate::column::{Column, projected};
use arrow_buffer::BooleanBuffer;

/// A condition over the columns of a batch, which it knows by their numbers.
///
/// # Security
/// Holds literals of the owner, and therefore has no `Debug`.
#[derive(Clone)]
pub(crate) struct Condition(Node);

/// Conditions and what joins them.
#[derive(Clone)]
enum Node {
    /// TRUE if all are; TRUE without any.
    All(Vec<Node>),
    /// TRUE if one is; FALSE without any.
    Any(Vec<Node>),
    Not(Box<Node>),
    /// NULL for every row: a comparison with the literal NULL.
    Null,
    IsNull {
        column: usize,
        negated: bool,
    },
    Compare(Comparison),
    Like {
        column: usize,
        pattern: Pattern,
    },
}

/// How much was done, for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Comparisons, each over a whole batch.
    pub(crate) comparisons: u64,
    /// Words of patterns that were moved on, over all characters of all cells.
    pub(crate) like_steps: u64,
}

impl Tally {
    /// Adds what another batch cost.
    pub(crate) const fn add(&mut self, other: Self) {
        self.comparisons += other.comparisons;
        self.like_steps += other.like_steps;
    }
}

impl Condition {
    /// Both conditions.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(Node::All(vec![self.0, other.0]))
    }

    /// The rows for which the condition is TRUE. `columns` are those that the plan has asked for.
    pub(crate) fn select(
        &self,
        columns: &[Column],
        rows: usize,
        tally: &mut Tally,
    ) -> BooleanBuffer {
        self.0.evaluate(columns, rows, tally).into_yes()
    }
}

impl Node {
    fn evaluate(&self, columns: &[Column], rows: usize, tally: &mut Tally) -> Truth {
        match self {
            Self::All(parts) => parts.iter().fold(Truth::all(true, rows), |truth, part| {
                truth.and(&part.evaluate(columns, rows, tally))
            }),
            Self::Any(parts) => parts.iter().fold(Truth::all(false, rows), |truth, part| {
                truth.or(&part.evaluate(columns, rows, tally))
            }),
            Self::Not(inner) => inner.evaluate(columns, rows, tally).not(),
            Self::Null => {
                tally.comparisons += 1;
                Truth::unknown(rows)
            }
            Self::IsNull { column, negated } => {
                tally.comparisons += 1;
                let column = projected(columns, *column);
                let is_null = BooleanBuffer::collect_bool(rows, |row| !column.is_valid(row));
                Truth::of(is_null, None).turned(*negated)
            }
            Self::Compare(comparison) => comparison.evaluate(columns, rows, tally),
            Self::Like { column, pattern } => {
                tally.comparisons += 1;
                pattern.evaluate(projected(columns, *column), rows, tally)
            }
        }
    }
}
