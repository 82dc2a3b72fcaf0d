//! What a query asks of one table, in the words of the rules.
//!
//! Spec 10 §5. Made from the tree of an accepted query by `plan`, for both roles.

use std::collections::BTreeSet;

use crate::config::{AggregateFunction, Operator, QueryForm, TableConfig};
use crate::policy::template::Template;
use crate::sql::arith::Arith;
use crate::sql::asked::asked;
use crate::sql::ast::{ColumnRef, Form, Function, Operand, Predicate, Query, Side};

/// What a query asks of one table. Columns are written as the configuration writes them where
/// they exist, so that the rules compare equal strings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The table, as the query names it.
    pub table: String,
    /// The member that asks.
    pub requester: String,
    /// The other members that are to get the result: the one that asks always is.
    pub other_recipients: Vec<String>,
    /// How the query puts the two tables together.
    pub form: QueryForm,
    /// The columns of the join key, in the order of the ON clause.
    pub key_columns: Vec<String>,
    /// What the WHERE clause does with columns, each use once.
    pub filters: BTreeSet<FilterUse>,
    /// The expressions of GROUP BY, a column or a part of a date such as `month(day)`.
    pub groups: Vec<String>,
    /// The aggregated columns, each with a function that is computed of it.
    pub functions: BTreeSet<FunctionUse>,
    /// The table's own key columns whose matching values are listed; empty unless the query is a
    /// list of this table's values.
    pub listed: Vec<String>,
    /// Whether the query is a list, of either table's values.
    pub is_list: bool,
    /// The digests of those of the table's templates that the query is an instance of.
    pub templates: Vec<String>,
}

/// A comparison of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilterUse {
    /// The column.
    pub column: String,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with.
    pub with: ComparedWith,
}

/// What a column is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComparedWith {
    /// Constants, hidden ones included.
    Literals,
    /// Another column.
    Column,
    /// Nothing: `IS NULL`.
    Nothing,
}

/// A function of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunctionUse {
    /// The column.
    pub column: String,
    /// What is computed.
    pub function: AggregateFunction,
    /// Whether the column is part of an arithmetic expression instead of alone.
    pub in_expression: bool,
}

/// Who asks, and who gets the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parties<'a> {
    pub(crate) requester: &'a str,
    /// The member that does not ask, if it gets the result too.
    pub(crate) other_recipient: Option<&'a str>,
}

impl Question {
    /// What `query` asks of the table of `side`, called `table`. Its rules are known if it is this
    /// node's; `listed` gives a column's name as its source writes it.
    pub(crate) fn of(
        query: &Query,
        side: Side,
        parties: Parties<'_>,
        table: &str,
        config: Option<&TableConfig>,
        listed: &dyn Fn(&ColumnRef) -> String,
    ) -> Self {
        let mut filters = BTreeSet::new();
        for conjunct in query.conjuncts.iter().filter(|c| c.side == side) {
            filter_uses(&conjunct.predicate, listed, &mut filters);
        }
        let asked = asked(query, side);
        let groups = asked.groups.iter().map(|group| {
            let column = listed(&group.column);
            match group.part {
                None => column,
                Some(part) => format!("{}({column})", part.as_str().to_lowercase()),
            }
        });
        let mut functions = BTreeSet::new();
        for value in &asked.values {
            let in_expression = !matches!(value.expr, Arith::Leaf(_));
            value.expr.leaves(&mut |column| {
                functions.extend(value.functions.iter().map(|function| FunctionUse {
                    column: listed(column),
                    function: allowable(*function),
                    in_expression,
                }));
            });
        }
        let own = query.list.iter().filter(|column| column.side == side);
        Self {
            table: table.to_owned(),
            requester: parties.requester.to_owned(),
            other_recipients: parties
                .other_recipient
                .iter()
                .map(ToString::to_string)
                .collect(),
            form: match query.form {
                Form::Join => QueryForm::Join,
                Form::Semi => QueryForm::Semi,
            },
            key_columns: query.on.iter().map(|pair| listed(side.of(pair))).collect(),
            filters,
            groups: groups.collect(),
            functions,
            listed: own.map(listed).collect(),
            is_list: !query.list.is_empty(),
            templates: config.map_or_else(Vec::new, |config| instances(query, config)),
        }
    }
}

/// The digests of the table's templates that `query` is an instance of.
fn instances(query: &Query, config: &TableConfig) -> Vec<String> {
    let templates = config.template.values();
    // What cannot be read was refused when the configuration was checked.
    let read = templates.filter_map(|template| Template::read(template).ok());
    let instances = read.filter(|template| template.is_instance(query));
    instances.map(|template| template.digest()).collect()
}

/// The function of the configuration that allows a function of SQL.
const fn allowable(function: Function) -> AggregateFunction {
    match function {
        Function::Count => AggregateFunction::Count,
        Function::Sum => AggregateFunction::Sum,
        Function::Avg => AggregateFunction::Avg,
        Function::VarSamp | Function::VarPop => AggregateFunction::Var,
        Function::StddevSamp | Function::StddevPop => AggregateFunction::Stddev,
    }
}

fn filter_uses(
    predicate: &Predicate,
    listed: &dyn Fn(&ColumnRef) -> String,
    uses: &mut BTreeSet<FilterUse>,
) {
    let mut add = |column: &ColumnRef, operator: Operator, with: ComparedWith| {
        uses.insert(FilterUse {
            column: listed(column),
            operator,
            with,
        });
    };
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => {
            for part in parts {
                filter_uses(part, listed, uses);
            }
        }
        Predicate::Not(inner) => filter_uses(inner, listed, uses),
        Predicate::Compare { column, op, with } => match with {
            Operand::Literal(_) => add(column, (*op).into(), ComparedWith::Literals),
            Operand::Column(other) => {
                add(column, (*op).into(), ComparedWith::Column);
                add(other, op.mirrored().into(), ComparedWith::Column);
            }
        },
        Predicate::Between { column, .. } => {
            add(column, Operator::Between, ComparedWith::Literals);
        }
        Predicate::InList { column, .. } => add(column, Operator::In, ComparedWith::Literals),
        Predicate::Like { column, .. } => add(column, Operator::Like, ComparedWith::Literals),
        Predicate::IsNull { column, .. } => add(column, Operator::IsNull, ComparedWith::Nothing),
    }
}
