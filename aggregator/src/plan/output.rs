//! What comes out of a job: the shape of the question, and how outputs follow from opened cells.
//!
//! Spec 10 §3.5. Both nodes derive this from the canonical text alone, before they know anything
//! about each other's tables; the text is the same, so this is too.

use std::fmt::Write as _;

use psi_core::spec::{Form, Party, Shape, SideShape};

use crate::sql::arith::Arith;
use crate::sql::asked::{Asked, AskedValue, asked, for_each_aggregate};
use crate::sql::ast::{self, Aggregate, Function, Having, OrderItem, OutputValue, Query, Side};

/// What comes out of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPlan {
    /// The names of the output columns.
    pub columns: Vec<String>,
    /// What is asked of the two tables: what goes into the job specification.
    pub shape: Shape,
    /// How output rows follow from opened cells.
    pub(crate) program: Program,
}

/// How output rows follow from opened cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The expressions of GROUP BY: whose it is, and its number among that side's.
    pub(crate) groups: Vec<(Party, usize)>,
    pub(crate) outputs: Vec<Shown>,
    pub(crate) having: Option<Having<Measure>>,
    pub(crate) order: Vec<OrderItem>,
    pub(crate) limit: Option<u64>,
}

/// What an output shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The label of an expression of GROUP BY, by its number there.
    Group(usize),
    Formula(Arith<Measure>),
}

/// An aggregate by what it is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// `COUNT(*)`.
    Rows,
    /// `COUNT(DISTINCT key)`.
    Identities,
    /// A function of the side's aggregated expression of this number.
    Of {
        function: Function,
        owner: Party,
        value: usize,
    },
}

/// What comes out of `query`; `party` says who owns which table.
pub(super) fn output(query: &Query, party: &dyn Fn(Side) -> Party) -> OutputPlan {
    let sides = [Side::First, Side::Second].map(|side| asked(query, side));
    let measure = |aggregate: Aggregate| match aggregate {
        Aggregate::CountRows => Measure::Rows,
        Aggregate::CountDistinctKey(_) => Measure::Identities,
        Aggregate::Of(function, value) => {
            let values = &value.side.of(&sides).values;
            let number = values.iter().position(|other| *other.expr == value.expr);
            Measure::Of {
                function,
                owner: party(value.side),
                // `asked` has listed every expression of the query.
                value: number.unwrap_or_default(),
            }
        }
    };
    let outputs = query.outputs.iter().map(|output| match &output.value {
        OutputValue::Group(group) => Shown::Group(*group),
        OutputValue::Formula(formula) => Shown::Formula(formula.clone().map(&mut |a| measure(a))),
    });
    let groups = query.groups.iter().map(|group| {
        let side = group.column.side;
        let own = &side.of(&sides).groups;
        let number = own.iter().position(|other| *other == group);
        (party(side), number.unwrap_or_default())
    });
    let program = Program {
        groups: groups.collect(),
        outputs: outputs.collect(),
        having: query
            .having
            .clone()
            .map(|having| having.map(&mut |a| measure(a))),
        order: query.order.clone(),
        limit: query.limit,
    };
    let listed = query.list.iter().map(|column| column.name.0.clone());
    let named = query.outputs.iter().map(|output| match &output.alias {
        Some(alias) => alias.0.clone(),
        None => name(&output.value, query),
    });
    OutputPlan {
        columns: listed.chain(named).collect(),
        shape: shape(query, &sides, party),
        program,
    }
}

fn shape(query: &Query, sides: &[Asked<'_>; 2], party: &dyn Fn(Side) -> Party) -> Shape {
    let form = match query.form {
        _ if !query.list.is_empty() => Form::List,
        ast::Form::Join => Form::Join,
        ast::Form::Semi => Form::Semi {
            outer: party(Side::First),
        },
    };
    let mut shape = Shape {
        form,
        ..Shape::default()
    };
    for_each_aggregate(query, &mut |aggregate| {
        shape.rows |= matches!(aggregate, Aggregate::CountRows);
    });
    for side in [Side::First, Side::Second] {
        let asked = side.of(sides);
        let asked = SideShape {
            // The reader accepts few group columns.
            groups: u32::try_from(asked.groups.len()).unwrap_or(u32::MAX),
            values: asked.values.iter().map(AskedValue::shape).collect(),
        };
        match party(side) {
            Party::Requester => shape.requester = asked,
            Party::Responder => shape.responder = asked,
        }
    }
    shape
}

/// The name of an output without alias: its text in lower case, without the tables' names.
fn name(value: &OutputValue, query: &Query) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    match value {
        OutputValue::Group(index) => {
            let group = query.group(*index);
            let column = &group.column.name.0;
            match group.part {
                None => out.push_str(column),
                Some(part) => {
                    let _ = write!(out, "{}({column})", part.as_str().to_lowercase());
                }
            }
        }
        OutputValue::Formula(formula) => {
            formula.print(&mut out, &mut |out, aggregate| match aggregate {
                Aggregate::CountRows => out.push_str("count(*)"),
                Aggregate::CountDistinctKey(key) => {
                    let key: Vec<&str> = key.iter().map(|column| column.name.0.as_str()).collect();
                    let _ = write!(out, "count(distinct {})", key.join(", "));
                }
                Aggregate::Of(function, value) => {
                    out.push_str(&function.as_str().to_lowercase());
                    out.push('(');
                    value
                        .expr
                        .print(out, &mut |out, column| out.push_str(&column.name.0));
                    out.push(')');
                }
            });
        }
    }
    out
}
