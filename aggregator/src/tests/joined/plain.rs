//! Plain SQL over the joined tables for [`super`], and when its values are those of a result.

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::query::Query;
use crate::result::{ResultRow, ResultValue};

/// A value of either engine, for comparison; TRUE is 1 and FALSE is 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Text(String),
    Number(f64),
}

impl Cell {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            // The last of the few decimals is far above this, and quotients have no exact double.
            (Self::Number(a), Self::Number(b)) => (a - b).abs() <= 1e-9 * (1.0 + a.abs()),
            (a, b) => a == b,
        }
    }
}

pub(super) fn own(row: &ResultRow) -> Vec<Cell> {
    let cell = |value: &ResultValue| match value {
        ResultValue::Null | ResultValue::Other => Cell::Null,
        ResultValue::Text(text) => Cell::Text(text.clone()),
        ResultValue::Boolean(value) => Cell::Number(f64::from(u8::from(*value))),
        ResultValue::Integer(value) => Cell::Number(value.to_string().parse().unwrap()),
        ResultValue::Decimal(digits) => Cell::Number(digits.parse().unwrap()),
        ResultValue::Suppressed => panic!("suppressed"),
    };
    row.values.iter().map(cell).collect()
}

fn plain_cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        #[expect(clippy::cast_precision_loss, reason = "sums of a few dozen rows")]
        ValueRef::Integer(value) => Cell::Number(value as f64),
        ValueRef::Real(value) => Cell::Number(value),
        ValueRef::Text(text) => Cell::Text(String::from_utf8(text.to_vec()).unwrap()),
        ValueRef::Blob(_) => panic!("no column holds bytes"),
    }
}

/// The rows of the plain query `sql`.
pub(super) fn plain(connection: &Connection, sql: &str) -> Vec<Vec<Cell>> {
    let run = || -> rusqlite::Result<Vec<Vec<Cell>>> {
        let mut statement = connection.prepare(sql)?;
        let width = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..width)
                .map(|column| Ok(plain_cell(row.get_ref(column)?)))
                .collect()
        };
        statement.query_map([], row)?.collect()
    };
    run().unwrap_or_else(|err| panic!("{sql}: {err}"))
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
