//! A source as SQL sees it.
//!
//! Spec 10 §2.9. Conditions compare values, so `0800` may be the number 800 to them, and keys are taken as
//! they are stored. SQL makes keys and amounts of what it sees, so it must not lose a zero or round a
//! cent: a column of text files with a padded number is text, and one of fractions is decimal.

use arrow_schema::{DataType, TimeUnit};

use super::{Source, SourceColumn, TextType};
use crate::column::{DECIMAL_DIGITS, Form};
use crate::sql::typing::ColumnClass;

impl Source {
    /// Gives the columns of text files, whose owner declares no type, types that lose nothing.
    pub(crate) fn show_exactly(&mut self) {
        for column in &mut self.columns {
            if !column.is_untyped_text() || column.held.is_some() {
                continue;
            }
            let is_number = column.inferred.is_some_and(TextType::is_number);
            let shown = if is_number && column.numbers.padded {
                self.notes.push(format!(
                    "{:?} is text to SQL, because a value begins with a zero; if it is a number, declare \
                     it in `types` of the source",
                    column.name
                ));
                TextType::Text
            } else {
                match (column.inferred, column.numbers.scale) {
                    (Some(TextType::Number), Some(scale)) => TextType::Decimal(scale),
                    _ => continue,
                }
            };
            let (form, class) = shown.form_and_class();
            (column.form, column.class) = (Some(form), Some(class));
        }
    }
}

impl SourceColumn {
    /// The type in which SQL sees the column; `None` if it does not.
    pub(crate) fn sql_type(&self) -> Option<DataType> {
        let class = self.class.as_ref();
        if class == Some(&ColumnClass::Empty) {
            return Some(DataType::Null);
        }
        Some(match self.form? {
            Form::Boolean => DataType::Boolean,
            Form::Whole => DataType::Int64,
            Form::Double => DataType::Float64,
            Form::Text => DataType::Utf8,
            Form::Bytes => DataType::Binary,
            Form::Date => DataType::Date32,
            Form::Decimal(scale) => {
                let precision = match class {
                    Some(ColumnClass::Decimal { precision, .. }) => *precision,
                    _ => DECIMAL_DIGITS,
                };
                let precision = precision.clamp(scale.max(1), DECIMAL_DIGITS);
                DataType::Decimal128(precision, scale.cast_signed())
            }
            Form::Instant => match (&self.stored, class) {
                (DataType::Timestamp(unit, zone), _) => DataType::Timestamp(*unit, zone.clone()),
                (_, Some(ColumnClass::Instant { zone: Some(_) })) => {
                    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
                }
                _ => DataType::Timestamp(TimeUnit::Microsecond, None),
            },
        })
    }
}
