//! What goes wrong with SQL, in this project's words: where in the text, what, and what to do.
//!
//! Spec 10 §2.9. What the engine says while it runs may hold a value of a row, so none of it is passed
//! on; what it says of the text before it runs is about the text alone.

use std::io;

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::Position;
use crate::similar;
use crate::source::SourceError;

/// Something in a text that is not accepted.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct Refused {
    pub(super) what: String,
    pub(super) remedy: String,
    /// The word of the text that it is about.
    word: Option<String>,
}

impl Refused {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            word: None,
        }
    }

    /// The same, at the first place of a word.
    pub(super) fn at(mut self, word: &str) -> Self {
        self.word = Some(word.to_owned());
        self
    }
}

/// So that it can leave a walk over a plan.
impl From<Refused> for DataFusionError {
    fn from(refused: Refused) -> Self {
        Self::External(Box::new(refused))
    }
}

/// What is wrong with the text, found before a row was read.
pub(super) fn in_text(sql: &str, error: &DataFusionError) -> SourceError {
    let mut span = None;
    let mut root = error;
    // An error wraps others: what it was doing, and where.
    loop {
        root = match root {
            DataFusionError::Diagnostic(diagnostic, inner) => {
                span = span.or(diagnostic.span);
                inner
            }
            DataFusionError::Context(_, inner) => inner,
            DataFusionError::Shared(inner) => inner,
            DataFusionError::Collection(all) => match all.first() {
                Some(first) => first,
                None => break,
            },
            _ => break,
        };
    }
    let at = span.map(|span| Position {
        line: span.start.line,
        column: span.start.column,
    });
    match root {
        DataFusionError::External(inner) if inner.is::<Refused>() => {
            let refused = inner.downcast_ref::<Refused>();
            refused.map_or_else(|| stopped("planning"), |refused| of_text(sql, refused))
        }
        DataFusionError::SQL(error, _) => {
            let (ParserError::ParserError(text) | ParserError::TokenizerError(text)) = &**error
            else {
                return SourceError::new(
                    "the text is nested too deeply",
                    "write the inner queries as WITH … AS (…)",
                );
            };
            let (what, at) = parser_place(text);
            let at = at.or_else(|| what.ends_with("EOF").then(|| end_of(sql)));
            placed(sql, at, &what, "write one SELECT over this node's sources")
        }
        DataFusionError::SchemaError(error, _) => schema_error(sql, at, error),
        DataFusionError::Plan(text)
        | DataFusionError::NotImplemented(text)
        | DataFusionError::Execution(text)
        | DataFusionError::Configuration(text) => {
            let what = first_line(text);
            let at = at.or_else(|| quoted_word(&what).and_then(|word| place_of(sql, word)));
            placed(sql, at, &what, "correct the text")
        }
        other => placed(
            sql,
            at,
            &first_line(&other.strip_backtrace()),
            "correct the text",
        ),
    }
}

/// What is refused, at its place.
pub(super) fn of_text(sql: &str, refused: &Refused) -> SourceError {
    let at = refused.word.as_deref();
    let at = at.and_then(|word| place_of(sql, word));
    placed(sql, at, &refused.what, &refused.remedy)
}

/// What went wrong while rows were read, without any value of them.
pub(super) fn while_running(error: &DataFusionError) -> SourceError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(text) if text.contains("disk") => may_pass(
            "what does not fit into memory needs more disk than disk_limit allows",
            "raise disk_limit, or let the SQL read fewer rows or columns",
        ),
        // Parts of the engine and numbers of bytes, nothing of a row.
        DataFusionError::ResourcesExhausted(text) => SourceError::new(
            format!(
                "it needs more memory than this node gives to SQL, and this part of it cannot go to \
                 disk ({})",
                first_line(text)
            ),
            "raise memory_limit; or join by equal columns, and let windows and groups be smaller",
        ),
        DataFusionError::IoError(error) => no_place(error),
        DataFusionError::ArrowError(error, _) => match &**error {
            ArrowError::IoError(_, error) => no_place(error),
            ArrowError::DivideByZero => SourceError::new(
                "a row divides by zero",
                "divide by NULLIF(…, 0), which gives NULL there",
            ),
            ArrowError::ArithmeticOverflow(_) => SourceError::new(
                "a number of a row is too large for its type",
                "cast to DECIMAL with more digits before calculating",
            ),
            ArrowError::CastError(_) | ArrowError::ParseError(_) => SourceError::new(
                "a value of a row cannot be cast as the text says",
                "write TRY_CAST, which gives NULL there; SELECT … WHERE TRY_CAST(x AS …) IS NULL finds \
                 the rows",
            ),
            _ => SourceError::new(
                "a row cannot be computed as the text says",
                "check casts, divisions and large numbers; TRY_CAST gives NULL where CAST fails",
            ),
        },
        DataFusionError::Execution(_) => SourceError::new(
            "a row cannot be computed as the text says",
            "check casts, scalar subqueries with several rows, and what functions are given",
        ),
        _ => stopped("running"),
    }
}

/// The file, or what does not fit into memory, cannot be written.
pub(super) fn no_place(error: &io::Error) -> SourceError {
    may_pass(
        &format!("what SQL makes cannot be written to the state folder: {error}"),
        "see that the state folder can be written and its disk has room; it is tried again",
    )
}

fn stopped(doing: &str) -> SourceError {
    SourceError::new(
        format!("the engine stopped unexpectedly while {doing} it"),
        "write the text in another way; if it should work, report it with the text",
    )
}

fn may_pass(what: &str, remedy: &str) -> SourceError {
    let mut error = SourceError::new(what, remedy);
    error.may_pass = true;
    error
}

fn schema_error(sql: &str, at: Option<Position>, error: &SchemaError) -> SourceError {
    let (what, remedy, word) = match error {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => {
            let names = valid_fields.iter().map(|field| field.name.as_str());
            let meant = similar::suggestion(&field.name, names);
            (
                format!("there is no column {:?}{meant}", field.flat_name()),
                "write names as the files have them, letter by letter; names with blanks or signs go \
                 into double quotes",
                &field.name,
            )
        }
        SchemaError::AmbiguousReference { field } => (
            format!("{:?} is a column of several sources", field.name),
            "write the source before it, such as orders.id",
            &field.name,
        ),
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => (
            format!("two columns of the result are called {name:?}"),
            "give one of them another name by AS",
            name,
        ),
    };
    placed(sql, at.or_else(|| place_of(sql, word)), &what, remedy)
}

/// A sentence with its place, the line, and a caret below it.
fn placed(sql: &str, at: Option<Position>, what: &str, remedy: &str) -> SourceError {
    let line = at.and_then(|at| {
        let line = usize::try_from(at.line.checked_sub(1)?).ok()?;
        Some((at, sql.lines().nth(line)?))
    });
    let Some((at, line)) = line else {
        return SourceError::new(what, remedy);
    };
    let before = usize::try_from(at.column.saturating_sub(1)).unwrap_or_default();
    // One blank for a tab, so that the caret is below what it points to.
    let line = line.replace('\t', " ");
    let blanks = " ".repeat(before);
    SourceError::new(format!("{at}: {what}\n  {line}\n  {blanks}^"), remedy)
}

/// Where a word is first in the text, as a name or keyword.
fn place_of(sql: &str, word: &str) -> Option<Position> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let found = tokens.ok()?.into_iter().find(|token| {
        matches!(&token.token, Token::Word(found) if found.value.eq_ignore_ascii_case(word))
    })?;
    Some(Position {
        line: found.span.start.line,
        column: found.span.start.column,
    })
}

/// What the parser says, and the place that it writes behind it.
fn parser_place(text: &str) -> (String, Option<Position>) {
    let Some((what, place)) = text.rsplit_once(" at Line: ") else {
        return (first_line(text), None);
    };
    let numbers = place.split_once(", Column: ");
    let at = numbers.and_then(|(line, column)| {
        let digits = column.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Position {
            line: line.parse().ok()?,
            column: digits.parse().ok()?,
        })
    });
    (first_line(what), at)
}

fn end_of(sql: &str) -> Position {
    let (line, text) = sql.lines().enumerate().last().unwrap_or_default();
    Position {
        line: line as u64 + 1,
        column: text.chars().count() as u64 + 1,
    }
}

/// The first word between quotes.
fn quoted_word(text: &str) -> Option<&str> {
    text.split('\'').nth(1).filter(|word| !word.contains(' '))
}

fn first_line(text: &str) -> String {
    let text = text.trim_start_matches("sql parser error: ");
    text.lines().next().unwrap_or_default().to_owned()
}

/// Anything but one SELECT.
pub(super) fn not_a_select(statement: &Statement) -> Refused {
    let text = statement.to_string();
    let word = text.split_whitespace().next().unwrap_or_default();
    Refused::new(
        format!("{word} does not make the rows of a table"),
        "write one SELECT over this node's sources; it may begin with WITH",
    )
    .at(word)
}
