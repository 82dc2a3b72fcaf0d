//! The SELECT list: one count.
//!
//! Spec 10 §3.2. Sums, averages and group columns will be read here.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::names::{self, COUNTS};
use super::{Reader, from::Scope};
use crate::error::{Position, QueryError};
use crate::sql::ast::{Aggregate, ColumnRef, Name, Output};

/// A path and where it begins.
type PlacedPath = (Vec<Name>, Position);

/// An output whose columns are not resolved yet: FROM comes after it.
pub(super) struct Unresolved {
    at: Position,
    /// The paths in `COUNT(DISTINCT …)`, each with its place; `None` for `COUNT(*)`.
    distinct: Option<Vec<PlacedPath>>,
    alias: Option<Name>,
}

impl Reader {
    pub(super) fn outputs(&mut self) -> Result<Unresolved, QueryError> {
        for (word, what) in [("DISTINCT", "SELECT DISTINCT"), ("ALL", "SELECT ALL")] {
            if self.is_word(word) {
                return Err(QueryError::subset(self.at(), what, COUNTS));
            }
        }
        let output = self.output()?;
        if self.peek() == Some(&Token::Comma) {
            self.advance();
            return Err(QueryError::subset(
                self.at(),
                "more than one output column",
                COUNTS,
            ));
        }
        Ok(output)
    }

    fn output(&mut self) -> Result<Unresolved, QueryError> {
        let at = self.at();
        let is_count = self.is_word("COUNT") && self.peek_at(1) == Some(&Token::LParen);
        if !is_count {
            return Err(self.not_a_count());
        }
        self.advance();
        self.advance();
        let distinct = self.count_argument(at)?;
        for (word, what) in [("OVER", "a window function"), ("FILTER", "FILTER")] {
            if self.is_word(word) && self.keyword_at(1).as_deref() != Some("FROM") {
                return Err(QueryError::subset(self.at(), what, COUNTS));
            }
        }
        let alias = self.alias(&["FROM", "INTO"])?;
        Ok(Unresolved {
            at,
            distinct,
            alias,
        })
    }

    fn count_argument(&mut self, at: Position) -> Result<Option<Vec<PlacedPath>>, QueryError> {
        if self.take(&Token::Mul) {
            self.expect(&Token::RParen)?;
            return Ok(None);
        }
        if self.is_word("ALL") {
            return Err(QueryError::subset(self.at(), "COUNT(ALL …)", COUNTS));
        }
        if !self.take_word("DISTINCT") {
            let what = match self.peek() {
                Some(Token::RParen) => "COUNT without an argument",
                Some(Token::Word(_)) if !self.is_function() => "COUNT of a column",
                _ => "COUNT of an expression",
            };
            return Err(QueryError::subset(at, what, COUNTS));
        }
        let mut columns = Vec::new();
        loop {
            let at = self.at();
            // Parentheses around the columns say the same.
            let open = self.take(&Token::LParen);
            if self.is_function() || !matches!(self.peek(), Some(Token::Word(_))) {
                return Err(QueryError::subset(
                    self.at(),
                    "COUNT(DISTINCT …) of an expression",
                    "name the columns of the join key",
                ));
            }
            columns.push((self.path()?, at));
            if open {
                self.expect(&Token::RParen)?;
            }
            if !self.take(&Token::Comma) {
                break;
            }
        }
        self.expect(&Token::RParen)?;
        Ok(Some(columns))
    }

    /// Names what stands in the SELECT list instead of a count.
    fn not_a_count(&mut self) -> QueryError {
        let at = self.at();
        if self.is_function() {
            let name = self.keyword().unwrap_or_default();
            return QueryError::subset(at, names::function(&name), COUNTS);
        }
        if let Some(what) = self
            .keyword()
            .and_then(|keyword| names::expression(&keyword))
        {
            return QueryError::subset(at, what, COUNTS);
        }
        match self.peek() {
            Some(Token::Mul) => QueryError::subset(at, "SELECT *", COUNTS),
            Some(Token::LParen) if self.keyword_at(1).as_deref() == Some("SELECT") => {
                QueryError::subset(at, "a subquery", COUNTS)
            }
            Some(Token::Word(_)) if !self.is_word("FROM") => match self.path() {
                Ok(_) if self.peek() == Some(&Token::Period) => {
                    QueryError::subset(at, "SELECT *", COUNTS)
                }
                Ok(_) if self.peek() == Some(&Token::LParen) => {
                    QueryError::subset(at, "a function with a qualified name", COUNTS)
                }
                _ => QueryError::subset(at, "a plain column in the SELECT list", COUNTS),
            },
            None => QueryError::syntax(at, "the SELECT list is empty", COUNTS),
            Some(_) => QueryError::subset(at, "anything but a count in the SELECT list", COUNTS),
        }
    }

    /// Whether the next token is a word with an opening parenthesis behind it.
    pub(super) fn is_function(&self) -> bool {
        matches!(self.peek(), Some(Token::Word(_))) && self.peek_at(1) == Some(&Token::LParen)
    }

    /// `AS name`, or a name alone that is none of the words that may follow.
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

/// Resolves the columns of the SELECT list: exactly one side's join key.
pub(super) fn resolve(
    output: Unresolved,
    scope: &Scope,
    on: &[[ColumnRef; 2]],
) -> Result<Vec<Output>, QueryError> {
    let Unresolved {
        at,
        distinct,
        alias,
    } = output;
    let Some(paths) = distinct else {
        return Ok(vec![Output {
            aggregate: Aggregate::CountRows,
            alias,
        }]);
    };
    let columns = paths
        .iter()
        .map(|(path, at)| scope.column(path, *at))
        .collect::<Result<Vec<ColumnRef>, _>>()?;
    let whole_key = columns.len() == on.len()
        && columns.windows(2).all(|two| two[0].side == two[1].side)
        && on.iter().all(|pair| {
            columns
                .iter()
                .any(|column| pair[column.side.index()].name == column.name)
        });
    if !whole_key {
        return Err(QueryError::subset(
            columns.first().map_or(at, |column| column.at),
            "COUNT(DISTINCT …) of anything but the join key",
            "name all columns that ON compares, of one of the two tables",
        ));
    }
    Ok(vec![Output {
        aggregate: Aggregate::CountDistinctKey(columns),
        alias,
    }])
}
