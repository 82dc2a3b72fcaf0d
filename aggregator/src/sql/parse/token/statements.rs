//! Where one question of a file ends and the next begins.
//!
//! Called by the command line for a file of several questions. A semicolon ends a question; one in
//! quotes or in a comment does not, and it is the reader of queries itself that tells. Never judges
//! what the questions say: each is parsed when it is asked.

use std::ops::Range;

use super::{Placed, Scanner, Token};
use crate::error::{Position, QueryError};

/// One question of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its text, from its first word to before its semicolon.
    pub text: String,
    /// Where it begins.
    pub at: Position,
}

/// The questions of a text, in their order; comments between them and empty ones are left out.
///
/// # Errors
/// [`QueryError`] if a quote or a comment does not end, or at a sign that only other programs write.
pub fn statements(text: &str) -> Result<Vec<Statement>, QueryError> {
    let mut scanner = Scanner {
        rest: text.chars(),
        at: Position::START,
        behind_word: None,
    };
    let mut found = Vec::new();
    let mut open: Option<Open> = None;
    loop {
        scanner.skip_blanks()?;
        let start = text.len() - scanner.rest.as_str().len();
        let Some(Placed { token, at }) = scanner.token()? else {
            break;
        };
        scanner.behind_word = matches!(token, Token::Word(_)).then_some(scanner.at);
        let end = text.len() - scanner.rest.as_str().len();
        match token {
            Token::SemiColon => found.extend(open.take()),
            // What follows is read by rules of its own, and the question will be refused for it.
            Token::Literal(_) => {
                open.get_or_insert(Open::at(at, start)).bytes.end = text.len();
                break;
            }
            _ => open.get_or_insert(Open::at(at, start)).bytes.end = end,
        }
    }
    found.extend(open);
    let statements = found.into_iter().map(|Open { at, bytes }| Statement {
        text: text.get(bytes).unwrap_or_default().to_owned(),
        at,
    });
    Ok(statements.collect())
}

/// A question of which more may follow.
struct Open {
    at: Position,
    bytes: Range<usize>,
}

impl Open {
    fn at(at: Position, start: usize) -> Self {
        Self {
            at,
            bytes: start..start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Statement, statements};

    /// Text and line of each.
    fn read(text: &str) -> Vec<(String, u64)> {
        let found = statements(text).unwrap();
        let pair = |Statement { text, at }| (text, at.line);
        found.into_iter().map(pair).collect()
    }

    #[test]
    fn semicolons_end_questions_but_not_in_quotes_and_comments() {
        let text = "-- for May; and June\n\
                    SELECT a.x = ';' /* ; */ FROM t ;;\n\
                    \n  SELECT \"a;b\" -- one more;\n FROM u -- the end\n;\n\
                    SELECT 'it''s; so'";
        assert_eq!(
            read(text),
            [
                ("SELECT a.x = ';' /* ; */ FROM t".to_owned(), 2),
                ("SELECT \"a;b\" -- one more;\n FROM u".to_owned(), 4),
                ("SELECT 'it''s; so'".to_owned(), 7),
            ]
        );
        assert_eq!(read(" \n-- nothing\n;; /* ; */"), []);
        assert_eq!(read("SELECT 1"), [("SELECT 1".to_owned(), 1)]);
    }

    #[test]
    fn a_quote_that_does_not_end_is_an_error_with_its_place_in_the_whole_text() {
        let error = statements("SELECT 1;\nSELECT 'open; SELECT 2").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn a_literal_of_another_kind_keeps_the_rest_in_its_question() {
        assert_eq!(
            read("SELECT 1; SELECT E'a\\';b'; SELECT 3"),
            [
                ("SELECT 1".to_owned(), 1),
                ("SELECT E'a\\';b'; SELECT 3".to_owned(), 1),
            ]
        );
    }
}
