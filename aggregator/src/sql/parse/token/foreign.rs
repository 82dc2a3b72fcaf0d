//! Signs that word processors, web pages and other databases put into a query.
//!
//! Spec 10 §3.2. Called by the tokenizer outside quotes and comments. Some of these look like a sign
//! of SQL, some like nothing at all, so each is refused by name at its place.

use crate::error::{Position, QueryError};

const NAMES: &str = "write names in double quotes, or without quotes where they are letters, digits \
                     and underscores";

/// Whether a character looks like a quote or a blank and is neither.
pub(super) fn is_sign(c: char) -> bool {
    is_quote(c) || is_blank(c)
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '\u{2018}'..='\u{201f}' // single and double, both sides, low and reversed
            | '\u{2032}'..='\u{2037}' // primes
            | '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}' // guillemets
            | '\u{b4}' // acute accent
            | '\u{ff02}' | '\u{ff07}' | '\u{ff40}' // wide forms
    )
}

fn is_blank(c: char) -> bool {
    let has_no_width = matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'
    );
    has_no_width || (!c.is_ascii() && c.is_whitespace())
}

/// Refuses a sign of [`is_sign`].
pub(super) fn sign(c: char, at: Position) -> QueryError {
    let code = u32::from(c);
    if is_quote(c) {
        return QueryError::subset(
            at,
            format!("the typographic quote {c}"),
            "write straight quotes: '…' around text, \"…\" around names",
        );
    }
    let what = match c {
        '\u{a0}' | '\u{202f}' => format!("a no-break blank (U+{code:04X})"),
        '\u{feff}' => format!("a byte order mark (U+{code:04X})"),
        _ if c.is_whitespace() => format!("a blank beyond ASCII (U+{code:04X})"),
        _ => format!("a character without width (U+{code:04X})"),
    };
    QueryError::subset(at, what, "write an ordinary blank, or remove it")
}

/// Refuses a name as `MySQL` and `BigQuery` quote it.
pub(super) fn backtick(at: Position) -> QueryError {
    QueryError::subset(at, "a name in backticks", NAMES)
}

/// Refuses a name as SQL Server quotes it.
pub(super) fn bracket(at: Position) -> QueryError {
    QueryError::subset(at, "a name in brackets", NAMES)
}
