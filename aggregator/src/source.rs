//! Where a table's rows come from, and how its columns are understood.
//!
//! Spec 10 §2. A source has the columns of its files, each with the form in which its values are
//! held and the class that SQL sees: numbers and dates where a CSV column holds nothing else, one
//! text type for the many that Parquet has. Join keys are always taken as they are stored, so that
//! leading zeros survive. Opened at load; [`read`] reads rows through it.

mod csv;
pub(crate) mod files;
mod parquet;
pub(crate) mod read;
mod read_error;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::DataType;

use self::files::FileSet;
use crate::column::{Column, Form};
use crate::config::ColumnType;
use crate::keys;
use crate::sql::typing::ColumnClass;
use crate::sql::zone::Zone;

/// The two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Parquet,
}

/// An opened source. Immutable: when the files change, it is opened again.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) files: FileSet,
    /// The columns; in CSV in the order of the header.
    pub(crate) columns: Vec<SourceColumn>,
}

/// One column of a source.
#[derive(Clone, Debug)]
pub(crate) struct SourceColumn {
    /// Its name in the files; in CSV without the blanks around it.
    pub(crate) name: String,
    /// The type in the files; of several Parquet files, in the first that has one.
    stored: DataType,
    /// How its values are held; `None` if no form holds them.
    form: Option<Form>,
    /// What SQL sees; `None` if conditions, groups and sums cannot use it.
    class: Option<ColumnClass>,
    /// CSV: the values that mean NULL.
    null_words: Option<Arc<[String]>>,
    /// CSV: the type that the owner declares.
    declared: Option<ColumnType>,
}

/// The columns that a reading asks for, each once. A column is known by its place here in every
/// batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Projection(Vec<Wanted>);

/// A column that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    /// Its number in the source.
    column: usize,
    /// Whether a text file's values are wanted as the text that stands there.
    as_stored: bool,
}

impl Projection {
    /// The place of a column as conditions, groups and sums see it.
    pub(crate) fn value(&mut self, column: usize) -> usize {
        self.place(column, false)
    }

    /// The place of a column as keys and lists see it.
    pub(crate) fn stored(&mut self, column: usize) -> usize {
        self.place(column, true)
    }

    fn place(&mut self, column: usize, as_stored: bool) -> usize {
        let wanted = Wanted { column, as_stored };
        let known = self.0.iter().position(|known| *known == wanted);
        known.unwrap_or_else(|| {
            self.0.push(wanted);
            self.0.len() - 1
        })
    }

    /// The columns that are seen as conditions, groups and sums see them.
    pub(crate) fn values(&self) -> impl Iterator<Item = usize> + '_ {
        let values = self.0.iter().filter(|wanted| !wanted.as_stored);
        values.map(|wanted| wanted.column)
    }

    /// For each place, the number of its column in the source.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|wanted| wanted.column)
    }
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
}

impl SourceError {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// Why a name does not stand for a column.
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
    pub(crate) fn open(path: &Path, null_words: &[String]) -> Result<Self, SourceError> {
        let files = FileSet::observe(path)?;
        let source = match files.format {
            Format::Csv => csv::open(files, null_words)?,
            Format::Parquet => parquet::open(files)?,
        };
        for (i, column) in source.columns.iter().enumerate() {
            if column.name.is_empty() {
                return Err(SourceError::new(
                    format!("column {} has no name", i + 1),
                    "give every column a name in the header",
                ));
            }
            if source.columns[..i]
                .iter()
                .any(|earlier| earlier.name == column.name)
            {
                return Err(SourceError::new(
                    format!("two columns are called {:?}", column.name),
                    "give every column its own name",
                ));
            }
        }
        Ok(source)
    }

    /// Gives columns of CSV files the types that their owner declares, or says which of them cannot
    /// have one.
    pub(crate) fn declare(
        &mut self,
        types: &BTreeMap<String, ColumnType>,
    ) -> Result<(), (String, Option<NoColumn>)> {
        for (name, declared) in types {
            let number = self
                .number(name)
                .map_err(|reason| (name.clone(), Some(reason)))?;
            let column = &mut self.columns[number];
            if !column.is_text_of_csv() {
                return Err((name.clone(), None));
            }
            column.declared = Some(*declared);
            let (form, class) = match declared {
                ColumnType::Text => (Form::Text, ColumnClass::Text),
                ColumnType::Integer => (Form::Whole, ColumnClass::Integer),
                ColumnType::Number => (Form::Double, ColumnClass::Float),
                ColumnType::Boolean => (Form::Boolean, ColumnClass::Boolean),
                ColumnType::Date => (Form::Date, ColumnClass::Date),
                ColumnType::Timestamp => (Form::Instant, ColumnClass::Instant { zone: None }),
                ColumnType::Timestamptz => {
                    let zone = Some(Zone::UTC);
                    (Form::Instant, ColumnClass::Instant { zone })
                }
            };
            (column.form, column.class) = (Some(form), Some(class));
        }
        Ok(())
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

    /// The column that a name means, as [`Self::number`] finds it.
    pub(crate) fn column(&self, name: &str) -> Result<&SourceColumn, NoColumn> {
        self.number(name).map(|number| &self.columns[number])
    }
}

impl SourceColumn {
    /// Whether the values stand as text in a CSV file, whose type is what all of them read as.
    pub(crate) const fn is_text_of_csv(&self) -> bool {
        self.null_words.is_some()
    }

    /// The type that the owner declares, if it is one of a CSV file.
    pub(crate) const fn declared(&self) -> Option<ColumnType> {
        self.declared
    }

    /// What conditions, groups and sums see, if they can use the column.
    pub(crate) const fn class(&self) -> Option<&ColumnClass> {
        self.class.as_ref()
    }

    /// The type in which a list shows the column: values of a text file stay the text that they
    /// are.
    pub(crate) fn shown_type(&self) -> DataType {
        match self.form {
            Some(Form::Whole) if !self.is_text_of_csv() => DataType::Int64,
            Some(Form::Decimal(scale)) if !self.is_text_of_csv() => {
                DataType::Decimal128(crate::column::DECIMAL_DIGITS, scale.cast_signed())
            }
            Some(Form::Date) if !self.is_text_of_csv() => DataType::Date32,
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
    pub(crate) fn key_problem(&self, kind: psi_core::identifier::IdentifierKind) -> Option<String> {
        match self.form {
            // Files that store whole numbers and files that store fractions share such a form.
            Some(Form::Decimal(scale)) if scale > 0 => Some(format!(
                "a column with {scale} decimals cannot be an identifier of kind {kind}"
            )),
            _ => keys::problem(&self.stored, kind),
        }
    }
}
