//! HAVING: conditions on aggregates, joined by AND, OR and NOT.
//!
//! Spec 10 §3.2. An opening parenthesis may begin a condition or an operand; what was read decides.

use super::Reader;
use super::aggregate::{Known, RawTerm};
use super::names::AGGREGATES;
use super::token::Token;
use crate::error::{Position, QueryError};
use crate::sql::arith::{Arith, ArithOp};
use crate::sql::ast::{Aggregate, Having};

const REMEDY: &str = "compare aggregates with numbers or aggregates, using =, <>, <, <=, >, >=, \
                      BETWEEN, IS NULL; conditions on columns go into WHERE";

/// What was read between two keywords.
enum Node {
    Condition(Having<Aggregate>),
    Operand(Arith<Aggregate>, Position),
}

impl Reader {
    pub(super) fn having(&mut self, known: Known<'_>) -> Result<Having<Aggregate>, QueryError> {
        self.having_or(known).and_then(condition)
    }

    fn having_or(&mut self, known: Known<'_>) -> Result<Node, QueryError> {
        let first = self.having_and(known)?;
        if !self.is_word("OR") {
            return Ok(first);
        }
        let mut parts = Vec::new();
        append_or(&mut parts, condition(first)?);
        while self.take_word("OR") {
            append_or(&mut parts, self.having_and(known).and_then(condition)?);
        }
        Ok(Node::Condition(Having::Or(parts)))
    }

    fn having_and(&mut self, known: Known<'_>) -> Result<Node, QueryError> {
        let first = self.having_not(known)?;
        if !self.is_word("AND") {
            return Ok(first);
        }
        let mut parts = Vec::new();
        append_and(&mut parts, condition(first)?);
        while self.take_word("AND") {
            append_and(&mut parts, self.having_not(known).and_then(condition)?);
        }
        Ok(Node::Condition(Having::And(parts)))
    }

    fn having_not(&mut self, known: Known<'_>) -> Result<Node, QueryError> {
        if !self.take_word("NOT") {
            return self.having_comparison(known);
        }
        let inner = self.nested(|reader| reader.having_not(known).and_then(condition))?;
        Ok(Node::Condition(Having::Not(Box::new(inner))))
    }

    fn having_comparison(&mut self, known: Known<'_>) -> Result<Node, QueryError> {
        let (left, at) = match self.having_arithmetic(known)? {
            Node::Operand(left, at) => (left, at),
            found @ Node::Condition(_) => return Ok(found),
        };
        if let Some(op) = self.compare_op() {
            self.advance();
            let right = self.having_operand(known)?;
            check_aggregates(&[&left, &right], at)?;
            return Ok(Node::Condition(Having::Compare { left, op, right }));
        }
        let negated = self.is_word("NOT");
        let word = self.keyword_at(usize::from(negated));
        match word.as_deref() {
            Some("BETWEEN") => {
                self.next += 1 + usize::from(negated);
                let low = self.having_operand(known)?;
                if !self.take_word("AND") {
                    return Err(self.unexpected("AND"));
                }
                let high = self.having_operand(known)?;
                check_aggregates(&[&left, &low, &high], at)?;
                Ok(Node::Condition(Having::Between {
                    value: left,
                    negated,
                    low,
                    high,
                }))
            }
            Some("IS") if !negated => {
                self.advance();
                let negated = self.take_word("NOT");
                if !self.take_word("NULL") {
                    return Err(self.unexpected("NULL"));
                }
                check_aggregates(&[&left], at)?;
                Ok(Node::Condition(Having::IsNull {
                    value: left,
                    negated,
                }))
            }
            Some(word @ ("IN" | "LIKE" | "ILIKE" | "SIMILAR")) => Err(QueryError::subset(
                self.at(),
                format!("{word} in HAVING"),
                REMEDY,
            )),
            _ => Ok(Node::Operand(left, at)),
        }
    }

    fn having_operand(&mut self, known: Known<'_>) -> Result<Arith<Aggregate>, QueryError> {
        self.having_arithmetic(known)
            .and_then(|node| operand(node, self.at()))
    }

    fn having_arithmetic(&mut self, known: Known<'_>) -> Result<Node, QueryError> {
        self.arithmetic(
            &|reader: &mut Self| reader.having_primary(known),
            &|left, op: ArithOp, right, at| {
                let joined = Arith::binary(operand(left, at)?, op, operand(right, at)?);
                Ok(Node::Operand(joined, at))
            },
        )
    }

    fn having_primary(&mut self, known: Known<'_>) -> Result<Node, QueryError> {
        let at = self.at();
        if self.peek() == Some(&Token::LParen) {
            if self.begins_subquery() {
                return Err(QueryError::subset(at, "a subquery", REMEDY));
            }
            self.advance();
            let node = self.nested(|reader| reader.having_or(known))?;
            self.expect(&Token::RParen)?;
            return Ok(node);
        }
        if let Some(digits) = self.number()? {
            return Ok(Node::Operand(Arith::Number(digits), at));
        }
        if self.is_function() {
            return match self.call()? {
                RawTerm::Aggregate(aggregate) => {
                    Ok(Node::Operand(Arith::Leaf(aggregate.resolve(known)?), at))
                }
                RawTerm::Group(_) => {
                    Err(QueryError::subset(at, "a group column in HAVING", REMEDY))
                }
            };
        }
        let what = match (self.is_plain_name(), self.peek_at(1)) {
            (true, Some(Token::Period)) => "a column in HAVING",
            (true, _) => "an alias in HAVING",
            _ => return Err(self.unexpected("an aggregate or a number")),
        };
        Err(QueryError::subset(at, what, REMEDY))
    }
}

fn condition(node: Node) -> Result<Having<Aggregate>, QueryError> {
    match node {
        Node::Condition(condition) => Ok(condition),
        Node::Operand(_, at) => Err(QueryError::subset(
            at,
            "a bare value as a condition in HAVING",
            REMEDY,
        )),
    }
}

fn operand(node: Node, at: Position) -> Result<Arith<Aggregate>, QueryError> {
    match node {
        Node::Operand(operand, _) => Ok(operand),
        Node::Condition(_) => Err(QueryError::subset(
            at,
            "arithmetic or a comparison with a condition",
            REMEDY,
        )),
    }
}

/// A condition on numbers alone says nothing about a row.
fn check_aggregates(operands: &[&Arith<Aggregate>], at: Position) -> Result<(), QueryError> {
    let mut aggregates = 0;
    for operand in operands {
        operand.leaves(&mut |_| aggregates += 1);
    }
    if aggregates > 0 {
        return Ok(());
    }
    Err(QueryError::subset(
        at,
        "a condition without an aggregate in HAVING",
        AGGREGATES,
    ))
}

fn append_and(parts: &mut Vec<Having<Aggregate>>, part: Having<Aggregate>) {
    match part {
        Having::And(inner) => parts.extend(inner),
        other => parts.push(other),
    }
}

fn append_or(parts: &mut Vec<Having<Aggregate>>, part: Having<Aggregate>) {
    match part {
        Having::Or(inner) => parts.extend(inner),
        other => parts.push(other),
    }
}
