//! One side of a query against one served table: policy, types, facts.
//!
//! Spec 10 §5.

use std::sync::Arc;

use psi_core::Code;
use psi_core::facts::TableFacts;
use psi_core::identifier::IdentifierKind;

use super::SidePlan;
use super::columns::{self, Loaded};
use super::output::OutputPlan;
use super::privacy;
use crate::config::ResultTo;
use crate::error::{QueryError, Refusal};
use crate::policy::question::Parties;
use crate::policy::{self, Question};
use crate::source::{Projection, conditions};
use crate::sql::asked::asked;
use crate::sql::ast::{ColumnRef, Predicate, Query, Side};
use crate::tables::table::ServedState;

/// This side's plan and facts.
pub(super) struct Planned {
    pub(super) side: SidePlan,
    pub(super) facts: TableFacts,
    pub(super) private_facts: Result<TableFacts, Refusal>,
}

/// The columns that a query uses of one side, beside what it puts out.
pub(super) struct ColumnsUsed<'a> {
    /// The key, in the order of ON.
    pub(super) key: Vec<&'a ColumnRef>,
    /// Those of WHERE.
    pub(super) filters: Vec<&'a ColumnRef>,
}

/// The columns that `query` uses of `side`.
pub(super) fn columns_used(query: &Query, side: Side) -> ColumnsUsed<'_> {
    let key = query.on.iter().map(|pair| side.of(pair)).collect();
    let mut filters = Vec::new();
    for conjunct in query
        .conjuncts
        .iter()
        .filter(|conjunct| conjunct.side == side)
    {
        conjunct
            .predicate
            .columns(&mut |column| filters.push(column));
    }
    ColumnsUsed { key, filters }
}

/// The columns of `side` that `query` groups by or aggregates, in the order of its text.
pub(super) fn columns_put_out(query: &Query, side: Side) -> Vec<&ColumnRef> {
    let asked = asked(query, side);
    let mut columns: Vec<&ColumnRef> = asked.groups.iter().map(|group| &group.column).collect();
    for value in asked.values {
        value.expr.leaves(&mut |column| columns.push(column));
    }
    columns
}

/// Plans `side` of `query` over a served table.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: the policy gives the number of a configured key, and a table has loaded each"
)]
pub(super) fn plan(
    query: &Query,
    side: Side,
    member: &str,
    parties: Parties<'_>,
    output: &OutputPlan,
    state: &ServedState<'_>,
) -> Result<Planned, QueryError> {
    let ServedState {
        name,
        config,
        table,
    } = *state;
    let source = &table.source;
    // A name that is not a column stays unchanged, so no list has it.
    let listed = |column: &ColumnRef| {
        source
            .column(&column.name.0)
            .map_or_else(|_| column.name.0.clone(), |c| c.name.clone())
    };
    let question = Question::of(query, side, parties, name, Some(config), &listed);
    let allowed = policy::evaluate(&question, Some((name, config)))?;
    let asked = asked(query, side);
    let ColumnsUsed { key, .. } = columns_used(query, side);
    let configured = &config.key[allowed.key];
    let loaded = &table.keys[allowed.key];
    let key_kinds = question
        .key_columns
        .iter()
        .filter_map(|column| kind_of(&configured.columns, &configured.kinds, column))
        .collect::<Vec<_>>();
    let predicates: Vec<Predicate> = query
        .conjuncts
        .iter()
        .filter(|conjunct| conjunct.side == side)
        .map(|conjunct| conjunct.predicate.clone())
        .collect();
    conditions::plan(source, &predicates, &mut Projection::default())?;
    let key_of_table = Loaded {
        name,
        table,
        key: loaded,
    };
    let columns = columns::plan(&asked, key_of_table)?;
    let counts_rows = output.shape.rows
        || columns.value_facts.iter().any(|value| value.nullable)
        || asked.values.iter().any(|value| value.shape().count);
    let rows_bound = match loaded.rows_bound {
        // The rows of a subquery's table are not counted.
        _ if configured.unique || !counts_rows || query.inner() == Some(side) => 1,
        Some(bound) => bound,
        None => return Err(too_many_rows(name).into()),
    };
    let facts = TableFacts {
        member: member.to_owned(),
        table: side.of(&query.tables).table.0.clone(),
        key_columns: key.iter().map(|column| column.name.0.clone()).collect(),
        key_kinds: key_kinds.clone(),
        key_unique: configured.unique,
        identities: loaded.identities,
        minimum: config.minimum,
        prefer_receiver: config.prefer_receiver,
        owner_may_receive: config.owner_may_receive,
        result_to_both: config.result == ResultTo::Both,
        rows_bound,
        groups: columns.group_facts,
        values: columns.value_facts,
        privacy: None,
    };
    let private_facts = privacy::facts(
        &facts,
        &asked,
        output.shape.rows && query.inner() != Some(side),
        key_of_table,
        config,
        configured,
    );
    let side = SidePlan {
        table: name.to_owned(),
        loaded: Arc::clone(table),
        listed: question.listed,
        key_columns: question.key_columns,
        key_kinds,
        predicates,
        groups: columns.groups,
        values: columns.values,
        rules: allowed.rules,
        template: allowed.template,
    };
    Ok(Planned {
        side,
        facts,
        private_facts,
    })
}

fn too_many_rows(table: &str) -> Refusal {
    Refusal {
        code: Code::SumTooLarge,
        rule: format!("table.{table}"),
        sentence: "an identity has more rows than 63 bits count".to_owned(),
        remedy: "remove rows".to_owned(),
    }
}

fn kind_of(columns: &[String], kinds: &[IdentifierKind], column: &str) -> Option<IdentifierKind> {
    columns
        .iter()
        .zip(kinds)
        .find(|(name, _)| name.to_lowercase() == column.to_lowercase())
        .map(|(_, kind)| *kind)
}
