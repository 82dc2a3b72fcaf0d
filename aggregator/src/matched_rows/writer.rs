//! Rows of a list as CSV or Parquet.
//!
//! Spec 10 §5.2. Called by [`super`] alone. A value is written as this node's table has it:
//! digits in a text file stay the text that they are there.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_csv as csv;
use arrow_schema::{Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::{ListError, ListFormat};
use crate::source::SourceColumn;

/// Rows of one row group, which the writer holds.
const ROW_GROUP_ROWS: usize = 64 * 1024;

/// Writes one list.
pub(super) struct ListWriter {
    schema: SchemaRef,
    form: Form,
}

enum Form {
    Csv(Box<csv::Writer<Box<dyn Write + Send>>>),
    Parquet(Box<ArrowWriter<Box<dyn Write + Send>>>),
}

impl ListWriter {
    /// Writes rows of these columns to `out`.
    pub(super) fn new(
        format: ListFormat,
        columns: &[&SourceColumn],
        mut out: Box<dyn Write + Send>,
    ) -> Result<Self, ListError> {
        let fields = columns
            .iter()
            .map(|column| Field::new(&column.name, column.shown_type(), true));
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let form = match format {
            ListFormat::Csv => {
                // The header belongs to a file without rows too.
                csv::WriterBuilder::new()
                    .with_header(true)
                    .build(&mut out)
                    .write(&RecordBatch::new_empty(Arc::clone(&schema)))
                    .map_err(output)?;
                let rows = csv::WriterBuilder::new().with_header(false).build(out);
                Form::Csv(Box::new(rows))
            }
            ListFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .set_compression(Compression::SNAPPY)
                    .build();
                let schema = Arc::clone(&schema);
                let writer = ArrowWriter::try_new(out, schema, Some(properties));
                Form::Parquet(Box::new(writer.map_err(output)?))
            }
        };
        Ok(Self { schema, form })
    }

    /// Writes some rows.
    pub(super) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), ListError> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(output)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        match &mut self.form {
            Form::Csv(writer) => writer.write(&batch).map_err(output),
            Form::Parquet(writer) => writer.write(&batch).map_err(output),
        }
    }

    /// Writes what is held back.
    pub(super) fn finish(self) -> Result<(), ListError> {
        let mut out = match self.form {
            Form::Csv(writer) => writer.into_inner(),
            Form::Parquet(writer) => writer.into_inner().map_err(output)?,
        };
        out.flush().map_err(output)
    }
}

fn output(error: impl std::fmt::Display) -> ListError {
    ListError::Output(error.to_string())
}
