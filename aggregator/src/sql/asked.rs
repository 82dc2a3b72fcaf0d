//! What a query asks of one table: its groups, and its aggregated expressions with their functions.
//!
//! Spec 10 §3.5 and §5. Called for the owner's policy and for planning, so that both see the same
//! expressions in the same order.

use psi_core::spec::ValueShape;

use super::arith::Arith;
use super::ast::{Aggregate, ColumnRef, Function, GroupExpr, OutputValue, Query, Side};

/// An aggregated expression and the functions that are asked of it.
pub(crate) struct AskedValue<'a> {
    pub(crate) expr: &'a Arith<ColumnRef>,
    pub(crate) functions: Vec<Function>,
}

/// What a query asks of one table.
#[derive(Default)]
pub(crate) struct Asked<'a> {
    pub(crate) groups: Vec<&'a GroupExpr>,
    pub(crate) values: Vec<AskedValue<'a>>,
}

impl AskedValue<'_> {
    pub(crate) fn shape(&self) -> ValueShape {
        let mut shape = ValueShape::default();
        for function in &self.functions {
            let (count, sum, squares) = match function {
                Function::Count => (true, false, false),
                Function::Sum => (false, true, false),
                Function::Avg => (true, true, false),
                Function::VarSamp
                | Function::VarPop
                | Function::StddevSamp
                | Function::StddevPop => (true, true, true),
            };
            shape.count |= count;
            shape.sum |= sum;
            shape.squares |= squares;
        }
        shape
    }
}

/// What `query` asks of the table of `side`, in the order of its text.
pub(crate) fn asked(query: &Query, side: Side) -> Asked<'_> {
    let mut asked = Asked {
        groups: query
            .groups
            .iter()
            .filter(|group| group.column.side == side)
            .collect(),
        values: Vec::new(),
    };
    for_each_aggregate(query, &mut |aggregate| {
        let Aggregate::Of(function, value) = aggregate else {
            return;
        };
        if value.side != side {
            return;
        }
        let known = asked
            .values
            .iter_mut()
            .find(|other| *other.expr == value.expr);
        match known {
            Some(known) => known.functions.push(*function),
            None => asked.values.push(AskedValue {
                expr: &value.expr,
                functions: vec![*function],
            }),
        }
    });
    asked
}

/// Calls `visit` for every aggregate of the query, in the order of its text.
pub(crate) fn for_each_aggregate<'a>(query: &'a Query, visit: &mut dyn FnMut(&'a Aggregate)) {
    for output in &query.outputs {
        if let OutputValue::Formula(formula) = &output.value {
            formula.leaves(visit);
        }
    }
    if let Some(having) = &query.having {
        having.formulas(&mut |formula| formula.leaves(visit));
    }
}
