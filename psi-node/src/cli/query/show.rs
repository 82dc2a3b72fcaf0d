//! A result as text: a table or CSV, and the remarks beside it.
//!
//! Called by `psi-node query` and by the demo, and for costs by `explain` and `preview`. The JSON
//! document is printed as it is and does not come by here.

mod matrix;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::QueryFormat;
use crate::cli::output;
use crate::job::outcome::document::{ColumnNote, ResultDocument, SUPPRESSED};
use crate::job::outcome::privacy::{Charged, PrivacyDocument};

/// What an answer with noise has cost, and how far its numbers stray, line by line.
#[must_use]
pub fn say_privacy(privacy: &PrivacyDocument) -> Vec<String> {
    let Charged { own, peer } = &privacy.charged;
    let mut lines = vec![format!(
        "asked for epsilon {}, delta {}; charged here: {}, {}; charged at the other node: {}, {}",
        privacy.epsilon, privacy.delta, own.epsilon, own.delta, peer.epsilon, peer.delta
    )];
    for noise in &privacy.noise {
        let numbers = noise.numbers.iter().map(|number| {
            let of = if noise.direct {
                String::new()
            } else {
                format!("{} ", number.of)
            };
            format!(
                "{of}± {} in 95 of 100 answers (standard deviation {})",
                figure(number.half_width_95),
                figure(number.std_dev)
            )
        });
        let numbers = numbers.collect::<Vec<_>>().join("; ");
        if noise.direct {
            lines.push(format!("{}: {numbers}", noise.column));
        } else if !numbers.is_empty() {
            lines.push(format!("{} is computed from: {numbers}", noise.column));
        }
    }
    lines
}

/// Three digits are enough to read a figure that is itself a measure of uncertainty.
#[must_use]
pub fn figure(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// What has to be known to read a column.
#[must_use]
pub fn say(note: &ColumnNote) -> String {
    let mut parts = Vec::new();
    if let Some(decimals) = note.decimals {
        parts.push(format!("values were taken to {decimals} decimals"));
    }
    if note.clamped {
        parts.push("what one identity contributes was clamped".to_owned());
    }
    format!("{}: {}", note.column, parts.join("; "))
}

/// The rows as text. What was suppressed is the word `suppressed`; a suppressed row shows the
/// labels of its groups beside it. An overlap matrix takes the place of the rows in a table.
#[must_use]
pub fn render(document: &ResultDocument, format: QueryFormat) -> String {
    if let (QueryFormat::Table, Some(text)) = (format, matrix::render(document)) {
        return text;
    }
    let rows: Vec<Vec<String>> = if document.status == SUPPRESSED && document.rows.is_empty() {
        let word = || SUPPRESSED.to_owned();
        vec![document.columns.iter().map(|_| word()).collect()]
    } else {
        let rows = document.rows.iter().enumerate();
        rows.map(|(number, row)| {
            let hidden = document
                .row_status
                .get(number)
                .is_some_and(|status| status == SUPPRESSED);
            let values = row
                .iter()
                .enumerate()
                .map(|(column, value)| shown(document, column, value, hidden, format));
            values.collect()
        })
        .collect()
    };
    if format == QueryFormat::Csv {
        let header = document
            .columns
            .iter()
            .map(|name| csv_field(name))
            .collect();
        let lines = std::iter::once(header).chain(rows);
        return lines.fold(String::new(), |text, line: Vec<String>| {
            text + &line.join(",") + "\n"
        });
    }
    let header: Vec<&str> = document.columns.iter().map(String::as_str).collect();
    let mut table = output::Table::new(&header);
    for (column, numbers) in numeric(document).into_iter().enumerate() {
        if numbers {
            table.align_right(column);
        }
    }
    for row in rows {
        table.row(row);
    }
    table.render()
}

/// Decimals of a quotient that nobody reads on a terminal; sums and amounts have fewer.
const DECIMALS_READ: usize = 8;

/// How many decimals a terminal shows of a column's quotients: two more than its values have, and four
/// at least. JSON and CSV have all of them.
fn decimals_shown(document: &ResultDocument, column: usize) -> Option<usize> {
    if document.groups.contains(&column) {
        return None;
    }
    let name = document.columns.get(column)?;
    let note = document.notes.iter().find(|note| note.column == *name);
    let decimals = note.and_then(|note| note.decimals);
    // Averages of whole numbers have no scale of their own.
    Some((usize::from(decimals.unwrap_or(0)) + 2).max(4))
}

/// A number with more decimals than a person reads, rounded to `decimals`, halves away from zero.
fn rounded(text: &str, decimals: Option<usize>) -> String {
    let parts = text.split_once('.').filter(|_| is_number(text));
    let (Some(decimals), Some((whole, fraction))) = (decimals, parts) else {
        return text.to_owned();
    };
    if fraction.len() <= DECIMALS_READ.max(decimals) {
        return text.to_owned();
    }
    let (kept, rest) = fraction.split_at(decimals);
    let mut digits: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    if rest.as_bytes().first().is_some_and(|first| *first >= b'5') {
        let mut carries = true;
        for digit in digits
            .iter_mut()
            .rev()
            .filter(|digit| digit.is_ascii_digit())
        {
            *digit = match (*digit, carries) {
                (digit, false) => digit,
                (b'9', true) => b'0',
                (digit, true) => {
                    carries = false;
                    digit + 1
                }
            };
        }
        if carries {
            let first = digits.iter().position(u8::is_ascii_digit).unwrap_or(0);
            digits.insert(first, b'1');
        }
    }
    let mut shown: String = digits.into_iter().map(char::from).collect();
    shown.insert(shown.len() - decimals, '.');
    shown
}

/// Which columns of a table with several rows hold numbers.
fn numeric(document: &ResultDocument) -> Vec<bool> {
    let is_number = |value: &serde_json::Value| match value {
        serde_json::Value::Number(_) | serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.parse::<f64>().is_ok_and(f64::is_finite),
        _ => false,
    };
    let several = document.rows.len() > 1;
    let of = |column: usize| {
        let mut values = document.rows.iter().filter_map(|row| row.get(column));
        several && values.all(is_number)
    };
    (0..document.columns.len()).map(of).collect()
}

/// A value of a column; `hidden` is whether its row is suppressed.
fn shown(
    document: &ResultDocument,
    column: usize,
    value: &serde_json::Value,
    hidden: bool,
    format: QueryFormat,
) -> String {
    match value {
        // Labels are never null.
        serde_json::Value::Null if hidden => SUPPRESSED.to_owned(),
        serde_json::Value::String(text) if format == QueryFormat::Table => {
            rounded(text, decimals_shown(document, column))
        }
        value => cell(value, format),
    }
}

fn cell(value: &serde_json::Value, format: QueryFormat) -> String {
    let text = match value {
        serde_json::Value::Null if format == QueryFormat::Csv => String::new(),
        serde_json::Value::Null => "NULL".into(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if format == QueryFormat::Csv {
        csv_field(&text)
    } else {
        text
    }
}

/// What a spreadsheet takes for the beginning of a formula, or skips before one; some take the wide
/// forms for the narrow ones.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A label, a name or a number, quoted as RFC 4180 asks, where it must be. Labels and names are
/// another member's choice: one that a spreadsheet would compute gets a `'` in front.
fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(FORMULA_STARTS) && !is_number(text);
    let text = if is_formula {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

/// Whether a text is a number as results hold them: digits, with a `-` and decimals where needed.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        None => digits(unsigned),
        Some((whole, decimals)) => digits(whole) && digits(decimals),
    }
}
