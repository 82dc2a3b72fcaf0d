//! Random tables as CSV: a column of each type that the values of a file can have.
//!
//! Spec 10 §2.2. What a cell means is known from how it was made, never read from its text.

use std::fmt::Write as _;

use super::Random;
use super::moments::{self, FRACTIONS, SECOND, SECONDS};
use super::tables::{Column, TEXTS, Table, WHOLE};
use super::values::{Form, Value, decimal_text};
use crate::testing::Folder;

/// A cell: its text and its meaning.
type Cell = (String, Value);

/// A table with every type of CSV, written as `t.csv`, and its settings.
pub(super) fn csv(random: &mut Random, rows: usize, folder: &Folder) -> (Table, &'static str) {
    let (words, settings): (&[&str], _) = match random.below(3) {
        0 => (&["", "NA"], "null = ['', 'NA']"),
        1 => (&["NA", "null"], "null = ['NA', 'null']"),
        _ => (&[""], ""),
    };
    let zone = |zone| Form::Instant { zone };
    let mut columns: Vec<(Column, Vec<String>)> = Vec::new();
    let mut add = |random: &mut Random,
                   name: &str,
                   form: Form,
                   first: &[Cell],
                   cell: &dyn Fn(&mut Random) -> Cell| {
        let mut cells: Vec<Cell> = first.to_vec();
        while cells.len() < rows {
            cells.push(match random.below(8) {
                0 => (random.pick(words).to_owned(), Value::Null),
                // Nothing but blanks is NULL unless the column is text.
                1 if form != Form::Text => ("  ".to_owned(), Value::Null),
                2 if form != Form::Text => {
                    let (text, value) = cell(random);
                    (format!("{}{text} ", random.pick(&["", " "])), value)
                }
                _ => cell(random),
            });
        }
        let (texts, values) = cells.into_iter().unzip();
        columns.push((Column::new(name, form, values), texts));
    };
    // The first rows have what makes a column of its type and of no earlier one.
    add(random, "w", Form::Exact, &[], &whole);
    add(random, "x", Form::Exact, &[], &whole);
    for name in ["f", "g"] {
        let first = [("0.5".to_owned(), Value::Double(0.5))];
        add(random, name, Form::Double, &first, &double);
    }
    let first = [
        exact("100155000000000003", 100_155_000_000_000_003, 0),
        exact("0.25", 25, 2),
    ];
    add(random, "m", Form::Exact, &first, &decimal);
    let far = [exact(
        "99999999999999999999999999999999",
        99_999_999_999_999_999_999_999_999_999_999,
        0,
    )];
    add(random, "n", Form::Exact, &far, &whole);
    for name in ["p", "q"] {
        add(random, name, Form::Boolean, &[], &boolean);
    }
    for name in ["day", "day2"] {
        add(random, name, Form::Date, &[], &day);
    }
    for name in ["t", "u"] {
        let noon = [(
            "2025-01-31 12:00".to_owned(),
            Value::Instant(1_738_324_800 * SECOND),
        )];
        add(random, name, zone(None), &noon, &|random| {
            instant(random, false)
        });
    }
    for name in ["z", "y"] {
        add(random, name, zone(Some("UTC")), &[], &|random| {
            instant(random, true)
        });
    }
    let first = [("a".to_owned(), Value::Text("a".to_owned()))];
    for name in ["s", "r"] {
        add(random, name, Form::Text, &first, &|random| {
            let text = random.pick(&TEXTS).to_owned();
            let value = if words.contains(&text.as_str()) {
                Value::Null
            } else {
                Value::Text(text.clone())
            };
            (text, value)
        });
    }
    let mut file = String::from("id");
    for (column, _) in &columns {
        let _ = write!(file, ",{}", column.name);
    }
    file.push('\n');
    for row in 0..rows {
        let _ = write!(file, "{row}");
        for (_, texts) in &columns {
            file.push(',');
            file += &field(&texts[row]);
        }
        file.push('\n');
    }
    folder.write("t.csv", &file);
    let columns = columns.into_iter().map(|(column, _)| column).collect();
    (Table { rows, columns }, settings)
}

fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn exact(text: &str, units: i128, scale: usize) -> Cell {
    (text.to_owned(), Value::Decimal { units, scale })
}

fn whole(random: &mut Random) -> Cell {
    let value = match random.below(6) {
        0 => i128::from(random.pick(&[i64::MIN, i64::MAX, i64::MAX - 1])),
        1 | 2 => random.pick(&WHOLE),
        _ => i128::try_from(random.below(6)).unwrap() - 2,
    };
    let text = match random.below(6) {
        0 if value >= 0 => format!("00{value}"),
        1 if value == 0 => "-0".to_owned(),
        _ => value.to_string(),
    };
    (text, Value::Whole(value))
}

fn double(random: &mut Random) -> Cell {
    let (text, value) = random.pick(&[
        ("0", 0.0),
        ("-0", 0.0),
        ("-0.0", -0.0),
        ("1", 1.0),
        ("0800", 800.0),
        ("-1.50", -1.5),
        ("2.5", 2.5),
        ("0.1", 0.1),
        ("0.3", 0.3),
        ("0.30000000000000004", 0.1 + 0.2),
        ("1e3", 1000.0),
        ("25e-1", 2.5),
        ("1E3", 1000.0),
        ("1e300", 1e300),
        ("5e-324", 5e-324),
        ("-1.7976931348623157e308", f64::MIN),
        ("9007199254740992", 9_007_199_254_740_992.0),
        ("-9007199254740992", -9_007_199_254_740_992.0),
        ("9007199254740993.0", 9_007_199_254_740_992.0),
        ("5", 5.0),
        ("7", 7.0),
    ]);
    (text.to_owned(), Value::Double(value))
}

/// A decimal that has whole numbers beyond 2^53, so that its column does not become a double.
fn decimal(random: &mut Random) -> Cell {
    match random.below(5) {
        0 => {
            let units = random.pick(&WHOLE);
            exact(&units.to_string(), units, 0)
        }
        1 => exact("1e3", 1000, 0),
        2 => exact("125e-2", 125, 2),
        3 => {
            let units = random.pick(&WHOLE);
            exact(&decimal_text(units, 4), units, 4)
        }
        _ => {
            let units = i128::try_from(random.below(9)).unwrap() * 25 - 100;
            exact(&decimal_text(units, 2), units, 2)
        }
    }
}

fn boolean(random: &mut Random) -> Cell {
    let text = random.pick(&["true", "false", "TRUE", "False"]);
    (
        text.to_owned(),
        Value::Boolean(text.eq_ignore_ascii_case("true")),
    )
}

fn day(random: &mut Random) -> Cell {
    let (text, days) = random.pick(&[
        ("2025-01-01", 20_089),
        ("2024-12-31", 20_088),
        ("2025-01-31", 20_119),
        ("1970-01-01", 0),
        ("1969-12-31", -1),
        ("0001-01-01", -719_162),
        ("9999-12-31", 2_932_896),
    ]);
    (text.to_owned(), Value::Date(days))
}

fn instant(random: &mut Random, with_offset: bool) -> Cell {
    loop {
        let local =
            i128::from(random.pick(&SECONDS)) * SECOND + i128::from(random.pick(&FRACTIONS));
        if let Some(moment) = moments::spell(random, local, with_offset) {
            let value = Value::Instant(moment.instant(None));
            return (moment.text, value);
        }
    }
}
