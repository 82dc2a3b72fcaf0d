//! Literals: numbers, text, truth values, dates, NULL, and placeholders in a peer's text.
//!
//! Spec 10 §3.2 and §3.3.

use super::token::{Token, Word};
use super::{Author, Reader, names, slips};
use crate::error::{Position, QueryError};
use crate::sql::ast::{Literal, LiteralValue};
use crate::sql::meant_date;
use crate::sql::parameter::ParameterType;
use crate::sql::temporal;

impl Reader {
    /// A literal, perhaps in parentheses.
    pub(super) fn literal(&mut self) -> Result<Literal, QueryError> {
        let at = self.at();
        if self.is_plain_name() {
            return Err(QueryError::subset(
                at,
                "a column in this place",
                "write a literal; two columns compare with =, <>, <, <=, >, >=",
            ));
        }
        if self.peek() == Some(&Token::LParen) {
            if matches!(self.keyword_at(1).as_deref(), Some("SELECT" | "WITH")) {
                return Err(QueryError::subset(at, "a subquery", names::CONDITION));
            }
            self.advance();
            let literal = self.nested(Self::literal)?;
            self.expect(&Token::RParen)?;
            return Ok(literal);
        }
        self.constant()
    }

    /// A literal without parentheses.
    pub(super) fn constant(&mut self) -> Result<Literal, QueryError> {
        let at = self.at();
        let value = match self.peek() {
            Some(Token::Number(digits)) => number(digits, false, at)?,
            Some(Token::Text(text)) => LiteralValue::Text(text.clone()),
            Some(Token::Placeholder(_)) if self.author == Author::Peer => LiteralValue::Hidden,
            Some(Token::Placeholder(name)) => {
                return Err(QueryError::subset(
                    at,
                    format!("the placeholder {name}"),
                    "write the value itself; the peer does not see your own side's constants",
                ));
            }
            Some(Token::Colon) => {
                let name = self.parameter(at)?;
                self.advance();
                LiteralValue::Parameter(name)
            }
            Some(sign @ (Token::Minus | Token::Plus)) => {
                let negative = *sign == Token::Minus;
                match self.peek_at(1) {
                    Some(Token::Number(digits)) => {
                        let value = number(digits, negative, at)?;
                        self.advance();
                        value
                    }
                    _ => return Err(self.no_operand()),
                }
            }
            Some(Token::Word(_)) => match (self.keyword().as_deref(), self.peek_at(1)) {
                (Some("DATE"), Some(Token::Text(text))) => {
                    let value = date(text, at)?;
                    self.advance();
                    value
                }
                (Some("TIMESTAMP"), Some(Token::Text(text))) => {
                    let value = timestamp(text, at)?;
                    self.advance();
                    value
                }
                (Some("TRUE"), _) => LiteralValue::Boolean(true),
                (Some("FALSE"), _) => LiteralValue::Boolean(false),
                (Some("NULL"), _) => LiteralValue::Null,
                _ => return Err(self.no_operand()),
            },
            _ => return Err(self.no_operand()),
        };
        self.advance();
        Ok(Literal { value, at })
    }

    /// The name behind a colon.
    fn parameter(&self, at: Position) -> Result<String, QueryError> {
        if self.author != Author::Template {
            return Err(QueryError::subset(
                at,
                "a parameter",
                "write the value itself; only templates have parameters",
            ));
        }
        match self.peek_at(1) {
            Some(Token::Word(Word {
                value,
                quoted: false,
            })) => Ok(value.to_lowercase()),
            _ => Err(QueryError::syntax(
                at,
                "a colon without the name of a parameter",
                "write :name",
            )),
        }
    }

    /// Names what was found where a column or a literal was expected.
    pub(super) fn no_operand(&self) -> QueryError {
        let at = self.at();
        let what = match self.peek() {
            Some(Token::Word(word)) if self.is_function() => {
                let remedy = slips::without_function(&word.value);
                return QueryError::subset(at, names::function(&word.value), remedy);
            }
            Some(Token::LParen) => "a subquery".to_owned(),
            Some(Token::Word(word)) => {
                match self
                    .keyword()
                    .and_then(|keyword| names::expression(&keyword))
                {
                    Some(what) => what.to_owned(),
                    None => format!("{} in this place", word.value),
                }
            }
            Some(Token::Literal(_)) => {
                return QueryError::subset(
                    at,
                    "this kind of literal",
                    "write numbers plainly and text in single quotes",
                );
            }
            _ => return self.unexpected("a column or a literal"),
        };
        QueryError::subset(at, what, names::CONDITION)
    }
}

/// The constant of type `kind` that `text` is, or `None`.
pub(crate) fn of_type(text: &str, kind: ParameterType) -> Option<LiteralValue> {
    let number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let begins = digits.starts_with(|c: char| c.is_ascii_digit());
        let negative = digits.len() < text.len();
        begins.then(|| number(digits, negative, Position::START).ok())?
    };
    match kind {
        ParameterType::Integer if text.contains('.') => None,
        ParameterType::Integer | ParameterType::Number => number(text),
        ParameterType::Text => Some(LiteralValue::Text(text.to_owned())),
        ParameterType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" => Some(LiteralValue::Boolean(true)),
            "false" => Some(LiteralValue::Boolean(false)),
            _ => None,
        },
        ParameterType::Date => date(text, Position::START).ok(),
        ParameterType::Timestamp => timestamp(text, Position::START).ok(),
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

fn date(text: &str, at: Position) -> Result<LiteralValue, QueryError> {
    match temporal::parse(text) {
        Some(moment) if moment.is_date() => Ok(LiteralValue::Date(text.to_owned())),
        _ => Err(QueryError::meaning(
            at,
            "the literal is not a day of the calendar in the form DATE '2025-01-31'",
            meant_date::advice(text).unwrap_or_else(|| {
                "write year, month and day with hyphens; the day must exist".to_owned()
            }),
        )),
    }
}

fn timestamp(text: &str, at: Position) -> Result<LiteralValue, QueryError> {
    match temporal::parse(text) {
        Some(_) => Ok(LiteralValue::Timestamp(text.to_owned())),
        None => Err(QueryError::meaning(
            at,
            "the literal is not of the form TIMESTAMP '2025-01-31 12:00:00'",
            meant_date::advice(text).unwrap_or_else(|| "write it so".to_owned()),
        )),
    }
}
