//! One side's conditions as expressions of the data engine.
//!
//! Spec 10 §3.4. Called when a query is planned, to judge types, and again when the input is
//! frozen. Expressions are built from the tree, never from text. NULLs behave as in SQL: every
//! rewritten comparison keeps the third truth value.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::logical_expr::{Expr, Operator, binary_expr, cast, lit};
use datafusion::scalar::ScalarValue;

use super::ast::{ColumnRef, CompareOp, Literal, LiteralValue, Operand, Predicate};
use super::axis::{self, Outcome, Point};
use super::temporal::{self, NANOS_PER_DAY};
use super::typing::{ColumnClass, integer_range, unit_nanos};
use crate::error::QueryError;

/// A column of the table's view.
#[derive(Clone)]
pub(crate) struct TypedColumn {
    pub(crate) expr: Expr,
    pub(crate) class: ColumnClass,
}

/// Finds the view's column that a name means.
pub(crate) type Resolve<'a> = &'a dyn Fn(&ColumnRef) -> Result<TypedColumn, QueryError>;

/// Builds the expression of `predicate`, which is TRUE for the rows to keep.
///
/// # Errors
/// [`QueryError::Meaning`] with the place of a literal that does not fit its column, and what
/// `resolve` returns.
pub(crate) fn lower(predicate: &Predicate, resolve: Resolve<'_>) -> Result<Expr, QueryError> {
    match predicate {
        Predicate::And(parts) => chain(parts, Operator::And, resolve),
        Predicate::Or(parts) => chain(parts, Operator::Or, resolve),
        Predicate::Not(inner) => Ok(Expr::Not(Box::new(lower(inner, resolve)?))),
        Predicate::IsNull { column, negated } => {
            let expr = resolve(column)?.expr;
            Ok(if *negated {
                expr.is_not_null()
            } else {
                expr.is_null()
            })
        }
        Predicate::Compare {
            column,
            op,
            with: Operand::Literal(literal),
        } => compare(column, &resolve(column)?, *op, literal),
        Predicate::Compare {
            column,
            op,
            with: Operand::Column(other),
        } => compare_columns(column, *op, other, resolve),
        Predicate::Between {
            column,
            negated,
            low,
            high,
        } => {
            let typed = resolve(column)?;
            let inside = compare(column, &typed, CompareOp::GtEq, low)?.and(compare(
                column,
                &typed,
                CompareOp::LtEq,
                high,
            )?);
            Ok(if *negated {
                Expr::Not(Box::new(inside))
            } else {
                inside
            })
        }
        Predicate::InList {
            column,
            negated,
            list,
        } => in_list(column, resolve, *negated, list),
        Predicate::Like {
            column,
            negated,
            pattern,
        } => like(column, &resolve(column)?, *negated, pattern),
    }
}

/// Joins expressions by AND or OR as a balanced tree, so that its depth stays logarithmic.
pub(crate) fn balanced(mut parts: Vec<Expr>, op: Operator) -> Option<Expr> {
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut pairs = parts.into_iter();
        while let Some(left) = pairs.next() {
            next.push(match pairs.next() {
                Some(right) => binary_expr(left, op, right),
                None => left,
            });
        }
        parts = next;
    }
    parts.pop()
}

fn chain(parts: &[Predicate], op: Operator, resolve: Resolve<'_>) -> Result<Expr, QueryError> {
    let parts = parts
        .iter()
        .map(|p| lower(p, resolve))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(balanced(parts, op).unwrap_or_else(|| lit(op == Operator::And)))
}

fn compare(
    column: &ColumnRef,
    typed: &TypedColumn,
    op: CompareOp,
    literal: &Literal,
) -> Result<Expr, QueryError> {
    let expr = typed.expr.clone();
    Ok(match place(column, &typed.class, literal)? {
        Placed::Null => null(),
        Placed::Value(value) => binary_expr(expr, operator(op), lit(value)),
        Placed::OnAxis(axis, point) => match axis::compare(op, point, axis.min, axis.max) {
            Outcome::Always => always(expr),
            Outcome::Never => never(expr),
            Outcome::Compare(op, value) => binary_expr(expr, operator(op), lit(axis.value(value))),
        },
    })
}

fn in_list(
    column: &ColumnRef,
    resolve: Resolve<'_>,
    negated: bool,
    list: &[Literal],
) -> Result<Expr, QueryError> {
    let TypedColumn { expr, class } = resolve(column)?;
    let mut values = Vec::with_capacity(list.len());
    let mut has_null = false;
    for literal in list {
        match place(column, &class, literal)? {
            Placed::Null => has_null = true,
            Placed::Value(value) => values.push(lit(value)),
            Placed::OnAxis(axis, point) => {
                // A literal that lies between two values, or beyond all, equals none.
                let outcome = axis::compare(CompareOp::Eq, point, axis.min, axis.max);
                if let Outcome::Compare(_, value) = outcome {
                    values.push(lit(axis.value(value)));
                }
            }
        }
    }
    let found = if values.is_empty() {
        never(expr)
    } else {
        expr.in_list(values, false)
    };
    // `x IN (…, NULL)` is TRUE where found and NULL elsewhere.
    let found = if has_null { found.or(null()) } else { found };
    Ok(if negated {
        Expr::Not(Box::new(found))
    } else {
        found
    })
}

fn like(
    column: &ColumnRef,
    typed: &TypedColumn,
    negated: bool,
    pattern: &Literal,
) -> Result<Expr, QueryError> {
    if typed.class != ColumnClass::Text {
        return Err(QueryError::meaning(
            column.at,
            format!(
                "LIKE needs text, but {} is {}",
                column.name.0,
                typed.class.describe()
            ),
            typed.class.example(),
        ));
    }
    match &pattern.value {
        LiteralValue::Null => Ok(null()),
        LiteralValue::Text(text) => {
            let pattern = lit(ScalarValue::Utf8(Some(text.clone())));
            let expr = typed.expr.clone();
            Ok(if negated {
                expr.not_like(pattern)
            } else {
                expr.like(pattern)
            })
        }
        _ => Err(QueryError::meaning(
            pattern.at,
            "a LIKE pattern has to be text",
            "write the pattern in single quotes, such as 'north%'",
        )),
    }
}

fn compare_columns(
    column: &ColumnRef,
    op: CompareOp,
    other: &ColumnRef,
    resolve: Resolve<'_>,
) -> Result<Expr, QueryError> {
    let (left, right) = (resolve(column)?, resolve(other)?);
    if !left.class.comparable(&right.class) {
        return Err(QueryError::meaning(
            other.at,
            format!(
                "{} is {} and {} is {}, which cannot be compared",
                column.name.0,
                left.class.describe(),
                other.name.0,
                right.class.describe()
            ),
            "compare columns of the same type",
        ));
    }
    // A day is compared with a moment as its midnight, in microseconds: nanoseconds end in 2262.
    let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
    let as_moment = |side: &TypedColumn, other: &TypedColumn| {
        if side.class == ColumnClass::Date && other.class != ColumnClass::Date {
            cast(side.expr.clone(), moment.clone())
        } else {
            side.expr.clone()
        }
    };
    Ok(binary_expr(
        as_moment(&left, &right),
        operator(op),
        as_moment(&right, &left),
    ))
}

/// A literal, made ready for comparison with a column of a class.
enum Placed {
    Null,
    Value(ScalarValue),
    OnAxis(Axis, Point),
}

/// The values of a whole-number column.
struct Axis {
    min: i128,
    max: i128,
    data_type: DataType,
}

impl Axis {
    /// A value of the axis as a scalar of the column's type.
    fn value(&self, value: i128) -> ScalarValue {
        // INVARIANT: `axis::compare` only returns values of min..=max, so each conversion holds;
        // `try_from` failing would give NULL, which selects no row.
        match &self.data_type {
            DataType::Int8 => ScalarValue::Int8(value.try_into().ok()),
            DataType::Int16 => ScalarValue::Int16(value.try_into().ok()),
            DataType::Int32 => ScalarValue::Int32(value.try_into().ok()),
            DataType::UInt8 => ScalarValue::UInt8(value.try_into().ok()),
            DataType::UInt16 => ScalarValue::UInt16(value.try_into().ok()),
            DataType::UInt32 => ScalarValue::UInt32(value.try_into().ok()),
            DataType::UInt64 => ScalarValue::UInt64(value.try_into().ok()),
            DataType::Decimal128(precision, scale) => {
                ScalarValue::Decimal128(Some(value), *precision, *scale)
            }
            DataType::Date32 => ScalarValue::Date32(value.try_into().ok()),
            DataType::Timestamp(unit, zone) => {
                let value = value.try_into().ok();
                match unit {
                    TimeUnit::Second => ScalarValue::TimestampSecond(value, zone.clone()),
                    TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(value, zone.clone()),
                    TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(value, zone.clone()),
                    TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(value, zone.clone()),
                }
            }
            _ => ScalarValue::Int64(value.try_into().ok()),
        }
    }
}

fn place(column: &ColumnRef, class: &ColumnClass, literal: &Literal) -> Result<Placed, QueryError> {
    let mismatch = || {
        QueryError::meaning(
            literal.at,
            format!(
                "this literal does not fit {}, which is {}",
                column.name.0,
                class.describe()
            ),
            class.example(),
        )
    };
    let value = &literal.value;
    if *value == LiteralValue::Null {
        return Ok(Placed::Null);
    }
    match class {
        ColumnClass::Integer(data_type) => {
            let (min, max) = integer_range(data_type);
            let point = digits(value)
                .and_then(|d| axis::from_number(d, 0))
                .ok_or_else(mismatch)?;
            Ok(Placed::OnAxis(
                Axis {
                    min,
                    max,
                    data_type: data_type.clone(),
                },
                point,
            ))
        }
        ColumnClass::Decimal { precision, scale } => {
            let units = u32::try_from(*scale).map_err(|_| mismatch())?;
            let point = digits(value)
                .and_then(|d| axis::from_number(d, units))
                .ok_or_else(mismatch)?;
            let max = 10_i128
                .checked_pow(u32::from(*precision))
                .map_or(i128::MAX, |p| p - 1);
            let data_type = DataType::Decimal128(*precision, *scale);
            Ok(Placed::OnAxis(
                Axis {
                    min: -max,
                    max,
                    data_type,
                },
                point,
            ))
        }
        ColumnClass::Float => {
            let number = digits(value)
                .filter(|d| axis::from_number(d, 0).is_some())
                .and_then(|d| d.parse::<f64>().ok())
                .ok_or_else(mismatch)?;
            Ok(Placed::Value(ScalarValue::Float64(Some(number))))
        }
        ColumnClass::Text => match value {
            LiteralValue::Text(text) => Ok(Placed::Value(ScalarValue::Utf8(Some(text.clone())))),
            _ => Err(mismatch()),
        },
        ColumnClass::Boolean => match value {
            LiteralValue::Boolean(value) => Ok(Placed::Value(ScalarValue::Boolean(Some(*value)))),
            _ => Err(mismatch()),
        },
        ColumnClass::Date => {
            let moment = moment(value)
                .filter(|m| !m.has_offset())
                .ok_or_else(mismatch)?;
            let axis = Axis {
                min: i32::MIN.into(),
                max: i32::MAX.into(),
                data_type: DataType::Date32,
            };
            Ok(Placed::OnAxis(
                axis,
                axis::from_nanos(moment.nanos(), NANOS_PER_DAY),
            ))
        }
        ColumnClass::Timestamp { unit, zone } => {
            let moment = moment(value).ok_or_else(mismatch)?;
            let nanos = match zone {
                None => moment.nanos(),
                Some(zone) => moment.nanos_in_zone(zone).ok_or_else(mismatch)?,
            };
            let axis = Axis {
                min: i64::MIN.into(),
                max: i64::MAX.into(),
                data_type: DataType::Timestamp(*unit, zone.clone()),
            };
            Ok(Placed::OnAxis(
                axis,
                axis::from_nanos(nanos, unit_nanos(*unit)),
            ))
        }
    }
}

/// The digits of a number, also where it is written in quotes.
fn digits(value: &LiteralValue) -> Option<&str> {
    match value {
        LiteralValue::Number(text) => Some(text),
        LiteralValue::Text(text) if text.len() <= temporal::NUMBER_DIGITS_MAX => Some(text),
        _ => None,
    }
}

fn moment(value: &LiteralValue) -> Option<temporal::Moment> {
    match value {
        LiteralValue::Text(text) | LiteralValue::Date(text) | LiteralValue::Timestamp(text) => {
            temporal::parse(text)
        }
        _ => None,
    }
}

fn null() -> Expr {
    lit(ScalarValue::Boolean(None))
}

/// TRUE unless `expr` is NULL, then NULL.
fn always(expr: Expr) -> Expr {
    expr.is_not_null().or(null())
}

/// FALSE unless `expr` is NULL, then NULL.
fn never(expr: Expr) -> Expr {
    expr.is_null().and(null())
}

const fn operator(op: CompareOp) -> Operator {
    match op {
        CompareOp::Eq => Operator::Eq,
        CompareOp::NotEq => Operator::NotEq,
        CompareOp::Lt => Operator::Lt,
        CompareOp::LtEq => Operator::LtEq,
        CompareOp::Gt => Operator::Gt,
        CompareOp::GtEq => Operator::GtEq,
    }
}
