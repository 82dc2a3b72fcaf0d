//! ORDER BY: rows by the values of their outputs.
//!
//! Spec 10 §3.5. Labels are ordered as their type is: texts by bytes, numbers by value. The group
//! `other` and a suppressed value count as NULL. Rows that are equal stay in the order of their
//! groups' domains.

use std::cmp::Ordering;

use psi_core::facts::{GroupFacts, LabelKind};

use super::evaluate::{Row, RowValue};
use crate::sql::ast::OrderItem;

/// Puts rows in order.
pub(super) fn sort(rows: &mut [Row], order: &[OrderItem], groups: &[&GroupFacts]) {
    rows.sort_by(|a, b| {
        order
            .iter()
            .filter_map(|item| {
                let (a, b) = (a.values.get(item.output)?, b.values.get(item.output)?);
                Some(compare(a, b, *item, groups))
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
}

fn compare(a: &RowValue, b: &RowValue, item: OrderItem, groups: &[&GroupFacts]) -> Ordering {
    let nulls = |a_is_null: bool| {
        if a_is_null == item.nulls_first {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    };
    let known = |order: Ordering| {
        if item.descending {
            order.reverse()
        } else {
            order
        }
    };
    match (a, b) {
        (RowValue::Number(a), RowValue::Number(b)) => match (a, b) {
            (Some(a), Some(b)) => known(a.compare(*b)),
            (None, None) => Ordering::Equal,
            (a, _) => nulls(a.is_none()),
        },
        (RowValue::Group { number, index: a }, RowValue::Group { index: b, .. }) => {
            let Some(group) = groups.get(*number) else {
                return Ordering::Equal;
            };
            match (group.values.get(*a), group.values.get(*b)) {
                (Some(a), Some(b)) => known(labels(group.labels, a, b)),
                (None, None) => Ordering::Equal,
                (a, _) => nulls(a.is_none()),
            }
        }
        // An output shows the same kind of value in every row.
        _ => Ordering::Equal,
    }
}

fn labels(kind: LabelKind, a: &str, b: &str) -> Ordering {
    match (kind, a.parse::<i64>(), b.parse::<i64>()) {
        (LabelKind::Integer, Ok(a), Ok(b)) => a.cmp(&b),
        // ISO dates, and `false` before `true`, are in order as texts.
        _ => a.cmp(b),
    }
}
