//! The SELECT list: aggregates, arithmetic over them, and expressions of GROUP BY.
//!
//! Spec 10 §3.2.

use super::aggregate::{Known, RawGroup, RawTerm};
use super::from::Scope;
use super::names::{self, AGGREGATES};
use super::token::Token;
use super::{OUTPUTS_MAX, Reader};
use crate::error::{Position, QueryError};
use crate::sql::arith::Arith;
use crate::sql::ast::{Aggregate, ColumnRef, GroupExpr, Name, Output, OutputValue, Side};

/// An output whose columns are not resolved yet: FROM comes after it.
pub(super) struct RawOutput {
    pub(super) at: Position,
    pub(super) formula: Arith<RawTerm>,
    pub(super) alias: Option<Name>,
}

impl RawOutput {
    /// The group expression that the output is, if it is one.
    pub(super) fn group(&self) -> Option<&RawGroup> {
        match &self.formula {
            Arith::Leaf(RawTerm::Group(group)) => Some(group),
            _ => None,
        }
    }
}

impl Reader {
    pub(super) fn outputs(&mut self) -> Result<Vec<RawOutput>, QueryError> {
        for (word, what) in [("DISTINCT", "SELECT DISTINCT"), ("ALL", "SELECT ALL")] {
            if self.is_word(word) {
                return Err(QueryError::subset(self.at(), what, AGGREGATES));
            }
        }
        let mut outputs = vec![self.output()?];
        while self.take(&Token::Comma) {
            if outputs.len() == OUTPUTS_MAX {
                return Err(QueryError::subset(
                    self.at(),
                    format!("more than {OUTPUTS_MAX} outputs"),
                    "ask in several queries",
                ));
            }
            outputs.push(self.output()?);
        }
        Ok(outputs)
    }

    fn output(&mut self) -> Result<RawOutput, QueryError> {
        let at = self.at();
        let formula = self.formula()?;
        let alias = self.alias(&["FROM", "INTO"])?;
        Ok(RawOutput { at, formula, alias })
    }

    /// Arithmetic over aggregates and group expressions, as written.
    pub(super) fn formula(&mut self) -> Result<Arith<RawTerm>, QueryError> {
        self.arithmetic(&Self::formula_operand, &|left, op, right, _| {
            Ok(Arith::binary(left, op, right))
        })
    }

    fn formula_operand(&mut self) -> Result<Arith<RawTerm>, QueryError> {
        if self.peek() == Some(&Token::LParen) && !self.begins_subquery() {
            self.advance();
            let inner = self.nested(Self::formula)?;
            self.expect(&Token::RParen)?;
            return Ok(inner);
        }
        if let Some(digits) = self.number()? {
            return Ok(Arith::Number(digits));
        }
        if self.is_function() {
            return self.call().map(Arith::Leaf);
        }
        self.check_output()?;
        let path = self.column_path()?;
        if self.peek() == Some(&Token::Period) {
            return Err(QueryError::subset(path.1, "SELECT *", AGGREGATES));
        }
        Ok(Arith::Leaf(RawTerm::Group(RawGroup { part: None, path })))
    }

    /// Names what the SELECT list has instead of an output.
    fn check_output(&self) -> Result<(), QueryError> {
        let at = self.at();
        let keyword = self.keyword();
        if let Some(what) = keyword.and_then(|keyword| names::expression(&keyword)) {
            return Err(QueryError::subset(at, what, AGGREGATES));
        }
        match self.peek() {
            Some(Token::Mul) => Err(QueryError::subset(at, "SELECT *", AGGREGATES)),
            Some(Token::LParen) => Err(QueryError::subset(at, "a subquery", AGGREGATES)),
            Some(Token::Word(_)) if !self.is_word("FROM") => Ok(()),
            None => Err(QueryError::syntax(
                at,
                "the SELECT list is empty",
                AGGREGATES,
            )),
            Some(_) => Err(QueryError::subset(
                at,
                "anything but aggregates and group columns in the SELECT list",
                AGGREGATES,
            )),
        }
    }

    /// Whether the next token is a word with an opening parenthesis behind it.
    pub(super) fn is_function(&self) -> bool {
        matches!(self.peek(), Some(Token::Word(_))) && self.peek_at(1) == Some(&Token::LParen)
    }

    /// `AS name`, or a name alone that is not one of the words that may follow.
    pub(super) fn alias(&mut self, following: &[&str]) -> Result<Option<Name>, QueryError> {
        if self.take_word("AS") {
            return self.name().map(Some);
        }
        match (self.peek(), self.keyword()) {
            (Some(Token::Word(_)), Some(keyword))
                if following.contains(&keyword.as_str()) || names::clause(&keyword).is_some() =>
            {
                Ok(None)
            }
            (Some(Token::Word(_)), _) => self.name().map(Some),
            _ => Ok(None),
        }
    }
}

/// The columns of a list: all columns of one side's join key, each once, and nothing else.
pub(super) fn listed_key(
    outputs: &[RawOutput],
    scope: &Scope,
    on: &[[ColumnRef; 2]],
) -> Result<Option<Vec<ColumnRef>>, QueryError> {
    let mut columns: Vec<ColumnRef> = Vec::new();
    for output in outputs {
        let (Some(RawGroup { part: None, path }), None) = (output.group(), &output.alias) else {
            return Ok(None);
        };
        columns.push(scope.column(&path.0, path.1)?);
    }
    let is_key = [Side::First, Side::Second].into_iter().any(|side| {
        let key = on.iter().map(|pair| side.of(pair));
        columns.len() == on.len() && key.into_iter().all(|column| columns.contains(column))
    });
    Ok(is_key.then_some(columns))
}

/// Resolves the SELECT list against the tables and the expressions of GROUP BY.
pub(super) fn resolve(
    outputs: Vec<RawOutput>,
    known: Known<'_>,
    groups: &[GroupExpr],
) -> Result<Vec<Output>, QueryError> {
    let start = outputs.first().map_or(Position::START, |output| output.at);
    let outputs = outputs
        .into_iter()
        .map(|RawOutput { at, formula, alias }| {
            let value = value(formula, at, known, groups)?;
            Ok(Output { value, alias })
        })
        .collect::<Result<Vec<_>, QueryError>>()?;
    let aggregates = |output: &Output| matches!(output.value, OutputValue::Formula(_));
    if outputs.iter().any(aggregates) {
        return Ok(outputs);
    }
    Err(QueryError::subset(
        start,
        "a query without an aggregate",
        AGGREGATES,
    ))
}

/// Resolves what one output shows.
pub(super) fn value(
    formula: Arith<RawTerm>,
    at: Position,
    known: Known<'_>,
    groups: &[GroupExpr],
) -> Result<OutputValue, QueryError> {
    if let Arith::Leaf(RawTerm::Group(group)) = &formula {
        let expr = group.resolve(known.scope)?;
        return match groups.iter().position(|listed| *listed == expr) {
            Some(index) => Ok(OutputValue::Group(index)),
            None => Err(QueryError::subset(
                at,
                "a plain column in the SELECT list that GROUP BY does not list",
                "add it to GROUP BY, or aggregate it",
            )),
        };
    }
    let formula = aggregates(formula, known)?;
    let mut leaves = 0;
    formula.leaves(&mut |_| leaves += 1);
    if leaves == 0 {
        return Err(QueryError::subset(
            at,
            "a constant in the SELECT list",
            AGGREGATES,
        ));
    }
    Ok(OutputValue::Formula(formula))
}

/// Resolves arithmetic whose operands must be aggregates.
pub(super) fn aggregates(
    formula: Arith<RawTerm>,
    known: Known<'_>,
) -> Result<Arith<Aggregate>, QueryError> {
    formula.try_map(&mut |term| match term {
        RawTerm::Aggregate(aggregate) => aggregate.resolve(known),
        RawTerm::Group(group) => Err(QueryError::subset(
            group.path.1,
            "a group column in arithmetic",
            "compute with aggregates only; a group column is an output of its own",
        )),
    })
}
