//! What SQL may not do where jobs with differential privacy are allowed: let one person change the rows
//! of others.
//!
//! Spec 10 §2.9 and 12 §2. Noise hides one person if adding that person changes only that person's rows.
//! Windows, subqueries, LIMIT and set operations put rows of all persons together, and so does a group
//! that is not of one key value. A join of two sources by equal columns is allowed: what the other one
//! says there must be about the same person or about nobody, which its owner has to know.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::logical_plan::Join;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Operator};

use super::failure::Refused;

/// Checks a plan whose result has these keys.
pub(super) fn check<'a>(
    plan: &LogicalPlan,
    keys: impl Iterator<Item = &'a [String]>,
) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| expression.apply(without_subquery))
    })?;
    for key in keys {
        let mut of_key = BTreeSet::new();
        for name in key {
            let columns = plan.schema().columns();
            let folded = name.to_lowercase();
            let found = columns.iter().find(|column| column.name == *name);
            let found = found.or_else(|| {
                let mut columns = columns.iter();
                columns.find(|column| column.name.to_lowercase() == folded)
            });
            // A key that the result does not have is another problem, said at its own place.
            let Some(column) = found else {
                return Ok(());
            };
            of_key.insert(column.clone());
        }
        by_person(plan, &of_key)?;
    }
    Ok(())
}

fn without_subquery(expression: &Expr) -> Result<TreeNodeRecursion> {
    match expression {
        Expr::Exists(_)
        | Expr::InSubquery(_)
        | Expr::ScalarSubquery(_)
        | Expr::SetComparison(_) => Err(refused("a subquery"))?,
        _ => Ok(TreeNodeRecursion::Continue),
    }
}

fn refused(what: &str) -> Refused {
    Refused::new(
        format!(
            "{what} lets one person change the rows of others, and the table allows jobs with \
             differential privacy"
        ),
        "leave it out, or do not set epsilon_max",
    )
}

/// Checks that each row of a plan is made of rows of one value of the columns `key`.
fn by_person(plan: &LogicalPlan, key: &BTreeSet<Column>) -> Result<(), DataFusionError> {
    match plan {
        LogicalPlan::TableScan(_) | LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => {
            Ok(())
        }
        LogicalPlan::Filter(filter) => by_person(&filter.input, key),
        LogicalPlan::Sort(sort) => by_person(&sort.input, key),
        // All columns decide, those of the key among them.
        LogicalPlan::Distinct(Distinct::All(input)) => by_person(input, key),
        LogicalPlan::Projection(projection) => {
            let made = made_of(key, &projection.schema, &projection.expr)?;
            by_person(&projection.input, &made)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let inner = same_places(key, &alias.schema, alias.input.schema())?;
            by_person(&alias.input, &inner)
        }
        LogicalPlan::Union(union) => union.inputs.iter().try_for_each(|input| {
            let inner = same_places(key, &union.schema, input.schema())?;
            by_person(input, &inner)
        }),
        LogicalPlan::Aggregate(aggregate) => {
            let groups = aggregate.group_expr.len();
            let places = places(key, &aggregate.schema)?;
            if key.is_empty() || places.iter().any(|place| *place >= groups) {
                Err(Refused::new(
                    "the table allows jobs with differential privacy, and a group may hold rows of \
                     several persons",
                    "group by the key's columns too, or do not set epsilon_max",
                )
                .at("GROUP"))?;
            }
            let grouped = places
                .iter()
                .filter_map(|place| aggregate.group_expr.get(*place));
            let made = grouped.flat_map(|group| group.column_refs().into_iter().cloned());
            by_person(&aggregate.input, &made.collect())
        }
        LogicalPlan::Join(join) if matches!(join.join_type, JoinType::Inner | JoinType::Left) => {
            if !sources(&join.left)?.is_disjoint(&sources(&join.right)?) {
                return Err(refused("a join of a source with itself"))?;
            }
            let Some(on) = equal_columns(join) else {
                return Err(refused("a join by anything but equal columns"))?;
            };
            for (input, on) in [(&join.left, on.0), (&join.right, on.1)] {
                let of_side = key
                    .iter()
                    .filter(|column| input.schema().has_column(column));
                let of_side: BTreeSet<_> = of_side.cloned().collect();
                by_person(input, if of_side.is_empty() { &on } else { &of_side })?;
            }
            Ok(())
        }
        other => Err(refused(called(other)))?,
    }
}

/// The sources that a plan reads.
fn sources(plan: &LogicalPlan) -> Result<BTreeSet<String>, DataFusionError> {
    let mut names = BTreeSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            names.insert(scan.table_name.table().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(names)
}

/// The columns of the left and of the right side that a join compares; `None` if it compares otherwise,
/// or nothing.
fn equal_columns(join: &Join) -> Option<(BTreeSet<Column>, BTreeSet<Column>)> {
    let mut pairs = join.on.clone();
    for part in join.filter.iter().flat_map(split_conjunction) {
        let Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) = part
        else {
            return None;
        };
        pairs.push(((**left).clone(), (**right).clone()));
    }
    let (mut on_left, mut on_right) = (BTreeSet::new(), BTreeSet::new());
    for (one, other) in &pairs {
        let all_of = |expression: &Expr, side: &LogicalPlan| {
            let columns = expression.column_refs();
            let mut columns = columns.iter();
            columns.len() > 0 && columns.all(|column| side.schema().has_column(column))
        };
        let (left, right) = if all_of(one, &join.left) && all_of(other, &join.right) {
            (one, other)
        } else if all_of(other, &join.left) && all_of(one, &join.right) {
            (other, one)
        } else {
            return None;
        };
        on_left.extend(left.column_refs().into_iter().cloned());
        on_right.extend(right.column_refs().into_iter().cloned());
    }
    (!pairs.is_empty()).then_some((on_left, on_right))
}

/// What a part of a plan is called in the text.
fn called(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Window(_) => "a window function",
        LogicalPlan::Limit(_) => "LIMIT",
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti => "EXCEPT or INTERSECT",
            _ => "a join that is neither inner nor left",
        },
        _ => "a part of the text",
    }
}

/// The columns that those of a projection are made of.
fn made_of(
    key: &BTreeSet<Column>,
    schema: &DFSchema,
    expressions: &[Expr],
) -> Result<BTreeSet<Column>, DataFusionError> {
    let places = places(key, schema)?;
    let made = places.iter().filter_map(|place| expressions.get(*place));
    Ok(made
        .flat_map(|expression| expression.column_refs().into_iter().cloned())
        .collect())
}

/// The columns of `inner` at the places that `key` has in `outer`.
fn same_places(
    key: &BTreeSet<Column>,
    outer: &DFSchema,
    inner: &DFSchema,
) -> Result<BTreeSet<Column>, DataFusionError> {
    let (places, columns) = (places(key, outer)?, inner.columns());
    let same = places.iter().filter_map(|place| columns.get(*place));
    Ok(same.cloned().collect())
}

fn places(key: &BTreeSet<Column>, schema: &DFSchema) -> Result<Vec<usize>, DataFusionError> {
    key.iter()
        .map(|column| schema.index_of_column(column))
        .collect()
}
