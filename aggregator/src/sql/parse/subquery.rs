//! A subquery of WHERE: `EXISTS (SELECT …)` or `column IN (SELECT …)`, the semi-join.
//!
//! Spec 10 §3.2. A query over one table has exactly one, joined with its other conditions by AND.
//! Inside, equal columns of the two tables are the key; every other condition is on the subquery's
//! table alone. Both ways of writing give one tree, whose text is that of EXISTS.

use super::Reader;
use super::aggregate::PlacedPath;
use super::condition::{Node, condition, on_one_side, parts_of};
use super::from::{Scope, ScopeTable, add_pair, check_tables};
use super::token::Token;
use crate::error::{Position, QueryError};
use crate::sql::ast::{ColumnRef, CompareOp, Conjunct, Form, Operand, Predicate, Side};

/// A subquery that was read.
pub(super) struct Subquery {
    at: Position,
    table: ScopeTable,
    on: Vec<[ColumnRef; 2]>,
    conjuncts: Vec<Conjunct>,
}

/// How the tables are put together, and the conditions on them.
pub(super) struct Joined {
    pub(super) form: Form,
    pub(super) scope: Scope,
    pub(super) on: Vec<[ColumnRef; 2]>,
    pub(super) conjuncts: Vec<Conjunct>,
}

const EXISTS: &str = "write FROM member.table AS a WHERE EXISTS (SELECT 1 FROM member.table AS b \
                      WHERE b.key = a.key), and join other conditions with AND";

impl Subquery {
    /// It is part of OR or NOT.
    pub(super) fn misplaced(&self) -> QueryError {
        QueryError::subset(
            self.at,
            "a subquery inside OR or NOT",
            "join it with the other conditions by AND",
        )
    }

    /// There is one already.
    pub(super) fn second(&self) -> QueryError {
        QueryError::subset(
            self.at,
            "a second subquery",
            "a query has two tables, one of each member: write one subquery",
        )
    }
}

impl Reader {
    /// WHERE, if there is one, after FROM with both tables and the columns of ON, or with one.
    pub(super) fn where_clause(
        &mut self,
        scope: Scope,
        on: Vec<[ColumnRef; 2]>,
    ) -> Result<Joined, QueryError> {
        let join = |scope, conjuncts| Joined {
            form: Form::Join,
            scope,
            on,
            conjuncts,
        };
        if !self.take_word("WHERE") {
            scope.check_joined()?;
            return Ok(join(scope, Vec::new()));
        }
        let at = self.at();
        match self.or(&scope)? {
            Node::Subquery { subquery, beside } => {
                let mut conjuncts = subquery.conjuncts;
                conjuncts.extend(on_one_side(beside, at)?);
                Ok(Joined {
                    form: Form::Semi,
                    scope: scope.with_inner(subquery.table),
                    on: subquery.on,
                    conjuncts,
                })
            }
            other => {
                scope.check_joined()?;
                let conjuncts = on_one_side(parts_of(condition(other)?), at)?;
                Ok(join(scope, conjuncts))
            }
        }
    }

    /// Whether EXISTS comes next, where a subquery can be.
    pub(super) fn begins_exists(&self, scope: &Scope) -> bool {
        matches!(scope, Scope::Outer { .. })
            && self.is_word("EXISTS")
            && self.peek_at(1) == Some(&Token::LParen)
    }

    /// Whether IN with a subquery comes next, where one can be.
    pub(super) fn begins_in_subquery(&self, negated: bool, scope: &Scope) -> bool {
        let after = 1 + usize::from(negated);
        matches!(scope, Scope::Outer { .. })
            && self.peek_at(after) == Some(&Token::LParen)
            && self.keyword_at(after + 1).as_deref() == Some("SELECT")
    }

    /// `EXISTS (SELECT 1 FROM … WHERE …)`.
    pub(super) fn exists(&mut self, scope: &Scope) -> Result<Node, QueryError> {
        let at = self.at();
        self.advance();
        self.expect(&Token::LParen)?;
        if !self.take_word("SELECT") {
            return Err(self.unexpected("SELECT"));
        }
        // Of the rows it is only asked whether there are some, so what is selected says nothing.
        match self.peek() {
            Some(Token::Mul | Token::Number(..)) => self.advance(),
            _ => {
                return Err(QueryError::subset(
                    self.at(),
                    "EXISTS of anything but SELECT 1",
                    EXISTS,
                ));
            }
        }
        self.subquery(scope, at, None)
    }

    /// `column IN (SELECT column FROM …)`, from IN on.
    pub(super) fn in_subquery(
        &mut self,
        column: ColumnRef,
        negated: bool,
        scope: &Scope,
    ) -> Result<Node, QueryError> {
        let at = self.at();
        if negated {
            return Err(QueryError::subset(
                at,
                "NOT IN (SELECT …)",
                "one NULL among the subquery's values makes it true of no row, so it seldom means \
                 what it says; only rows that have a match can be counted",
            ));
        }
        self.advance();
        self.expect(&Token::LParen)?;
        self.advance();
        self.take_word("DISTINCT");
        let selected = self.column_path()?;
        self.subquery(scope, at, Some((column, selected)))
    }

    /// A subquery from FROM to its closing parenthesis. `compared` is the outer column that IN
    /// compares, with the column that the subquery selects.
    fn subquery(
        &mut self,
        scope: &Scope,
        at: Position,
        compared: Option<(ColumnRef, PlacedPath)>,
    ) -> Result<Node, QueryError> {
        let Scope::Outer { outer, .. } = scope else {
            return Err(QueryError::subset(at, "a subquery", EXISTS));
        };
        if !self.take_word("FROM") {
            return Err(self.unexpected("FROM"));
        }
        let table = self.table()?;
        check_tables(outer, &table)?;
        let inside = Scope::Joined([outer.clone(), table.clone()]);
        let mut on = Vec::new();
        if let Some((column, (path, path_at))) = compared {
            let selected = inside.column(&path, path_at)?;
            if selected.side != Side::Second {
                return Err(QueryError::subset(
                    path_at,
                    "a subquery that selects a column of the outer table",
                    "select the key column of the subquery's own table",
                ));
            }
            add_pair(&mut on, [column, selected])?;
        }
        let mut conjuncts = Vec::new();
        if self.take_word("WHERE") {
            let place = self.at();
            let predicate = self.nested(|reader| reader.or(&inside).and_then(condition))?;
            let mut others = Vec::new();
            for part in parts_of(predicate) {
                match equal_columns(&part) {
                    Some(pair) => add_pair(&mut on, pair)?,
                    None => others.push(part),
                }
            }
            conjuncts = on_one_side(others, place)?;
        }
        if let Some(outside) = conjuncts.iter().find(|c| c.side == Side::First) {
            let mut first = None;
            outside
                .predicate
                .columns(&mut |column| first = first.or(Some(column.at)));
            return Err(QueryError::subset(
                first.unwrap_or(at),
                "a condition on the outer table inside the subquery",
                "write it behind the subquery, joined by AND",
            ));
        }
        if on.is_empty() {
            return Err(QueryError::subset(
                at,
                "a subquery that compares no column of its table with one of the outer table",
                EXISTS,
            ));
        }
        self.expect(&Token::RParen)?;
        Ok(Node::Subquery {
            subquery: Box::new(Subquery {
                at,
                table,
                on,
                conjuncts,
            }),
            beside: Vec::new(),
        })
    }
}

/// The two columns, the outer table's first, if the condition says that columns of the two tables
/// are equal.
fn equal_columns(predicate: &Predicate) -> Option<[ColumnRef; 2]> {
    let Predicate::Compare {
        column,
        op: CompareOp::Eq,
        with: Operand::Column(other),
    } = predicate
    else {
        return None;
    };
    match (column.side, other.side) {
        (Side::First, Side::Second) => Some([column.clone(), other.clone()]),
        (Side::Second, Side::First) => Some([other.clone(), column.clone()]),
        _ => None,
    }
}
