//! Where a table's rows come from, and how its columns are understood.
//!
//! Spec 10 §2. A source has the columns of its files, each with the form in which its values are
//! held and the class that SQL sees: numbers and dates where a CSV column holds nothing else, one
//! text type for the many that Parquet has. Join keys are always taken as they are stored, so that
//! leading zeros survive. What the names of folders say is a column like those of CSV. Opened at
//! load; [`read`] reads rows through it.

pub(crate) mod conditions;
mod csv;
mod decode;
pub(crate) mod dialect;
pub(crate) mod files;
mod find_files;
mod format;
pub(crate) mod inputs;
mod parquet;
pub(crate) mod projection;
pub(crate) mod read;
mod read_error;
#[cfg(feature = "sql")]
mod sql_view;
mod suspect;
mod text;
mod text_type;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow_schema::DataType;
use psi_core::identifier::IdentifierKind;

use self::dialect::Dialect;
use self::files::FileSet;
pub(crate) use self::format::Format;
pub(crate) use self::projection::Projection;
use self::read::Written;
use self::read_error::ReadError;
pub(crate) use self::text_type::TextType;
use crate::column::parse::{Numbers, Seen};
use crate::column::{Column, DECIMAL_DIGITS, Form};
use crate::config::ColumnType;
use crate::key_text;
use crate::similar;
use crate::sql::typing::ColumnClass;

/// An opened source. Immutable: when the files change, it is opened again.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) files: FileSet,
    /// The columns: those of the files, then those of the folders.
    pub(crate) columns: Vec<SourceColumn>,
    /// CSV: the values of each line.
    line_values: usize,
    /// CSV: how the files are written.
    dialect: Dialect,
    /// What its owner ought to know.
    pub(crate) notes: Vec<String>,
}

/// One column of a source.
#[derive(Clone, Debug)]
pub(crate) struct SourceColumn {
    /// Its name in the files; in CSV without the blanks around it.
    pub(crate) name: String,
    origin: Origin,
    /// The type in the files; of several Parquet files, in the first that has one.
    stored: DataType,
    /// How its values are held; `None` if no form holds them.
    form: Option<Form>,
    /// What SQL sees; `None` if conditions, groups and sums cannot use it.
    class: Option<ColumnClass>,
    /// Where values are text without a type: the values that mean NULL.
    null_words: Option<Arc<[String]>>,
    /// Where values are text without a type: the type that all of them have.
    inferred: Option<TextType>,
    /// The type that its values are held to, if not to that.
    held: Option<Held>,
    /// Whether the load found that its text is dates in another form than ISO has.
    foreign_dates: bool,
    /// Where values are text without a type: what else SQL has to know of them.
    #[cfg_attr(not(feature = "sql"), expect(dead_code, reason = "only SQL asks"))]
    numbers: Numbers,
}

/// The type that the values of a column of text are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// What its owner declares.
    Declared(ColumnType),
    /// What it was when the table was first served.
    Kept(TextType),
}

impl Held {
    /// The type.
    pub(crate) fn to(self) -> TextType {
        match self {
            Self::Declared(declared) => declared.into(),
            Self::Kept(kept) => kept,
        }
    }
}

/// Where a column's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// At this place of each line of a CSV file.
    Line(usize),
    /// Under the column's name in each Parquet file.
    Named,
    /// In the names of folders: at this place among the keys of each file.
    Folder(usize),
}

/// Rows of a source.
pub(crate) struct Batch {
    pub(crate) rows: usize,
    /// In the places of the projection.
    pub(crate) columns: Vec<Column>,
    /// For each of them, the values that became NULL because its form does not hold them.
    pub(crate) lost: Vec<u64>,
}

/// Why a source cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceError {
    pub(crate) what: String,
    pub(crate) remedy: String,
    /// Whether it may pass without a change of the files, such as a permission that is missing.
    pub(crate) may_pass: bool,
}

impl SourceError {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            may_pass: false,
        }
    }

    /// What the reader of a file says, with what to do about its contents.
    pub(crate) fn unreadable(error: &ReadError, remedy: &str) -> Self {
        let mut failed = Self::new(error.to_string(), remedy);
        if error.may_pass() {
            failed.may_pass = true;
            "see that this node's user may read the file and its disk works; it is tried again"
                .clone_into(&mut failed.remedy);
        }
        failed
    }
}

/// Why a name does not mean a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoColumn {
    Unknown,
    /// Two columns differ only in upper and lower case.
    Ambiguous,
}

impl Source {
    /// Opens the file or folder at `path`. Reads CSV files as a whole, to learn their types.
    ///
    /// # Errors
    /// [`SourceError`] if there is nothing to read or the files do not fit together.
    pub(crate) fn open(
        path: &Path,
        null_words: &[String],
        dialect: &Dialect,
    ) -> Result<Self, SourceError> {
        let files = FileSet::observe(path)?;
        let mut source = match files.format {
            Format::Csv | Format::Tsv => csv::open(files, null_words, dialect)?,
            Format::Parquet => parquet::open(files)?,
        };
        source.leave_out_nameless();
        source.add_folder_columns(null_words);
        let mut names = BTreeSet::new();
        for column in &source.columns {
            if !names.insert(&column.name) {
                return Err(SourceError::new(
                    format!("two columns are called {:?}", column.name),
                    "give every column its own name",
                ));
            }
        }
        if source.columns.is_empty() {
            return Err(SourceError::new(
                "no column has a name",
                "give every column a name in the header",
            ));
        }
        Ok(source)
    }

    /// How its files are written, if they are CSV.
    fn written(&self) -> Written {
        Written {
            delimiter: self.dialect.delimiter(self.files.format),
            encoding: self.dialect.encoding,
        }
    }

    /// Nobody can name a column without a name, such as an index that a data frame was written with.
    fn leave_out_nameless(&mut self) {
        let mut number = 0;
        let notes = &mut self.notes;
        self.columns.retain(|column| {
            number += 1;
            if column.name.is_empty() {
                notes.push(format!("column {number} has no name and is left out"));
            }
            !column.name.is_empty()
        });
    }

    /// Adds what the names of the folders say: a column for each key, of the type that all its
    /// values have. It takes the place of a column of the files, as it does in Spark and `DuckDB`.
    fn add_folder_columns(&mut self, null_words: &[String]) {
        let words: Arc<[String]> = null_words.into();
        for (place, key) in self.files.keys.iter().enumerate() {
            let before = self.columns.len();
            self.columns.retain(|column| column.name != *key);
            if self.columns.len() < before {
                self.notes.push(format!(
                    "{key:?} is in the files and in the names of their folders; the values of the \
                     folders count"
                ));
            }
            let mut seen = Seen::default();
            let values = self.files.files.iter().filter_map(|file| {
                let value = file.values.get(place)?.as_deref()?;
                (!words.iter().any(|word| word == value)).then_some(value)
            });
            values.for_each(|value| seen.value(&self.dialect.usual(value)));
            let origin = Origin::Folder(place);
            let column = SourceColumn::of_text(key.clone(), origin, &seen, &words);
            self.columns.push(column);
        }
    }

    /// Gives columns whose values are text without a type those that their owner declares, or says
    /// which of them cannot have one: of files that store types, a column has what is stored.
    pub(crate) fn declare(
        &mut self,
        types: &BTreeMap<String, ColumnType>,
    ) -> Result<(), (String, Option<NoColumn>)> {
        for (name, declared) in types {
            let number = self
                .number(name)
                .map_err(|reason| (name.clone(), Some(reason)))?;
            let column = self.at_mut(number);
            if column.is_untyped_text() {
                column.hold(Held::Declared(*declared));
                continue;
            }
            let stored = column.class().map(TextType::of_class);
            let fits = |stored: Option<TextType>| {
                stored.is_none_or(|stored| stored.means_the_same((*declared).into()))
            };
            if !stored.is_some_and(fits) {
                return Err((name.clone(), None));
            }
        }
        Ok(())
    }

    /// Holds columns to the types that they had when the table was first served, unless their owner
    /// declares others. `is_amount` says of which columns a decimal scale is declared: those may be
    /// whole on one day and have a point on another.
    pub(crate) fn hold_to(
        &mut self,
        kept: &BTreeMap<String, TextType>,
        is_amount: &dyn Fn(&str) -> bool,
    ) {
        for column in &mut self.columns {
            let Some(kept) = kept.get(&column.name).copied() else {
                continue;
            };
            let is_free = kept == TextType::Amount || (is_amount(&column.name) && kept.is_number());
            let is_number = column.inferred.is_none_or(TextType::is_number);
            if column.held.is_some() || !column.is_untyped_text() || (is_free && is_number) {
                continue;
            }
            column.hold(Held::Kept(if is_free { TextType::Amount } else { kept }));
        }
    }

    /// Notes that columns hold dates as text, in another form than ISO has.
    pub(crate) fn mark_foreign_dates(&mut self, columns: &[usize]) {
        for number in columns {
            self.at_mut(*number).foreign_dates = true;
        }
    }

    /// The column of a number that [`Self::number`] gave.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: numbers of columns come from this source, which never loses one"
    )]
    pub(crate) fn at(&self, number: usize) -> &SourceColumn {
        &self.columns[number]
    }

    #[expect(clippy::indexing_slicing, reason = "INVARIANT: as in `at`")]
    fn at_mut(&mut self, number: usize) -> &mut SourceColumn {
        &mut self.columns[number]
    }

    /// The number of the column that a name in SQL or configuration means: the same name, or else
    /// the only one that differs in upper and lower case alone.
    pub(crate) fn number(&self, name: &str) -> Result<usize, NoColumn> {
        if let Some(number) = self.columns.iter().position(|column| column.name == name) {
            return Ok(number);
        }
        let folded = name.to_lowercase();
        let numbered = self.columns.iter().enumerate();
        let mut similar = numbered.filter(|(_, column)| column.name.to_lowercase() == folded);
        match (similar.next(), similar.next()) {
            (Some((number, _)), None) => Ok(number),
            (None, _) => Err(NoColumn::Unknown),
            (Some(_), Some(_)) => Err(NoColumn::Ambiguous),
        }
    }

    /// The rest of a sentence about a name that is not a column: the one that may be meant.
    pub(crate) fn suggestion(&self, name: &str) -> String {
        let names = self.columns.iter().map(|column| column.name.as_str());
        similar::suggestion(name, names)
    }

    /// The column that a name means, as [`Self::number`] finds it.
    pub(crate) fn column(&self, name: &str) -> Result<&SourceColumn, NoColumn> {
        self.number(name).map(|number| self.at(number))
    }
}

impl SourceColumn {
    /// A column of text without a type.
    fn of_text(name: String, origin: Origin, seen: &Seen, null_words: &Arc<[String]>) -> Self {
        let inferred = TextType::of(seen.inferred());
        // Blanks alone are NULL as whole numbers, and so is everything else in a column of them.
        let empty = (Form::Whole, ColumnClass::Empty);
        let (form, class) = inferred.map_or(empty, TextType::form_and_class);
        Self {
            name,
            origin,
            stored: DataType::Utf8,
            form: Some(form),
            class: Some(class),
            null_words: Some(Arc::clone(null_words)),
            inferred,
            held: None,
            foreign_dates: false,
            numbers: seen.numbers(),
        }
    }

    /// Whether the values are text in a CSV file or in the names of folders: the column's type
    /// is what all of them read as.
    pub(crate) const fn is_untyped_text(&self) -> bool {
        self.null_words.is_some()
    }

    /// The type that its values are held to, whatever most of them are.
    pub(crate) const fn held(&self) -> Option<Held> {
        self.held
    }

    /// Where values are text without a type: the type that all of them have, if there is one.
    pub(crate) const fn inferred(&self) -> Option<TextType> {
        self.inferred
    }

    fn hold(&mut self, held: Held) {
        let (form, class) = held.to().form_and_class();
        (self.held, self.form, self.class) = (Some(held), Some(form), Some(class));
    }

    /// Whether the load found that its text is dates in another form than ISO has.
    pub(crate) const fn has_foreign_dates(&self) -> bool {
        self.foreign_dates
    }

    /// What conditions, groups and sums see, if they can use the column.
    pub(crate) const fn class(&self) -> Option<&ColumnClass> {
        self.class.as_ref()
    }

    /// The type in which a list shows the column: values of a text file stay the text that they
    /// are.
    pub(crate) fn shown_type(&self) -> DataType {
        // A list shows keys alone, and bytes are keys as hexadecimal digits.
        match self.form {
            Some(Form::Double) if !self.is_untyped_text() => DataType::Float64,
            Some(Form::Whole) if !self.is_untyped_text() => DataType::Int64,
            Some(Form::Decimal(scale)) if !self.is_untyped_text() => {
                DataType::Decimal128(DECIMAL_DIGITS, scale.cast_signed())
            }
            Some(Form::Date) if !self.is_untyped_text() => DataType::Date32,
            _ => DataType::Utf8,
        }
    }

    /// How conditions see the column, in words.
    pub(crate) fn describe(&self) -> String {
        match &self.class {
            Some(class) => class.describe(),
            None => format!("{} (not for filters)", self.stored),
        }
    }

    /// Why the column cannot be part of a key of this kind, if it cannot.
    pub(crate) fn key_problem(&self, kind: IdentifierKind) -> Option<String> {
        match self.form {
            // Files that store whole numbers and files that store fractions share such a form.
            Some(Form::Decimal(scale)) if scale > 0 && kind != IdentifierKind::Int => Some(
                format!("a column with {scale} decimals cannot be an identifier of kind {kind}"),
            ),
            _ => key_text::problem(&self.stored, kind),
        }
    }
}
