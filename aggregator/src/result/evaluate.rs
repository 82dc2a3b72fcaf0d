//! Aggregates from cells, outputs from aggregates, and the condition of HAVING.
//!
//! Spec 10 §3.5. As in SQL: NULL where there is no value, three truth values, a NULL operand gives
//! NULL. A division by zero gives NULL too, because a job cannot be asked again for its cells.

use std::cmp::Ordering;

use psi_core::spec::{ComponentKind, JobSpec, Party};

use super::cells::ReleasedCell;
use super::number::Number;
use super::{GroupFacts, ResultError, ResultRow, ResultValue, label};
use crate::plan::{Measure, Program, Shown};
use crate::sql::arith::{Arith, ArithOp};
use crate::sql::ast::{CompareOp, Function, Having};

/// A row before it is shown.
pub(super) struct Row {
    pub(super) suppressed: bool,
    pub(super) values: Vec<RowValue>,
}

/// A value of a row.
pub(super) enum RowValue {
    /// The group of this index, of the expression of GROUP BY of this number.
    Group {
        number: usize,
        index: usize,
    },
    Number(Option<Number>),
}

/// The row of a cell, `None` standing for a suppressed one; nothing if HAVING leaves it out.
pub(super) fn row(
    program: &Program,
    spec: &JobSpec,
    cell: Option<&ReleasedCell<'_>>,
    labels: &[usize],
) -> Result<Option<Row>, ResultError> {
    let evaluator = Evaluator { spec, cell };
    if let Some(having) = &program.having
        && evaluator.having(having)? != Some(true)
    {
        return Ok(None);
    }
    let values = program.outputs.iter().map(|output| {
        Ok(match output {
            Shown::Group(number) => RowValue::Group {
                number: *number,
                index: labels.get(*number).copied().unwrap_or(usize::MAX),
            },
            Shown::Formula(formula) => RowValue::Number(evaluator.formula(formula)?),
        })
    });
    Ok(Some(Row {
        suppressed: cell.is_none(),
        values: values.collect::<Result<_, ResultError>>()?,
    }))
}

impl Row {
    /// The row as the analyst sees it.
    pub(super) fn shown(&self, groups: &[&GroupFacts]) -> ResultRow {
        let value = |value: &RowValue| match value {
            RowValue::Group { number, index } => groups
                .get(*number)
                .map_or(ResultValue::Other, |group| label(group, *index)),
            RowValue::Number(_) if self.suppressed => ResultValue::Suppressed,
            RowValue::Number(None) => ResultValue::Null,
            RowValue::Number(Some(number)) => match number.as_whole() {
                Some(whole) => ResultValue::Integer(whole),
                // `formula` has checked that the digits can be had.
                None => ResultValue::Decimal(number.digits().unwrap_or_default()),
            },
        };
        ResultRow {
            suppressed: self.suppressed,
            values: self.values.iter().map(value).collect(),
        }
    }
}

#[derive(Clone, Copy)]
struct Evaluator<'a> {
    spec: &'a JobSpec,
    cell: Option<&'a ReleasedCell<'a>>,
}

const MISSING: psi_core::Error =
    psi_core::Error::ApiMisuse("the specification lacks a component that the query needs");

impl Evaluator<'_> {
    /// An output; `None` is NULL.
    fn formula(&self, formula: &Arith<Measure>) -> Result<Option<Number>, ResultError> {
        let number = self.arith(formula)?;
        match number {
            Some(number) if number.digits().is_none() => Err(ResultError::Overflow),
            number => Ok(number),
        }
    }

    fn arith(&self, formula: &Arith<Measure>) -> Result<Option<Number>, ResultError> {
        match formula {
            Arith::Leaf(measure) => match self.cell {
                None => Ok(None),
                Some(cell) => self.measure(*measure, cell),
            },
            Arith::Number(digits) => Ok(Some(literal(digits).ok_or(ResultError::Overflow)?)),
            Arith::Binary { op, left, right } => {
                let (Some(left), Some(right)) = (self.arith(left)?, self.arith(right)?) else {
                    return Ok(None);
                };
                let result = match op {
                    ArithOp::Add => left.add(right),
                    ArithOp::Subtract => left.subtract(right),
                    ArithOp::Multiply => left.multiply(right),
                    ArithOp::Divide if right.is_zero() => return Ok(None),
                    ArithOp::Divide => left.divide(right),
                };
                result.map(Some).ok_or(ResultError::Overflow)
            }
        }
    }

    fn measure(
        &self,
        measure: Measure,
        cell: &ReleasedCell<'_>,
    ) -> Result<Option<Number>, ResultError> {
        match measure {
            Measure::Identities => Ok(Some(Number::whole(cell.identities.into()))),
            // Where neither side's rows repeat, rows are identities.
            Measure::Rows => Ok(Some(Number::whole(
                cell.any_component(ComponentKind::Rows)
                    .map_or(i128::from(cell.identities), i128::from),
            ))),
            Measure::Of {
                function,
                owner,
                value,
            } => {
                let sums = self.sums(owner, value, cell)?;
                sums.function(function).map_err(ResultError::from)
            }
        }
    }

    fn sums(
        &self,
        owner: Party,
        value: usize,
        cell: &ReleasedCell<'_>,
    ) -> Result<Sums, ResultError> {
        let facts = &self.spec.half(owner).facts;
        let facts = facts.values.get(value).ok_or(MISSING)?;
        let index = u32::try_from(value).map_err(|_| MISSING)?;
        let rows = cell.component(owner, ComponentKind::Rows);
        let count = if facts.nullable {
            cell.component(owner, ComponentKind::Count(index))
                .ok_or(MISSING)?
                .into()
        } else {
            rows.map_or(i128::from(cell.identities), i128::from)
        };
        Ok(Sums {
            count,
            sum: cell
                .component(owner, ComponentKind::Sum(index))
                .map(i128::from),
            squares: cell
                .component(owner, ComponentKind::Squares(index))
                .map(i128::from),
            decimals: facts.decimals,
            whole: facts.whole,
            private: self.spec.dp().is_some(),
        })
    }

    /// The truth of a condition; `None` is SQL's unknown.
    fn having(&self, having: &Having<Measure>) -> Result<Option<bool>, ResultError> {
        Ok(match having {
            Having::And(parts) => {
                let mut all = Some(true);
                for part in parts {
                    all = and(all, self.having(part)?);
                }
                all
            }
            Having::Or(parts) => {
                let mut any = Some(false);
                for part in parts {
                    any = or(any, self.having(part)?);
                }
                any
            }
            Having::Not(inner) => self.having(inner)?.map(|truth| !truth),
            Having::Compare { left, op, right } => self.compare(left, *op, right)?,
            Having::Between {
                value,
                negated,
                low,
                high,
            } => {
                let inside = and(
                    self.compare(value, CompareOp::GtEq, low)?,
                    self.compare(value, CompareOp::LtEq, high)?,
                );
                inside.map(|inside| inside != *negated)
            }
            Having::IsNull { value, negated } => Some(self.arith(value)?.is_none() != *negated),
        })
    }

    fn compare(
        &self,
        left: &Arith<Measure>,
        op: CompareOp,
        right: &Arith<Measure>,
    ) -> Result<Option<bool>, ResultError> {
        let (Some(left), Some(right)) = (self.arith(left)?, self.arith(right)?) else {
            return Ok(None);
        };
        let order = left.compare(right);
        Ok(Some(match op {
            CompareOp::Eq => order == Ordering::Equal,
            CompareOp::NotEq => order != Ordering::Equal,
            CompareOp::Lt => order == Ordering::Less,
            CompareOp::LtEq => order != Ordering::Greater,
            CompareOp::Gt => order == Ordering::Greater,
            CompareOp::GtEq => order != Ordering::Less,
        }))
    }
}

const fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

const fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// A number of the query.
fn literal(digits: &str) -> Option<Number> {
    let decimals = digits.split_once('.').map_or(0, |(_, f)| f.len());
    let point = crate::sql::exact_compare::from_number(digits, u32::try_from(decimals).ok()?)?;
    let whole = !digits.contains('.');
    point
        .exact
        .then(|| Number::scaled(point.floor, u8::try_from(decimals).ok()?, whole))?
}

/// What is known of one aggregated expression in one cell.
struct Sums {
    /// Rows in which it is not NULL.
    count: i128,
    sum: Option<i128>,
    squares: Option<i128>,
    decimals: u8,
    whole: bool,
    /// Whether all of this has noise.
    private: bool,
}

/// Why a function of sums has no value.
enum NoValue {
    Missing,
    Overflow,
}

impl From<NoValue> for ResultError {
    fn from(reason: NoValue) -> Self {
        match reason {
            NoValue::Missing => MISSING.into(),
            NoValue::Overflow => Self::Overflow,
        }
    }
}

impl Sums {
    fn function(&self, function: Function) -> Result<Option<Number>, NoValue> {
        let count = Number::whole(self.count);
        match function {
            Function::Count => Ok(Some(count)),
            // With noise, nothing shows that a group has no values.
            Function::Sum if self.private => self.total().map(Some),
            // An aggregate of no values is NULL, and so is an average over fewer.
            _ if self.count <= 0 => Ok(None),
            Function::Sum => self.total().map(Some),
            Function::Avg => {
                let average = self.total()?.quotient(count);
                average.map(Some).ok_or(NoValue::Overflow)
            }
            Function::VarPop => self.variance(self.count).map(Some),
            Function::StddevPop => deviation(self.variance(self.count)?).map(Some),
            // One value has no sample variance.
            Function::VarSamp | Function::StddevSamp if self.count == 1 => Ok(None),
            Function::VarSamp => self.variance(self.count - 1).map(Some),
            Function::StddevSamp => deviation(self.variance(self.count - 1)?).map(Some),
        }
    }

    fn total(&self) -> Result<Number, NoValue> {
        let sum = self.sum.ok_or(NoValue::Missing)?;
        Number::scaled(sum, self.decimals, self.whole).ok_or(NoValue::Overflow)
    }

    /// `(n * sum of squares - sum²) / (n * divisor)`, at twice the scale.
    fn variance(&self, divisor: i128) -> Result<Number, NoValue> {
        let sum = self.sum.ok_or(NoValue::Missing)?;
        let squares = self.squares.ok_or(NoValue::Missing)?;
        let exact = || {
            // 63 bits times 63 bits; not below zero by the inequality of Cauchy and Schwarz, unless
            // the peer opened something else than sums of squares.
            let top = (self.count * squares).checked_sub(sum * sum)?.max(0);
            let top = Number::scaled(top, self.decimals.checked_mul(2)?, false)?;
            top.quotient(Number::whole(self.count.checked_mul(divisor)?))
        };
        exact().ok_or(NoValue::Overflow)
    }
}

fn deviation(variance: Number) -> Result<Number, NoValue> {
    variance.square_root().ok_or(NoValue::Overflow)
}
