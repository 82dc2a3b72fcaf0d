//! A plain evaluation of the accepted subset over joined rows, written from the page about SQL
//! alone: what [`crate::random`], [`crate::planes`] and [`crate::nycflights`] compare nodes with.
//!
//! It shares no code with the nodes. Numbers are compared as doubles, which hold the whole numbers
//! of these tests exactly.

use serde_json::Value;

/// A row of the joined tables.
pub(crate) struct Joined {
    pub(crate) id: String,
    /// The value of each group column, as JSON shows labels.
    pub(crate) groups: Vec<Value>,
    /// The value of each aggregated expression; `None` is NULL.
    pub(crate) values: Vec<Option<f64>>,
}

/// What a column of the answer is; numbers count group columns and expressions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output {
    Group(usize),
    Rows,
    Identities,
    Known(usize),
    Sum(usize),
    Average(usize),
    VarPop(usize),
    VarSamp(usize),
    StddevPop(usize),
    StddevSamp(usize),
}

/// A row of the answer.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) suppressed: bool,
    /// Labels of groups.
    labels: Vec<Value>,
    /// One for each output; NULL for a group.
    numbers: Vec<Option<f64>>,
    pub(crate) rows: usize,
}

/// A query without its text.
pub(crate) struct Question<'a> {
    /// The values that have a group of their own, for each group column.
    pub(crate) domains: &'a [Vec<Value>],
    pub(crate) outputs: &'a [Output],
    pub(crate) minimum: usize,
}

impl Question<'_> {
    /// One row for each combination of groups, in the order of the domains, `other` last.
    pub(crate) fn answer(&self, joined: &[Joined]) -> Vec<Row> {
        let mut combinations: Vec<Vec<Value>> = vec![Vec::new()];
        for domain in self.domains {
            let labels: Vec<Value> = domain.iter().cloned().chain(["other".into()]).collect();
            let longer = combinations.iter().flat_map(|start| {
                let with = |label: &Value| [&start[..], std::slice::from_ref(label)].concat();
                labels.iter().map(with).collect::<Vec<_>>()
            });
            combinations = longer.collect();
        }
        let rows = combinations.into_iter();
        rows.map(|labels| self.row(labels, joined)).collect()
    }

    fn row(&self, labels: Vec<Value>, joined: &[Joined]) -> Row {
        let belongs = |row: &&Joined| {
            let groups = row.groups.iter().zip(self.domains).zip(&labels);
            groups.into_iter().all(|((value, domain), label)| {
                if label == "other" {
                    !domain.contains(value)
                } else {
                    value == label
                }
            })
        };
        let rows: Vec<&Joined> = joined.iter().filter(belongs).collect();
        let mut people: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        people.sort_unstable();
        people.dedup();
        let suppressed = people.len() < self.minimum;
        let number = |output: &Output| {
            if suppressed {
                return None;
            }
            match *output {
                Output::Group(_) => None,
                Output::Rows => Some(count(rows.len())),
                Output::Identities => Some(count(people.len())),
                Output::Known(at)
                | Output::Sum(at)
                | Output::Average(at)
                | Output::VarPop(at)
                | Output::VarSamp(at)
                | Output::StddevPop(at)
                | Output::StddevSamp(at) => {
                    let known: Vec<f64> = rows.iter().filter_map(|row| row.values[at]).collect();
                    statistic(*output, &known)
                }
            }
        };
        Row {
            suppressed,
            numbers: self.outputs.iter().map(number).collect(),
            labels,
            rows: rows.len(),
        }
    }

    /// Sorts rows by an output, NULLs last; rows that are equal stay in their order.
    pub(crate) fn sort_descending(rows: &mut [Row], output: usize) {
        rows.sort_by(|a, b| {
            let (a, b) = (a.numbers[output], b.numbers[output]);
            // Sums of doubles that ought to be equal may differ in their last digits.
            let key = |number: Option<f64>| {
                number.map_or(f64::NEG_INFINITY, |number| (number * 1e6).round())
            };
            key(b).total_cmp(&key(a))
        });
    }

    /// Fails unless a result document holds these rows in this order.
    #[track_caller]
    pub(crate) fn expect(&self, rows: &[Row], document: &Value, sql: &str) {
        let shown = document["rows"].as_array().unwrap();
        // Without groups a suppressed answer has no row.
        if self.domains.is_empty() && rows.iter().all(|row| row.suppressed) {
            assert!(shown.is_empty(), "{sql}\n{document}");
            return;
        }
        assert_eq!(shown.len(), rows.len(), "{sql}\n{document}\n{rows:#?}");
        for (number, (row, shown)) in rows.iter().zip(shown).enumerate() {
            if !self.domains.is_empty() {
                let status = ["released", "suppressed"][usize::from(row.suppressed)];
                assert_eq!(document["row_status"][number], status, "{sql}\n{document}");
            }
            let cells = self
                .outputs
                .iter()
                .zip(&row.numbers)
                .zip(shown.as_array().unwrap());
            for ((output, expected), cell) in cells {
                let same = match (output, expected) {
                    (Output::Group(at), _) => *cell == row.labels[*at],
                    (_, None) => cell.is_null(),
                    (_, Some(expected)) => {
                        number_of(cell).is_some_and(|cell| near(cell, *expected))
                    }
                };
                assert!(
                    same,
                    "{sql}\n{output:?} of {row:?}\nis {cell} in\n{document}"
                );
            }
        }
    }
}

/// A statistic of the values that are not NULL.
fn statistic(output: Output, known: &[f64]) -> Option<f64> {
    let n = count(known.len());
    let sum: f64 = known.iter().sum();
    let squares: f64 = known.iter().map(|value| value * value).sum();
    let spread = n * squares - sum * sum;
    let some = |enough: bool, value: f64| enough.then_some(value);
    match output {
        Output::Known(_) => Some(n),
        Output::Sum(_) => some(n > 0.0, sum),
        Output::Average(_) => some(n > 0.0, sum / n),
        Output::VarPop(_) => some(n > 0.0, spread / (n * n)),
        Output::VarSamp(_) => some(n > 1.0, spread / (n * (n - 1.0))),
        Output::StddevPop(_) => some(n > 0.0, spread.max(0.0).sqrt() / n),
        Output::StddevSamp(_) => some(n > 1.0, (spread.max(0.0) / (n * (n - 1.0))).sqrt()),
        Output::Group(_) | Output::Rows | Output::Identities => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no test has 2^52 rows")]
fn count(rows: usize) -> f64 {
    rows as f64
}

/// Whole numbers are JSON numbers, others digits.
fn number_of(cell: &Value) -> Option<f64> {
    cell.as_f64().or_else(|| cell.as_str()?.parse().ok())
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-7 + a.abs() * 1e-9
}
