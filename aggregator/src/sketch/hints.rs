//! Which setting a table's own files ask for: decimal commas, dates in another form than ISO, an encoding,
//! words for missing values, the country of telephone numbers.
//!
//! Spec 10 §2.2. Called by `psi-node check` after a load, for the owner alone. A load never guesses; what
//! is said here is a proposal for the owner to read, made of the first rows of the files. No value of the
//! table is in it, but for words that mean that there is none.

use std::path::Path;

use psi_core::identifier::IdentifierKind;

use super::{ROWS_MAX, countries, guess, open, texts, write};
use crate::config::{CsvConfig, TableConfig};
use crate::error::Problem;
use crate::report::{TableReport, ValueClass};
use crate::source::dialect::Dialect;
use crate::source::{Format, Source};

/// Words for missing values that are named.
const WORDS_MAX: usize = 8;

/// What the files of the table `name` ask for and its section does not say; `report` is what a load
/// found. Files of Parquet ask for the country of telephone numbers alone; those that cannot be read, for
/// nothing.
///
/// Cost: a pass over the files to open them, another over the first rows; several if they cannot be
/// opened as the section says.
pub async fn hints(
    name: &str,
    base_dir: &Path,
    config: &TableConfig,
    report: &TableReport,
) -> Vec<Problem> {
    // What SQL made says itself how it is written, and is gone when `check` asks.
    if config.sql.is_some() {
        return Vec::new();
    }
    let (path, config) = (base_dir.join(&config.source), config.clone());
    let (place, phones) = (name.to_owned(), phones(report));
    let found =
        tokio::task::spawn_blocking(move || of_files(&place, &path, &config, &phones)).await;
    found.unwrap_or_default()
}

/// A column of a key of kind `phone`, and how many of its values name no country.
struct Phones {
    column: String,
    local: u64,
}

fn phones(report: &TableReport) -> Vec<Phones> {
    let columns = report.keys.iter().flat_map(|key| &key.values);
    let phones = columns.filter(|column| column.kind.plain() == IdentifierKind::Phone);
    let counted = phones.map(|column| {
        let mut refused = column.refused.iter();
        let local = refused.find(|count| count.class == ValueClass::NotE164);
        Phones {
            column: column.column.clone(),
            local: local.map_or(0, |count| count.rows),
        }
    });
    counted.collect()
}

/// What the numbers of the file say about the country of those that name none.
fn country(
    name: &str,
    config: &TableConfig,
    Phones { column, local }: &Phones,
    columns: &[(&str, Vec<String>)],
) -> Option<Problem> {
    let mut found = columns.iter();
    let values = found.find(|(name, _)| name == column);
    let values = values.map_or(&[][..], |(_, values)| values);
    let place = format!("table.{name}.phone");
    let Some(declared) = &config.phone else {
        if *local == 0 {
            return None;
        }
        let what = format!(
            "{local} values of {column:?} are not + and a country code, so they match nothing"
        );
        let remedy = match countries::of_most(values) {
            Some(country) => format!(
                "most numbers that name a country are of {country}: if these are too, declare phone = {{ \
                 country = \"{country}\" }}"
            ),
            None => "if they are numbers of one country, declare it by its two letters: phone = { \
                     country = \"XX\" }"
                .to_owned(),
        };
        return Some(Problem::new(place, what, remedy));
    };
    let country = &declared.country;
    let percent = countries::elsewhere(values, country)?;
    Some(Problem::new(
        place,
        format!(
            "{percent} % of the numbers of {column:?} that name a country name another one than {country}"
        ),
        "if numbers without a country are of that one too, declare it: with a wrong country they match \
         other persons, or nobody",
    ))
}

fn of_files(name: &str, path: &Path, config: &TableConfig, phones: &[Phones]) -> Vec<Problem> {
    let Ok(source) = Source::open(path, &config.null, &Dialect::of(&config.csv)) else {
        return other_way(name, path, config).into_iter().collect();
    };
    let Ok(columns) = texts(&source) else {
        return Vec::new();
    };
    let names = source.columns.iter().map(|column| column.name.as_str());
    let mut columns: Vec<(&str, Vec<String>)> = names.zip(columns).collect();
    let countries = phones
        .iter()
        .filter_map(|phones| country(name, config, phones, &columns));
    let mut hints: Vec<Problem> = countries.collect();
    if source.files.format == Format::Parquet {
        return hints;
    }
    hints.extend(missing_words(name, config, &mut columns));
    let commas = decimal_commas(config, &source, &columns);
    let dates = dates(config, &columns);
    let csv = CsvConfig {
        decimal: config.csv.decimal.or(commas.as_ref().map(|_| ',')),
        date: config
            .csv
            .date
            .clone()
            .or(dates.as_ref().and_then(Dates::only)),
        ..config.csv.clone()
    };
    // One setting holds both, so each hint has the whole of it.
    let setting = write::csv_setting(&csv).unwrap_or_default();
    hints.extend(commas.map(|columns| {
        Problem::new(
            format!("table.{name}.csv.decimal"),
            format!("{columns} has numbers with a comma before the fraction, so it is text"),
            format!("declare how they are written: {setting}"),
        )
    }));
    hints.extend(dates.map(|dates| dates.hint(name, &setting)));
    hints
}

/// The files in an encoding, or with a delimiter, in which they can be read.
fn other_way(name: &str, path: &Path, config: &TableConfig) -> Option<Problem> {
    let (found, _) = open(path).ok()?;
    let csv = CsvConfig {
        delimiter: found.delimiter,
        encoding: found.encoding,
        ..config.csv.clone()
    };
    let setting = write::csv_setting(&csv).filter(|_| csv != config.csv);
    let what = "the files can be read in another way than the section says";
    let remedy = setting.map_or_else(
        || "take `delimiter` and `encoding` out of csv".to_owned(),
        |setting| format!("look whether names and accents are right with {setting}"),
    );
    Some(Problem::new(format!("table.{name}.csv"), what, remedy))
}

/// Words for missing values that the section does not list. They are taken out of the values.
fn missing_words(
    name: &str,
    config: &TableConfig,
    columns: &mut [(&str, Vec<String>)],
) -> Option<Problem> {
    let mut words: Vec<String> = Vec::new();
    let mut found: Vec<String> = Vec::new();
    for (column, values) in columns {
        let of_column = guess::null_words(std::slice::from_ref(values));
        if of_column.is_empty() {
            continue;
        }
        let before = values.len();
        values.retain(|value| !of_column.contains(value));
        found.push(format!("{} of {column:?}", before - values.len()));
        words.extend(of_column);
    }
    words.sort_unstable();
    words.dedup();
    if words.is_empty() {
        return None;
    }
    words.truncate(WORDS_MAX);
    let shown: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    let mut all = config.null.clone();
    all.extend(words);
    Some(Problem::new(
        format!("table.{name}.null"),
        format!(
            "in the first {ROWS_MAX} rows, {} are words for a missing value: {}",
            found.join(", "),
            shown.join(", ")
        ),
        format!(
            "if they mean that there is no value: {}",
            write::null_setting(&all)
        ),
    ))
}

/// The first column of numbers with decimal commas, if the section does not speak of them.
fn decimal_commas(
    config: &TableConfig,
    source: &Source,
    columns: &[(&str, Vec<String>)],
) -> Option<String> {
    if config.csv.decimal.is_some() {
        return None;
    }
    let by_commas = config
        .csv
        .delimiter
        .is_none_or(|delimiter| delimiter == ',')
        && source.files.format == Format::Csv;
    let mut columns = columns.iter();
    let found = columns.find(|(_, values)| {
        guess::has_decimal_commas(values) && !(by_commas && guess::may_be_thousands(values))
    });
    found.map(|(column, _)| format!("{column:?}"))
}

/// A column of dates in another form than ISO has.
struct Dates {
    column: String,
    formats: Vec<&'static str>,
}

impl Dates {
    /// The form, if there is only one that fits.
    fn only(&self) -> Option<String> {
        match self.formats.as_slice() {
            [only] => Some((*only).to_owned()),
            _ => None,
        }
    }

    fn hint(&self, name: &str, setting: &str) -> Problem {
        let remedy = if self.formats.len() == 1 {
            format!("declare how they are written: {setting}")
        } else {
            let either = self
                .formats
                .iter()
                .map(|format| format!("date = {format:?}"));
            format!(
                "days or months come first, and no value says which; declare it in csv: {}",
                either.collect::<Vec<_>>().join(" or ")
            )
        };
        let what = format!(
            "{:?} has dates in another form than 2025-01-31, so it is text",
            self.column
        );
        Problem::new(format!("table.{name}.csv.date"), what, remedy)
    }
}

/// The first column of such dates, if the section does not say how dates are written. The forms are
/// those that fit the most columns.
fn dates(config: &TableConfig, columns: &[(&str, Vec<String>)]) -> Option<Dates> {
    if config.csv.date.is_some() {
        return None;
    }
    let of_column = columns.iter().map(|(column, values)| Dates {
        column: (*column).to_owned(),
        formats: guess::date_formats(values),
    });
    let mut found: Vec<Dates> = of_column
        .filter(|dates| !dates.formats.is_empty())
        .collect();
    // A column whose days go beyond 12 says it for all.
    found.sort_by_key(|dates| dates.formats.len());
    found.into_iter().next()
}

#[cfg(test)]
mod tests {
    use crate::testing::Folder;

    #[derive(serde::Deserialize)]
    struct Config {
        table: crate::TableConfigs,
    }

    /// The hints about one table, each as place, what and remedy.
    async fn said(folder: &Folder, file: &str, settings: &str) -> Vec<String> {
        let toml = format!(
            "[table.t]\nsource = '{file}'\n{settings}\n\
             [[table.t.key]]\ncolumns = ['phone']\nkinds = ['phone']\n"
        );
        let config: Config = toml::from_str(&toml).unwrap();
        let (_, report) = folder.try_load(&toml).await.unwrap();
        let table = &config.table["t"];
        let hints = super::hints("t", &folder.path(""), table, &report.tables[0]).await;
        hints
            .iter()
            .map(|hint| format!("{}: {}; {}", hint.place, hint.what, hint.remedy))
            .collect()
    }

    const MESSY: &str = "phone;amount;since\n0171 1234567;12,50;31.01.2026\nn/a;1,5;01.02.2026\n\
                         0171 7654321;7;n/a\n";

    #[tokio::test]
    async fn each_setting_that_the_files_ask_for_is_named_and_nothing_once_all_are_made() {
        let folder = Folder::new();
        folder.write("t.csv", MESSY);
        let hints = said(&folder, "t.csv", "csv = { delimiter = ';' }").await;
        let setting = "csv = { delimiter = \";\", decimal = \",\", date = \"%d.%m.%Y\" }";
        assert_eq!(
            hints,
            [
                "table.t.phone: 2 values of \"phone\" are not + and a country code, so they match \
                 nothing; if they are numbers of one country, declare it by its two letters: phone = { \
                 country = \"XX\" }"
                    .to_owned(),
                "table.t.null: in the first 50000 rows, 1 of \"phone\", 1 of \"since\" are words for a \
                 missing value: \"n/a\"; if they mean that there is no value: null = [\"\", \"n/a\"]"
                    .to_owned(),
                format!(
                    "table.t.csv.decimal: \"amount\" has numbers with a comma before the fraction, so \
                     it is text; declare how they are written: {setting}"
                ),
                format!(
                    "table.t.csv.date: \"since\" has dates in another form than 2025-01-31, so it is \
                     text; declare how they are written: {setting}"
                ),
            ]
        );
        let made = format!("{setting}\nnull = ['', 'n/a']\nphone = {{ country = 'DE' }}");
        let none: [String; 0] = [];
        if cfg!(feature = "phonenumber") {
            assert_eq!(said(&folder, "t.csv", &made).await, none);
        }
    }

    #[cfg(feature = "phonenumber")]
    #[tokio::test]
    async fn a_country_that_most_numbers_do_not_name_is_doubted_and_theirs_is_proposed() {
        let folder = Folder::new();
        let numbers = (0..12).map(|n| format!("+43 664 12345{n:02}\n"));
        let text: String = numbers.chain(["0664 1234567\n".to_owned()]).collect();
        folder.write("t.csv", &format!("phone\n{text}"));
        let hints = said(&folder, "t.csv", "").await;
        assert_eq!(hints.len(), 1, "{hints:?}");
        assert!(hints[0].contains("country = \"AT\""), "{hints:?}");
        let hints = said(&folder, "t.csv", "phone = { country = 'DE' }").await;
        assert_eq!(hints.len(), 1, "{hints:?}");
        assert!(
            hints[0].starts_with("table.t.phone: 100 % of the numbers of \"phone\""),
            "{hints:?}"
        );
        let none: [String; 0] = [];
        assert_eq!(
            said(&folder, "t.csv", "phone = { country = 'AT' }").await,
            none
        );
    }

    #[tokio::test]
    async fn a_file_in_another_encoding_is_read_in_the_one_that_fits() {
        let folder = Folder::new();
        let latin = encoding_rs::WINDOWS_1252
            .encode("phone;town\n+49301234567;Köln\n")
            .0;
        std::fs::write(folder.path("t.csv"), latin).unwrap();
        let hints = said(&folder, "t.csv", "csv = { delimiter = ';' }").await;
        assert_eq!(hints.len(), 1, "{hints:?}");
        let setting = "csv = { delimiter = \";\", encoding = \"windows-1252\" }";
        assert!(hints[0].ends_with(setting), "{hints:?}");
    }

    #[tokio::test]
    async fn days_that_may_be_months_are_left_to_the_owner_and_thousands_are_not_fractions() {
        let folder = Folder::new();
        let text = "phone,since,amount\n+49301234567,01/02/2026,\"1,234\"\n";
        folder.write("t.csv", text);
        let hints = said(&folder, "t.csv", "").await;
        assert_eq!(hints.len(), 1, "{hints:?}");
        for part in ["%d/%m/%Y", "%m/%d/%Y", "days or months come first"] {
            assert!(hints[0].contains(part), "{hints:?}");
        }
        folder.write("t.csv", &text.replace("1,234", "1,25"));
        let hints = said(&folder, "t.csv", "").await;
        assert!(hints[0].starts_with("table.t.csv.decimal"), "{hints:?}");
    }
}
