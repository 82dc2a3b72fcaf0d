//! Literals made ready for comparison with a column.
//!
//! Spec 10 §3.4. Text that is compared with a date is read as a date, digits in quotes as a number.
//! A literal beside exact numbers is not rounded; beside doubles it is the nearest double.

use super::compare::Value;
use crate::error::QueryError;
use crate::sql::ast::{ColumnRef, Literal, LiteralValue};
use crate::sql::exact_compare::{self, Point};
use crate::sql::meant_date;
use crate::sql::temporal::{self, Moment, NUMBER_DIGITS_MAX};
use crate::sql::typing::ColumnClass;

/// A column that a condition names.
#[derive(Clone, Debug)]
pub(crate) struct TypedColumn {
    /// Its number among the columns of a batch.
    pub(crate) number: usize,
    pub(crate) class: ColumnClass,
    /// Whether its text is dates in another form than literals have.
    pub(crate) foreign_dates: bool,
}

/// The literal as a value beside a column; `None` for NULL.
///
/// # Errors
/// [`QueryError::Meaning`] if it does not fit the column's class, or would be compared with dates in
/// another form as text.
pub(super) fn place(
    column: &ColumnRef,
    typed: &TypedColumn,
    literal: &Literal,
) -> Result<Option<Value>, QueryError> {
    let (value, class) = (&literal.value, &typed.class);
    if *value == LiteralValue::Null {
        return Ok(None);
    }
    if typed.foreign_dates && *class == ColumnClass::Text && moment(value).is_some() {
        return Err(QueryError::meaning(
            literal.at,
            format!(
                "this literal is a date, but {} is text: its dates are written in another form",
                column.name.0
            ),
            "the owner of the table has to write dates as 2025-01-31, or declare their form in csv.date",
        ));
    }
    let found = match class {
        ColumnClass::Integer => exact(value, 0),
        ColumnClass::Decimal { scale, .. } => exact(value, *scale),
        ColumnClass::Float => double(value),
        ColumnClass::Text => match value {
            LiteralValue::Text(text) => Some(Value::Text(text.clone())),
            _ => None,
        },
        ColumnClass::Boolean => match value {
            LiteralValue::Boolean(value) => Some(Value::Boolean(*value)),
            _ => None,
        },
        ColumnClass::Date => moment(value)
            .filter(|moment| !moment.has_offset())
            .map(|moment| on_axis(moment.nanos())),
        ColumnClass::Instant { zone: None } => moment(value).map(|moment| on_axis(moment.nanos())),
        ColumnClass::Instant { zone: Some(zone) } => {
            moment(value).map(|moment| on_axis(moment.nanos_in_zone(*zone)))
        }
        // Whatever it is, the column is NULL beside it.
        ColumnClass::Empty => return Ok(None),
    };
    found.map(Some).ok_or_else(|| {
        QueryError::meaning(
            literal.at,
            format!(
                "this literal does not fit the column {} of type {}",
                column.name.0,
                class.describe()
            ),
            remedy(class, value),
        )
    })
}

/// What to write instead, with the date that was probably meant if the column holds dates.
fn remedy(class: &ColumnClass, value: &LiteralValue) -> String {
    let meant = match (class, value) {
        (ColumnClass::Date | ColumnClass::Instant { .. }, LiteralValue::Text(text)) => {
            meant_date::advice(text)
        }
        _ => None,
    };
    meant.unwrap_or_else(|| class.example().to_owned())
}

const fn on_axis(nanos: i128) -> Value {
    Value::Exact(Point {
        floor: nanos,
        exact: true,
    })
}

fn exact(value: &LiteralValue, scale: u8) -> Option<Value> {
    exact_compare::from_number(digits(value)?, scale.into()).map(Value::Exact)
}

fn double(value: &LiteralValue) -> Option<Value> {
    let digits = digits(value)?;
    // Only digits and a point: no exponent and no word such as `inf`.
    exact_compare::from_number(digits, 0)?;
    digits.parse().ok().map(Value::Double)
}

/// The digits of a number, also where it is written in quotes.
fn digits(value: &LiteralValue) -> Option<&str> {
    match value {
        LiteralValue::Number(text) => Some(text),
        LiteralValue::Text(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            (digits.len() <= NUMBER_DIGITS_MAX).then_some(text)
        }
        _ => None,
    }
}

fn moment(value: &LiteralValue) -> Option<Moment> {
    match value {
        LiteralValue::Text(text) | LiteralValue::Date(text) | LiteralValue::Timestamp(text) => {
            temporal::parse(text)
        }
        _ => None,
    }
}
