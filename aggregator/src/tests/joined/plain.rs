//! Plain SQL over the joined tables for [`super`], and when its values are those of a result.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use super::query::Query;
use crate::result::{ResultRow, ResultValue};

/// A value of either engine, for comparison.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Text(String),
    /// Digits that have to be the same.
    Exact(String),
    Approximate(f64),
}

impl Cell {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(a) | Self::Text(a), Self::Exact(b) | Self::Text(b)) => a == b,
            (Self::Null, Self::Null) => true,
            (Self::Null, _) | (_, Self::Null) => false,
            (a, b) => match (a.number(), b.number()) {
                // A quotient of decimals has four decimals more than its operands in the engine.
                (Some(a), Some(b)) => (a - b).abs() <= 2e-4 + a.abs() * 1e-6,
                _ => false,
            },
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Null | Self::Text(_) => None,
            Self::Exact(digits) => digits.parse().ok(),
            Self::Approximate(number) => Some(*number),
        }
    }
}

/// Digits without superfluous zeros behind the point.
fn trimmed(digits: &str) -> String {
    match digits.split_once('.') {
        None => digits.to_owned(),
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
    }
}

pub(super) fn own(row: &ResultRow) -> Vec<Cell> {
    let cell = |value: &ResultValue| match value {
        ResultValue::Null | ResultValue::Other => Cell::Null,
        ResultValue::Text(text) => Cell::Text(text.clone()),
        ResultValue::Boolean(value) => Cell::Text(value.to_string()),
        ResultValue::Integer(value) => Cell::Exact(value.to_string()),
        ResultValue::Decimal(digits) => Cell::Exact(trimmed(digits)),
        ResultValue::Suppressed => panic!("suppressed"),
    };
    row.values.iter().map(cell).collect()
}

fn plain_cell(array: &ArrayRef, row: usize, divides: bool) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Int64 => Cell::Exact(array.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::Int32 => Cell::Exact(
            array
                .as_primitive::<datafusion::arrow::datatypes::Int32Type>()
                .value(row)
                .to_string(),
        ),
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            // The sample variance of one value is NULL in SQL, and NaN here and there.
            if value.is_nan() {
                return Cell::Null;
            }
            Cell::Approximate(value)
        }
        DataType::Decimal128(..) => {
            let text = array.as_primitive::<Decimal128Type>().value_as_string(row);
            if divides {
                Cell::Approximate(text.parse().unwrap())
            } else {
                Cell::Exact(trimmed(&text))
            }
        }
        DataType::Boolean => Cell::Text(array.as_boolean().value(row).to_string()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row).to_owned()),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        other => panic!("{other}"),
    }
}

/// The rows of the plain query `sql`; `outputs` are its outputs as they were asked.
pub(super) async fn plain(
    context: &SessionContext,
    sql: &str,
    outputs: &[String],
) -> Vec<Vec<Cell>> {
    let frame = context.sql(sql).await;
    let batches = frame
        .unwrap_or_else(|err| panic!("{sql}: {err}"))
        .collect()
        .await
        .unwrap_or_else(|err| panic!("{sql}: {err}"));
    let divides = |text: &String| text.contains('/') || text.contains("AVG");
    let divides: Vec<bool> = outputs.iter().map(divides).collect();
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let columns = batch.columns().iter().zip(&divides);
            rows.push(
                columns
                    .map(|(c, divides)| plain_cell(c, row, *divides))
                    .collect(),
            );
        }
    }
    rows
}

/// Whether the rows are in the order that the query asks for.
pub(super) fn check_order(rows: &[ResultRow], query: &Query) -> Result<(), TestCaseError> {
    let number = |value: &ResultValue| match value {
        ResultValue::Integer(value) => value.to_string().parse().ok(),
        ResultValue::Decimal(digits) => digits.parse::<f64>().ok(),
        _ => None,
    };
    let null = |value: &ResultValue| {
        matches!(
            value,
            ResultValue::Null | ResultValue::Other | ResultValue::Suppressed
        )
    };
    for two in rows.windows(2) {
        for (output, descending, nulls_first) in &query.order {
            let (a, b) = (&two[0].values[output - 1], &two[1].values[output - 1]);
            if a == b {
                continue;
            }
            let in_order = match (null(a), null(b)) {
                (true, true) => continue,
                (a_is_null, b_is_null) if a_is_null != b_is_null => a_is_null == *nulls_first,
                _ => {
                    let smaller = match (number(a), number(b)) {
                        (Some(a), Some(b)) => a <= b,
                        _ => format!("{a:?}") < format!("{b:?}"),
                    };
                    smaller != *descending
                }
            };
            prop_assert!(in_order, "{:?} before {:?} in {:?}", a, b, query.order);
            break;
        }
    }
    Ok(())
}
