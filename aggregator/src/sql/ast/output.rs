//! What comes out of a query: aggregates, groups, and what is done with them afterwards.
//!
//! Spec 10 §3.2. HAVING, ORDER BY, LIMIT and arithmetic are computed by the recipient from the
//! released cells; they are in the tree because the other member has to see what is asked.

use super::{ColumnRef, CompareOp, Name, Side};
use crate::sql::arith::Arith;

/// One item of the SELECT list.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) value: OutputValue,
    pub(crate) alias: Option<Name>,
}

/// What an output shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OutputValue {
    /// An expression of GROUP BY, by its index there.
    Group(usize),
    /// Arithmetic over aggregates, at least one.
    Formula(Arith<Aggregate>),
}

/// An aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// `COUNT(*)`.
    CountRows,
    /// `COUNT(DISTINCT key)`; all columns of one side's join key.
    CountDistinctKey(Vec<ColumnRef>),
    /// A function of one side's values.
    Of(Function, ValueExpr),
}

/// A function of one side's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Count,
    Sum,
    Avg,
    VarSamp,
    VarPop,
    StddevSamp,
    StddevPop,
}

impl Function {
    /// The function that a word means, of which upper and lower case do not count.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "COUNT" => Self::Count,
            "SUM" => Self::Sum,
            "AVG" => Self::Avg,
            "VAR_SAMP" | "VARIANCE" | "VAR" => Self::VarSamp,
            "VAR_POP" => Self::VarPop,
            "STDDEV_SAMP" | "STDDEV" => Self::StddevSamp,
            "STDDEV_POP" => Self::StddevPop,
            _ => return None,
        })
    }

    /// The function's canonical name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::VarSamp => "VAR_SAMP",
            Self::VarPop => "VAR_POP",
            Self::StddevSamp => "STDDEV_SAMP",
            Self::StddevPop => "STDDEV_POP",
        }
    }
}

/// One side's values: a column, or arithmetic over the columns of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueExpr {
    pub(crate) side: Side,
    pub(crate) expr: Arith<ColumnRef>,
}

/// An expression of GROUP BY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupExpr {
    /// The part of a date or timestamp; the whole column without it.
    pub(crate) part: Option<DatePart>,
    pub(crate) column: ColumnRef,
}

/// A part of a date that EXTRACT can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatePart {
    Year,
    Quarter,
    Month,
    Day,
}

impl DatePart {
    /// The part that a word means, of which upper and lower case do not count.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "YEAR" => Self::Year,
            "QUARTER" => Self::Quarter,
            "MONTH" => Self::Month,
            "DAY" => Self::Day,
            _ => return None,
        })
    }

    /// The part's canonical name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Year => "YEAR",
            Self::Quarter => "QUARTER",
            Self::Month => "MONTH",
            Self::Day => "DAY",
        }
    }
}

/// A condition on formulas over leaves `L`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Having<L> {
    And(Vec<Having<L>>),
    Or(Vec<Having<L>>),
    Not(Box<Having<L>>),
    Compare {
        left: Arith<L>,
        op: CompareOp,
        right: Arith<L>,
    },
    Between {
        value: Arith<L>,
        negated: bool,
        low: Arith<L>,
        high: Arith<L>,
    },
    IsNull {
        value: Arith<L>,
        negated: bool,
    },
}

impl<L> Having<L> {
    /// Calls `visit` for every formula, in the order of the text.
    pub(crate) fn formulas<'a>(&'a self, visit: &mut dyn FnMut(&'a Arith<L>)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|p| p.formulas(visit)),
            Self::Not(inner) => inner.formulas(visit),
            Self::Compare { left, right, .. } => {
                visit(left);
                visit(right);
            }
            Self::Between {
                value, low, high, ..
            } => {
                visit(value);
                visit(low);
                visit(high);
            }
            Self::IsNull { value, .. } => visit(value),
        }
    }

    /// The same condition with every leaf replaced by what `map` makes of it, in the order of the
    /// text.
    pub(crate) fn map<M>(self, map: &mut dyn FnMut(L) -> M) -> Having<M> {
        let mut all = |parts: Vec<Self>| parts.into_iter().map(|part| part.map(map)).collect();
        match self {
            Self::And(parts) => Having::And(all(parts)),
            Self::Or(parts) => Having::Or(all(parts)),
            Self::Not(inner) => Having::Not(Box::new(inner.map(map))),
            Self::Compare { left, op, right } => Having::Compare {
                left: left.map(map),
                op,
                right: right.map(map),
            },
            Self::Between {
                value,
                negated,
                low,
                high,
            } => Having::Between {
                value: value.map(map),
                negated,
                low: low.map(map),
                high: high.map(map),
            },
            Self::IsNull { value, negated } => Having::IsNull {
                value: value.map(map),
                negated,
            },
        }
    }
}

/// One item of ORDER BY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderItem {
    /// The output, by its index in the SELECT list.
    pub(crate) output: usize,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}
