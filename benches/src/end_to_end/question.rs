//! What is asked of two tables, and the answer that is right.
//!
//! The Sender's table has a second column `amount` and a third `region`, functions of the row
//! number, if anything but the count is asked for; the Receiver's has identifiers alone. Answers are
//! computed from row numbers by a plain loop that shares no code with the nodes.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::{amount, region};

/// A query over the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// Whether the sum of the Sender's amounts is asked for.
    pub(crate) sum: bool,
    /// The regions of the Sender that the answer is grouped by; 0 for one answer over all.
    pub(crate) groups: u64,
}

impl Question {
    /// Whether this is the count alone, which needs no transfer.
    pub(crate) fn is_count(self) -> bool {
        self == Self::default()
    }

    /// The name in tables of results.
    pub(crate) fn name(self) -> String {
        let what = if self.sum { "sum" } else { "count" };
        match self.groups {
            0 => what.to_owned(),
            groups => format!("{what} by {groups} groups"),
        }
    }

    /// The query.
    pub(crate) fn sql(self) -> String {
        let value = if self.sum {
            "SUM(s.amount)"
        } else {
            "COUNT(*)"
        };
        let (group, by) = match self.groups {
            0 => ("", ""),
            _ => ("s.region, ", " GROUP BY s.region"),
        };
        format!(
            "SELECT {group}{value} FROM receiver.ids AS r JOIN sender.ids AS s ON r.id = s.id{by}"
        )
    }

    /// The values that `document` must hold, in the order of its rows: one for each group, or one.
    ///
    /// A group with no shared row is suppressed, like every row below the minimum of 1. It is
    /// `None` here, and so is the group of all other regions, which is empty.
    pub(crate) fn answers(self, shared: Range<u64>) -> Vec<Option<u64>> {
        let mut rows = vec![0_u64; usize::try_from(self.groups + 1).unwrap_or(usize::MAX)];
        let mut values = rows.clone();
        for row in shared {
            let group = match self.groups {
                0 => 0,
                groups => region(row, groups),
            };
            let group = usize::try_from(group).unwrap_or(usize::MAX);
            rows[group] += 1;
            values[group] += if self.sum { amount(row) } else { 1 };
        }
        let answer = |(rows, value): (u64, u64)| (rows > 0).then_some(value);
        rows.into_iter().zip(values).map(answer).collect()
    }

    /// The values of a result document, as [`Self::answers`] has them; `None` if it has none.
    pub(crate) fn read(document: &Value) -> Option<Vec<Option<u64>>> {
        let rows = document["rows"]
            .as_array()
            .filter(|rows| !rows.is_empty())?;
        let value = |row: &Value| {
            let cell = row.as_array()?.last()?.clone();
            // Sums are exact decimals, which JSON numbers are not: documents hold them as text.
            Some(match cell {
                Value::String(text) => text.parse().ok(),
                other => other.as_u64(),
            })
        };
        rows.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_those_of_the_shared_rows_alone() {
        let count = Question::default();
        assert_eq!(count.answers(5..12), [Some(7)]);
        assert_eq!(count.answers(5..5), [None]);
        let sum = Question {
            sum: true,
            groups: 0,
        };
        let expected: u64 = (5..12).map(amount).sum();
        assert_eq!(sum.answers(5..12), [Some(expected)]);
        let grouped = Question {
            sum: true,
            groups: 3,
        };
        let answers = grouped.answers(0..1_000);
        assert_eq!(answers.len(), 4);
        assert_eq!(
            answers.iter().flatten().sum::<u64>(),
            (0..1_000).map(amount).sum::<u64>()
        );
        assert_eq!(answers[3], None);
    }

    #[test]
    fn a_document_is_read_row_by_row() {
        let document = json!({"rows": [["a", 5], ["b", "7"], [null, null]]});
        assert_eq!(
            Question::read(&document),
            Some(vec![Some(5), Some(7), None])
        );
        assert_eq!(Question::read(&json!({"rows": []})), None);
        assert_eq!(Question::read(&json!({})), None);
    }
}
