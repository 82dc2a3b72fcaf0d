//! One side's groups and values against its loaded table: public facts, and what to keep of rows.
//!
//! Spec 10 §3.5. The policy has allowed every column by now; what is judged here is whether the
//! functions fit the columns, and how large sums can get.

use std::sync::Arc;

use psi_core::Code;
use psi_core::facts::{Clamp, GroupFacts, ValueFacts};
use psi_core::spec::ValueShape;

use super::{SideGroup, SideValue, SideValueKind};
use crate::error::{QueryError, Refusal};
use crate::source::conditions::no_column;
use crate::sql::arith::Arith;
use crate::sql::asked::{Asked, AskedValue};
use crate::sql::ast::{ColumnRef, GroupExpr};
use crate::sql::dimension::DimensionName;
use crate::tables::columns::{LoadedAggregate, LoadedDimension};
use crate::tables::measure::public_bound;
use crate::tables::table::{LoadedKey, LoadedTable, LoadedValue};
use crate::value::{ValueColumn, ValueProgram};

/// A side's groups and values, in the order of the query.
pub(super) struct Columns {
    pub(super) group_facts: Vec<GroupFacts>,
    pub(super) value_facts: Vec<ValueFacts>,
    pub(super) groups: Vec<SideGroup>,
    pub(super) values: Vec<SideValue>,
}

/// A table under one of its keys.
#[derive(Clone, Copy)]
pub(super) struct Loaded<'a> {
    pub(super) name: &'a str,
    pub(super) table: &'a LoadedTable,
    pub(super) key: &'a LoadedKey,
}

/// The dimension that a group expression means, as a configuration writes it.
pub(super) fn dimension(group: &GroupExpr, column: String) -> DimensionName {
    DimensionName {
        part: group.part,
        column,
    }
}

/// Plans what a query asks of the table's columns.
pub(super) fn plan(asked: &Asked<'_>, loaded: Loaded<'_>) -> Result<Columns, QueryError> {
    let mut columns = Columns {
        group_facts: Vec::new(),
        value_facts: Vec::new(),
        groups: Vec::new(),
        values: Vec::new(),
    };
    for group in &asked.groups {
        let (facts, plan) = loaded.group(group)?;
        columns.group_facts.push(facts);
        columns.groups.push(plan);
    }
    for value in &asked.values {
        let (facts, plan) = loaded.value(value)?;
        columns.value_facts.push(facts);
        columns.values.push(plan);
    }
    Ok(columns)
}

impl<'a> Loaded<'a> {
    /// The table's dimension that a group expression means, and its number.
    pub(super) fn dimension(&self, group: &GroupExpr) -> Option<(usize, &'a LoadedDimension)> {
        let column = self.table.source.column(&group.column.name.0).ok()?;
        let name = dimension(group, column.name.clone());
        let mut dimensions = self.table.dimensions.iter().enumerate();
        dimensions.find(|(_, dimension)| dimension.name == name)
    }

    fn group(&self, group: &GroupExpr) -> Result<(GroupFacts, SideGroup), QueryError> {
        let column = self.table.source.column(&group.column.name.0);
        let column =
            column.map_err(|reason| no_column(&self.table.source, &group.column, reason))?;
        let found = self.dimension(group);
        let (number, dimension) = found.ok_or_else(|| self.gone(&group.column))?;
        let sizes = self.key.groups.get(number).cloned().flatten();
        let facts = GroupFacts {
            labels: dimension.domain.kind,
            values: dimension.domain.labels.clone(),
            identities: sizes.unwrap_or_default(),
        };
        let plan = SideGroup {
            column: column.name.clone(),
            domain: Arc::clone(&dimension.domain),
        };
        Ok((facts, plan))
    }

    fn value(&self, asked: &AskedValue<'_>) -> Result<(ValueFacts, SideValue), QueryError> {
        let shape = asked.shape();
        let mut columns = Vec::new();
        asked.expr.leaves(&mut |column| columns.push(column));
        let mut aggregates = Vec::new();
        for column in columns {
            let (number, aggregate) = self.aggregate(column)?;
            if !aggregates.iter().any(|(known, _)| *known == number) {
                aggregates.push((number, aggregate));
            }
        }
        let nullable = aggregates.iter().any(|(_, aggregate)| aggregate.nullable);
        let is_column = matches!(asked.expr, Arith::Leaf(_));
        if !shape.sum && is_column {
            let facts = ValueFacts {
                whole: true,
                decimals: 0,
                nullable,
                clamp: None,
                sum_bound: 1,
                squares_bound: 1,
            };
            let names = aggregates.iter().map(|(_, a)| a.column.clone());
            let kind = SideValueKind::Presence(names.collect());
            return Ok((facts, SideValue { kind, clamp: None }));
        }
        let program = ValueProgram::compile(asked.expr, &mut |column| self.number(column))?;
        self.check_clamp(asked, shape, is_column, &aggregates)?;
        let clamp = match aggregates.as_slice() {
            [(_, aggregate)] if is_column => aggregate.number.as_ref().and_then(|n| n.clamp),
            _ => None,
        };
        let bounds = if let (true, [(number, _)]) = (is_column, aggregates.as_slice()) {
            self.key.values.get(*number).map(Bounds::of_column)
        } else {
            self.bounds_of(&program)
        };
        let bounds = bounds.unwrap_or_default().clamped(clamp);
        let needed = |asked: bool, bound: Option<u64>| match (asked, bound) {
            (false, _) => Ok(1),
            (true, Some(bound)) => Ok(bound),
            (true, None) => Err(self.too_large(&asked_name(&program))),
        };
        let facts = ValueFacts {
            whole: program.whole,
            decimals: program.decimals,
            nullable,
            clamp: clamp.map(|(low, high)| Clamp { low, high }),
            sum_bound: needed(shape.sum, bounds.sum)?,
            squares_bound: needed(shape.squares, bounds.squares)?,
        };
        let kind = if shape.sum {
            SideValueKind::Number(program)
        } else {
            SideValueKind::Presence(program.columns.into_iter().map(|c| c.name).collect())
        };
        Ok((facts, SideValue { kind, clamp }))
    }

    fn aggregate(&self, column: &ColumnRef) -> Result<(usize, &'a LoadedAggregate), QueryError> {
        let found = self.table.source.column(&column.name.0);
        let found = found.map_err(|reason| no_column(&self.table.source, column, reason))?;
        let mut aggregates = self.table.aggregates.iter().enumerate();
        aggregates
            .find(|(_, aggregate)| aggregate.column == found.name)
            .ok_or_else(|| self.gone(column))
    }

    fn number(&self, column: &ColumnRef) -> Result<ValueColumn, QueryError> {
        let (_, aggregate) = self.aggregate(column)?;
        match &aggregate.number {
            Some(number) => Ok(number.value.clone()),
            None => Err(QueryError::meaning(
                column.at,
                format!("{} is not a column to compute with", column.name.0),
                "compute with number columns whose owner allows more than count",
            )),
        }
    }

    /// A clamp bounds one identity's sum of the column itself, so it says nothing about squares or
    /// about an expression.
    fn check_clamp(
        &self,
        asked: &AskedValue<'_>,
        shape: ValueShape,
        is_column: bool,
        aggregates: &[(usize, &LoadedAggregate)],
    ) -> Result<(), QueryError> {
        let clamped = aggregates.iter().find(|(_, aggregate)| {
            let number = aggregate.number.as_ref();
            number.is_some_and(|number| number.clamp.is_some())
        });
        let Some((_, aggregate)) = clamped.filter(|_| shape.squares || (shape.sum && !is_column))
        else {
            return Ok(());
        };
        let functions: Vec<&str> = asked.functions.iter().map(|f| f.as_str()).collect();
        let what = if is_column {
            functions.join(" and ")
        } else {
            format!("{} of an expression", functions.join(" and "))
        };
        Err(QueryError::Refused(Refusal {
            code: Code::ColumnClamped,
            rule: format!("table.{}.aggregate.{}.clamp", self.name, aggregate.setting),
            sentence: format!(
                "the query asks for {what} with {:?}, of which each identity's sum is clamped",
                aggregate.column
            ),
            remedy: "ask for SUM, AVG or COUNT of the column, or remove the clamp".to_owned(),
        }))
    }

    /// Bounds of an expression: as many rows as an identity can have, each as large as can be.
    fn bounds_of(&self, program: &ValueProgram) -> Option<Bounds> {
        let ranges = program.columns.iter().map(|column| {
            let aggregates = &self.table.aggregates;
            let number = aggregates.iter().position(|a| a.column == column.name)?;
            let (low, high) = self.key.values.get(number)?.range;
            Some((i128::from(low), i128::from(high)))
        });
        let ranges: Vec<(i128, i128)> = ranges.collect::<Option<_>>()?;
        let (low, high) = program.range(&ranges)?;
        let rows = u128::from(self.key.rows_bound?);
        let amount = low.unsigned_abs().max(high.unsigned_abs());
        Some(Bounds {
            sum: rows.checked_mul(amount).and_then(public_bound),
            squares: amount
                .checked_mul(amount)
                .and_then(|square| square.checked_mul(rows))
                .and_then(public_bound),
        })
    }

    fn too_large(&self, what: &str) -> QueryError {
        QueryError::Refused(Refusal {
            code: Code::SumTooLarge,
            rule: format!("table.{}.aggregate", self.name),
            sentence: format!(
                "one identity's sum, or sum of squares, of {what} can exceed 63 bits"
            ),
            remedy: "declare fewer decimals, clamp the column, or remove absurd values".to_owned(),
        })
    }

    /// The policy lists the column, but the table was loaded without it.
    fn gone(&self, column: &ColumnRef) -> QueryError {
        QueryError::Refused(Refusal {
            code: Code::Unavailable,
            rule: format!("table.{}", self.name),
            sentence: format!("the column {} is gone", column.name.0),
            remedy: "run `psi-node check`".to_owned(),
        })
    }
}

fn asked_name(program: &ValueProgram) -> String {
    let names: Vec<&str> = program.columns.iter().map(|c| c.name.as_str()).collect();
    names.join(", ")
}

/// The most that one identity contributes to a sum and to a sum of squares; `None` beyond 63 bits.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    sum: Option<u64>,
    squares: Option<u64>,
}

impl Bounds {
    const fn of_column(value: &LoadedValue) -> Self {
        Self {
            sum: value.sum_bound,
            squares: value.squares_bound,
        }
    }

    /// With a clamp, what it says.
    fn clamped(self, clamp: Option<(i64, i64)>) -> Self {
        match clamp {
            None => self,
            Some((low, high)) => Self {
                sum: Some(low.unsigned_abs().max(high.unsigned_abs()).max(1)),
                squares: None,
            },
        }
    }
}
