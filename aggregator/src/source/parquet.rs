//! Parquet files: one set of columns for all of them, and for each the form that holds what all of
//! them store.
//!
//! Spec 10 §2.3. INT96 timestamps are read in microseconds: in nanoseconds their far dates, such
//! as 9999-12-31 for "never", would wrap around.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::PageIndexPolicy;

use super::dialect::Dialect;
use super::files::{FileSet, FileStamp};
use super::read_error::ReadError;
use super::{Origin, Source, SourceColumn, SourceError};
use crate::column::parse::Numbers;
use crate::column::{DECIMAL_DIGITS, Form, unpack};
use crate::sql::typing::ColumnClass;
use crate::sql::zone::Zone;

/// Digits of a whole number of 64 bits, with sign and without.
const WHOLE_DIGITS: u8 = 19;
const UNSIGNED_DIGITS: u8 = 20;

pub(super) fn open(files: FileSet) -> Result<Source, SourceError> {
    let mut columns: Vec<SourceColumn> = Vec::new();
    for (i, file) in files.files.iter().enumerate() {
        let found = columns_of(file)?;
        if i == 0 {
            columns = found;
        } else {
            unify(&mut columns, &found, file)?;
        }
    }
    Ok(Source {
        files,
        columns,
        line_values: 0,
        dialect: Dialect::default(),
        notes: Vec::new(),
    })
}

/// What a file says about itself, read as every reading of it does: without page index and Bloom
/// filters, and with INT96 in microseconds.
pub(super) fn metadata(path: &Path, file: &File) -> Result<ArrowReaderMetadata, ReadError> {
    let options = || ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
    let plain =
        ArrowReaderMetadata::load(file, options()).map_err(|_| ReadError::not_parquet(path))?;
    let descriptor = plain.parquet_schema();
    let is_int96 = |name: &str| {
        descriptor.columns().iter().any(|column| {
            column.physical_type() == PhysicalType::INT96
                && matches!(column.path().parts(), [only] if only == name)
        })
    };
    let fields: Vec<_> = plain
        .schema()
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Timestamp(_, zone) if is_int96(field.name()) => {
                let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
                Arc::new(Field::new(field.name(), micros, field.is_nullable()))
            }
            _ => Arc::clone(field),
        })
        .collect();
    if fields.iter().eq(plain.schema().fields().iter()) {
        return Ok(plain);
    }
    let options = options().with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options)
        .map_err(|_| ReadError::not_parquet(path))
}

fn columns_of(file: &FileStamp) -> Result<Vec<SourceColumn>, SourceError> {
    let unreadable =
        |error: ReadError| SourceError::unreadable(&error, "check that the file is complete");
    let reader = file.open().map_err(unreadable)?;
    let metadata = metadata(&file.path, &reader).map_err(unreadable)?;
    let fields = metadata.schema().fields().iter();
    Ok(fields.map(|field| column(field)).collect())
}

fn column(field: &Field) -> SourceColumn {
    let stored = field.data_type().clone();
    SourceColumn {
        name: field.name().clone(),
        origin: Origin::Named,
        form: unpack::form_of(&stored),
        class: class_of(&stored),
        stored,
        null_words: None,
        inferred: None,
        held: None,
        foreign_dates: false,
        numbers: Numbers::default(),
    }
}

fn class_of(stored: &DataType) -> Option<ColumnClass> {
    Some(match stored {
        DataType::Dictionary(_, values) => return class_of(values),
        DataType::Null => ColumnClass::Empty,
        whole if whole.is_integer() => ColumnClass::Integer,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => ColumnClass::Decimal {
            precision: *precision,
            scale: u8::try_from(*scale).ok()?,
        },
        DataType::Timestamp(_, None) => ColumnClass::Instant { zone: None },
        DataType::Timestamp(_, Some(zone)) => ColumnClass::Instant {
            zone: Some(Zone::parse(zone)?),
        },
        other => match unpack::form_of(other)? {
            Form::Boolean => ColumnClass::Boolean,
            Form::Double => ColumnClass::Float,
            Form::Text => ColumnClass::Text,
            Form::Date => ColumnClass::Date,
            Form::Bytes | Form::Whole | Form::Decimal(_) | Form::Instant => return None,
        },
    })
}

/// Makes `columns` fit another file as well.
fn unify(
    columns: &mut [SourceColumn],
    found: &[SourceColumn],
    file: &FileStamp,
) -> Result<(), SourceError> {
    let other_columns = || {
        SourceError::new(
            format!(
                "{} has other columns than the first file",
                file.path.display()
            ),
            "give all files of the folder the same columns",
        )
    };
    if columns.len() != found.len() {
        return Err(other_columns());
    }
    for column in columns {
        let other = found
            .iter()
            .find(|found| found.name == column.name)
            .ok_or_else(other_columns)?;
        if !column.widen(other) {
            return Err(SourceError::new(
                format!(
                    "{} stores {:?} as {} and an earlier file as {}",
                    file.path.display(),
                    column.name,
                    other.stored,
                    column.stored
                ),
                "write all files of the folder with the same types",
            ));
        }
    }
    Ok(())
}

/// Whether every whole number of a stored type is a double.
fn fits_double(stored: &DataType) -> bool {
    match stored {
        DataType::Dictionary(_, values) => fits_double(values),
        DataType::Int64 | DataType::UInt64 => false,
        other => other.is_integer(),
    }
}

impl SourceColumn {
    /// Takes the form that holds the values of both without loss, if there is one.
    fn widen(&mut self, other: &Self) -> bool {
        if self.stored == other.stored || other.class == Some(ColumnClass::Empty) {
            return true;
        }
        if self.class == Some(ColumnClass::Empty) {
            (self.stored, self.form) = (other.stored.clone(), other.form);
            self.class.clone_from(&other.class);
            return true;
        }
        let (Some(own), Some(form)) = (self.form, other.form) else {
            return false;
        };
        let both_whole = [&self.class, &other.class]
            .into_iter()
            .all(|class| *class == Some(ColumnClass::Integer));
        let common = match (own, form) {
            (Form::Decimal(_) | Form::Whole, Form::Decimal(_) | Form::Whole) if own != form => {
                let (before, after) = (self.digits(), other.digits());
                let scale = before.1.max(after.1);
                if before.0.max(after.0) + scale > DECIMAL_DIGITS {
                    return false;
                }
                Form::Decimal(scale)
            }
            (Form::Decimal(scale), Form::Decimal(_)) => Form::Decimal(scale),
            (Form::Whole, Form::Whole) => {
                if !fits_double(&other.stored) {
                    self.stored = other.stored.clone();
                }
                Form::Whole
            }
            // A writer of data frames makes doubles of whole numbers when one is missing.
            (Form::Whole, Form::Double) if fits_double(&self.stored) => {
                (self.stored, self.class) = (other.stored.clone(), other.class.clone());
                Form::Double
            }
            (Form::Double, Form::Whole) if fits_double(&other.stored) => Form::Double,
            (Form::Double, Form::Double) => {
                // What a key can be made of follows from the narrowest.
                if other.stored != DataType::Float64 {
                    self.stored = other.stored.clone();
                }
                Form::Double
            }
            (a, b) if a == b && (a == Form::Instant || self.class == other.class) => a,
            _ => return false,
        };
        if common == Form::Instant && self.class != other.class {
            // Instants of several zones have no one zone in which to read a literal.
            return false;
        }
        self.form = Some(common);
        if let (Form::Decimal(scale), false) = (common, both_whole) {
            let before_point = self.digits().0.max(other.digits().0);
            self.class = Some(ColumnClass::Decimal {
                precision: before_point + scale,
                scale,
            });
        }
        true
    }

    /// Digits before and after the point that a column of exact numbers can have.
    fn digits(&self) -> (u8, u8) {
        match (&self.class, self.form) {
            (Some(ColumnClass::Decimal { precision, scale }), _) => {
                (precision.saturating_sub(*scale), *scale)
            }
            (_, Some(Form::Decimal(_))) => (UNSIGNED_DIGITS, 0),
            _ => (WHOLE_DIGITS, 0),
        }
    }
}
