//! Where a table's rows come from, and how its columns are understood.
//!
//! Spec 10 §2. A source has the columns as the reader delivers them (*raw*: CSV is all text) and
//! a *view* of each for filters: numbers and dates where a CSV column holds nothing else, one
//! text type for the many that Parquet has. Join keys are always taken raw, so that leading
//! zeros survive. Called at load; the engine reads rows through it.

mod csv;
pub(crate) mod files;
mod parquet;

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Column;
use datafusion::functions::core::expr_fn::{coalesce, nullif};
use datafusion::functions::string::expr_fn::btrim;
use datafusion::logical_expr::{Expr, lit, try_cast};

use self::files::FileSet;
use crate::keys;
use crate::sql::predicate::TypedColumn;
use crate::sql::typing::ColumnClass;

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
    /// The reader's schema.
    pub(crate) raw: SchemaRef,
    /// The columns, in the order of `raw`.
    pub(crate) columns: Vec<SourceColumn>,
}

/// One column of a source.
#[derive(Clone, Debug)]
pub(crate) struct SourceColumn {
    /// Its name in the files; in CSV without the blanks around it.
    pub(crate) name: String,
    raw: DataType,
    view: View,
    /// CSV: the values that mean NULL.
    null_words: Option<Arc<[String]>>,
}

/// How the view's column is made from the raw one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum View {
    AsIs,
    Cast(DataType),
    /// Text that only holds values of a type; `trim` if blanks surround some of them.
    Parse {
        to: DataType,
        trim: bool,
    },
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

impl SourceColumn {
    /// Whether the values stand as text in a CSV file, whose type is what all of them read as.
    pub(crate) const fn is_text_of_csv(&self) -> bool {
        self.null_words.is_some()
    }
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

    /// The column that a name in SQL or configuration means: the same name, or else the only one
    /// that differs in upper and lower case alone.
    pub(crate) fn column(&self, name: &str) -> Result<&SourceColumn, NoColumn> {
        if let Some(column) = self.columns.iter().find(|column| column.name == name) {
            return Ok(column);
        }
        let folded = name.to_lowercase();
        let mut similar = self
            .columns
            .iter()
            .filter(|c| c.name.to_lowercase() == folded);
        match (similar.next(), similar.next()) {
            (Some(column), None) => Ok(column),
            (None, _) => Err(NoColumn::Unknown),
            (Some(_), Some(_)) => Err(NoColumn::Ambiguous),
        }
    }
}

impl SourceColumn {
    fn new(name: String, raw: DataType, view: View) -> Self {
        Self {
            name,
            raw,
            view,
            null_words: None,
        }
    }

    /// The column as filters see it.
    pub(crate) fn view_expr(&self) -> Expr {
        match &self.view {
            View::AsIs => self.raw_expr(),
            View::Cast(to) | View::Parse { to, trim: false } => {
                try_cast(self.raw_expr(), to.clone())
            }
            View::Parse { to, trim: true } => try_cast(btrim(vec![self.raw_expr()]), to.clone()),
        }
    }

    /// The column as join keys see it.
    pub(crate) fn raw_expr(&self) -> Expr {
        let column = Expr::Column(Column::new_unqualified(self.name.clone()));
        let Some(words) = &self.null_words else {
            return column;
        };
        // The CSV reader gives NULL for empty values and for nothing else.
        let empty_is_null = words.iter().any(String::is_empty);
        let column = if empty_is_null {
            column
        } else {
            coalesce(vec![column, lit("")])
        };
        let words = words.iter().filter(|word| !word.is_empty());
        words.fold(column, |column, word| nullif(column, lit(word.as_str())))
    }

    /// The column as a list shows it: values of a text file stay the text that they are.
    pub(crate) fn shown_expr(&self) -> Expr {
        if self.is_text_of_csv() {
            self.raw_expr()
        } else {
            self.view_expr()
        }
    }

    /// The type of [`Self::shown_expr`].
    pub(crate) fn shown_type(&self) -> &DataType {
        if self.is_text_of_csv() {
            &self.raw
        } else {
            self.view_type()
        }
    }

    /// The type of [`Self::view_expr`].
    pub(crate) fn view_type(&self) -> &DataType {
        match &self.view {
            View::AsIs => &self.raw,
            View::Cast(to) | View::Parse { to, .. } => to,
        }
    }

    /// The view's column with its class, or `None` if filters cannot use it.
    pub(crate) fn typed(&self) -> Option<TypedColumn> {
        let class = ColumnClass::of(self.view_type())?;
        Some(TypedColumn {
            expr: self.view_expr(),
            class,
        })
    }

    /// How filters see the column, in words.
    pub(crate) fn describe(&self) -> String {
        match ColumnClass::of(self.view_type()) {
            Some(class) => class.describe(),
            None => format!("{} (not for filters)", self.raw),
        }
    }

    /// Why the column cannot be part of a key of this kind, if it cannot.
    pub(crate) fn key_problem(&self, kind: psi_core::identifier::IdentifierKind) -> Option<String> {
        keys::problem(&self.raw, kind)
    }
}
