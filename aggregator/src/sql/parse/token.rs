//! From text to words, literals and signs, each with the place where it begins.
//!
//! Spec 10 §3.2. Called by the parser, with the analyst's text and with text from a peer. Takes
//! apart only what the subset needs: all other operators are one kind of token, and reading ends at
//! a literal of another kind. Never judges what it reads; the parser does.
//!
//! Cost: one pass that looks at most three characters ahead, so linear in the text, which is
//! bounded; no recursion. Memory: the text once more, and at most [`TOKENS_MAX`] tokens.

mod foreign;
pub(crate) mod statements;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::Chars;

use psi_core::limits;

use crate::error::{Position, QueryError};

/// Words and signs of one query.
const TOKENS_MAX: usize = 6 * 1024;

/// What the text is made of, without blanks and comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(Word),
    /// Digits with at most one point. Separators, exponents and digits of other bases are part of
    /// it as well, so that the parser refuses the number as a whole.
    Number(String),
    /// What single quotes enclose, `''` read as `'`.
    Text(String),
    /// A dollar sign and what follows at once, `$1`.
    Placeholder(String),
    /// Where a literal of another kind begins, and what such literals look like. Always the last
    /// token: each kind ends by rules of its own.
    Literal(&'static str),
    LParen,
    RParen,
    Comma,
    Period,
    Colon,
    SemiColon,
    Plus,
    Minus,
    Mul,
    Div,
    Eq,
    Neq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    /// An operator that the subset does not have.
    Operator(String),
    /// A character that begins nothing.
    Other(char),
}

/// A name or a keyword, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// As written, but `""` between quotes read as `"`.
    pub(super) value: String,
    /// Whether it was written in double quotes, and therefore is not a keyword.
    pub(super) quoted: bool,
}

/// A token and the place where it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: Position,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Word(Word {
                value,
                quoted: true,
            }) => return write!(f, "\"{}\"", value.replace('"', "\"\"")),
            Self::Text(text) => return write!(f, "'{}'", text.replace('\'', "''")),
            Self::Other(other) => return write!(f, "{other}"),
            Self::Word(Word { value: text, .. })
            | Self::Number(text)
            | Self::Placeholder(text)
            | Self::Operator(text) => text,
            Self::Literal(form) => form,
            Self::LParen => "(",
            Self::RParen => ")",
            Self::Comma => ",",
            Self::Period => ".",
            Self::Colon => ":",
            Self::SemiColon => ";",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Eq => "=",
            Self::Neq => "<>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
        })
    }
}

/// Takes `text` apart.
///
/// # Errors
/// [`QueryError`] if the text or the number of its tokens is beyond its limit, if a quote or a
/// comment does not end, or at a sign that only other programs write.
pub(super) fn tokenize(text: &str) -> Result<Vec<Placed>, QueryError> {
    if text.len() > limits::QUERY_BYTES_MAX {
        return Err(QueryError::subset(
            Position::START,
            format!("a query of {} bytes", text.len()),
            format!("stay within {} bytes", limits::QUERY_BYTES_MAX),
        ));
    }
    let mut scanner = Scanner {
        rest: text.chars(),
        at: Position::START,
        behind_word: None,
    };
    let mut tokens = Vec::new();
    while let Some(placed) = scanner.token()? {
        if tokens.len() == TOKENS_MAX {
            return Err(QueryError::subset(
                placed.at,
                format!("a query of more than {TOKENS_MAX} words and signs"),
                "shorten it",
            ));
        }
        let is_last = matches!(placed.token, Token::Literal(_));
        scanner.behind_word = matches!(placed.token, Token::Word(_)).then_some(scanner.at);
        tokens.push(placed);
        if is_last {
            break;
        }
    }
    Ok(tokens)
}

/// What is still to be read, and where it begins.
struct Scanner<'a> {
    rest: Chars<'a>,
    at: Position,
    /// Where the last token ended, if it was a word.
    behind_word: Option<Position>,
}

impl Scanner<'_> {
    fn token(&mut self) -> Result<Option<Placed>, QueryError> {
        self.skip_blanks()?;
        let at = self.at;
        let Some(first) = self.advance() else {
            return Ok(None);
        };
        let token = match first {
            '(' => Token::LParen,
            ')' => Token::RParen,
            ',' => Token::Comma,
            ';' => Token::SemiColon,
            ':' if self.take(':') => Token::Operator("::".to_owned()),
            ':' => Token::Colon,
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => Token::Period,
            '.' | '0'..='9' => self.number(first),
            '\'' => Token::Text(self.quoted(first, at, "text in single quotes")?),
            '"' => Token::Word(Word {
                value: self.quoted(first, at, "name in double quotes")?,
                quoted: true,
            }),
            '$' => self.dollar(),
            '`' => return Err(foreign::backtick(at)),
            '[' if self.behind_word != Some(at) && self.peek().is_some_and(begins_word) => {
                return Err(foreign::bracket(at));
            }
            _ if foreign::is_sign(first) => return Err(foreign::sign(first, at)),
            _ if begins_word(first) => self.word(first),
            _ if is_operator(first) => self.operator(first),
            _ => Token::Other(first),
        };
        Ok(Some(Placed { token, at }))
    }

    /// Blanks and comments.
    fn skip_blanks(&mut self) -> Result<(), QueryError> {
        loop {
            match (self.peek(), self.peek_at(1)) {
                (Some('-'), Some('-')) => {
                    while self.advance().is_some_and(|c| c != '\n' && c != '\r') {}
                }
                (Some('/'), Some('*')) => self.skip_comment()?,
                // Blanks beyond ASCII are refused: nobody sees where they are.
                (Some(c), _) if c.is_ascii() && c.is_whitespace() => {
                    self.advance();
                }
                _ => return Ok(()),
            }
        }
    }

    /// A comment between `/*` and `*/`, with the comments inside it.
    fn skip_comment(&mut self) -> Result<(), QueryError> {
        let at = self.at;
        self.advance();
        self.advance();
        let mut open = 1_usize;
        while open > 0 {
            match self.advance() {
                Some('/') if self.take('*') => open += 1,
                Some('*') if self.take('/') => open -= 1,
                Some(_) => {}
                None => {
                    return Err(QueryError::syntax(
                        at,
                        "Unterminated comment",
                        "close it with */, and each comment inside it as well",
                    ));
                }
            }
        }
        Ok(())
    }

    /// What is between the opening quote at `at`, which has been read, and the closing one.
    fn quoted(&mut self, quote: char, at: Position, what: &str) -> Result<String, QueryError> {
        let mut text = String::new();
        while let Some(c) = self.advance() {
            if c == quote && !self.take(quote) {
                return Ok(text);
            }
            text.push(c);
        }
        Err(QueryError::syntax(
            at,
            format!("Unterminated {what}"),
            format!("close it with {quote}, and write {quote}{quote} for a quote inside"),
        ))
    }

    fn number(&mut self, first: char) -> Token {
        let is_digit = |c: char| c.is_ascii_digit() || c == '_';
        let mut text = String::from(first);
        self.push_while(&mut text, is_digit);
        if first != '.' && self.take('.') {
            text.push('.');
            self.push_while(&mut text, is_digit);
        }
        let digit_at = |ahead| self.peek_at(ahead).is_some_and(|c| c.is_ascii_digit());
        let sign_at = |ahead| matches!(self.peek_at(ahead), Some('+' | '-'));
        // How many characters surely belong to an exponent, or to digits of another base.
        let more = match self.peek() {
            Some('e' | 'E') if digit_at(1) => 1,
            Some('e' | 'E') if sign_at(1) && digit_at(2) => 2,
            Some('x' | 'X') if text == "0" => 1,
            Some('b' | 'B' | 'o' | 'O') if text == "0" && digit_at(1) => 1,
            _ => return Token::Number(text),
        };
        for _ in 0..more {
            text.extend(self.advance());
        }
        self.push_while(&mut text, |c| c.is_ascii_alphanumeric() || c == '_');
        Token::Number(text)
    }

    /// A placeholder, unless a second dollar sign makes it text between `$$` or `$tag$`.
    fn dollar(&mut self) -> Token {
        let mut text = String::from('$');
        self.push_while(&mut text, |c| c.is_alphanumeric() || c == '_');
        if self.peek() == Some('$') {
            return Token::Literal("$$…$$");
        }
        Token::Placeholder(text)
    }

    fn word(&mut self, first: char) -> Token {
        match (first, self.peek(), self.peek_at(1)) {
            ('E' | 'e', Some('\''), _) => return Token::Literal("E'…'"),
            ('N' | 'n', Some('\''), _) => return Token::Literal("N'…'"),
            ('X' | 'x', Some('\''), _) => return Token::Literal("X'…'"),
            ('B' | 'b', Some('\''), _) => return Token::Literal("B'…'"),
            ('U' | 'u', Some('&'), Some('\'')) => return Token::Literal("U&'…'"),
            _ => {}
        }
        let mut value = String::from(first);
        self.push_while(&mut value, |c| {
            begins_word(c) || c.is_ascii_digit() || c == '$'
        });
        Token::Word(Word {
            value,
            quoted: false,
        })
    }

    /// The signs that belong together. A `+` or `-` is always one of its own: it may be the sign of
    /// the number behind it.
    fn operator(&mut self, first: char) -> Token {
        let mut text = String::from(first);
        while let Some(c) = self.peek() {
            let begins_comment = c == '/' && self.peek_at(1) == Some('*');
            if !is_operator(c) || matches!(c, '+' | '-') || begins_comment {
                break;
            }
            text.push(c);
            self.advance();
        }
        match text.as_str() {
            "+" => Token::Plus,
            "-" => Token::Minus,
            "*" => Token::Mul,
            "/" => Token::Div,
            "=" => Token::Eq,
            "<>" | "!=" => Token::Neq,
            "<" => Token::Lt,
            "<=" => Token::LtEq,
            ">" => Token::Gt,
            ">=" => Token::GtEq,
            _ => Token::Operator(text),
        }
    }

    // Characters.

    fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.rest.clone().nth(ahead)
    }

    fn advance(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.at.line += 1;
            self.at.column = 1;
        } else {
            self.at.column += 1;
        }
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.advance();
        }
        found
    }

    fn push_while(&mut self, text: &mut String, belongs: impl Fn(char) -> bool) {
        while let Some(c) = self.peek().filter(|c| belongs(*c)) {
            text.push(c);
            self.advance();
        }
    }
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && !foreign::is_sign(c))
}

fn is_operator(c: char) -> bool {
    "+-*/<>=~!@#%^&|?".contains(c)
}
