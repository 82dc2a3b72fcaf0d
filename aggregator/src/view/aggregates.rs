//! Which aggregates give the same value whatever the order of the rows.
//!
//! Spec 10 §2.9. Sums of binary fractions depend on the order in which they are added, estimates on how
//! rows were divided between threads, and lists on which row came first.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, ExprSchemable as _, WindowFunctionDefinition};

use super::failure::Refused;

/// Those that depend on the set of values alone.
const ANY_ORDER: [&str; 11] = [
    "count", "min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor", "median",
    "grouping", "sum",
];

/// Those that depend on the order of rows, which the text has to say.
pub(super) const IN_ORDER: [&str; 5] = [
    "array_agg",
    "string_agg",
    "first_value",
    "last_value",
    "nth_value",
];

/// Checks the aggregates in expressions over rows of `input`.
pub(super) fn check(expressions: &[Expr], input: &DFSchema) -> Result<()> {
    for expression in expressions {
        expression.apply(|part| {
            match part {
                Expr::AggregateFunction(call) => {
                    let params = &call.params;
                    one(
                        call.func.name(),
                        &params.args,
                        params.order_by.is_empty(),
                        input,
                    )?;
                }
                Expr::WindowFunction(call) => {
                    if let WindowFunctionDefinition::AggregateUDF(function) = &call.fun {
                        // The order of a window is another one than that of a list.
                        one(function.name(), &call.params.args, true, input)?;
                    }
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(())
}

fn one(name: &str, args: &[Expr], is_unordered: bool, input: &DFSchema) -> Result<()> {
    let argument = args.first().map(|arg| arg.get_type(input)).transpose()?;
    let is_binary = argument.as_ref().is_some_and(DataType::is_floating);
    match name {
        "sum" | "avg" if is_binary => Err(Refused::new(
            format!("{name} of binary fractions depends on the order of the rows"),
            format!("cast first, such as {name}(CAST(x AS DECIMAL(18, 2)))"),
        )
        .at(name))?,
        "avg" if argument.as_ref().is_some_and(DataType::is_integer) => Err(Refused::new(
            "avg of whole numbers is computed in binary fractions, which depend on the order of the rows",
            "cast first, such as avg(CAST(x AS DECIMAL(18, 2)))",
        )
        .at(name))?,
        "avg" => {}
        ordered if IN_ORDER.contains(&ordered) => {
            if is_unordered {
                Err(Refused::new(
                    format!("{name} depends on the order of the rows, and the text says none"),
                    format!("say it inside, such as {name}(x ORDER BY d)"),
                )
                .at(name))?;
            }
        }
        other if ANY_ORDER.contains(&other) => {}
        other => Err(Refused::new(
            format!("{other} is not exact, or depends on the order of the rows"),
            format!("use one of {}, avg of decimals", ANY_ORDER.join(", ")),
        )
        .at(other))?,
    }
    Ok(())
}
