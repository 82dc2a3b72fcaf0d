//! A result as text: a table or CSV, and the remarks beside it.
//!
//! Called by `psi-node query` and by the demo, and for costs by `explain` and `preview`. The JSON
//! document is printed as it is and does not come by here.

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
/// labels of its groups beside it.
#[must_use]
pub fn render(document: &ResultDocument, format: QueryFormat) -> String {
    let word = || SUPPRESSED.to_owned();
    let rows: Vec<Vec<String>> = if document.status == SUPPRESSED && document.rows.is_empty() {
        vec![document.columns.iter().map(|_| word()).collect()]
    } else {
        let rows = document.rows.iter().enumerate();
        rows.map(|(number, row)| {
            let hidden = document
                .row_status
                .get(number)
                .is_some_and(|status| status == SUPPRESSED);
            let values = row.iter().enumerate().map(|(column, value)| match value {
                // Labels are never null.
                serde_json::Value::Null if hidden => word(),
                serde_json::Value::String(text) if format == QueryFormat::Table => {
                    rounded(text, decimals_shown(document, column))
                }
                value => cell(value, format),
            });
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

#[cfg(test)]
mod tests {
    use super::{ColumnNote, QueryFormat, ResultDocument, render, rounded, say};

    fn document(status: &str, rows: Vec<Vec<serde_json::Value>>) -> ResultDocument {
        let mut document = ResultDocument::new("exact");
        document.status = status.into();
        document.columns = vec!["COUNT(*)".into()];
        document.rows = rows;
        document
    }

    #[test]
    fn a_released_count_is_a_table_or_a_csv_of_one_row() {
        let released = document("released", vec![vec![318.into()]]);
        assert_eq!(render(&released, QueryFormat::Table), "COUNT(*)\n318\n");
        assert_eq!(render(&released, QueryFormat::Csv), "COUNT(*)\n318\n");
    }

    #[test]
    fn a_suppressed_result_is_shown_as_suppressed() {
        let suppressed = document("suppressed", Vec::new());
        assert_eq!(
            render(&suppressed, QueryFormat::Table),
            "COUNT(*)\nsuppressed\n"
        );
        assert_eq!(
            render(&suppressed, QueryFormat::Csv),
            "COUNT(*)\nsuppressed\n"
        );
    }

    #[test]
    fn suppressed_rows_show_their_labels_and_numbers_stand_under_each_other() {
        let mut document = document(
            "released",
            vec![
                vec!["north".into(), 318.into(), "1200.50".into()],
                vec![
                    "other".into(),
                    serde_json::Value::Null,
                    serde_json::Value::Null,
                ],
                vec!["south".into(), 7.into(), serde_json::Value::Null],
            ],
        );
        document.columns = vec!["region".into(), "count(*)".into(), "sum(amount)".into()];
        document.row_status = ["released", "suppressed", "released"]
            .map(Into::into)
            .into();
        assert_eq!(
            render(&document, QueryFormat::Table),
            "region    count(*)  sum(amount)\n\
             north          318      1200.50\n\
             other   suppressed   suppressed\n\
             south            7         NULL\n"
        );
        assert_eq!(
            render(&document, QueryFormat::Csv),
            "region,count(*),sum(amount)\nnorth,318,1200.50\nother,suppressed,suppressed\n\
             south,7,\n"
        );
    }

    #[test]
    fn a_terminal_shows_what_a_person_reads_of_a_quotient_and_all_else_as_it_is() {
        for (text, decimals, shown) in [
            ("12.3456789012345678", Some(4), "12.3457"),
            ("-0.0000499999999999", Some(4), "-0.0000"),
            ("99.9999999999999999", Some(4), "100.0000"),
            ("-9.9999999999999999", Some(4), "-10.0000"),
            ("1234.5678", Some(4), "1234.5678"),
            ("0.12345678", Some(4), "0.12345678"),
            ("12.3456789012345678", None, "12.3456789012345678"),
            ("v1.2345678901234", Some(4), "v1.2345678901234"),
        ] {
            assert_eq!(rounded(text, decimals), shown, "{text}");
        }
        let mut cents = document("released", vec![vec!["12.3333333333333333".into()]]);
        cents.columns = vec!["mean".into()];
        cents.notes = vec![ColumnNote {
            column: "mean".into(),
            decimals: Some(2),
            clamped: false,
        }];
        assert_eq!(render(&cents, QueryFormat::Table), "mean\n12.3333\n");
        assert_eq!(
            render(&cents, QueryFormat::Csv),
            "mean\n12.3333333333333333\n"
        );
        // Of whole numbers, whatever the column is called; a label stays as it is.
        let label = "2.7182818284590452";
        let mut whole = document(
            "released",
            vec![vec![label.into(), "0.6666666666666667".into()]],
        );
        whole.columns = vec!["version".into(), "m".into()];
        whole.groups = vec![0];
        let shown = render(&whole, QueryFormat::Table);
        assert!(
            shown.contains(label) && shown.contains("0.6667\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_note_says_scale_and_clamp() {
        let note = ColumnNote {
            column: "avg(amount)".into(),
            decimals: Some(2),
            clamped: true,
        };
        let text = say(&note);
        assert!(
            text.contains("2 decimals") && text.contains("clamped"),
            "{text}"
        );
    }

    #[test]
    fn csv_labels_that_a_spreadsheet_would_compute_get_an_apostrophe_and_numbers_stay() {
        for (value, field) in [
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("+5", "'+5"),
            ("-north", "'-north"),
            ("-", "'-"),
            ("-2+3", "'-2+3"),
            ("-1.5.0", "'-1.5.0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("＝1", "'＝1"),
            ("=\"a\",b", "\"'=\"\"a\"\",b\""),
            ("-12.50", "-12.50"),
            ("-7", "-7"),
            ("12", "12"),
            ("a=b", "a=b"),
            ("'=1", "'=1"),
        ] {
            let mut document = document("released", vec![vec![value.into()]]);
            document.columns = vec![value.into()];
            let lines = format!("{field}\n{field}\n");
            assert_eq!(render(&document, QueryFormat::Csv), lines);
            let table = render(&document, QueryFormat::Table);
            assert!(!table.contains("'=1") || value == "'=1", "{table}");
        }
        let negative = document("released", vec![vec![(-7).into()]]);
        assert_eq!(render(&negative, QueryFormat::Csv), "COUNT(*)\n-7\n");
    }

    #[test]
    fn csv_fields_are_quoted_where_they_must_be() {
        let odd = document("released", vec![vec!["a,\"b\"".into()]]);
        assert_eq!(
            render(&odd, QueryFormat::Csv),
            "COUNT(*)\n\"a,\"\"b\"\"\"\n"
        );
    }
}
