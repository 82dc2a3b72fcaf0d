//! Text that somebody else chose, as a person is to see it on a terminal or in a log.
//!
//! A query, a column name or a statement of the other member may hold characters that a terminal
//! obeys or that do not show: they could move the cursor, turn the order of what is read around, or
//! make two texts look alike. [`line()`] is the one function for all such text. It escapes and never
//! drops, so two texts that differ look different; letters of all scripts stay as they are, those of
//! one script that look like those of another included. Called by command lines and by the node's log;
//! knows nothing about what a text means.
//!
//! What is escaped, by the properties of Unicode 17:
//!
//! * controls (Cc), format characters (Cf, with all of `Bidi_Control`), line and paragraph separators
//!   (Zl, Zp), every blank (Zs) but U+0020, private and unassigned characters: what the standard
//!   library does not hold for printable;
//! * `Default_Ignorable_Code_Point`, and the pattern of Braille that looks like a blank;
//! * a combining mark that does not follow a letter, a digit or another mark: it would change the sign
//!   before it, and make `≠` of `=`;
//! * a backslash before `u{`, so that an escape cannot be forged.

use std::fmt::Write as _;

/// Letters and marks that show nothing, by first and last: what `DerivedCoreProperties.txt` of Unicode
/// 17 lists as `Default_Ignorable_Code_Point` and is neither Cf nor unassigned, and U+2800.
const INVISIBLE: [(char, char); 10] = [
    ('\u{34f}', '\u{34f}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// `text` in one line, in which everything that does not show is written `\u{…}`.
#[must_use]
pub fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut reader = Reader::default();
    for (at, c) in text.char_indices() {
        let after = &text[at + c.len_utf8()..];
        let forges = c == '\\' && after.starts_with("u{");
        if reader.shows(c) && !forges {
            shown.push(c);
        } else {
            // Writing into a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        }
    }
    shown
}

/// Text of this node's own, whose line ends are meant; each of its lines as [`line()`] shows it.
#[must_use]
pub fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// A JSON document that says the same, in which everything that does not show is written `\uXXXX`.
#[must_use]
pub fn json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    let mut reader = Reader::default();
    for c in document.chars() {
        // Outside strings JSON is ASCII and these are its blanks; inside they are escaped already.
        if reader.shows(c) || matches!(c, '\n' | '\r' | '\t') {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    }
    shown
}

/// Decides about the characters of a text, one after the other.
#[derive(Default)]
struct Reader {
    /// Whether a combining mark may follow.
    carries_marks: bool,
}

impl Reader {
    fn shows(&mut self, c: char) -> bool {
        let shows = match c {
            ' '..='~' => true,
            c if c.is_ascii() || is_hidden(c) => false,
            c => self.carries_marks || !is_mark(c),
        };
        self.carries_marks = shows && (c.is_alphanumeric() || is_mark(c));
        shows
    }
}

/// Whether a character beyond ASCII does not show.
fn is_hidden(c: char) -> bool {
    if INVISIBLE
        .iter()
        .any(|(low, high)| (*low..=*high).contains(&c))
    {
        return true;
    }
    // Behind a letter the standard library escapes what it does not hold for printable, and nothing
    // else beyond ASCII.
    let behind_letter = String::from_iter(['a', c]);
    behind_letter.escape_debug().nth(1) == Some('\\')
}

/// Whether a character that is not hidden joins the one before it (`Grapheme_Extend`): alone, the
/// standard library escapes it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.escape_debug().next() == Some('\\')
}

#[cfg(test)]
mod tests;
