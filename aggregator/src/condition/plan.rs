//! One side's conditions, made ready to be evaluated.
//!
//! Spec 10 §3.4. Called when a query is planned, to judge types, when the input is frozen, and for
//! the row filter at load. What a condition says that does not fit is refused here, so that nothing
//! is left to refuse when rows are read.

use psi_core::limits::LIKE_PATTERN_CHARS_MAX;

use super::compare::{Comparison, Pair};
use super::like::{NoPattern, Pattern};
use super::typed_literal::{TypedColumn, place};
use super::{Condition, Node};
use crate::error::QueryError;
use crate::sql::ast::{ColumnRef, CompareOp, Literal, LiteralValue, Operand, Predicate};
use crate::sql::typing::ColumnClass;

/// Finds the column that a name means.
pub(crate) type Resolve<'a> = &'a mut dyn FnMut(&ColumnRef) -> Result<TypedColumn, QueryError>;

/// Plans `predicates`, all of which are to be TRUE.
///
/// # Errors
/// [`QueryError::Meaning`] with the place of a literal that does not fit its column, and what
/// `resolve` returns.
pub(crate) fn plan(
    predicates: &[Predicate],
    resolve: Resolve<'_>,
) -> Result<Condition, QueryError> {
    Ok(Condition(Node::All(nodes(predicates, resolve)?)))
}

fn nodes(predicates: &[Predicate], resolve: Resolve<'_>) -> Result<Vec<Node>, QueryError> {
    predicates.iter().map(|each| node(each, resolve)).collect()
}

fn node(predicate: &Predicate, resolve: Resolve<'_>) -> Result<Node, QueryError> {
    match predicate {
        Predicate::And(parts) => Ok(Node::All(nodes(parts, resolve)?)),
        Predicate::Or(parts) => Ok(Node::Any(nodes(parts, resolve)?)),
        Predicate::Not(inner) => Ok(not(node(inner, resolve)?)),
        Predicate::IsNull { column, negated } => Ok(Node::IsNull {
            column: resolve(column)?.number,
            negated: *negated,
        }),
        Predicate::Compare {
            column,
            op,
            with: Operand::Literal(literal),
        } => compare(column, &resolve(column)?, *op, literal),
        Predicate::Compare {
            column,
            op,
            with: Operand::Column(other),
        } => columns(column, *op, other, resolve),
        Predicate::Between {
            column,
            negated,
            low,
            high,
        } => {
            let typed = resolve(column)?;
            let inside = Node::All(vec![
                compare(column, &typed, CompareOp::GtEq, low)?,
                compare(column, &typed, CompareOp::LtEq, high)?,
            ]);
            Ok(turned(inside, *negated))
        }
        Predicate::InList {
            column,
            negated,
            list,
        } => {
            let typed = resolve(column)?;
            let mut items = Vec::with_capacity(list.len());
            let mut has_null = false;
            for literal in list {
                match place(column, &typed, literal)? {
                    Some(value) => items.push(value),
                    None => has_null = true,
                }
            }
            let found = Node::Compare(Comparison::In {
                column: typed.number,
                items,
                has_null,
            });
            Ok(turned(found, *negated))
        }
        Predicate::Like {
            column,
            negated,
            pattern,
        } => Ok(turned(like(column, &resolve(column)?, pattern)?, *negated)),
    }
}

fn not(node: Node) -> Node {
    Node::Not(Box::new(node))
}

fn turned(node: Node, negated: bool) -> Node {
    if negated { not(node) } else { node }
}

fn compare(
    column: &ColumnRef,
    typed: &TypedColumn,
    op: CompareOp,
    literal: &Literal,
) -> Result<Node, QueryError> {
    Ok(match place(column, typed, literal)? {
        None => Node::Null,
        Some(with) => Node::Compare(Comparison::Literal {
            column: typed.number,
            op,
            with,
        }),
    })
}

fn like(column: &ColumnRef, typed: &TypedColumn, pattern: &Literal) -> Result<Node, QueryError> {
    let LiteralValue::Text(text) = &pattern.value else {
        return match pattern.value {
            LiteralValue::Null => Ok(Node::Null),
            _ => Err(QueryError::meaning(
                pattern.at,
                "a LIKE pattern has to be text",
                "write the pattern in single quotes, such as 'north%'",
            )),
        };
    };
    let made = Pattern::new(text).map_err(|why| match why {
        NoPattern::OpenEscape => QueryError::meaning(
            pattern.at,
            "the LIKE pattern ends in a backslash that takes no character",
            r"write \\ for a backslash",
        ),
        NoPattern::TooLong => QueryError::meaning(
            pattern.at,
            format!("a LIKE pattern of more than {LIKE_PATTERN_CHARS_MAX} characters"),
            "shorten it",
        ),
    })?;
    match typed.class {
        ColumnClass::Text => Ok(Node::Like {
            column: typed.number,
            pattern: made,
        }),
        ColumnClass::Empty => Ok(Node::Null),
        _ => Err(QueryError::meaning(
            column.at,
            format!(
                "LIKE needs text, but {} is {}",
                column.name.0,
                typed.class.describe()
            ),
            "use LIKE on a text column",
        )),
    }
}

fn columns(
    column: &ColumnRef,
    op: CompareOp,
    other: &ColumnRef,
    resolve: Resolve<'_>,
) -> Result<Node, QueryError> {
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
    let how = match (&left.class, &right.class) {
        (ColumnClass::Empty, _) | (_, ColumnClass::Empty) => return Ok(Node::Null),
        (ColumnClass::Text, _) => Pair::Text,
        (ColumnClass::Boolean, _) => Pair::Boolean,
        (ColumnClass::Date | ColumnClass::Instant { .. }, _) => Pair::Instant,
        (ColumnClass::Float, _) | (_, ColumnClass::Float) => Pair::Double,
        (ColumnClass::Integer | ColumnClass::Decimal { .. }, _) => Pair::Exact,
    };
    Ok(Node::Compare(Comparison::Columns {
        left: left.number,
        op,
        right: right.number,
        how,
    }))
}
