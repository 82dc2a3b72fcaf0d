//! Rows that are equal in an order that was asked for get one all the same: that of all their columns.
//!
//! Spec 10 §2.9. `row_number() OVER (ORDER BY day)` over two rows of one day depends on which of them was
//! read first. After the columns of the text, all others decide; rows that are equal in those too are
//! the same row.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Sort as SortBy, WindowFunctionParams};
use datafusion::logical_expr::logical_plan::{Aggregate, Limit, Sort, Window};
use datafusion::logical_expr::{
    Expr, LogicalPlan, WindowFrame, WindowFrameUnits, WindowFunctionDefinition,
};

use super::aggregates;
use super::failure::Refused;

/// Functions of a window for which equal rows are equal.
const OF_PEERS: [&str; 4] = ["rank", "dense_rank", "percent_rank", "cume_dist"];

/// The plan in which no order has ties between different rows.
pub(super) fn broken(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_down_with_subqueries(|node| match node {
        LogicalPlan::Limit(limit) => {
            let input = Arc::unwrap_or_clone(limit.input);
            let input = Arc::new(total_order(input)?);
            Ok(Transformed::yes(LogicalPlan::Limit(Limit {
                input,
                ..limit
            })))
        }
        LogicalPlan::Window(window) => {
            let input = window.input.schema();
            let calls = window.window_expr.into_iter();
            let calls = calls.map(|call| window_call(call, input));
            let calls = calls.collect::<Result<Vec<_>>>()?;
            let window = Window::try_new(calls, window.input)?;
            Ok(Transformed::yes(LogicalPlan::Window(window)))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let calls = aggregate.aggr_expr.into_iter().map(ordered_aggregate);
            let (input, groups) = (aggregate.input, aggregate.group_expr);
            let aggregate = Aggregate::try_new(input, groups, calls.collect())?;
            Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

/// What is below a LIMIT, in an order without ties.
fn total_order(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Sort(mut sort) => {
            add_columns(&mut sort.expr, sort.input.schema());
            let input = sort.input;
            Ok(LogicalPlan::Sort(Sort { input, ..sort }))
        }
        LogicalPlan::Projection(mut projection) => {
            let input = Arc::unwrap_or_clone(projection.input);
            projection.input = Arc::new(total_order(input)?);
            Ok(LogicalPlan::Projection(projection))
        }
        _ => Err(Refused::new(
            "LIMIT without ORDER BY keeps whichever rows come first",
            "say by ORDER BY which rows are the first",
        )
        .at("LIMIT"))?,
    }
}

/// Adds the columns of `input` by which rows are not ordered yet.
fn add_columns(order: &mut Vec<SortBy>, input: &DFSchema) {
    let columns = input.columns().into_iter().map(Expr::Column);
    for column in columns {
        if !order.iter().any(|by| by.expr == column) {
            order.push(column.sort(true, false));
        }
    }
}

fn window_call(call: Expr, input: &DFSchema) -> Result<Expr> {
    let name = call.schema_name().to_string();
    let (mut function, alias) = match call {
        Expr::WindowFunction(function) => (function, name),
        Expr::Alias(alias) => match *alias.expr {
            Expr::WindowFunction(function) => (function, alias.name),
            _ => return Ok(Expr::Alias(alias)),
        },
        other => return Ok(other),
    };
    let params = &mut function.params;
    let called = match &function.fun {
        WindowFunctionDefinition::AggregateUDF(aggregate) => {
            if params.window_frame.units == WindowFrameUnits::Rows {
                order_said(aggregate.name(), params)?;
                add_columns(&mut params.order_by, input);
            }
            return Ok(Expr::WindowFunction(function).alias(alias));
        }
        WindowFunctionDefinition::WindowUDF(function) => function.name().to_owned(),
    };
    if OF_PEERS.contains(&called.as_str()) {
        return Ok(Expr::WindowFunction(function).alias(alias));
    }
    order_said(&called, params)?;
    if aggregates::IN_ORDER.contains(&called.as_str()) && has_peers(&params.window_frame) {
        Err(Refused::new(
            format!("{called} of a window that ends at the current row takes any of its equal rows"),
            "say which rows by ROWS, such as ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
        )
        .at(&called))?;
    }
    add_columns(&mut params.order_by, input);
    Ok(Expr::WindowFunction(function).alias(alias))
}

/// Refuses a window whose rows have no order, for a function that needs one.
fn order_said(name: &str, params: &WindowFunctionParams) -> Result<()> {
    // A frame of all rows of the partition has no order to depend on.
    let frame = &params.window_frame;
    let is_whole = frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded();
    let is_aggregate = !matches!(
        name,
        "row_number" | "lag" | "lead" | "ntile" | "first_value" | "last_value" | "nth_value"
    );
    if params.order_by.is_empty() && !(is_whole && is_aggregate) {
        Err(Refused::new(
            format!("{name} depends on the order of the rows, and its window has none"),
            format!("write it, such as {name}(…) OVER (PARTITION BY k ORDER BY d)"),
        )
        .at(name))?;
    }
    Ok(())
}

/// Whether a frame by values begins or ends among rows that are equal in their order.
fn has_peers(frame: &WindowFrame) -> bool {
    let is_whole = frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded();
    frame.units != WindowFrameUnits::Rows && !is_whole
}

/// An aggregate that depends on an order, with what it takes of each row as the last word.
fn ordered_aggregate(call: Expr) -> Expr {
    let name = call.schema_name().to_string();
    let (mut function, alias) = match call {
        Expr::AggregateFunction(function) => (function, name),
        Expr::Alias(alias) => match *alias.expr {
            Expr::AggregateFunction(function) => (function, alias.name),
            other => return other.alias(alias.name),
        },
        other => return other,
    };
    if aggregates::IN_ORDER.contains(&function.func.name()) {
        let value = function.params.args.first().cloned();
        let order = &mut function.params.order_by;
        if let Some(value) = value
            && !order.iter().any(|by| by.expr == value)
        {
            order.push(value.sort(true, false));
            return Expr::AggregateFunction(function).alias(alias);
        }
    }
    if Expr::AggregateFunction(function.clone())
        .schema_name()
        .to_string()
        == alias
    {
        return Expr::AggregateFunction(function);
    }
    Expr::AggregateFunction(function).alias(alias)
}
