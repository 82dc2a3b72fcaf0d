//! Parquet files: one schema for all of them, and a view that evens out storage types.
//!
//! Spec 10 §2.3. INT96 timestamps are read in microseconds: in nanoseconds their far dates, such
//! as 9999-12-31 for "never", would wrap around.

use std::fs::File;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Type as PhysicalType;

use super::files::{FileSet, FileStamp};
use super::{Source, SourceColumn, SourceError, View};

pub(super) fn open(files: FileSet) -> Result<Source, SourceError> {
    let mut fields: Vec<Field> = Vec::new();
    for (i, file) in files.files.iter().enumerate() {
        let found = fields_of(file)?;
        if i == 0 {
            fields = found;
        } else {
            unify(&mut fields, &found, file)?;
        }
    }
    let columns = fields
        .iter()
        .map(|field| {
            let raw = field.data_type().clone();
            let view = view(&raw);
            SourceColumn::new(field.name().clone(), raw, view)
        })
        .collect();
    Ok(Source {
        files,
        raw: Arc::new(Schema::new(fields)),
        columns,
    })
}

fn fields_of(file: &FileStamp) -> Result<Vec<Field>, SourceError> {
    let unreadable = |err: &dyn std::fmt::Display| {
        SourceError::new(
            format!("{} cannot be read as Parquet: {err}", file.path.display()),
            "check that the file is complete",
        )
    };
    let reader = File::open(&file.path).map_err(|err| unreadable(&err))?;
    let metadata = ArrowReaderMetadata::load(&reader, ArrowReaderOptions::default())
        .map_err(|err| unreadable(&err))?;
    let int96: Vec<&str> = metadata
        .parquet_schema()
        .columns()
        .iter()
        .filter(|column| column.physical_type() == PhysicalType::INT96)
        .filter(|column| column.path().parts().len() == 1)
        .map(|column| column.name())
        .collect();
    Ok(metadata
        .schema()
        .fields()
        .iter()
        .map(|field| {
            let data_type = match field.data_type() {
                DataType::Timestamp(_, zone) if int96.contains(&field.name().as_str()) => {
                    DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
                }
                other => other.clone(),
            };
            Field::new(field.name(), data_type, true)
        })
        .collect())
}

/// Makes `fields` fit another file too.
fn unify(fields: &mut [Field], found: &[Field], file: &FileStamp) -> Result<(), SourceError> {
    let other_columns = || {
        SourceError::new(
            format!(
                "{} has other columns than the first file",
                file.path.display()
            ),
            "give all files of the folder the same columns",
        )
    };
    if fields.len() != found.len() {
        return Err(other_columns());
    }
    for field in fields {
        let other = found
            .iter()
            .find(|f| f.name() == field.name())
            .ok_or_else(other_columns)?;
        let common = common_type(field.data_type(), other.data_type()).ok_or_else(|| {
            SourceError::new(
                format!(
                    "{} stores {:?} as {} and the first file as {}",
                    file.path.display(),
                    field.name(),
                    other.data_type(),
                    field.data_type()
                ),
                "write all files of the folder with the same types",
            )
        })?;
        *field = Field::new(field.name(), common, true);
    }
    Ok(())
}

/// A type that holds the values of both without loss.
fn common_type(a: &DataType, b: &DataType) -> Option<DataType> {
    let small = |t: &DataType| t.is_integer() && *t != DataType::UInt64;
    let text = |t: &DataType| {
        matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            || matches!(t, DataType::Dictionary(_, v) if **v == DataType::Utf8)
    };
    match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (a, b) if small(a) && small(b) => Some(DataType::Int64),
        (a, b) if text(a) && text(b) => Some(DataType::Utf8),
        _ => None,
    }
}

fn view(raw: &DataType) -> View {
    let evened = even_out(raw);
    if evened == *raw {
        View::AsIs
    } else {
        View::Cast(evened)
    }
}

fn even_out(raw: &DataType) -> DataType {
    match raw {
        // Old writers store text as bytes without saying that it is text.
        DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView => DataType::Utf8,
        DataType::Dictionary(_, values) => even_out(values),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Date64 => DataType::Date32,
        DataType::Float16 => DataType::Float32,
        other => other.clone(),
    }
}
