//! The owner's own predicate: SQL text from `node.toml`, as an expression.
//!
//! Spec 10 §2.6. Unlike a query, it comes from the owner, so it may use the engine's functions.
//! It may not look at other tables, aggregate, or give another answer when asked again.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::{Expr, ExprSchemable as _};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, ExprWithAlias, Ident, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::report::Problem;
use crate::source::{NoColumn, Source};

/// Parses the predicate of table `name` over the columns of `source`.
///
/// # Errors
/// [`Problem`] that names the setting.
pub(crate) fn parse(
    name: &str,
    text: &str,
    source: &Source,
    context: &SessionContext,
) -> Result<Expr, Problem> {
    let place = || format!("table.{name}.row_filter");
    let problem = |what: String| {
        Problem::new(
            place(),
            what,
            "write a condition over the table's own columns, such as consent = TRUE",
        )
    };
    let mut sql = parse_text(text).map_err(|err| problem(format!("{text:?} is not SQL: {err}")))?;
    name_columns(&mut sql, source).map_err(problem)?;
    let expr = logical(sql, source, context)
        .map_err(|err| problem(format!("{text:?} does not fit the table: {err}")))?;
    if let Some(what) = forbidden(&expr) {
        return Err(problem(format!("{text:?} uses {what}")));
    }
    Ok(expr)
}

fn parse_text(text: &str) -> Result<SqlExpr, String> {
    let mut parser = Parser::new(&GenericDialect {})
        .try_with_sql(text)
        .map_err(|err| err.to_string())?;
    let expr = parser.parse_expr().map_err(|err| err.to_string())?;
    match parser.peek_token().token {
        Token::EOF => Ok(expr),
        other => Err(format!("{other} follows the condition")),
    }
}

/// Writes every column name as the source writes it, in quotes, so that case does not matter.
fn name_columns(sql: &mut SqlExpr, source: &Source) -> Result<(), String> {
    let found = visit_expressions_mut(sql, |expr| match expr {
        SqlExpr::Identifier(ident) => match source.column(&ident.value) {
            Ok(column) => {
                *ident = Ident::with_quote('"', column.name.clone());
                ControlFlow::Continue(())
            }
            Err(NoColumn::Unknown) => {
                ControlFlow::Break(format!("there is no column {ident} in this table"))
            }
            Err(NoColumn::Ambiguous) => ControlFlow::Break(format!(
                "{ident} may be several columns that differ in upper and lower case"
            )),
        },
        SqlExpr::CompoundIdentifier(_) => {
            ControlFlow::Break(format!("{expr} has a table's name, which is not needed"))
        }
        SqlExpr::Subquery(_) | SqlExpr::InSubquery { .. } | SqlExpr::Exists { .. } => {
            ControlFlow::Break("it looks at other tables".to_owned())
        }
        _ => ControlFlow::Continue(()),
    });
    match found {
        ControlFlow::Break(what) => Err(what),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The expression over the source's raw columns.
fn logical(
    sql: SqlExpr,
    source: &Source,
    context: &SessionContext,
) -> Result<Expr, DataFusionError> {
    let view = Schema::new(
        source
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.view_type().clone(), true))
            .collect::<Vec<_>>(),
    );
    let view = DFSchema::try_from(view)?;
    let expr = context.state().create_logical_expr_from_sql_expr(
        ExprWithAlias {
            expr: sql,
            alias: None,
        },
        &view,
    )?;
    let data_type = expr.get_type(&view)?;
    if data_type != DataType::Boolean {
        return Err(DataFusionError::Plan(format!(
            "it is {data_type} instead of true or false"
        )));
    }
    let raw = expr.transform(|expr| match &expr {
        Expr::Column(column) => match source.column(&column.name) {
            Ok(found) => Ok(Transformed::yes(found.view_expr())),
            Err(_) => Ok(Transformed::no(expr)),
        },
        _ => Ok(Transformed::no(expr)),
    })?;
    Ok(raw.data)
}

/// What the expression may not use, if it does.
fn forbidden(expr: &Expr) -> Option<&'static str> {
    let uses = |test: fn(&Expr) -> bool| expr.exists(|e| Ok(test(e))).unwrap_or(true);
    if uses(|e| matches!(e, Expr::AggregateFunction(_) | Expr::WindowFunction(_))) {
        return Some("an aggregate or window function");
    }
    if uses(|e| matches!(e, Expr::Placeholder(_) | Expr::ScalarVariable(..))) {
        return Some("a placeholder or variable");
    }
    expr.is_volatile()
        .then_some("a function that answers differently each time")
}
