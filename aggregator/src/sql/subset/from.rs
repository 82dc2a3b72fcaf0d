//! FROM and JOIN: two members' tables, inner join on equalities joined by AND.
//!
//! Spec 10 §3.2.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectNamePart, Spanned,
    TableAlias, TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::tokenizer::Token;
use psi_core::limits;

use super::Reader;
use super::refuse::describe;
use crate::error::{Position, QueryError};
use crate::sql::ast::{ColumnRef, Name, Side, TableName};

/// The two tables and the names by which the query calls them.
pub(in crate::sql) struct Scope {
    tables: [ScopeTable; 2],
}

struct ScopeTable {
    table: TableName,
    alias: Option<Name>,
}

impl Scope {
    pub(super) fn into_tables(self) -> [TableName; 2] {
        self.tables.map(|table| table.table)
    }

    /// The sides that `parts`, the names before a column's own, may mean.
    fn matches(&self, parts: &[Name]) -> Vec<Side> {
        let matches = |table: &ScopeTable| match parts {
            [one] => match &table.alias {
                Some(alias) => alias == one,
                None => table.table.table == *one,
            },
            [member, name] => table.table.member == *member && table.table.table == *name,
            _ => false,
        };
        [Side::First, Side::Second]
            .into_iter()
            .filter(|side| matches(&self.tables[side.index()]))
            .collect()
    }
}

const JOIN_REMEDY: &str = "write FROM member.table AS a JOIN member.table AS b ON a.key = b.key";

impl Reader<'_> {
    pub(super) fn from(
        &self,
        from: &[TableWithJoins],
    ) -> Result<(Scope, Vec<[ColumnRef; 2]>), QueryError> {
        let start = self.keyword(&["FROM", "SELECT"]);
        let [TableWithJoins { relation, joins }] = from else {
            return Err(match from.get(1) {
                None => QueryError::subset(start, "a query without tables", JOIN_REMEDY),
                Some(second) => QueryError::subset(
                    self.at(second.relation.span(), start),
                    "a comma between tables",
                    JOIN_REMEDY,
                ),
            });
        };
        let first = self.table(relation)?;
        let [join] = joins.as_slice() else {
            return Err(match joins.get(1) {
                None => QueryError::subset(first.table.at, "a query over one table", JOIN_REMEDY),
                Some(third) => QueryError::subset(
                    self.at(third.relation.span(), start),
                    "a join of more than two tables",
                    JOIN_REMEDY,
                ),
            });
        };
        let Join {
            relation,
            global,
            join_operator,
        } = join;
        self.absent(!global, &["GLOBAL"], "GLOBAL JOIN", JOIN_REMEDY)?;
        let condition = self.join_condition(join_operator)?;
        let second = self.table(relation)?;
        let scope = Scope {
            tables: [first, second],
        };
        self.check_tables(&scope)?;
        let on = self.on(condition, &scope)?;
        Ok((scope, on))
    }

    fn table(&self, factor: &TableFactor) -> Result<ScopeTable, QueryError> {
        let at = self.at(factor.span(), self.keyword(&["FROM"]));
        let TableFactor::Table {
            name,
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
        } = factor
        else {
            let what = match factor {
                TableFactor::Derived { .. } => "a subquery in FROM",
                TableFactor::NestedJoin { .. } => "a join in parentheses",
                TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => "PIVOT",
                _ => "a table function",
            };
            // A subquery has its position one past the parenthesis or nowhere at all.
            return Err(QueryError::subset(at, what, JOIN_REMEDY));
        };
        let plain = args.is_none()
            && with_hints.is_empty()
            && version.is_none()
            && !with_ordinality
            && partitions.is_empty()
            && json_path.is_none()
            && sample.is_none()
            && index_hints.is_empty();
        if !plain {
            let what = if sample.is_some() {
                "TABLESAMPLE"
            } else {
                "an option on a table"
            };
            return Err(QueryError::subset(at, what, JOIN_REMEDY));
        }
        let parts: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
        let (member, table) = match parts.as_slice() {
            [member, table] if name.0.len() == 2 => (self.name(member)?, self.name(table)?),
            _ => {
                return Err(QueryError::meaning(
                    at,
                    format!("{name} does not name a member's table"),
                    "write member.table",
                ));
            }
        };
        let alias = match alias {
            None => None,
            Some(TableAlias {
                explicit: _,
                name,
                columns,
                at: index,
            }) => {
                if !columns.is_empty() || index.is_some() {
                    return Err(QueryError::subset(
                        self.ident_at(name),
                        "an alias for columns",
                        "use the columns' own names",
                    ));
                }
                Some(self.name(name)?)
            }
        };
        Ok(ScopeTable {
            table: TableName { member, table, at },
            alias,
        })
    }

    fn join_condition<'q>(&self, join: &'q JoinOperator) -> Result<&'q Expr, QueryError> {
        let refuse = |keywords: &[&str], what: &str| {
            Err(QueryError::subset(
                self.keyword(keywords),
                what,
                "only the inner join of the two tables can be computed: write JOIN … ON",
            ))
        };
        let constraint = match join {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => constraint,
            JoinOperator::Left(_) => return refuse(&["LEFT"], "LEFT JOIN"),
            JoinOperator::LeftOuter(_) => return refuse(&["LEFT"], "LEFT OUTER JOIN"),
            JoinOperator::Right(_) => return refuse(&["RIGHT"], "RIGHT JOIN"),
            JoinOperator::RightOuter(_) => return refuse(&["RIGHT"], "RIGHT OUTER JOIN"),
            JoinOperator::FullOuter(_) => return refuse(&["FULL"], "FULL OUTER JOIN"),
            JoinOperator::CrossJoin(_) => return refuse(&["CROSS"], "CROSS JOIN"),
            JoinOperator::Semi(_) | JoinOperator::LeftSemi(_) | JoinOperator::RightSemi(_) => {
                return refuse(&["LEFT", "RIGHT", "SEMI"], "SEMI JOIN");
            }
            JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) | JoinOperator::RightAnti(_) => {
                return refuse(&["LEFT", "RIGHT", "ANTI"], "ANTI JOIN");
            }
            JoinOperator::CrossApply | JoinOperator::OuterApply => {
                return refuse(&["CROSS", "OUTER"], "APPLY");
            }
            JoinOperator::AsOf { .. } => return refuse(&["ASOF"], "ASOF JOIN"),
            JoinOperator::StraightJoin(_) => return refuse(&["STRAIGHT_JOIN"], "STRAIGHT_JOIN"),
            JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => return refuse(&["ARRAY"], "ARRAY JOIN"),
        };
        match constraint {
            JoinConstraint::On(condition) => Ok(condition),
            JoinConstraint::Using(_) => refuse(&["USING"], "JOIN … USING"),
            JoinConstraint::Natural => refuse(&["NATURAL"], "NATURAL JOIN"),
            JoinConstraint::None => refuse(&["JOIN"], "JOIN without ON"),
        }
    }

    #[allow(clippy::unused_self)] // a step of the reader like the others
    fn check_tables(&self, scope: &Scope) -> Result<(), QueryError> {
        let [first, second] = &scope.tables;
        if first.table.member == second.table.member {
            return Err(QueryError::subset(
                second.table.at,
                "a join of two tables of one member",
                "join a table of each of the two members",
            ));
        }
        if first.alias.is_some() && first.alias == second.alias {
            return Err(QueryError::meaning(
                second.table.at,
                "both tables have the same alias",
                "give them different ones",
            ));
        }
        Ok(())
    }

    fn on(&self, condition: &Expr, scope: &Scope) -> Result<Vec<[ColumnRef; 2]>, QueryError> {
        let mut parts = Vec::new();
        flatten(condition, &BinaryOperator::And, &mut parts);
        let mut pairs: Vec<[ColumnRef; 2]> = Vec::with_capacity(parts.len());
        for part in parts {
            let pair = self.equality(part, scope)?;
            for (i, column) in pair.iter().enumerate() {
                if pairs.iter().any(|earlier| earlier[i].name == column.name) {
                    return Err(QueryError::subset(
                        column.at,
                        "a column that appears twice in ON",
                        "compare each key column once",
                    ));
                }
            }
            pairs.push(pair);
        }
        if let Some([first, _]) = pairs.get(limits::KEY_COLUMNS_MAX) {
            return Err(QueryError::subset(
                first.at,
                format!(
                    "a join key of more than {} columns",
                    limits::KEY_COLUMNS_MAX
                ),
                "join on fewer columns",
            ));
        }
        Ok(pairs)
    }

    /// `a.x = b.y`, in the order of the tables.
    fn equality(&self, part: &Expr, scope: &Scope) -> Result<[ColumnRef; 2], QueryError> {
        let fallback = self.keyword(&["ON"]);
        let at = self.at(part.span(), fallback);
        let remedy = "compare key columns with = and AND; conditions on one side go into WHERE";
        let (left, right) = match part {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right,
            } => (strip(left), strip(right)),
            Expr::BinaryOp {
                op: BinaryOperator::Or,
                ..
            } => {
                return Err(QueryError::subset(
                    self.keyword(&["OR"]),
                    "OR in ON",
                    remedy,
                ));
            }
            Expr::BinaryOp { op, .. } => {
                let what = format!("a join on {op}");
                return Err(QueryError::subset(at, what, remedy));
            }
            other => {
                let what = format!("{} in ON", describe(other));
                return Err(QueryError::subset(at, what, remedy));
            }
        };
        for side in [left, right] {
            if !is_column(side) {
                return Err(QueryError::subset(
                    self.at(side.span(), at),
                    format!("{} in ON", describe(side)),
                    remedy,
                ));
            }
        }
        let (left, right) = (self.column(left, scope)?, self.column(right, scope)?);
        match (left.side, right.side) {
            (Side::First, Side::Second) => Ok([left, right]),
            (Side::Second, Side::First) => Ok([right, left]),
            _ => Err(QueryError::subset(
                at,
                "a join condition within one table",
                "compare a column of each table; conditions on one side go into WHERE",
            )),
        }
    }

    /// A qualified column.
    pub(super) fn column(&self, expr: &Expr, scope: &Scope) -> Result<ColumnRef, QueryError> {
        let fallback = self.keyword(&["SELECT"]);
        let (qualifier, last) = match expr {
            Expr::Identifier(ident) => {
                return Err(QueryError::meaning(
                    self.ident_at(ident),
                    format!("the column {ident} does not say which table it belongs to"),
                    format!("write alias.{ident}"),
                ));
            }
            Expr::CompoundIdentifier(parts) => match parts.split_last() {
                Some((last, qualifier)) => (qualifier, last),
                None => return Err(self.unsupported(expr, fallback)),
            },
            other => return Err(self.unsupported(other, fallback)),
        };
        let at = qualifier
            .first()
            .map_or(fallback, |ident| self.ident_at(ident));
        let names = qualifier
            .iter()
            .map(|i| self.name(i))
            .collect::<Result<Vec<_>, _>>()?;
        let written = || {
            qualifier
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(".")
        };
        match scope.matches(&names).as_slice() {
            [side] => Ok(ColumnRef {
                side: *side,
                name: self.name(last)?,
                at,
            }),
            [] => Err(QueryError::meaning(
                at,
                format!("there is no table {} in this query", written()),
                "use one of the two tables' aliases, or member.table if it has none",
            )),
            _ => Err(QueryError::meaning(
                at,
                format!("{} may be either table", written()),
                "give the tables different aliases",
            )),
        }
    }

    pub(super) fn unsupported(&self, expr: &Expr, fallback: Position) -> QueryError {
        let star = matches!(expr, Expr::Wildcard(_) | Expr::QualifiedWildcard(..));
        let fallback = if star {
            self.tokens.find_token(&Token::Mul).unwrap_or(fallback)
        } else {
            fallback
        };
        QueryError::subset(
            self.at(expr.span(), fallback),
            describe(expr),
            "compare columns with literals, using =, <>, <, <=, >, >=, BETWEEN, IN, LIKE, IS NULL",
        )
    }
}

pub(super) fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// The expression inside any parentheses.
pub(super) fn strip(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

/// The parts of a chain of `op`, left to right, through parentheses. Keeps its own stack: a
/// chain is as deep as it is long.
pub(super) fn flatten<'e>(expr: &'e Expr, op: &BinaryOperator, out: &mut Vec<&'e Expr>) {
    let mut waiting = vec![expr];
    while let Some(next) = waiting.pop() {
        match strip(next) {
            Expr::BinaryOp {
                left,
                op: found,
                right,
            } if found == op => {
                waiting.push(right);
                waiting.push(left);
            }
            part => out.push(part),
        }
    }
}
