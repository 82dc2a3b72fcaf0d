//! What was probably meant where a text cannot be read: a name or a date that lacks its quotes, and a
//! function of a date in WHERE.
//!
//! Spec 10 §3.2. Called where the grammar has come to its end, so that the message names the remedy.
//! Nothing here makes a query that is refused into one that is accepted.

use super::token::{Token, Word};
use super::{Reader, names};
use crate::error::{Position, QueryError};
use crate::sql::ast::{LiteralValue, Operand};

/// The remedy for names that are more than one word.
pub(super) const QUOTED_NAME: &str =
    "write a name that has a hyphen or a blank in double quotes: a.\"e-mail\"";

/// The remedy for a date without quotes.
const QUOTED_DATE: &str = "if it is a date, write it in quotes: DATE '2025-01-31'";

/// The remedy for a part of a date in WHERE.
const RANGE: &str = "compare the date itself: x >= DATE '2025-01-01' AND x < DATE '2026-01-01'; parts of dates are for \
     GROUP BY";

impl Reader {
    /// Behind a column: the rest of a name that needs double quotes, if that is what follows.
    pub(super) fn rest_of_a_name(&self) -> Option<QueryError> {
        let at = self.at();
        if self.peek() == Some(&Token::Minus) && matches!(self.peek_at(1), Some(Token::Word(_))) {
            let what = "the operator - in this place";
            return Some(QueryError::subset(at, what, QUOTED_NAME));
        }
        let Some(Token::Word(Word {
            value,
            quoted: false,
        })) = self.peek()
        else {
            return None;
        };
        // `a.x contains 'y'` has an operator there that other databases have.
        let has_operand = matches!(
            self.peek_at(1),
            Some(Token::Text(_) | Token::Number(_) | Token::LParen)
        );
        let is_keyword = has_operand || self.keyword().is_none_or(|keyword| is_keyword(&keyword));
        let what = format!("found {value:?} behind a column");
        (!is_keyword).then(|| QueryError::syntax(at, what, QUOTED_NAME))
    }

    /// Behind the right side of a comparison, which is at `at`: the rest of a date without quotes.
    pub(super) fn date_without_quotes(&self, right: &Operand, at: Position) -> Option<QueryError> {
        let Operand::Literal(literal) = right else {
            return None;
        };
        let is_number = matches!(literal.value, LiteralValue::Number(_));
        let goes_on = matches!(self.peek(), Some(Token::Minus | Token::Div))
            && matches!(self.peek_at(1), Some(Token::Number(_)));
        (is_number && goes_on).then(|| QueryError::subset(at, "arithmetic in WHERE", QUOTED_DATE))
    }

    /// Behind a period: a name in single quotes, which are for text.
    pub(super) fn name_in_single_quotes(&self) -> Option<QueryError> {
        let Some(Token::Text(_)) = self.peek() else {
            return None;
        };
        let what = "a name in single quotes";
        Some(QueryError::subset(self.at(), what, QUOTED_NAME))
    }
}

/// Whether a word has a meaning of its own behind a column.
fn is_keyword(word: &str) -> bool {
    const WORDS: [&str; 13] = [
        "AND", "OR", "NOT", "IS", "IN", "LIKE", "BETWEEN", "AS", "ON", "ASC", "DESC", "NULLS",
        "THEN",
    ];
    WORDS.contains(&word) || names::clause(word).is_some() || names::expression(word).is_some()
}

/// The remedy for a function in a condition.
pub(super) fn without_function(name: &str) -> &'static str {
    const PARTS: [&str; 6] = ["YEAR", "QUARTER", "MONTH", "DAY", "EXTRACT", "DATE_TRUNC"];
    let is_part = PARTS.iter().any(|part| name.eq_ignore_ascii_case(part));
    if is_part { RANGE } else { names::CONDITION }
}
