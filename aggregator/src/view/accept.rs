//! Reads the text of a table and refuses what would not give the same rows twice.
//!
//! Spec 10 §2.9. A receipt commits to rows, so the same files must give the same rows on any day, with
//! any number of threads. What depends on the moment, on chance or on the order in which rows are read
//! is refused by its name; ties in an order are broken ([`super::ties`]).

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Volatility};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::dialect::GenericDialect;

use super::failure::{Refused, in_text, not_a_select};
use super::source_table::SourceTable;
use super::{View, aggregates, made_columns, private, ties};
use crate::similar;
use crate::source::SourceError;

/// The longest text: far more than anybody writes by hand.
const SQL_BYTES_MAX: usize = 256 * 1024;

/// The plan of a table's text over its sources.
pub(super) async fn accept(
    view: View<'_>,
    session: &SessionState,
    tables: Vec<SourceTable>,
) -> Result<LogicalPlan, SourceError> {
    let sql = view.sql;
    let accepted = async {
        let statement = parse(sql)?;
        register(session, tables)?;
        check_tables(session, &statement, view.config.sources.keys())?;
        let plan = session.statement_to_plan(statement).await?;
        check(&plan)?;
        let plan = ties::broken(plan)?;
        made_columns::check(&plan)?;
        if view.config.epsilon_max.is_some() {
            let keys = view.config.key.iter().map(|key| key.columns.as_slice());
            private::check(&plan, keys)?;
        }
        Ok::<_, DataFusionError>(plan)
    };
    // Boxed: the engine's futures are large.
    Box::pin(accepted)
        .await
        .map_err(|error| in_text(sql, &error))
}

fn parse(sql: &str) -> Result<Statement, DataFusionError> {
    if sql.len() > SQL_BYTES_MAX {
        return Err(Refused::new(
            format!("the text is longer than {SQL_BYTES_MAX} bytes"),
            "write it shorter, or put lists of values into a source of their own",
        )
        .into());
    }
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&GenericDialect {})
        .build()?
        .parse_statements()?;
    let (Some(statement), None) = (statements.pop_front(), statements.pop_front()) else {
        return Err(Refused::new(
            "the text is not one statement",
            "write one SELECT over this node's sources",
        )
        .into());
    };
    match &statement {
        Statement::Statement(inner) if matches!(**inner, SqlStatement::Query(_)) => Ok(statement),
        _ => Err(not_a_select(&statement).into()),
    }
}

/// Makes the sources the tables of the session.
fn register(session: &SessionState, tables: Vec<SourceTable>) -> Result<(), DataFusionError> {
    for table in tables {
        let name = table.name().to_owned();
        let schema = session.schema_for_ref(name.as_str())?;
        schema.register_table(name, Arc::new(table))?;
    }
    Ok(())
}

/// Refuses names that are no source, before the engine says it in its own way.
fn check_tables<'a>(
    session: &SessionState,
    statement: &Statement,
    sources: impl Iterator<Item = &'a String> + Clone,
) -> Result<(), DataFusionError> {
    for named in session.resolve_table_references(statement)? {
        let table = named.table();
        if named.schema().is_none() && sources.clone().any(|source| source == table) {
            continue;
        }
        let meant = similar::suggestion(table, sources.map(String::as_str));
        return Err(Refused::new(
            format!("there is no source {:?}{meant}", named.to_string()),
            "declare it, such as [source.orders] path = \"orders.csv\"; SQL reads sources, not other \
             tables",
        )
        .at(table)
        .into());
    }
    Ok(())
}

/// Refuses what does not give the same rows twice, and what does not end by itself.
fn check(plan: &LogicalPlan) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::RecursiveQuery(_) => Err(Refused::new(
                "WITH RECURSIVE may never end",
                "write the steps as joins",
            )
            .at("RECURSIVE"))?,
            LogicalPlan::Distinct(Distinct::On(_)) => Err(Refused::new(
                "DISTINCT ON keeps whichever row comes first",
                "number the rows by row_number() OVER (PARTITION BY … ORDER BY …) and keep number 1",
            )
            .at("DISTINCT"))?,
            LogicalPlan::Aggregate(aggregate) => {
                aggregates::check(&aggregate.aggr_expr, aggregate.input.schema())?;
            }
            LogicalPlan::Window(window) => {
                aggregates::check(&window.window_expr, window.input.schema())?;
            }
            _ => {}
        }
        node.apply_expressions(|expression| expression.apply(of_one))
    })?;
    Ok(())
}

/// Whether an expression depends on its row alone.
fn of_one(expression: &Expr) -> Result<TreeNodeRecursion, DataFusionError> {
    match expression {
        Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
            let name = call.func.name();
            Err(Refused::new(
                format!("{name} gives another value at another time"),
                "leave it out: the same files must give the same rows; write a date as DATE '2025-01-31'",
            )
            .at(name))?;
        }
        Expr::Placeholder(_) | Expr::ScalarVariable(..) => Err(Refused::new(
            "the text has a parameter or variable, and nobody gives it a value",
            "write the value itself",
        ))?,
        _ => {}
    }
    Ok(TreeNodeRecursion::Continue)
}
