//! The overlap matrix: an answer grouped by one column of each member, as rows and columns.
//!
//! "How many of my segments' customers are in which of your segments" is read as a square, and not
//! as a list of pairs. Made from the rows of the result document alone, so that it never says more
//! than they do. Called when a document is filled; printed by the command line.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The figures of an answer by a group of one member and a group of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// The groups down the side: those of the first group column of the answer.
    pub down: Axis,
    /// The groups along the top.
    pub across: Axis,
    /// For each pair of groups, down and then across, `released` or `suppressed`.
    pub status: Vec<Vec<String>>,
    /// The other columns of the answer.
    pub figures: Vec<Figure>,
}

/// The groups on one side of a matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// The name of the output column.
    pub column: String,
    /// The labels of its groups, in the order in which the answer has them.
    pub labels: Vec<Value>,
}

/// One column of the answer, spread over the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// The name of the output column.
    pub column: String,
    /// Its values, down and then across; null where the pair is suppressed, or the value is NULL.
    pub values: Vec<Vec<Value>>,
}

/// The parts of a result document that a matrix is made of.
#[derive(Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) columns: &'a [String],
    /// The places of the group columns.
    pub(super) groups: &'a [usize],
    pub(super) rows: &'a [Vec<Value>],
    pub(super) row_status: &'a [String],
}

impl Matrix {
    /// The matrix of a document whose rows are filled. `down` and `across` are the places of its two
    /// group columns. `None` unless the rows are every pair of groups once, group by group: HAVING and
    /// LIMIT leave some out, and who writes ORDER BY for a figure wants the list.
    pub(super) fn of(answer: Answer<'_>, down: usize, across: usize) -> Option<Self> {
        let down = axis(answer, down)?;
        let across = axis(answer, across)?;
        let (height, width) = (down.groups.labels.len(), across.groups.labels.len());
        let mut of_pair = vec![vec![None; width]; height];
        let by_rows = |row: usize, d: usize, a: usize| row == d * width + a;
        let by_columns = |row: usize, d: usize, a: usize| row == a * height + d;
        let places = || down.of_row.iter().zip(&across.of_row).enumerate();
        let in_order = places().all(|(row, (d, a))| by_rows(row, *d, *a))
            || places().all(|(row, (d, a))| by_columns(row, *d, *a));
        if !in_order {
            return None;
        }
        for (row, (d, a)) in places() {
            let pair = of_pair.get_mut(*d)?.get_mut(*a)?;
            if pair.replace(row).is_some() {
                return None;
            }
        }
        let of_pair: Vec<Vec<usize>> = of_pair
            .into_iter()
            .map(|pairs| pairs.into_iter().collect())
            .collect::<Option<_>>()?;
        let figures = (0..answer.columns.len())
            .filter(|column| !answer.groups.contains(column))
            .map(|column| {
                Some(Figure {
                    column: answer.columns.get(column)?.clone(),
                    values: spread(&of_pair, |row| answer.rows.get(row)?.get(column).cloned())?,
                })
            });
        Some(Self {
            figures: figures.collect::<Option<_>>()?,
            status: spread(&of_pair, |row| answer.row_status.get(row).cloned())?,
            down: down.groups,
            across: across.groups,
        })
    }
}

/// The groups of a column, and which of them each row of the answer has.
struct Placed {
    groups: Axis,
    of_row: Vec<usize>,
}

fn axis(answer: Answer<'_>, column: usize) -> Option<Placed> {
    let mut groups = Axis {
        column: answer.columns.get(column)?.clone(),
        labels: Vec::new(),
    };
    let mut of_row = Vec::with_capacity(answer.rows.len());
    for row in answer.rows {
        let label = row.get(column)?;
        let known = groups.labels.iter().position(|known| known == label);
        of_row.push(known.unwrap_or(groups.labels.len()));
        if known.is_none() {
            groups.labels.push(label.clone());
        }
    }
    Some(Placed { groups, of_row })
}

/// What `of` has of the row of each pair.
fn spread<T>(of_pair: &[Vec<usize>], of: impl Fn(usize) -> Option<T>) -> Option<Vec<Vec<T>>> {
    of_pair
        .iter()
        .map(|pairs| pairs.iter().map(|row| of(*row)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Matrix;
    use crate::job::outcome::document::{RELEASED, ResultDocument, SUPPRESSED};

    /// An answer of a count and a sum by two groups; a pair without figures is suppressed.
    fn answer(rows: &[(&str, &str, Option<u64>)]) -> ResultDocument {
        let mut document = ResultDocument::new("exact");
        document.columns = ["tier", "count", "region"].map(str::to_owned).into();
        document.groups = vec![0, 2];
        for (tier, region, count) in rows {
            document
                .rows
                .push(vec![json!(tier), json!(count), json!(region)]);
            let status = if count.is_some() {
                RELEASED
            } else {
                SUPPRESSED
            };
            document.row_status.push(status.to_owned());
        }
        document
    }

    const WHOLE: [(&str, &str, Option<u64>); 6] = [
        ("gold", "north", Some(31)),
        ("gold", "other", None),
        ("gold", "south", Some(12)),
        ("other", "north", Some(7)),
        ("other", "other", Some(0)),
        ("other", "south", None),
    ];

    #[test]
    fn every_pair_of_groups_has_its_place_whichever_group_counts_faster() {
        let document = answer(&WHOLE);
        let matrix = Matrix::of(document.matrix_parts(), 0, 2).unwrap();
        assert_eq!(matrix.down.column, "tier");
        assert_eq!(matrix.down.labels, [json!("gold"), json!("other")]);
        assert_eq!(
            matrix.across.labels,
            [json!("north"), json!("other"), json!("south")]
        );
        assert_eq!(matrix.figures.len(), 1);
        let values = [
            vec![json!(31), Value::Null, json!(12)],
            vec![json!(7), json!(0), Value::Null],
        ];
        assert_eq!(matrix.figures[0].values, values);
        assert_eq!(matrix.status[0], [RELEASED, SUPPRESSED, RELEASED]);

        let by_columns = [0, 3, 1, 4, 2, 5].map(|row| WHOLE[row]);
        let matrix = Matrix::of(answer(&by_columns).matrix_parts(), 0, 2).unwrap();
        assert_eq!(matrix.figures[0].values, values);
        assert_eq!(matrix.status[1], [RELEASED, RELEASED, SUPPRESSED]);
    }

    #[test]
    fn an_answer_in_an_order_of_its_own_stays_a_list() {
        let by_count = [0, 2, 3, 4, 1, 5].map(|row| WHOLE[row]);
        assert_eq!(Matrix::of(answer(&by_count).matrix_parts(), 0, 2), None);
        let mut backwards = WHOLE;
        backwards.reverse();
        // Group by group, the last ones first.
        assert!(Matrix::of(answer(&backwards).matrix_parts(), 0, 2).is_some());
    }

    #[test]
    fn an_answer_that_lacks_a_pair_or_has_one_twice_has_no_matrix() {
        assert_eq!(Matrix::of(answer(&WHOLE[1..]).matrix_parts(), 0, 2), None);
        let mut twice = WHOLE.to_vec();
        twice.push(WHOLE[0]);
        assert_eq!(Matrix::of(answer(&twice).matrix_parts(), 0, 2), None);
        assert_eq!(Matrix::of(answer(&WHOLE).matrix_parts(), 0, 7), None);
    }
}
