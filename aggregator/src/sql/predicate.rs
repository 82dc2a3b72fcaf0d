//! One side's conditions as expressions of the data engine.
//!
//! Spec 10 §3.4. Called when a query is planned, to judge types, and again when the input is
//! frozen. Expressions are built from the tree, never from text. NULLs behave as in SQL: every
//! rewritten comparison keeps the third truth value.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::logical_expr::{Expr, Operator, binary_expr, cast, lit};
use datafusion::scalar::ScalarValue;

use super::ast::{ColumnRef, CompareOp, Literal, LiteralValue, Operand, Predicate};
use super::axis::{self, Outcome};
use super::placing::{Placed, place};
use super::typing::ColumnClass;
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
