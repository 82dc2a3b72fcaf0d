//! Exact comparison of whole-number columns with literals that need not be whole.
//!
//! Spec 10 §3.4. Integers, decimals, dates and timestamps are whole numbers of some unit. A
//! literal is put on the column's axis as the unit at or below it and a flag that says whether it
//! lies on it; the comparison is then rewritten so that column and literal have the same type.
//!
//! # Discussion
//! Letting the engine widen both sides would be shorter, but widening a far date to nanoseconds
//! overflows, and a 64-bit integer does not fit a double: both would give wrong rows silently.

use super::ast::CompareOp;

/// A literal on a column's axis: `floor <= literal < floor + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) floor: i128,
    pub(crate) exact: bool,
}

/// A comparison after the literal was put on the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Compare the column with a value of its own type.
    Compare(CompareOp, i128),
    /// True for every value that is not NULL.
    Always,
    /// False for every value that is not NULL.
    Never,
}

/// Rewrites `column op literal` for a column whose values lie in `min..=max`.
pub(crate) fn compare(op: CompareOp, point: Point, min: i128, max: i128) -> Outcome {
    let Point { floor, exact } = point;
    let below = floor < min;
    let above = floor > max;
    let inside = !below && !above;
    match op {
        CompareOp::Eq if exact && inside => Outcome::Compare(CompareOp::Eq, floor),
        CompareOp::Eq => Outcome::Never,
        CompareOp::NotEq if exact && inside => Outcome::Compare(CompareOp::NotEq, floor),
        CompareOp::NotEq => Outcome::Always,
        CompareOp::Lt | CompareOp::LtEq if below => Outcome::Never,
        CompareOp::Lt | CompareOp::LtEq if above => Outcome::Always,
        CompareOp::Lt if exact => Outcome::Compare(CompareOp::Lt, floor),
        CompareOp::Lt | CompareOp::LtEq => Outcome::Compare(CompareOp::LtEq, floor),
        CompareOp::Gt | CompareOp::GtEq if below => Outcome::Always,
        CompareOp::Gt | CompareOp::GtEq if above => Outcome::Never,
        CompareOp::GtEq if exact => Outcome::Compare(CompareOp::GtEq, floor),
        CompareOp::Gt | CompareOp::GtEq => Outcome::Compare(CompareOp::Gt, floor),
    }
}

/// A moment in nanoseconds on an axis whose unit is `unit` nanoseconds.
pub(crate) const fn from_nanos(nanos: i128, unit: i128) -> Point {
    Point {
        floor: nanos.div_euclid(unit),
        exact: nanos.rem_euclid(unit) == 0,
    }
}

/// A number literal on an axis whose unit is `10^-scale`, or `None` if it is not a number.
pub(crate) fn from_number(text: &str, scale: u32) -> Option<Point> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let decimal = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !decimal(whole) || !decimal(fraction) {
        return None;
    }
    let scale = usize::try_from(scale).ok()?;
    let (kept, cut) = fraction.split_at(scale.min(fraction.len()));
    let zeros = scale - kept.len();
    let magnitude = whole
        .bytes()
        .chain(kept.bytes())
        .chain(std::iter::repeat_n(b'0', zeros))
        .try_fold(0_i128, |n, digit| {
            n.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
        });
    let exact = cut.bytes().all(|b| b == b'0');
    let Some(magnitude) = magnitude else {
        // Beyond every axis, on the side of its sign.
        return Some(Point {
            floor: if negative { i128::MIN } else { i128::MAX },
            exact: false,
        });
    };
    let floor = match (negative, exact) {
        (false, _) => magnitude,
        (true, true) => -magnitude,
        (true, false) => -magnitude - 1,
    };
    Some(Point { floor, exact })
}

#[cfg(test)]
mod tests {
    use super::{CompareOp, Outcome, Point, compare, from_nanos, from_number};

    const OPS: [CompareOp; 6] = [
        CompareOp::Eq,
        CompareOp::NotEq,
        CompareOp::Lt,
        CompareOp::LtEq,
        CompareOp::Gt,
        CompareOp::GtEq,
    ];

    fn holds(op: CompareOp, a: i128, b: i128) -> bool {
        match op {
            CompareOp::Eq => a == b,
            CompareOp::NotEq => a != b,
            CompareOp::Lt => a < b,
            CompareOp::LtEq => a <= b,
            CompareOp::Gt => a > b,
            CompareOp::GtEq => a >= b,
        }
    }

    #[test]
    fn the_rewritten_comparison_says_the_same_for_every_value_and_literal() {
        // Literals in halves: literal = halves / 2 on an axis from -3 to 3.
        for op in OPS {
            for halves in -12..=12_i128 {
                let point = Point {
                    floor: halves.div_euclid(2),
                    exact: halves % 2 == 0,
                };
                let outcome = compare(op, point, -3, 3);
                for value in -3..=3_i128 {
                    let expected = holds(op, value * 2, halves);
                    let actual = match outcome {
                        Outcome::Always => true,
                        Outcome::Never => false,
                        Outcome::Compare(op, floor) => holds(op, value, floor),
                    };
                    assert_eq!(actual, expected, "{value} {op:?} {halves}/2");
                }
            }
        }
    }

    #[test]
    fn numbers_are_floored_to_the_unit() {
        let at = |floor, exact| Some(Point { floor, exact });
        assert_eq!(from_number("12", 0), at(12, true));
        assert_eq!(from_number("12.0", 0), at(12, true));
        assert_eq!(from_number("12.5", 0), at(12, false));
        assert_eq!(from_number("-12.5", 0), at(-13, false));
        assert_eq!(from_number("-12.5", 1), at(-125, true));
        assert_eq!(from_number("1.25", 1), at(12, false));
        assert_eq!(from_number("3", 2), at(300, true));
        assert_eq!(from_number(&"9".repeat(38), 10), at(i128::MAX, false));
        assert_eq!(from_number("1e3", 0), None);
        assert_eq!(from_number("", 0), None);
        assert_eq!(from_number("-", 0), None);
    }

    #[test]
    fn moments_before_1970_are_floored_too() {
        assert_eq!(
            from_nanos(-1, 1_000),
            Point {
                floor: -1,
                exact: false
            }
        );
        assert_eq!(
            from_nanos(-2_000, 1_000),
            Point {
                floor: -2,
                exact: true
            }
        );
    }
}
