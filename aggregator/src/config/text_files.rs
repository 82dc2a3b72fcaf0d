//! How text files are written: what a table says under `csv` and `phone`.
//!
//! Spec 10 §2.2 and §2.4. Values only, and checks that need no data; [`crate::source`] reads by them.

use chrono::NaiveDate;
use chrono::format::{Item, StrftimeItems};
use encoding_rs::Encoding;
use serde::Deserialize;

use super::TableConfig;
use crate::error::Problem;

/// How CSV files are written that are not the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvConfig {
    /// What separates values; a comma where left out, a tab in `.tsv`.
    #[serde(default)]
    pub delimiter: Option<char>,
    /// What separates a number's whole part from its fraction: `.`, or `,`.
    #[serde(default)]
    pub decimal: Option<char>,
    /// The encoding, by a name of the WHATWG Encoding Standard; UTF-8 where left out.
    #[serde(default)]
    pub encoding: Option<String>,
    /// How dates are written, such as `%d.%m.%Y`, beside the ISO form.
    #[serde(default)]
    pub date: Option<String>,
}

/// How telephone numbers are written that are not E.164.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneConfig {
    /// The country of numbers that name none: two letters of ISO 3166-1, such as `DE`.
    pub country: String,
}

/// Checks what can be judged without looking at any data.
pub(super) fn check(name: &str, table: &TableConfig) -> Result<(), Problem> {
    let place = format!("table.{name}");
    check_csv(&place, &table.csv)?;
    match &table.phone {
        None => Ok(()),
        Some(phone) => crate::phone::check(&phone.country)
            .map_err(|mistake| mistake.at(format!("{place}.phone.country"))),
    }
}

/// The same of the setting `csv` of the section `place`.
pub(super) fn check_csv(place: &str, csv: &CsvConfig) -> Result<(), Problem> {
    let problem = |setting: &str, what: String, remedy: &str| {
        Err(Problem::new(format!("{place}.{setting}"), what, remedy))
    };
    if let Some(delimiter) = csv.delimiter
        && (!delimiter.is_ascii() || "\"\r\n".contains(delimiter) || delimiter == '\0')
    {
        return problem(
            "csv.delimiter",
            format!("{delimiter:?} cannot separate values"),
            "write one ASCII character, such as \";\" or \"\\t\"",
        );
    }
    if let Some(decimal) = csv.decimal
        && !matches!(decimal, '.' | ',')
    {
        return problem(
            "csv.decimal",
            format!("{decimal:?} is not a decimal separator"),
            "write \",\" or \".\"",
        );
    }
    if csv.decimal == Some(',') && csv.delimiter == Some('.') {
        return problem(
            "csv.delimiter",
            "a point cannot separate values here".to_owned(),
            "write the character that is between the values in the file",
        );
    }
    if let Some(label) = &csv.encoding
        && encoding(label).is_none()
    {
        return problem(
            "csv.encoding",
            format!("{label:?} is not an encoding that is known"),
            "write a name of the Encoding Standard, such as \"utf-8\", \"windows-1252\", \
             \"iso-8859-15\" or \"utf-16le\"",
        );
    }
    if let Some(format) = &csv.date
        && !is_date_format(format)
    {
        return problem(
            "csv.date",
            format!("{format:?} does not write a date"),
            "write day, month and year as %d, %m (or %b for Jan) and %Y, with what is between them, \
             such as \"%d.%m.%Y\"",
        );
    }
    Ok(())
}

/// The encoding that a name means.
pub(crate) fn encoding(label: &str) -> Option<&'static Encoding> {
    // The standard has names for encodings that are never decoded; those give this one.
    let found = Encoding::for_label(label.as_bytes())?;
    (found != encoding_rs::REPLACEMENT).then_some(found)
}

/// Whether a format writes each day in its own way, and nothing that is not part of a day.
fn is_date_format(format: &str) -> bool {
    use chrono::format::{Fixed, Numeric};
    let is_part = |item: &Item<'_>| match item {
        Item::Literal(_) | Item::Space(_) => true,
        Item::Numeric(part, _) => {
            matches!(
                part,
                Numeric::Year | Numeric::YearMod100 | Numeric::Month | Numeric::Day
            )
        }
        Item::Fixed(part) => matches!(part, Fixed::ShortMonthName | Fixed::LongMonthName),
        _ => false,
    };
    if !StrftimeItems::new(format).all(|item| is_part(&item)) {
        return false;
    }
    let days = [(2025, 1, 2), (2025, 2, 1), (2026, 1, 2), (1999, 12, 31)];
    days.into_iter().all(|(year, month, day)| {
        NaiveDate::from_ymd_opt(year, month, day).is_some_and(|date| {
            let written = date.format(format).to_string();
            NaiveDate::parse_from_str(&written, format) == Ok(date)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{encoding, is_date_format};

    #[test]
    fn a_date_format_writes_every_day_in_its_own_way() {
        for good in [
            "%d.%m.%Y",
            "%m/%d/%Y",
            "%Y%m%d",
            "%d-%b-%Y",
            "%d.%m.%y",
            "%d. %B %Y",
        ] {
            assert!(is_date_format(good), "{good}");
        }
        for wrong in [
            "",
            "%d.%m",
            "%Y",
            "%d.%m.%Y %H:%M",
            "%Q",
            "%j %Y",
            "dd.mm.yyyy",
            "%s",
        ] {
            assert!(!is_date_format(wrong), "{wrong}");
        }
    }

    #[test]
    fn encodings_go_by_the_names_of_the_standard() {
        assert_eq!(encoding("latin1"), Some(encoding_rs::WINDOWS_1252));
        assert_eq!(encoding("Windows-1252"), Some(encoding_rs::WINDOWS_1252));
        for wrong in ["", "utf-7", "hz-gb-2312", "ansi"] {
            assert_eq!(encoding(wrong), None, "{wrong}");
        }
    }
}
