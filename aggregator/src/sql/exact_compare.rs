//! Exact comparison of whole-number columns with literals that need not be whole.
//!
//! Spec 10 §3.4. Integers, decimals, dates and instants are whole numbers of some unit. A literal is
//! put on the column's axis as the unit at or below it and a flag that says whether it lies on it, so
//! neither of the two is rounded and nothing can overflow.

use std::cmp::Ordering;

/// A literal on a column's axis: `floor <= literal < floor + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) floor: i128,
    pub(crate) exact: bool,
}

impl Point {
    /// The order of a value beside the literal.
    pub(crate) fn order(self, value: i128) -> Ordering {
        let beside_floor = value.cmp(&self.floor);
        if self.exact {
            beside_floor
        } else {
            // The literal lies above its floor and below the next value.
            beside_floor.then(Ordering::Less)
        }
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
    use super::{Ordering, Point, from_number};

    #[test]
    fn a_literal_between_two_values_is_above_the_one_and_below_the_other() {
        // Literals in halves on an axis of whole numbers.
        for halves in -12..=12_i128 {
            let point = Point {
                floor: halves.div_euclid(2),
                exact: halves % 2 == 0,
            };
            for value in -7..=7_i128 {
                assert_eq!(
                    point.order(value),
                    (value * 2).cmp(&halves),
                    "{value} {halves}/2"
                );
            }
        }
        let beyond = from_number(&"9".repeat(39), 0).unwrap();
        assert_eq!(beyond.order(10_i128.pow(38) - 1), Ordering::Less);
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
}
