//! WHERE: conditions joined by AND, each on one side's columns.
//!
//! Spec 10 §3.2. Precedence is SQL's: NOT binds tighter than AND, AND tighter than OR. An opening
//! parenthesis may open a condition or enclose a column or literal; what was read decides.

use super::from::Scope;
use super::subquery::Subquery;
use super::token::Token;
use super::{Reader, names};
use crate::error::{Position, QueryError};
use crate::sql::ast::{ColumnRef, CompareOp, Conjunct, Operand, Predicate, Side};

/// What was read between two keywords.
pub(super) enum Node {
    Condition(Predicate),
    Operand(Operand, Position),
    /// A subquery, and the conditions that AND joins with it.
    Subquery {
        subquery: Box<Subquery>,
        beside: Vec<Predicate>,
    },
}

impl Reader {
    pub(super) fn conjuncts(&mut self, scope: &Scope) -> Result<Vec<Conjunct>, QueryError> {
        let at = self.at();
        let predicate = self.or(scope).and_then(condition)?;
        on_one_side(parts_of(predicate), at)
    }

    pub(super) fn or(&mut self, scope: &Scope) -> Result<Node, QueryError> {
        let first = self.and(scope)?;
        if !self.is_word("OR") {
            return Ok(first);
        }
        let mut parts = Vec::new();
        append_or(&mut parts, condition(first)?);
        while self.take_word("OR") {
            let next = self.and(scope)?;
            append_or(&mut parts, condition(next)?);
        }
        Ok(Node::Condition(Predicate::Or(parts)))
    }

    fn and(&mut self, scope: &Scope) -> Result<Node, QueryError> {
        let first = self.not(scope)?;
        if !self.is_word("AND") {
            return Ok(first);
        }
        let mut parts = Vec::new();
        let mut found = None;
        append_and(&mut parts, &mut found, first)?;
        while self.take_word("AND") {
            let next = self.not(scope)?;
            append_and(&mut parts, &mut found, next)?;
        }
        Ok(match found {
            None => Node::Condition(Predicate::And(parts)),
            Some(subquery) => Node::Subquery {
                subquery,
                beside: parts,
            },
        })
    }

    fn not(&mut self, scope: &Scope) -> Result<Node, QueryError> {
        if !self.take_word("NOT") {
            return self.primary(scope);
        }
        if self.begins_exists(scope) {
            return Err(QueryError::subset(
                self.at(),
                "NOT EXISTS",
                "only rows that have a match can be counted: write EXISTS, and take the count from \
                 that of your whole table where it is yours",
            ));
        }
        let inner = self.nested(|reader| reader.not(scope).and_then(condition))?;
        Ok(Node::Condition(Predicate::Not(Box::new(inner))))
    }

    fn primary(&mut self, scope: &Scope) -> Result<Node, QueryError> {
        let is_subquery = matches!(self.keyword_at(1).as_deref(), Some("SELECT" | "WITH"));
        let node = if self.peek() == Some(&Token::LParen) && !is_subquery {
            self.advance();
            let node = self.nested(|reader| reader.or(scope))?;
            if self.peek() == Some(&Token::Comma) {
                return Err(QueryError::subset(
                    self.at(),
                    "a row of values",
                    names::CONDITION,
                ));
            }
            self.expect(&Token::RParen)?;
            node
        } else if self.begins_exists(scope) {
            return self.exists(scope);
        } else {
            let at = self.at();
            Node::Operand(self.operand(scope)?, at)
        };
        match node {
            Node::Operand(left, at) => self.comparison(left, at, scope),
            complete @ (Node::Condition(_) | Node::Subquery { .. }) => Ok(complete),
        }
    }

    /// What follows a column or literal, if a comparison does.
    fn comparison(
        &mut self,
        left: Operand,
        at: Position,
        scope: &Scope,
    ) -> Result<Node, QueryError> {
        if let Some(op) = self.compare_op() {
            self.advance();
            let right_at = self.at();
            let right = self.right_operand(scope)?;
            if let Some(slip) = self.date_without_quotes(&right, right_at) {
                return Err(slip);
            }
            return Ok(Node::Condition(compare(left, op, right, at)?));
        }
        let negated = self.is_word("NOT");
        let word = if negated {
            self.keyword_at(1)
        } else {
            self.keyword()
        };
        match word.as_deref() {
            Some("BETWEEN" | "IN" | "LIKE") => {}
            Some("IS") if !negated => {}
            Some(word @ ("ILIKE" | "SIMILAR" | "RLIKE" | "REGEXP" | "GLOB" | "OVERLAPS")) => {
                return Err(QueryError::subset(self.at(), word, names::CONDITION));
            }
            _ => {
                let is_column = matches!(left, Operand::Column(_));
                if let Some(slip) = self.rest_of_a_name().filter(|_| is_column) {
                    return Err(slip);
                }
                let other = self.peek().filter(|token| **token != Token::Comma);
                return match other.and_then(names::operator) {
                    Some(what) => Err(QueryError::subset(self.at(), what, names::CONDITION)),
                    None => Ok(Node::Operand(left, at)),
                };
            }
        }
        let column = only_column(left, at)?;
        if word.as_deref() == Some("IN") && self.begins_in_subquery(negated, scope) {
            return self.in_subquery(column, negated, scope);
        }
        if negated {
            self.advance();
        }
        let predicate = match word.as_deref() {
            Some("BETWEEN") => self.between(column, negated)?,
            Some("IN") => self.in_list(column, negated)?,
            Some("LIKE") => self.like(column, negated)?,
            _ => self.is_null(column)?,
        };
        Ok(Node::Condition(predicate))
    }

    pub(super) fn compare_op(&self) -> Option<CompareOp> {
        Some(match self.peek()? {
            Token::Eq => CompareOp::Eq,
            Token::Neq => CompareOp::NotEq,
            Token::Lt => CompareOp::Lt,
            Token::LtEq => CompareOp::LtEq,
            Token::Gt => CompareOp::Gt,
            Token::GtEq => CompareOp::GtEq,
            _ => return None,
        })
    }

    /// A column or literal, perhaps in parentheses.
    fn right_operand(&mut self, scope: &Scope) -> Result<Operand, QueryError> {
        if self.peek() != Some(&Token::LParen) {
            return self.operand(scope);
        }
        if matches!(self.keyword_at(1).as_deref(), Some("SELECT" | "WITH")) {
            return Err(QueryError::subset(
                self.at(),
                "a subquery",
                names::CONDITION,
            ));
        }
        self.advance();
        let operand = self.nested(|reader| reader.right_operand(scope))?;
        self.expect(&Token::RParen)?;
        Ok(operand)
    }

    fn between(&mut self, column: ColumnRef, negated: bool) -> Result<Predicate, QueryError> {
        self.advance();
        let low = self.literal()?;
        if !self.take_word("AND") {
            return Err(self.unexpected("AND"));
        }
        let high = self.literal()?;
        Ok(Predicate::Between {
            column,
            negated,
            low,
            high,
        })
    }

    fn in_list(&mut self, column: ColumnRef, negated: bool) -> Result<Predicate, QueryError> {
        self.advance();
        let at = self.at();
        self.expect(&Token::LParen)?;
        if matches!(
            self.keyword().as_deref(),
            Some("SELECT" | "WITH" | "VALUES")
        ) {
            return Err(QueryError::subset(at, "a subquery", names::CONDITION));
        }
        let mut list = vec![self.literal()?];
        while self.take(&Token::Comma) {
            list.push(self.literal()?);
        }
        self.expect(&Token::RParen)?;
        Ok(Predicate::InList {
            column,
            negated,
            list,
        })
    }

    fn like(&mut self, column: ColumnRef, negated: bool) -> Result<Predicate, QueryError> {
        self.advance();
        let pattern = self.literal()?;
        if self.is_word("ESCAPE") {
            return Err(QueryError::subset(
                self.at(),
                "LIKE … ESCAPE",
                "a backslash before %, _ or \\ in the pattern takes it as it is",
            ));
        }
        Ok(Predicate::Like {
            column,
            negated,
            pattern,
        })
    }

    fn is_null(&mut self, column: ColumnRef) -> Result<Predicate, QueryError> {
        let at = self.at();
        self.advance();
        let negated = self.take_word("NOT");
        if self.take_word("NULL") {
            return Ok(Predicate::IsNull { column, negated });
        }
        let what = match self.keyword().as_deref() {
            Some("TRUE") => "IS TRUE",
            Some("FALSE") => "IS FALSE",
            Some("UNKNOWN") => "IS UNKNOWN",
            Some("DISTINCT") => "IS DISTINCT FROM",
            _ => return Err(self.unexpected("NULL")),
        };
        Err(QueryError::subset(at, what, names::CONDITION))
    }

    /// Whether the next token is a name and nothing that begins a literal or an expression.
    pub(super) fn is_plain_name(&self) -> bool {
        let Some(Token::Word(_)) = self.peek() else {
            return false;
        };
        if self.is_function() {
            return false;
        }
        match self.keyword().as_deref() {
            Some("TRUE" | "FALSE" | "NULL") => false,
            Some("DATE" | "TIMESTAMP") => !matches!(self.peek_at(1), Some(Token::Text(_))),
            Some("TIME" | "DATETIME" | "TIMESTAMPTZ")
                if matches!(self.peek_at(1), Some(Token::Text(_))) =>
            {
                false
            }
            Some(keyword) => names::expression(keyword).is_none(),
            None => true,
        }
    }

    fn operand(&mut self, scope: &Scope) -> Result<Operand, QueryError> {
        let at = self.at();
        if self.is_plain_name() {
            let path = self.path()?;
            if self.peek() == Some(&Token::LParen) {
                return Err(QueryError::subset(
                    at,
                    "a function with a qualified name",
                    names::CONDITION,
                ));
            }
            return scope.column(&path, at).map(Operand::Column);
        }
        self.constant().map(Operand::Literal)
    }
}

/// A node as a condition.
pub(super) fn condition(node: Node) -> Result<Predicate, QueryError> {
    match node {
        Node::Condition(predicate) => Ok(predicate),
        Node::Subquery { subquery, .. } => Err(subquery.misplaced()),
        Node::Operand(Operand::Column(_), at) => Err(QueryError::subset(
            at,
            "a bare column as a condition",
            "compare it: column = TRUE",
        )),
        Node::Operand(Operand::Literal(_), at) => Err(QueryError::subset(
            at,
            "a constant as a condition",
            "leave it out, or compare a column with it",
        )),
    }
}

/// Adds what AND joins to `parts`, and a subquery to `found`, of which there is at most one.
fn append_and(
    parts: &mut Vec<Predicate>,
    found: &mut Option<Box<Subquery>>,
    part: Node,
) -> Result<(), QueryError> {
    match part {
        Node::Subquery { subquery, beside } => {
            if found.is_some() {
                return Err(subquery.second());
            }
            *found = Some(subquery);
            parts.extend(beside);
        }
        other => parts.extend(parts_of(condition(other)?)),
    }
    Ok(())
}

/// The conditions that AND joins.
pub(super) fn parts_of(predicate: Predicate) -> Vec<Predicate> {
    match predicate {
        Predicate::And(parts) => parts,
        other => vec![other],
    }
}

/// The conditions, each with the table that it touches.
pub(super) fn on_one_side(
    parts: Vec<Predicate>,
    at: Position,
) -> Result<Vec<Conjunct>, QueryError> {
    parts
        .into_iter()
        .map(|predicate| {
            Ok(Conjunct {
                side: one_side(&predicate, at)?,
                predicate,
            })
        })
        .collect()
}

fn append_or(parts: &mut Vec<Predicate>, part: Predicate) {
    match part {
        Predicate::Or(inner) => parts.extend(inner),
        other => parts.push(other),
    }
}

fn compare(
    left: Operand,
    op: CompareOp,
    right: Operand,
    at: Position,
) -> Result<Predicate, QueryError> {
    match (left, right) {
        (Operand::Column(column), with) => Ok(Predicate::Compare { column, op, with }),
        (literal @ Operand::Literal(_), Operand::Column(column)) => Ok(Predicate::Compare {
            column,
            op: op.mirrored(),
            with: literal,
        }),
        (Operand::Literal(_), Operand::Literal(_)) => Err(QueryError::subset(
            at,
            "a comparison of two constants",
            "compare a column with a constant",
        )),
    }
}

fn only_column(operand: Operand, at: Position) -> Result<ColumnRef, QueryError> {
    match operand {
        Operand::Column(column) => Ok(column),
        Operand::Literal(_) => Err(QueryError::subset(
            at,
            "a constant in this place",
            "write a column before BETWEEN, IN, LIKE and IS NULL",
        )),
    }
}

/// The only side that a condition touches.
fn one_side(predicate: &Predicate, at: Position) -> Result<Side, QueryError> {
    let mut first: Option<Side> = None;
    let mut other: Option<Position> = None;
    predicate.columns(&mut |column| match first {
        None => first = Some(column.side),
        Some(side) if side != column.side && other.is_none() => other = Some(column.at),
        Some(_) => {}
    });
    let (Some(side), None) = (first, other) else {
        let what = match predicate {
            Predicate::Or(_) => "OR across the two sides",
            Predicate::Compare { .. } => "a comparison between the two sides' columns in WHERE",
            _ => "a condition on both sides' columns",
        };
        return Err(QueryError::subset(
            other.unwrap_or(at),
            what,
            "write conditions on one side each and join them with AND; equal keys go into ON",
        ));
    };
    Ok(side)
}
