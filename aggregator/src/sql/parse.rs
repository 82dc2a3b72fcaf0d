//! Runs the SQL grammar under bounds.
//!
//! Spec 10 §3.1. Called with the owner's text and with text from a peer. The grammar is
//! `sqlparser`'s, in the dialect of `PostgreSQL`.
//!
//! # Discussion
//! The parser limits its own recursion, but chains such as `a AND a AND …` become trees as deep
//! as the chain is long without recursion, and are walked and freed recursively. So the text's
//! length and the number of tokens are bounded first, and the tree lives and dies on a thread
//! whose stack is sized for the longest chain that fits. A panic in the parser ends that thread
//! and becomes an error.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use psi_core::limits;

use crate::error::{Position, QueryError};

/// Tokens of one query. The longest accepted chain of conditions stays far below.
const TOKENS_MAX: usize = 6 * 1024;

/// Nested parentheses and the like.
const NESTING_MAX: usize = 48;

/// Stack of the parsing thread. A tree is at most `TOKENS_MAX` deep, and a level of walking or
/// freeing it takes some kilobytes in an unoptimised build. Pages are only used when touched.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// The tokens of a text, to find where a keyword stands that the tree has no position for.
pub(crate) struct Tokens(Vec<TokenWithSpan>);

impl Tokens {
    /// Where the first of `keywords` stands that is not a column name after a period.
    pub(crate) fn find(&self, keywords: &[&str]) -> Option<Position> {
        let mut after_period = false;
        for token in &self.0 {
            match &token.token {
                Token::Word(word)
                    if word.quote_style.is_none()
                        && !after_period
                        && keywords.iter().any(|k| word.value.eq_ignore_ascii_case(k)) =>
                {
                    return Some(position(token));
                }
                Token::Whitespace(_) => continue,
                _ => {}
            }
            after_period = token.token == Token::Period;
        }
        None
    }

    /// Where the first token of `kind` stands.
    pub(crate) fn find_token(&self, kind: &Token) -> Option<Position> {
        self.0
            .iter()
            .find(|token| token.token == *kind)
            .map(position)
    }
}

fn position(token: &TokenWithSpan) -> Position {
    Position {
        line: token.span.start.line,
        column: token.span.start.column,
    }
}

/// Parses `text` as one statement and hands it to `read` on a thread of its own.
///
/// # Errors
/// [`QueryError::Syntax`] or [`QueryError::NotInSubset`] with the place; what `read` returns.
pub(crate) fn with_statement<T: Send>(
    text: &str,
    read: impl FnOnce(Statement, &Tokens) -> Result<T, QueryError> + Send,
) -> Result<T, QueryError> {
    if text.len() > limits::QUERY_BYTES_MAX {
        return Err(QueryError::subset(
            Position::START,
            format!("a query of {} bytes", text.len()),
            format!("stay within {} bytes", limits::QUERY_BYTES_MAX),
        ));
    }
    let broken = || {
        QueryError::syntax(
            Position::START,
            "the query could not be parsed",
            "check its syntax; a simpler form may help",
        )
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("sql".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || {
                let (statement, tokens) = parse_one(text)?;
                read(statement, &tokens)
            })
            .map_err(|_| broken())?
            .join()
            .unwrap_or_else(|_| Err(broken()))
    })
}

fn parse_one(text: &str) -> Result<(Statement, Arc<Tokens>), QueryError> {
    const REMEDY: &str = "see docs/sql for what a query may look like";
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|err| {
            let at = Position {
                line: err.location.line,
                column: err.location.column,
            };
            QueryError::syntax(at, err.message, "check quotes and special characters")
        })?;
    let solid = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let Some(first) = tokens.iter().find(solid) else {
        return Err(QueryError::syntax(
            Position::START,
            "the query is empty",
            "write a query",
        ));
    };
    let start = position(first);
    if let Some(token) = tokens.iter().filter(solid).nth(TOKENS_MAX) {
        return Err(QueryError::subset(
            position(token),
            format!("a query of more than {TOKENS_MAX} words and signs"),
            "shorten it",
        ));
    }
    if let Some(at) = second_statement(&tokens) {
        return Err(QueryError::subset(
            at,
            "more than one statement",
            "send one SELECT statement at a time",
        ));
    }
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(NESTING_MAX)
        .with_tokens_with_locations(tokens.clone());
    let mut statements = parser.parse_statements().map_err(|err| match err {
        ParserError::RecursionLimitExceeded => QueryError::subset(
            start,
            "deep nesting",
            format!("nest at most {NESTING_MAX} levels"),
        ),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            let (at, message) = split_location(&message);
            QueryError::syntax(at.unwrap_or(start), message, REMEDY)
        }
    })?;
    let tokens = Arc::new(Tokens(tokens));
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok((statement, tokens)),
        _ => Err(QueryError::syntax(
            start,
            "there is not exactly one statement",
            REMEDY,
        )),
    }
}

/// Where a second statement starts: a word or sign after a semicolon.
fn second_statement(tokens: &[TokenWithSpan]) -> Option<Position> {
    tokens
        .iter()
        .skip_while(|t| t.token != Token::SemiColon)
        .find(|t| {
            !matches!(
                t.token,
                Token::SemiColon | Token::Whitespace(_) | Token::EOF
            )
        })
        .map(position)
}

/// Takes ` at Line: l, Column: c` off the end of a parser's message.
fn split_location(message: &str) -> (Option<Position>, String) {
    let parsed = message.rsplit_once(" at Line: ").and_then(|(text, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        let at = Position {
            line: line.parse().ok()?,
            column: column.trim().parse().ok()?,
        };
        Some((at, text.to_owned()))
    });
    match parsed {
        Some((at, text)) => (Some(at), text),
        None => (None, message.to_owned()),
    }
}
