//! How a text file is written: what separates its values, its encoding, and how it spells numbers and
//! dates.
//!
//! Spec 10 §2.2. Made from the configuration when a source is opened, and used by every reader of it,
//! so that the load and the jobs read alike.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::StringArray;
use chrono::NaiveDate;
use encoding_rs::{Encoding, UTF_8};

use super::Format;
use crate::column::Form;
use crate::column::parse;
use crate::config::{self, CsvConfig};

/// How text is written.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    /// What the owner says; else what the file's name says.
    delimiter: Option<u8>,
    pub(super) encoding: &'static Encoding,
    decimal_comma: bool,
    /// How dates are written beside the ISO form, as chrono has it.
    date: Option<Arc<str>>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: None,
            encoding: UTF_8,
            decimal_comma: false,
            date: None,
        }
    }
}

impl Dialect {
    /// The dialect that a checked configuration describes.
    pub(crate) fn of(csv: &CsvConfig) -> Self {
        let encoding = csv.encoding.as_deref().and_then(config::encoding);
        Self {
            delimiter: csv
                .delimiter
                .and_then(|delimiter| u8::try_from(delimiter).ok()),
            encoding: encoding.unwrap_or(UTF_8),
            decimal_comma: csv.decimal == Some(','),
            date: csv.date.as_deref().map(Into::into),
        }
    }

    /// What separates the values of a file of this format.
    pub(super) fn delimiter(&self, format: Format) -> u8 {
        self.delimiter.unwrap_or(match format {
            Format::Tsv => b'\t',
            Format::Csv | Format::Parquet => b',',
        })
    }

    /// A value as it would be written in the usual dialect. A number that the dialect does not have,
    /// such as one with a point where a comma is declared, becomes no number: the point may separate
    /// thousands.
    pub(crate) fn usual<'a>(&self, value: &'a str) -> Cow<'a, str> {
        if let Some(format) = &self.date
            && let Ok(date) = NaiveDate::parse_from_str(value.trim_matches(' '), format)
        {
            return Cow::Owned(date.format("%Y-%m-%d").to_string());
        }
        if self.decimal_comma && parse::is_number(value) && value.contains('.') {
            return Cow::Owned(format!("?{value}"));
        }
        if self.decimal_comma && value.contains(',') {
            let pointed = value.replacen(',', ".", 1);
            if !value.contains('.') && parse::is_number(&pointed) {
                return Cow::Owned(pointed);
            }
        }
        Cow::Borrowed(value)
    }

    /// The values of a column that is read as `form`.
    pub(super) fn values(&self, text: StringArray, form: Form) -> StringArray {
        let is_usual = !self.decimal_comma && self.date.is_none();
        if is_usual || matches!(form, Form::Text | Form::Bytes) {
            return text;
        }
        text.iter()
            .map(|value| value.map(|value| self.usual(value)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;
    use crate::config::CsvConfig;

    #[test]
    fn numbers_and_dates_are_read_as_they_are_written_and_no_point_is_guessed() {
        let csv = CsvConfig {
            decimal: Some(','),
            date: Some("%d.%m.%Y".into()),
            ..CsvConfig::default()
        };
        let german = Dialect::of(&csv);
        for (value, usual) in [
            ("1,5", "1.5"),
            ("-0,25", "-0.25"),
            (" 7 ", " 7 "),
            ("1,5e3", "1.5e3"),
            ("1.5", "?1.5"),
            ("1.234", "?1.234"),
            ("1.234,56", "1.234,56"),
            ("1,234,567", "1,234,567"),
            ("31.01.2025", "2025-01-31"),
            (" 1.2.2025 ", "2025-02-01"),
            ("31.02.2025", "31.02.2025"),
            ("2025-01-31", "2025-01-31"),
            ("a,b", "a,b"),
        ] {
            assert_eq!(german.usual(value), usual, "{value}");
        }
        assert_eq!(Dialect::default().usual("1,5"), "1,5");
    }
}
