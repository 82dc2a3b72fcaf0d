//! Comparisons of a column with literals or with another column.
//!
//! Spec 10 §3.4. Every pair of values has an order, so every operator is TRUE or FALSE for it: exact
//! numbers, days and instants as 128-bit integers; doubles with all NaN equal and last; text by
//! its bytes. Nothing is cast on the way that could overflow.

use std::cmp::Ordering;

use arrow_buffer::{BooleanBuffer, NullBuffer};
use zeroize::Zeroize;

use super::Tally;
use super::truth::Truth;
use crate::column::{Column, projected};
use crate::sql::ast::CompareOp;
use crate::sql::exact_compare::Point;
use crate::sql::temporal::NANOS_PER_DAY;

/// A comparison of a column.
#[derive(Clone)]
pub(super) enum Comparison {
    /// With one literal.
    Literal {
        column: usize,
        op: CompareOp,
        with: Value,
    },
    /// With each of several: `=` of one of them.
    In {
        column: usize,
        items: Vec<Value>,
        /// Whether NULL is among the items.
        has_null: bool,
    },
    /// With another column.
    Columns {
        left: usize,
        op: CompareOp,
        right: usize,
        how: Pair,
    },
}

/// A literal, in the terms of the column that it is compared with.
#[derive(Clone)]
pub(super) enum Value {
    /// A number in units of the column's scale, nanoseconds for days and instants.
    Exact(Point),
    Double(f64),
    Text(String),
    Boolean(bool),
}

/// How two columns are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// Whole numbers and decimals, at their scales.
    Exact,
    /// Numbers of which one is a double.
    Double,
    /// Days and instants, in nanoseconds.
    Instant,
    Text,
    Boolean,
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Self::Text(text) = self {
            text.zeroize();
        }
    }
}

impl Comparison {
    pub(super) fn evaluate(&self, columns: &[Column], rows: usize, tally: &mut Tally) -> Truth {
        match self {
            Self::Literal { column, op, with } => {
                tally.comparisons += 1;
                with_literal(projected(columns, *column), *op, with, rows)
            }
            Self::In {
                column,
                items,
                has_null,
            } => {
                tally.comparisons += items.len() as u64 + u64::from(*has_null);
                let column = projected(columns, *column);
                let found = items
                    .iter()
                    .fold(BooleanBuffer::new_unset(rows), |found, item| {
                        &found | with_literal(column, CompareOp::Eq, item, rows).yes()
                    });
                let found = Truth::of(found, column.nulls());
                if *has_null {
                    // TRUE where found, NULL elsewhere.
                    found.or(&Truth::unknown(rows))
                } else {
                    found
                }
            }
            Self::Columns {
                left,
                op,
                right,
                how,
            } => {
                tally.comparisons += 1;
                let (left, right) = (projected(columns, *left), projected(columns, *right));
                let known = NullBuffer::union(left.nulls(), right.nulls());
                let values = how.compare(left, *op, right, rows);
                Truth::of(values, known.as_ref())
            }
        }
    }
}

impl CompareOp {
    /// Whether a value holds that has this order beside the other side.
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::NotEq => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::LtEq => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::GtEq => order.is_ge(),
        }
    }
}

fn with_literal(column: &Column, op: CompareOp, with: &Value, rows: usize) -> Truth {
    let each = |order: &dyn Fn(usize) -> Ordering| {
        Truth::of(
            BooleanBuffer::collect_bool(rows, |row| op.holds(order(row))),
            column.nulls(),
        )
    };
    match (column, with) {
        (Column::Whole(values), Value::Exact(point)) => {
            each(&|row| point.order(values.value(row).into()))
        }
        (Column::Decimal(values, _) | Column::Instant(values), Value::Exact(point)) => {
            each(&|row| point.order(values.value(row)))
        }
        (Column::Date(days), Value::Exact(point)) => {
            each(&|row| point.order(midnight(days.value(row))))
        }
        (Column::Double(values), Value::Double(literal)) => {
            each(&|row| double_order(values.value(row), *literal))
        }
        (Column::Text(values), Value::Text(literal)) => {
            each(&|row| text_order(values.value(row), literal))
        }
        (Column::Boolean(values), Value::Boolean(literal)) => {
            each(&|row| values.value(row).cmp(literal))
        }
        // The plan puts no other pair together: it looks at the same forms.
        _ => Truth::unknown(rows),
    }
}

impl Pair {
    fn compare(self, left: &Column, op: CompareOp, right: &Column, rows: usize) -> BooleanBuffer {
        let each = |order: &dyn Fn(usize) -> Ordering| {
            BooleanBuffer::collect_bool(rows, |row| op.holds(order(row)))
        };
        match (self, left, right) {
            (Self::Text, Column::Text(left), Column::Text(right)) => {
                each(&|row| text_order(left.value(row), right.value(row)))
            }
            (Self::Boolean, Column::Boolean(left), Column::Boolean(right)) => {
                each(&|row| left.value(row).cmp(&right.value(row)))
            }
            (Self::Double, left, right) => {
                pairwise(op, doubles(left, rows), doubles(right, rows), double_order)
            }
            (Self::Exact, left, right) => {
                let ((left, from), (right, to)) = (exact(left, rows), exact(right, rows));
                let order = |left, right| decimal_order(left, from, right, to);
                pairwise(op, left, right, order)
            }
            (Self::Instant, left, right) => {
                let order = |left: i128, right| left.cmp(&right);
                pairwise(op, instants(left, rows), instants(right, rows), order)
            }
            _ => BooleanBuffer::new_unset(rows),
        }
    }
}

/// Compares the values of each row.
fn pairwise<T>(
    op: CompareOp,
    left: Vec<T>,
    right: Vec<T>,
    order: impl Fn(T, T) -> Ordering,
) -> BooleanBuffer {
    let rows = left.into_iter().zip(right);
    rows.map(|(left, right)| op.holds(order(left, right)))
        .collect()
}

/// Units of a scale, and that scale.
fn exact(column: &Column, rows: usize) -> (Vec<i128>, u8) {
    match column {
        Column::Whole(values) => (values.values().iter().map(|v| i128::from(*v)).collect(), 0),
        Column::Decimal(values, scale) => (values.values().to_vec(), *scale),
        _ => (vec![0; rows], 0),
    }
}

/// Nanoseconds.
fn instants(column: &Column, rows: usize) -> Vec<i128> {
    match column {
        Column::Instant(values) => values.values().to_vec(),
        Column::Date(days) => days.values().iter().map(|day| midnight(*day)).collect(),
        _ => vec![0; rows],
    }
}

/// The nearest doubles.
fn doubles(column: &Column, rows: usize) -> Vec<f64> {
    match column {
        Column::Double(values) => values.values().to_vec(),
        #[expect(
            clippy::cast_precision_loss,
            reason = "the nearest double, ties to even, is what is wanted"
        )]
        Column::Whole(values) => values.values().iter().map(|v| *v as f64).collect(),
        Column::Decimal(values, scale) => {
            let mut text = String::new();
            let units = values.values().iter();
            units
                .map(|units| nearest(*units, *scale, &mut text))
                .collect()
        }
        _ => vec![0.0; rows],
    }
}

/// The double nearest to `units` of ten to the minus `scale`, ties to even. Its digits are written
/// out, because the standard library reads digits so that nothing is rounded twice.
fn nearest(units: i128, scale: u8, text: &mut String) -> f64 {
    use std::fmt::Write as _;
    text.clear();
    // Writing to a string does not fail, and what is written is a number.
    let _ = write!(text, "{units}e-{scale}");
    text.parse().unwrap_or(f64::NAN)
}

/// The order of two texts by their bytes. Looks at all bytes of the shorter one, wherever they differ.
fn text_order(left: &str, right: &str) -> Ordering {
    let pairs = left.bytes().zip(right.bytes());
    let order = pairs.fold(Ordering::Equal, |order, (left, right)| {
        order.then(left.cmp(&right))
    });
    order.then(left.len().cmp(&right.len()))
}

fn midnight(day: i32) -> i128 {
    i128::from(day) * NANOS_PER_DAY
}

/// The order of doubles: -0.0 equals 0.0, all NaN are equal and larger than every other.
fn double_order(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right)
        .unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// The order of two decimals, without bringing them to one scale, which may take more than 128 bits.
fn decimal_order(left: i128, from: u8, right: i128, to: u8) -> Ordering {
    match from.cmp(&to) {
        Ordering::Equal => left.cmp(&right),
        Ordering::Less => coarse_order(left, right, to - from),
        Ordering::Greater => coarse_order(right, left, from - to).reverse(),
    }
}

/// The order of `coarse` beside `fine`, whose scale is `finer` more.
fn coarse_order(coarse: i128, fine: i128, finer: u8) -> Ordering {
    // Scales differ by 38 at most, and ten to that fits.
    let factor = 10_i128.checked_pow(finer.into()).unwrap_or(i128::MAX);
    let whole = fine.div_euclid(factor);
    let rest = fine.rem_euclid(factor);
    coarse.cmp(&whole).then(if rest > 0 {
        Ordering::Less
    } else {
        Ordering::Equal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_have_one_order() {
        let ascending = [
            f64::NEG_INFINITY,
            -1.0,
            -0.0,
            f64::MIN_POSITIVE,
            1.0,
            f64::INFINITY,
            f64::NAN,
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(double_order(*a, *b), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(double_order(-0.0, 0.0), Ordering::Equal);
        assert_eq!(double_order(-f64::NAN, f64::NAN), Ordering::Equal);
        assert_eq!(double_order(-f64::NAN, f64::INFINITY), Ordering::Greater);
    }

    #[test]
    fn texts_are_ordered_by_their_bytes() {
        let texts = ["", "A", "a", "a ", "ab", "b", "\u{e9}", "\u{1f980}"];
        for (i, left) in texts.iter().enumerate() {
            for (j, right) in texts.iter().enumerate() {
                assert_eq!(text_order(left, right), i.cmp(&j), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn decimals_of_any_scales_compare_exactly() {
        let largest = 10_i128.pow(38) - 1;
        for (left, from, right, to, order) in [
            (30, 2, 3, 1, Ordering::Equal),
            (301, 3, 3, 1, Ordering::Greater),
            (-301, 3, -3, 1, Ordering::Less),
            (largest, 0, largest, 38, Ordering::Greater),
            (-largest, 0, -largest, 38, Ordering::Less),
            (0, 0, 1, 38, Ordering::Less),
            (0, 0, -1, 38, Ordering::Greater),
            (1, 0, 10_i128.pow(38), 38, Ordering::Equal),
        ] {
            assert_eq!(
                decimal_order(left, from, right, to),
                order,
                "{left} {right}"
            );
            assert_eq!(decimal_order(right, to, left, from), order.reverse());
        }
    }

    #[test]
    fn a_decimal_beside_a_double_is_the_nearest_double() {
        let mut text = String::new();
        for (units, scale, double) in [
            (30, 2, 0.3),
            (-1, 1, -0.1),
            (0, 38, 0.0),
            (9_007_199_254_740_993, 0, 9_007_199_254_740_992.0),
            (90_071_992_547_409_931, 1, 9_007_199_254_740_994.0),
            (10_i128.pow(38) - 1, 0, 1e38),
            (1, 38, 1e-38),
        ] {
            let found = nearest(units, scale, &mut text);
            assert_eq!(found.to_bits(), f64::to_bits(double), "{units} {scale}");
        }
        assert_ne!(nearest(30, 2, &mut text).to_bits(), f64::to_bits(0.1 + 0.2));
    }
}
