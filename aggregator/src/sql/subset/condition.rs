//! WHERE: conditions joined by AND, each on one side's columns.
//!
//! Spec 10 §3.2.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Spanned, TypedString, UnaryOperator, Value, ValueWithSpan,
};

use super::from::{flatten, is_column, strip};
use super::{Author, Reader, ScopeRef};
use crate::error::{Position, QueryError};
use crate::sql::ast::{
    ColumnRef, CompareOp, Conjunct, Literal, LiteralValue, Operand, Predicate, Side,
};
use crate::sql::temporal;

impl Reader<'_> {
    pub(super) fn conjuncts(
        &self,
        condition: &Expr,
        scope: ScopeRef<'_>,
    ) -> Result<Vec<Conjunct>, QueryError> {
        let mut parts = Vec::new();
        flatten(condition, &BinaryOperator::And, &mut parts);
        parts
            .into_iter()
            .map(|part| {
                let predicate = self.predicate(part, scope)?;
                let side = self.one_side(&predicate)?;
                Ok(Conjunct { side, predicate })
            })
            .collect()
    }

    /// The only side that a condition touches.
    fn one_side(&self, predicate: &Predicate) -> Result<Side, QueryError> {
        let mut first: Option<Side> = None;
        let mut other: Option<Position> = None;
        predicate.columns(&mut |column| match first {
            None => first = Some(column.side),
            Some(side) if side != column.side && other.is_none() => other = Some(column.at),
            Some(_) => {}
        });
        let Some(at) = other else {
            // Every leaf holds a column, so there is one.
            return first.ok_or_else(|| {
                QueryError::subset(
                    self.keyword(&["WHERE"]),
                    "a condition without a column",
                    "compare a column",
                )
            });
        };
        let what = match predicate {
            Predicate::Or(_) => "OR across the two sides",
            Predicate::Compare { .. } => "a comparison between the two sides' columns in WHERE",
            _ => "a condition on both sides' columns",
        };
        Err(QueryError::subset(
            at,
            what,
            "write conditions on one side each and join them with AND; equal keys go into ON",
        ))
    }

    fn predicate(&self, expr: &Expr, scope: ScopeRef<'_>) -> Result<Predicate, QueryError> {
        let expr = strip(expr);
        let at = self.at(expr.span(), self.keyword(&["WHERE"]));
        match expr {
            Expr::BinaryOp {
                op: op @ (BinaryOperator::And | BinaryOperator::Or),
                ..
            } => {
                let mut parts = Vec::new();
                flatten(expr, op, &mut parts);
                let parts = parts
                    .into_iter()
                    .map(|part| self.predicate(part, scope))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(match op {
                    BinaryOperator::And => Predicate::And(parts),
                    _ => Predicate::Or(parts),
                })
            }
            Expr::BinaryOp { left, op, right } => self.comparison(left, op, right, scope, at),
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } => Ok(Predicate::Not(Box::new(self.predicate(expr, scope)?))),
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => Ok(Predicate::IsNull {
                column: self.operand_column(inner, scope, at)?,
                negated: matches!(expr, Expr::IsNotNull(_)),
            }),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => Ok(Predicate::Between {
                column: self.operand_column(expr, scope, at)?,
                negated: *negated,
                low: self.literal(low, at)?,
                high: self.literal(high, at)?,
            }),
            Expr::InList {
                expr,
                list,
                negated,
            } => Ok(Predicate::InList {
                column: self.operand_column(expr, scope, at)?,
                negated: *negated,
                list: list
                    .iter()
                    .map(|item| self.literal(item, at))
                    .collect::<Result<_, _>>()?,
            }),
            Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char: None,
            } => Ok(Predicate::Like {
                column: self.operand_column(expr, scope, at)?,
                negated: *negated,
                pattern: self.literal(pattern, at)?,
            }),
            Expr::Like {
                escape_char: Some(_),
                ..
            } => Err(QueryError::subset(
                self.keyword(&["ESCAPE"]),
                "LIKE … ESCAPE",
                "a backslash before %, _ or \\ in the pattern takes it as it is",
            )),
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Err(QueryError::subset(
                at,
                "a bare column as a condition",
                "compare it: column = TRUE",
            )),
            Expr::Value(_) | Expr::TypedString(_) => Err(QueryError::subset(
                at,
                "a constant as a condition",
                "leave it out, or compare a column with it",
            )),
            other => Err(self.unsupported(other, at)),
        }
    }

    fn comparison(
        &self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        scope: ScopeRef<'_>,
        at: Position,
    ) -> Result<Predicate, QueryError> {
        let compare = match op {
            BinaryOperator::Eq => CompareOp::Eq,
            BinaryOperator::NotEq => CompareOp::NotEq,
            BinaryOperator::Lt => CompareOp::Lt,
            BinaryOperator::LtEq => CompareOp::LtEq,
            BinaryOperator::Gt => CompareOp::Gt,
            BinaryOperator::GtEq => CompareOp::GtEq,
            other => {
                return Err(QueryError::subset(
                    at,
                    format!("the operator {other}"),
                    "compare with =, <>, <, <=, >, >=, BETWEEN, IN, LIKE or IS NULL",
                ));
            }
        };
        let (left, right) = (strip(left), strip(right));
        match (is_column(left), is_column(right)) {
            (true, true) => Ok(Predicate::Compare {
                column: self.column(left, scope)?,
                op: compare,
                with: Operand::Column(self.column(right, scope)?),
            }),
            (true, false) => Ok(Predicate::Compare {
                column: self.column(left, scope)?,
                op: compare,
                with: Operand::Literal(self.literal(right, at)?),
            }),
            (false, true) => Ok(Predicate::Compare {
                column: self.column(right, scope)?,
                op: compare.mirrored(),
                with: Operand::Literal(self.literal(left, at)?),
            }),
            (false, false) => {
                self.literal(left, at)?;
                self.literal(right, at)?;
                Err(QueryError::subset(
                    at,
                    "a comparison of two constants",
                    "compare a column with a constant",
                ))
            }
        }
    }

    fn operand_column(
        &self,
        expr: &Expr,
        scope: ScopeRef<'_>,
        at: Position,
    ) -> Result<ColumnRef, QueryError> {
        let expr = strip(expr);
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.column(expr, scope),
            other => Err(self.unsupported(other, at)),
        }
    }

    fn literal(&self, expr: &Expr, near: Position) -> Result<Literal, QueryError> {
        let expr = strip(expr);
        let at = self.at(expr.span(), near);
        let value = match expr {
            Expr::Value(ValueWithSpan { value, .. }) => self.value(value, at)?,
            Expr::UnaryOp {
                op: op @ (UnaryOperator::Minus | UnaryOperator::Plus),
                expr,
            } => {
                let Expr::Value(ValueWithSpan {
                    value: Value::Number(digits, _),
                    ..
                }) = strip(expr)
                else {
                    return Err(self.unsupported(expr, at));
                };
                number(digits, *op == UnaryOperator::Minus, at)?
            }
            Expr::TypedString(typed) => typed_string(typed, at)?,
            other => return Err(self.unsupported(other, at)),
        };
        Ok(Literal { value, at })
    }

    fn value(&self, value: &Value, at: Position) -> Result<LiteralValue, QueryError> {
        match value {
            Value::Number(digits, false) => number(digits, false, at),
            Value::SingleQuotedString(text) => Ok(LiteralValue::Text(text.clone())),
            Value::Boolean(value) => Ok(LiteralValue::Boolean(*value)),
            Value::Null => Ok(LiteralValue::Null),
            Value::Placeholder(_) if self.author == Author::Peer => Ok(LiteralValue::Hidden),
            Value::Placeholder(name) => Err(QueryError::subset(
                at,
                format!("the placeholder {name}"),
                "write the value itself; the peer does not see your own side's constants",
            )),
            _ => Err(QueryError::subset(
                at,
                "this kind of literal",
                "write numbers plainly and text in single quotes",
            )),
        }
    }
}

/// A number with a canonical spelling: no leading zeros, no sign before zero, no exponent.
fn number(digits: &str, negative: bool, at: Position) -> Result<LiteralValue, QueryError> {
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let decimal = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let fraction_fits = fraction.is_none_or(|f| !f.is_empty() && decimal(f));
    if !decimal(whole) || !fraction_fits || digits.len() > temporal::NUMBER_DIGITS_MAX {
        return Err(QueryError::subset(
            at,
            "this spelling of a number",
            format!(
                "write at most {} digits, with a point but without exponent or separators",
                temporal::NUMBER_DIGITS_MAX
            ),
        ));
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let zero = whole == "0" && fraction.is_none_or(|f| f.bytes().all(|b| b == b'0'));
    let mut text = String::new();
    if negative && !zero {
        text.push('-');
    }
    text.push_str(whole);
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    Ok(LiteralValue::Number(text))
}

fn typed_string(typed: &TypedString, at: Position) -> Result<LiteralValue, QueryError> {
    let TypedString {
        data_type,
        value,
        uses_odbc_syntax,
    } = typed;
    let (Value::SingleQuotedString(text), false) = (&value.value, uses_odbc_syntax) else {
        return Err(QueryError::subset(
            at,
            "this kind of literal",
            "write DATE '2025-01-31'",
        ));
    };
    let bad = |form: &str| {
        QueryError::meaning(
            at,
            format!("the literal is not of the form {form}"),
            "write it so",
        )
    };
    match data_type {
        DataType::Date => match temporal::parse(text) {
            Some(moment) if moment.is_date() => Ok(LiteralValue::Date(text.clone())),
            _ => Err(bad("DATE '2025-01-31'")),
        },
        DataType::Timestamp(None, zone) if zone.to_string().is_empty() => {
            match temporal::parse(text) {
                Some(_) => Ok(LiteralValue::Timestamp(text.clone())),
                None => Err(bad("TIMESTAMP '2025-01-31 12:00:00'")),
            }
        }
        other => Err(QueryError::subset(
            at,
            format!("a literal of type {other}"),
            "use DATE '…' or TIMESTAMP '…'",
        )),
    }
}
