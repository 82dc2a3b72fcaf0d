//! Names for expressions outside the subset.
//!
//! Spec 10 §3.2. The names are for the analyst: what they wrote, not what the grammar calls it.

use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator};

/// What an expression is, in the analyst's words.
pub(super) fn describe(expr: &Expr) -> String {
    match expr {
        Expr::Function(function) if function.over.is_some() => "a window function".to_owned(),
        Expr::Function(function) => {
            format!("the function {}", function.name.to_string().to_uppercase())
        }
        Expr::BinaryOp { op, .. } => format!("the operator {op}"),
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            ..
        } => "NOT in this place".to_owned(),
        Expr::UnaryOp { op, .. } => format!("the operator {op}"),
        other => fixed(other).to_owned(),
    }
}

fn fixed(expr: &Expr) -> &'static str {
    match expr {
        Expr::Subquery(_) | Expr::InSubquery { .. } => "a subquery",
        Expr::Exists { .. } => "EXISTS",
        Expr::Case { .. } => "CASE",
        Expr::Cast { .. } => "CAST",
        Expr::Convert { .. } => "CONVERT",
        Expr::Extract { .. } => "EXTRACT",
        Expr::Interval(_) => "INTERVAL",
        Expr::AtTimeZone { .. } => "AT TIME ZONE",
        Expr::ILike { .. } => "ILIKE",
        Expr::Like { .. } => "LIKE ANY",
        Expr::SimilarTo { .. } => "SIMILAR TO",
        Expr::RLike { .. } => "RLIKE",
        Expr::AnyOp { .. } => "ANY",
        Expr::AllOp { .. } => "ALL",
        Expr::IsTrue(_) | Expr::IsNotTrue(_) => "IS TRUE",
        Expr::IsFalse(_) | Expr::IsNotFalse(_) => "IS FALSE",
        Expr::IsUnknown(_) | Expr::IsNotUnknown(_) => "IS UNKNOWN",
        Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => "IS DISTINCT FROM",
        Expr::InUnnest { .. } => "UNNEST",
        Expr::Ceil { .. } => "the function CEIL",
        Expr::Floor { .. } => "the function FLOOR",
        Expr::Position { .. } => "the function POSITION",
        Expr::Substring { .. } => "the function SUBSTRING",
        Expr::Trim { .. } => "the function TRIM",
        Expr::Overlay { .. } => "the function OVERLAY",
        Expr::Collate { .. } => "COLLATE",
        Expr::Tuple(_) => "a row of values",
        Expr::Array(_) => "an array",
        Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => "*",
        Expr::CompoundFieldAccess { .. } | Expr::JsonAccess { .. } => "access to a nested value",
        Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => "a grouping set",
        Expr::Value(_) | Expr::TypedString(_) => "a constant",
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => "a column in this place",
        Expr::IsNull(_) | Expr::IsNotNull(_) => "IS NULL in this place",
        Expr::InList { .. } => "IN in this place",
        Expr::Between { .. } => "BETWEEN in this place",
        _ => "this expression",
    }
}
