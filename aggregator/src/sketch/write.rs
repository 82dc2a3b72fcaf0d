//! The text of a section, with comments that say what each line is for.
//!
//! Called by [`super`]. What the file says, such as the names of columns, is quoted as TOML, so that
//! no name ends a line or a comment.

use std::fmt::Write as _;
use std::path::Path;

use psi_core::identifier::IdentifierKind;

use super::{Sketch, SketchColumn, SketchKey, guess};
use crate::config::{COLUMN_DECIMALS_MAX, CsvConfig};
use crate::report::KeyReport;
use crate::source::TextType;
use crate::sql::typing::ColumnClass;

/// Where comments begin.
const COMMENT_AT: usize = 34;

/// Keys with everything that is needed to load them.
pub(super) fn to_load(path: &Path, sketch: &Sketch) -> String {
    let mut text = format!("source = {}\n", quoted(&path.to_string_lossy()));
    text.push_str(&reading(sketch));
    for SketchKey { column, kind } in &sketch.keys {
        let _ = writeln!(
            text,
            "[[key]]\ncolumns = [{}]\nkinds = [{}]",
            quoted(column),
            quoted(kind.as_str())
        );
    }
    text
}

/// The section of the configuration.
pub(super) fn section(name: &str, source: &str, sketch: &Sketch) -> String {
    // Writing into a String cannot fail, here and below.
    let rows = if sketch.keys.is_empty() {
        String::new()
    } else {
        format!("{} rows and ", sketch.rows)
    };
    let mut text = format!(
        "# {} had {rows}{} columns when this was written. Nobody may ask about it yet.\n\
         # Read each line; then name members under allowed_requesters. psi-node check says what fits, and\n\
         # psi-node reload has a running node read it.\n\n\
         [table.{name}]\n",
        quoted(source),
        sketch.columns.len()
    );
    line(&mut text, &format!("source = {}", quoted(source)), "");
    text.push_str(&reading(sketch));
    if sketch.dates_are_unclear {
        text.push_str(
            "# csv.date: days or months come first; say which, such as date = \"%d/%m/%Y\"\n",
        );
    }
    line(
        &mut text,
        "allowed_requesters = []",
        "nobody yet: name who may ask, your own node too, such as [\"shop\", \"partner\"]",
    );
    line(
        &mut text,
        "minimum = 10",
        "no answer rests on fewer persons than this",
    );
    types(&mut text, sketch);
    text.push_str(
        "# Columns that queries may filter by. What is not listed cannot be asked for.\n",
    );
    let is_key = |column: &SketchColumn| sketch.keys.iter().any(|key| key.column == column.name);
    let others: Vec<&SketchColumn> = sketch
        .columns
        .iter()
        .filter(|column| !is_key(column))
        .collect();
    let names: Vec<String> = others.iter().map(|column| quoted(&column.name)).collect();
    let _ = writeln!(text, "# filter = [{}]", names.join(", "));
    for column in &others {
        let _ = writeln!(text, "#   {}: {}", quoted(&column.name), column.describes);
    }
    text.push_str(
        "# row_filter = \"consent = true\"    # only these rows take part, whatever is asked\n",
    );
    proposals(&mut text, &others);
    if sketch.keys.is_empty() {
        let _ = writeln!(
            text,
            "\n# No column looks like an identifier that another member may have too. Without a key the table is\n\
             # not served. Name the column, remove the # of these lines, and choose the kind.\n\
             # [[table.{name}.key]]\n# columns = [\"column\"]"
        );
        let kinds = "text, trim, lower, email, phone, hex, int";
        line(&mut text, "# kinds = [\"text\"]", kinds);
    }
    for (number, of) in sketch.keys.iter().enumerate() {
        let loaded = sketch
            .loaded
            .iter()
            .find(|key| key.columns.iter().eq([&of.column]));
        key(&mut text, name, of, number == 0, loaded);
        if of.kind == IdentifierKind::Phone {
            phone_setting(&mut text, name, sketch.phone_country.as_deref());
        }
    }
    text
}

/// The settings by which the file is read.
fn reading(sketch: &Sketch) -> String {
    let mut text = String::new();
    if let Some(csv) = csv_setting(&sketch.csv) {
        let _ = writeln!(text, "{csv}");
    }
    if sketch.null_words.len() > 1 {
        let null = null_setting(&sketch.null_words);
        line(&mut text, &null, "words of the file for a missing value");
    }
    text
}

/// `csv = { … }`, if a file is not written as usual.
pub(super) fn csv_setting(csv: &CsvConfig) -> Option<String> {
    let character = |name: &str, value: Option<char>| {
        value.map(|value| format!("{name} = {}", quoted(&value.to_string())))
    };
    let word = |name: &str, value: &Option<String>| {
        let value = value.as_ref();
        value.map(|value| format!("{name} = {}", quoted(value)))
    };
    let parts = [
        character("delimiter", csv.delimiter),
        character("decimal", csv.decimal),
        word("encoding", &csv.encoding),
        word("date", &csv.date),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("csv = {{ {} }}", parts.join(", ")))
}

/// `null = [ … ]`.
pub(super) fn null_setting(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("null = [{}]", words.join(", "))
}

/// Lines that let more be asked, each of which works as it is without its `#`. Which values may be told is
/// the owner's to say, so none of the file is in them.
fn proposals(text: &mut String, columns: &[&SketchColumn]) {
    line(
        text,
        "# catalogue = \"names\"",
        "what members that may ask are told before: none, names, full",
    );
    line(
        text,
        "# forms = [\"join\"]",
        "add \"semi\" for questions about rows that have a match (EXISTS)",
    );
    // A parenthesis in the name of a group is that of a part of a date.
    let named = columns
        .iter()
        .filter(|column| !column.name.contains(['(', ')']));
    let groups = named.filter_map(|column| {
        let name = &column.name;
        match column.class.as_ref()? {
            ColumnClass::Boolean => Some(format!("{} = [true, false]", quoted(name))),
            ColumnClass::Date | ColumnClass::Instant { .. } => {
                let months = quoted(&format!("month({name})"));
                Some(format!(
                    "{months} = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]"
                ))
            }
            ColumnClass::Text => Some(format!("{} = [\"a value that may be told\"]", quoted(name))),
            _ => None,
        }
    });
    let groups: Vec<String> = groups.collect();
    if !groups.is_empty() {
        text.push_str(
            "# What queries may group by, and the groups; all other values are one group more.\n",
        );
        let _ = writeln!(text, "# dimension = {{ {} }}", groups.join(", "));
    }
    let amounts = columns
        .iter()
        .filter(|column| !guess::is_called_like_a_number(&column.name));
    let sums = amounts.filter_map(|column| {
        let decimals = match column.class.as_ref()? {
            ColumnClass::Integer => String::new(),
            ColumnClass::Decimal { scale, .. } if *scale <= COLUMN_DECIMALS_MAX => {
                format!(", decimals = {scale}")
            }
            ColumnClass::Float => ", decimals = 2".to_owned(),
            _ => return None,
        };
        let name = quoted(&column.name);
        let functions = "functions = [\"count\", \"sum\", \"avg\"]";
        Some(format!("{name} = {{ {functions}{decimals} }}"))
    });
    let sums: Vec<String> = sums.collect();
    if !sums.is_empty() {
        text.push_str("# What queries may compute of the persons that both have; leave out numbers that are not amounts.\n");
        let _ = writeln!(text, "# aggregate = {{ {} }}", sums.join(", "));
    }
}

fn types(text: &mut String, sketch: &Sketch) {
    let is_key = |name: &String| sketch.keys.iter().any(|key| key.column == *name);
    let columns = sketch.columns.iter().filter(|column| !is_key(&column.name));
    let typed = columns.filter_map(|column| {
        // Decimals have no word of their own: a later file may have fewer of them, or more.
        let kind = column
            .kind
            .filter(|kind| !matches!(kind, TextType::Decimal(_)))?;
        Some(format!(
            "{} = {}",
            quoted(&column.name),
            quoted(&kind.word())
        ))
    });
    let typed: Vec<String> = typed.collect();
    if !typed.is_empty() {
        text.push_str(
            "# A later file with a value of another type is not served; check names the row.\n",
        );
        let _ = writeln!(text, "types = {{ {} }}", typed.join(", "));
    }
}

/// A key; all but the likeliest one commented out.
fn key(
    text: &mut String,
    table: &str,
    SketchKey { column, kind }: &SketchKey,
    is_likeliest: bool,
    loaded: Option<&KeyReport>,
) {
    let mark = if is_likeliest { "" } else { "# " };
    let values = loaded.and_then(|key| key.values.first());
    let found = values.map_or_else(String::new, |values| {
        let refused: u64 = values.refused.iter().map(|count| count.rows).sum();
        format!(
            ": {} values have its form, {refused} do not, {} are missing",
            values.normalised, values.nulls
        )
    });
    let _ = writeln!(
        text,
        "\n# A join key: the other member's key has to be of the same kind, {kind}{found}."
    );
    let is_unique = loaded.is_some_and(|key| {
        key.values
            .first()
            .is_some_and(|values| values.normalised > 0 && values.normalised == key.distinct)
    });
    let _ = writeln!(text, "{mark}[[table.{table}.key]]");
    let _ = writeln!(text, "{mark}columns = [{}]", quoted(column));
    let _ = writeln!(text, "{mark}kinds = [{}]", quoted(kind.as_str()));
    let why = if is_unique {
        "no value repeats, and none may"
    } else {
        "values repeat: a person may have several rows"
    };
    line(text, &format!("{mark}unique = {is_unique}"), why);
    let public = "public: the other member sees this number. Round it up, with room to grow";
    let identities = loaded.map_or(0, |key| key.identities);
    line(text, &format!("# identities = {identities}"), public);
}

/// What numbers without a country need.
fn phone_setting(text: &mut String, table: &str, country: Option<&str>) {
    let _ = match country {
        Some(country) => writeln!(
            text,
            "# Numbers without a country need one. Most that name one are of {country}: if these are too, write\n\
             # phone = {{ country = \"{country}\" }} in [table.{table}]. A wrong one matches other persons."
        ),
        None => writeln!(
            text,
            "# Numbers without a country need one, by its two letters: phone = {{ country = \"XX\" }} in\n\
             # [table.{table}]. A wrong one matches other persons."
        ),
    };
}

/// A setting, and what it is for.
fn line(text: &mut String, setting: &str, comment: &str) {
    if comment.is_empty() {
        let _ = writeln!(text, "{setting}");
    } else {
        let _ = writeln!(text, "{setting:<COMMENT_AT$} # {comment}");
    }
}

/// A text as TOML writes it, on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
