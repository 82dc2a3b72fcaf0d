//! What the values of columns look like: kinds of keys, words for missing values, decimal commas, dates.
//!
//! Called by [`super`]. A guess is for the owner to read; nothing is decided by it.

use chrono::NaiveDate;
use psi_core::identifier::IdentifierKind;

use super::SketchKey;
use crate::column::parse;
use crate::survey::classes;

/// Parts of a hundred of a column's values that have to have a form.
const MOST_PERCENT: usize = 80;

/// Hexadecimal digits of the shortest hash.
const HASH_DIGITS_MIN: usize = 32;

/// The order in which kinds are tried: the most particular first.
const KINDS: [IdentifierKind; 4] = [
    IdentifierKind::Email,
    IdentifierKind::Hex,
    IdentifierKind::Phone,
    IdentifierKind::Text,
];

/// Forms of dates that spreadsheets export.
const DATE_FORMATS: [&str; 5] = ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d"];

/// How numbers and dates are written.
pub(super) struct Style {
    pub(super) decimal: Option<char>,
    pub(super) date: Option<String>,
    pub(super) dates_are_unclear: bool,
}

/// Words for a missing value, each as it is written, without the empty one.
pub(super) fn null_words(columns: &[Vec<String>]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for value in columns.iter().flatten() {
        if classes::is_missing_word(value) && !words.contains(value) {
            words.push(value.clone());
        }
    }
    words.sort_unstable();
    words
}

/// How numbers and dates are written, if not as usual.
pub(super) fn style(columns: &[Vec<String>], delimiter: Option<char>) -> Style {
    // Beside commas as delimiters, a comma in a number may separate thousands.
    let commas = delimiter.is_some() && columns.iter().any(|values| has_decimal_commas(values));
    let fits = |format: &str| {
        let of = columns.iter();
        of.filter(|values| date_formats(values).contains(&format))
            .count()
    };
    let best = DATE_FORMATS
        .into_iter()
        .map(|format| (fits(format), format));
    let best: Vec<(usize, &str)> = best.filter(|(columns, _)| *columns > 0).collect();
    let most = best.iter().map(|(columns, _)| *columns).max();
    let mut best = best
        .into_iter()
        .filter(|(columns, _)| Some(*columns) == most);
    let (date, other) = (best.next(), best.next());
    Style {
        decimal: commas.then_some(','),
        date: date
            .filter(|_| other.is_none())
            .map(|(_, format)| format.to_owned()),
        dates_are_unclear: other.is_some(),
    }
}

/// Whether values are numbers, some of them with a comma before their fraction.
pub(super) fn has_decimal_commas(values: &[String]) -> bool {
    let is_comma_number =
        |value: &str| value.matches(',').count() == 1 && parse::is_number(&value.replace(',', "."));
    let number = |value: &&String| is_comma_number(value) || parse::is_number(value);
    values.iter().any(|value| is_comma_number(value)) && mostly(values, number)
}

/// Whether the commas of numbers may separate thousands: all of them are before three digits.
pub(super) fn may_be_thousands(values: &[String]) -> bool {
    let mut behind = values.iter().filter_map(|value| value.split_once(','));
    behind.all(|(_, behind)| behind.trim().len() == 3)
}

/// The forms that all values have as dates, other than that of ISO; several where no value says
/// whether days or months come first.
pub(super) fn date_formats(values: &[String]) -> Vec<&'static str> {
    let fits = |format: &str| {
        let is_date = |value: &String| NaiveDate::parse_from_str(value.trim(), format).is_ok();
        !values.is_empty() && values.iter().all(is_date)
    };
    DATE_FORMATS
        .into_iter()
        .filter(|format| fits(format))
        .collect()
}

/// Columns that may be keys, with their kinds, the likeliest first.
pub(super) fn keys<'a>(
    columns: impl Iterator<Item = (&'a str, &'a Vec<String>)>,
) -> Vec<SketchKey> {
    let guessed = columns.filter_map(|(name, values)| {
        Some(SketchKey {
            kind: kind(name, values)?,
            column: name.to_owned(),
        })
    });
    let mut keys: Vec<SketchKey> = guessed.collect();
    keys.sort_by_key(|key| KINDS.iter().position(|known| *known == key.kind));
    keys
}

/// The kind that a column's values have, or that its name says.
fn kind(name: &str, values: &[String]) -> Option<IdentifierKind> {
    if values.is_empty() {
        return None;
    }
    let normalises = |kind: IdentifierKind| {
        let mut normal = Vec::new();
        let has_form = values
            .iter()
            .filter(|value| kind.normalise(value, &mut normal));
        has_form.count() * 100 >= values.len() * MOST_PERCENT
    };
    if normalises(IdentifierKind::Email) {
        return Some(IdentifierKind::Email);
    }
    let is_long = |value: &&String| value.trim().len() >= HASH_DIGITS_MIN;
    if mostly(values, is_long) && normalises(IdentifierKind::Hex) {
        return Some(IdentifierKind::Hex);
    }
    let name = name.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let has_digits = |value: &&String| value.bytes().filter(u8::is_ascii_digit).count() >= 6;
    if normalises(IdentifierKind::Phone)
        || (says(&["phone", "mobile", "telefon", "tel_"]) && mostly(values, has_digits))
    {
        return Some(IdentifierKind::Phone);
    }
    let is_id = name == "id" || name.ends_with("_id") || name.ends_with("number");
    is_id.then_some(IdentifierKind::Text)
}

/// Whether a column has the name of a number that nobody adds up: an identifier, a code or a year.
pub(super) fn is_called_like_a_number(name: &str) -> bool {
    const NAMES: [&str; 15] = [
        "id", "no", "nr", "number", "nummer", "num", "key", "code", "zip", "plz", "postcode",
        "year", "jahr", "phone", "sku",
    ];
    let name = name.to_lowercase();
    let last = name.rsplit(|c: char| !c.is_alphanumeric()).next();
    last.is_some_and(|last| NAMES.contains(&last))
        || name.ends_with("number")
        || name.ends_with("nummer")
}

fn mostly<'a>(values: &'a [String], is_one: impl Fn(&&'a String) -> bool) -> bool {
    let found = values.iter().filter(is_one).count();
    !values.is_empty() && found * 100 >= values.len() * MOST_PERCENT
}
