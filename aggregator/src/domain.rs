//! The public domain of a dimension, and the group of each row.
//!
//! Spec 10 §2.8. A group's index is the place of its value in the owner's list; whatever is not
//! listed, NULL included, has the index after the last. Called per batch at load and when the
//! input of a job is frozen.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{DatePart as ArrowDatePart, cast, date_part};
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use psi_core::facts::LabelKind;

use crate::config::DomainValue;
use crate::sql::ast::DatePart;
use crate::sql::temporal::{self, NANOS_PER_DAY};
use crate::sql::typing::ColumnClass;

/// A dimension's values and how they are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) kind: LabelKind,
    /// The labels, in the owner's order; `other` is not among them.
    pub(crate) labels: Vec<String>,
    /// The part of a date that is looked up instead of the column.
    part: Option<DatePart>,
    lookup: LookUp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LookUp {
    Text(HashMap<String, u16>),
    /// Whole numbers, days, and 0 and 1 for booleans.
    Number(HashMap<i64, u16>),
}

impl Domain {
    /// The domain of a column of `class`, or what does not fit.
    pub(crate) fn new(
        class: Option<&ColumnClass>,
        part: Option<DatePart>,
        values: &[DomainValue],
    ) -> Result<Self, String> {
        let kind = match (part, class) {
            (Some(_), Some(ColumnClass::Date | ColumnClass::Timestamp { .. }))
            | (None, Some(ColumnClass::Integer(_))) => LabelKind::Integer,
            (Some(_), _) => return Err("it is no date or timestamp".to_owned()),
            (None, Some(ColumnClass::Text)) => LabelKind::Text,
            (None, Some(ColumnClass::Boolean)) => LabelKind::Boolean,
            (None, Some(ColumnClass::Date)) => LabelKind::Date,
            (None, class) => {
                let what = class.map_or("of no type that can be".into(), ColumnClass::describe);
                return Err(format!(
                    "it is {what}; group by text, whole numbers, booleans, dates, or parts of dates"
                ));
            }
        };
        let mut text = HashMap::new();
        let mut number = HashMap::new();
        for (index, value) in (0_u16..).zip(values) {
            let misfit = || format!("{:?} is no value of the column", value.label());
            match (kind, value) {
                (LabelKind::Text, DomainValue::Text(value)) => {
                    text.insert(value.clone(), index);
                }
                (LabelKind::Integer, DomainValue::Integer(value)) => {
                    number.insert(*value, index);
                }
                (LabelKind::Boolean, DomainValue::Boolean(value)) => {
                    number.insert(i64::from(*value), index);
                }
                (LabelKind::Date, DomainValue::Text(text)) => {
                    let moment = temporal::parse(text).filter(temporal::Moment::is_date);
                    let days = moment.map(|moment| moment.nanos() / NANOS_PER_DAY);
                    let days = days.and_then(|days| i64::try_from(days).ok());
                    number.insert(days.ok_or_else(misfit)?, index);
                }
                _ => return Err(misfit()),
            }
        }
        let lookup = if kind == LabelKind::Text {
            LookUp::Text(text)
        } else {
            LookUp::Number(number)
        };
        Ok(Self {
            kind,
            labels: values.iter().map(DomainValue::label).collect(),
            part,
            lookup,
        })
    }

    /// The number of groups, `other` included.
    pub(crate) const fn len(&self) -> usize {
        self.labels.len() + 1
    }

    /// The index of `other`.
    fn other(&self) -> u16 {
        // INVARIANT: the configuration lists fewer than `limits::GROUP_VALUES_MAX` values.
        u16::try_from(self.labels.len()).unwrap_or(u16::MAX)
    }

    /// The group of every row of a batch.
    ///
    /// # Errors
    /// [`ArrowError`] if the column is of another type than at load.
    pub(crate) fn indices(&self, array: &ArrayRef) -> Result<Vec<u16>, ArrowError> {
        let other = self.other();
        let array = match self.part {
            None => array.clone(),
            Some(part) => date_part(array, arrow_part(part))?,
        };
        let rows = 0..array.len();
        Ok(match &self.lookup {
            LookUp::Text(indices) => {
                let array = cast(&array, &DataType::Utf8)?;
                let text = array.as_string::<i32>();
                let index = |row| indices.get(text.value(row)).copied();
                rows.map(|row| text.is_valid(row).then(|| index(row)).flatten())
                    .map(|index| index.unwrap_or(other))
                    .collect()
            }
            LookUp::Number(indices) => {
                // A number beyond 64 bits becomes NULL here, and so `other`.
                let numbers = cast(&array, &DataType::Int64).or_else(|_| days(&array))?;
                let numbers = numbers.as_primitive::<Int64Type>();
                let index = |row| indices.get(&numbers.value(row)).copied();
                rows.map(|row| numbers.is_valid(row).then(|| index(row)).flatten())
                    .map(|index| index.unwrap_or(other))
                    .collect()
            }
        })
    }
}

/// Days of a date column as 64-bit numbers.
fn days(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let days = cast(array, &DataType::Date32)?;
    let days = days.as_primitive::<Date32Type>();
    Ok(std::sync::Arc::new(days.unary::<_, Int64Type>(i64::from)))
}

const fn arrow_part(part: DatePart) -> ArrowDatePart {
    match part {
        DatePart::Year => ArrowDatePart::Year,
        DatePart::Quarter => ArrowDatePart::Quarter,
        DatePart::Month => ArrowDatePart::Month,
        DatePart::Day => ArrowDatePart::Day,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Int32Array, StringArray, TimestampMicrosecondArray,
        UInt64Array,
    };

    use super::{ColumnClass, DatePart, Domain};
    use crate::config::DomainValue;

    fn indices(array: &ArrayRef, part: Option<DatePart>, values: &[DomainValue]) -> Vec<u16> {
        let class = ColumnClass::of(array.data_type());
        let domain = Domain::new(class.as_ref(), part, values).unwrap();
        domain.indices(array).unwrap()
    }

    fn of(array: impl datafusion::arrow::array::Array + 'static) -> ArrayRef {
        Arc::new(array)
    }

    #[test]
    fn unlisted_values_and_null_fall_into_the_last_group() {
        let text = |t: &str| DomainValue::Text(t.into());
        let number = DomainValue::Integer;
        let words = StringArray::from(vec![Some("b"), Some("a"), None, Some("A")]);
        let domain = [text("a"), text("b")];
        assert_eq!(indices(&of(words), None, &domain), [1, 0, 2, 2]);
        let numbers = Int32Array::from(vec![Some(5), None, Some(-1), Some(6)]);
        let domain = [number(-1), number(5)];
        assert_eq!(indices(&of(numbers), None, &domain), [1, 2, 0, 2]);
        let large = UInt64Array::from(vec![u64::MAX, 5]);
        assert_eq!(indices(&of(large), None, &domain), [2, 1]);
        let flags = BooleanArray::from(vec![Some(true), Some(false), None]);
        let domain = [DomainValue::Boolean(true)];
        assert_eq!(indices(&of(flags), None, &domain), [0, 1, 1]);
        // 20,089 days after 1970-01-01 is 2025-01-01.
        let days = Date32Array::from(vec![Some(20_089), Some(20_090), None]);
        let domain = [text("2025-01-02")];
        assert_eq!(indices(&of(days), None, &domain), [1, 0, 1]);
    }

    #[test]
    fn parts_of_dates_are_taken_in_the_zone_of_the_column() {
        let day = 86_400_000_000_i64;
        let moments = vec![Some(20_089 * day), Some(20_089 * day - 1), None];
        let moments = TimestampMicrosecondArray::from(moments);
        let domain = [DomainValue::Integer(1), DomainValue::Integer(12)];
        let month = Some(DatePart::Month);
        let plain: ArrayRef = Arc::new(moments.clone());
        assert_eq!(indices(&plain, month, &domain), [0, 1, 2]);
        let west: ArrayRef = Arc::new(moments.with_timezone("-05:00"));
        assert_eq!(indices(&west, month, &domain), [1, 1, 2]);
    }

    #[test]
    fn values_of_another_type_are_no_domain() {
        let integer = ColumnClass::Integer(datafusion::arrow::datatypes::DataType::Int64);
        let text = [DomainValue::Text("1".into())];
        assert!(Domain::new(Some(&integer), None, &text).is_err());
        assert!(Domain::new(Some(&integer), Some(DatePart::Day), &text).is_err());
        assert!(Domain::new(Some(&ColumnClass::Float), None, &text).is_err());
        assert!(Domain::new(Some(&ColumnClass::Date), None, &text).is_err());
        assert!(Domain::new(None, None, &text).is_err());
    }
}
