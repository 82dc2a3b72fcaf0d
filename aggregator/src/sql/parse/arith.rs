//! Arithmetic by precedence: `*` and `/` bind tighter than `+` and `-`, all from left to right.
//!
//! Spec 10 §3.2. Used for columns inside an aggregate, for aggregates inside an output, and for
//! HAVING, in which an opening parenthesis may begin a condition as well.

use super::token::Token;
use super::{OPERATORS_MAX, Reader};
use crate::error::{Position, QueryError};
use crate::sql::arith::ArithOp;
use crate::sql::ast::LiteralValue;

/// Reads one operand.
pub(super) type ReadOperand<'a, T> = &'a dyn Fn(&mut Reader) -> Result<T, QueryError>;

/// Joins two operands by the operator at the position.
pub(super) type Join<'a, T> = &'a dyn Fn(T, ArithOp, T, Position) -> Result<T, QueryError>;

impl Reader {
    /// Operands joined by operators.
    pub(super) fn arithmetic<T>(
        &mut self,
        operand: ReadOperand<'_, T>,
        join: Join<'_, T>,
    ) -> Result<T, QueryError> {
        let mut left = self.product(operand, join)?;
        while let Some((op, at)) = self.operator([ArithOp::Add, ArithOp::Subtract])? {
            let right = self.product(operand, join)?;
            left = join(left, op, right, at)?;
        }
        Ok(left)
    }

    fn product<T>(
        &mut self,
        operand: ReadOperand<'_, T>,
        join: Join<'_, T>,
    ) -> Result<T, QueryError> {
        let mut left = operand(self)?;
        while let Some((op, at)) = self.operator([ArithOp::Multiply, ArithOp::Divide])? {
            let right = operand(self)?;
            left = join(left, op, right, at)?;
        }
        Ok(left)
    }

    /// Takes the next token if it is one of `wanted`.
    fn operator(
        &mut self,
        wanted: [ArithOp; 2],
    ) -> Result<Option<(ArithOp, Position)>, QueryError> {
        let op = match self.peek() {
            Some(Token::Plus) => ArithOp::Add,
            Some(Token::Minus) => ArithOp::Subtract,
            Some(Token::Mul) => ArithOp::Multiply,
            Some(Token::Div) => ArithOp::Divide,
            _ => return Ok(None),
        };
        if !wanted.contains(&op) {
            return Ok(None);
        }
        let at = self.at();
        if self.operators == OPERATORS_MAX {
            return Err(QueryError::subset(
                at,
                format!("more than {OPERATORS_MAX} arithmetic operators"),
                "ask in several queries",
            ));
        }
        self.operators += 1;
        self.advance();
        Ok(Some((op, at)))
    }

    /// A number with its sign, if one comes next.
    pub(super) fn number(&mut self) -> Result<Option<String>, QueryError> {
        let sign = matches!(self.peek(), Some(Token::Minus | Token::Plus));
        let is_number = matches!(self.peek_at(usize::from(sign)), Some(Token::Number(..)));
        if sign && !is_number {
            return Err(QueryError::subset(
                self.at(),
                "a sign before an expression",
                "write 0 - …",
            ));
        }
        if !is_number {
            return Ok(None);
        }
        match &self.constant()?.value {
            LiteralValue::Number(digits) => Ok(Some(digits.clone())),
            _ => Err(self.unexpected("a number")),
        }
    }
}
