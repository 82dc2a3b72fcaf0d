//! Exact numbers: fractions of 256-bit integers, and how they are shown.
//!
//! Spec 10 §3.5. Nothing is rounded before a number is shown, except that a square root is taken
//! to [`ROOT_DECIMALS`] decimals. Whole numbers divide as SQL's integers do: cut towards zero.

use std::cmp::Ordering;

use arrow_buffer::i256;

/// Decimals of a square root, and the most that a quotient is shown with.
const ROOT_DECIMALS: u8 = 16;

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As a whole number.
    Whole,
    /// With exactly this many decimals.
    Decimals(u8),
    /// With as many decimals as it has, at most [`ROOT_DECIMALS`].
    Quotient,
}

/// A number: a fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    top: i256,
    /// Above zero.
    bottom: i256,
    shape: Shape,
}

impl Number {
    /// A whole number.
    pub(super) fn whole(value: i128) -> Self {
        Self {
            top: i256::from_i128(value),
            bottom: i256::ONE,
            shape: Shape::Whole,
        }
    }

    /// `units / 10^decimals`; a whole number if SQL calls it so.
    pub(super) fn scaled(units: i128, decimals: u8, whole: bool) -> Option<Self> {
        let shape = if whole && decimals == 0 {
            Shape::Whole
        } else {
            Shape::Decimals(decimals)
        };
        Self::fraction(i256::from_i128(units), power_of_ten(decimals)?, shape)
    }

    fn fraction(top: i256, bottom: i256, shape: Shape) -> Option<Self> {
        let divisor = greatest_common_divisor(top.checked_abs()?, bottom)?;
        Some(Self {
            top: top.checked_div(divisor)?,
            bottom: bottom.checked_div(divisor)?,
            shape,
        })
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        let left = self.top.checked_mul(other.bottom)?;
        let right = other.top.checked_mul(self.bottom)?;
        Self::fraction(
            left.checked_add(right)?,
            self.bottom.checked_mul(other.bottom)?,
            self.shape.joined(other.shape, u8::max),
        )
    }

    pub(super) fn subtract(self, other: Self) -> Option<Self> {
        let negated = Self {
            top: other.top.checked_neg()?,
            ..other
        };
        self.add(negated)
    }

    pub(super) fn multiply(self, other: Self) -> Option<Self> {
        Self::fraction(
            self.top.checked_mul(other.top)?,
            self.bottom.checked_mul(other.bottom)?,
            self.shape.joined(other.shape, u8::saturating_add),
        )
    }

    pub(super) fn is_zero(self) -> bool {
        self.top == i256::ZERO
    }

    /// The quotient; `other` is not zero.
    pub(super) fn divide(self, other: Self) -> Option<Self> {
        if (self.shape, other.shape) == (Shape::Whole, Shape::Whole) {
            return Some(Self {
                top: self.top.checked_div(other.top)?,
                ..self
            });
        }
        self.quotient(other)
    }

    /// The quotient, uncut also of whole numbers; `other` is not zero.
    pub(super) fn quotient(self, other: Self) -> Option<Self> {
        let top = self.top.checked_mul(other.bottom)?;
        let bottom = self.bottom.checked_mul(other.top)?;
        if bottom.is_negative() {
            return Self::fraction(top.checked_neg()?, bottom.checked_neg()?, Shape::Quotient);
        }
        Self::fraction(top, bottom, Shape::Quotient)
    }

    /// The square root, cut after [`ROOT_DECIMALS`] decimals; the number is not negative.
    pub(super) fn square_root(self) -> Option<Self> {
        let scale = power_of_ten(ROOT_DECIMALS)?;
        let shifted = self.top.checked_mul(scale.checked_mul(scale)?)?;
        let root = integer_root(shifted.checked_div(self.bottom)?)?;
        Self::fraction(root, scale, Shape::Quotient)
    }

    /// The number in decimal digits, rounded to the nearest, halves away from zero.
    pub(super) fn digits(self) -> Option<String> {
        let (decimals, trim) = match self.shape {
            Shape::Whole => (0, false),
            Shape::Decimals(decimals) => (decimals, false),
            Shape::Quotient => (ROOT_DECIMALS, true),
        };
        let units = self.rounded(decimals)?;
        let digits = units.checked_abs()?.to_string();
        let decimals = usize::from(decimals);
        let padded = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, fraction) = padded.split_at(padded.len() - decimals);
        let fraction = if trim {
            fraction.trim_end_matches('0')
        } else {
            fraction
        };
        let sign = if units.is_negative() { "-" } else { "" };
        Some(if fraction.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        })
    }

    /// The number as a whole one, if it is to be shown so and fits.
    pub(super) fn as_whole(self) -> Option<i128> {
        if self.shape != Shape::Whole {
            return None;
        }
        self.top.to_i128()
    }

    /// The number times `10^decimals`, rounded to the nearest integer, halves away from zero.
    fn rounded(self, decimals: u8) -> Option<i256> {
        let scaled = self.top.checked_mul(power_of_ten(decimals)?)?;
        let quotient = scaled.checked_div(self.bottom)?;
        let rest = scaled.checked_rem(self.bottom)?.checked_abs()?;
        // `2 * rest >= bottom` without doubling.
        if rest < self.bottom.checked_sub(rest)? {
            return Some(quotient);
        }
        let away = if scaled.is_negative() {
            i256::MINUS_ONE
        } else {
            i256::ONE
        };
        quotient.checked_add(away)
    }
}

impl Shape {
    fn joined(self, other: Self, decimals: impl Fn(u8, u8) -> u8) -> Self {
        let of = |shape| match shape {
            Self::Whole => Some(0),
            Self::Decimals(decimals) => Some(decimals),
            Self::Quotient => None,
        };
        match (self, other) {
            (Self::Whole, Self::Whole) => Self::Whole,
            _ => match (of(self), of(other)) {
                (Some(a), Some(b)) => Self::Decimals(decimals(a, b)),
                _ => Self::Quotient,
            },
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.compare(*other))
    }
}

impl Number {
    /// Compares values, whatever the numbers are shown as. Compares whole parts and then the
    /// reciprocals of what is left, as Euclid's algorithm does, so that no product can overflow.
    pub(super) fn compare(self, other: Self) -> Ordering {
        let (mut left, mut right) = ((self.top, self.bottom), (other.top, other.bottom));
        loop {
            let (whole, rest) = floor(left.0, left.1);
            let (other_whole, other_rest) = floor(right.0, right.1);
            if whole != other_whole {
                return whole.cmp(&other_whole);
            }
            match (rest == i256::ZERO, other_rest == i256::ZERO) {
                (true, true) => return Ordering::Equal,
                (true, false) => return Ordering::Less,
                (false, true) => return Ordering::Greater,
                // Of two fractions, the smaller one has the larger reciprocal.
                (false, false) => (left, right) = ((right.1, other_rest), (left.1, rest)),
            }
        }
    }
}

/// Quotient and rest of a division by a number above zero, the quotient rounded down.
fn floor(top: i256, bottom: i256) -> (i256, i256) {
    let quotient = top.wrapping_div(bottom);
    let rest = top.wrapping_rem(bottom);
    if rest.is_negative() {
        (quotient.wrapping_sub(i256::ONE), rest.wrapping_add(bottom))
    } else {
        (quotient, rest)
    }
}

fn power_of_ten(exponent: u8) -> Option<i256> {
    i256::from_i128(10).checked_pow(exponent.into())
}

fn greatest_common_divisor(mut a: i256, mut b: i256) -> Option<i256> {
    while b != i256::ZERO {
        (a, b) = (b, a.checked_rem(b)?);
    }
    // Only of zero and zero, which no fraction is.
    (a != i256::ZERO).then_some(a)
}

/// The largest integer whose square is at most `value`, by Newton's iteration from above.
fn integer_root(value: i256) -> Option<i256> {
    if value.is_negative() {
        return None;
    }
    if value == i256::ZERO {
        return Some(value);
    }
    let bits = 256 - value.leading_zeros();
    let mut root = i256::from_i128(2).checked_pow(bits.div_ceil(2))?;
    loop {
        let next = root
            .checked_add(value.checked_div(root)?)?
            .checked_div(i256::from_i128(2))?;
        if next >= root {
            return Some(root);
        }
        root = next;
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::Number;

    fn decimal(units: i128, decimals: u8) -> Number {
        Number::scaled(units, decimals, false).unwrap()
    }

    #[test]
    fn numbers_are_shown_at_their_scale_and_quotients_as_long_as_they_are() {
        let whole = Number::whole;
        for (number, digits) in [
            (whole(-7), "-7"),
            (decimal(-705, 2), "-7.05"),
            (decimal(5, 2), "0.05"),
            (decimal(500, 2), "5.00"),
            (whole(7).divide(whole(2)).unwrap(), "3"),
            (whole(-7).divide(whole(2)).unwrap(), "-3"),
            (whole(7).quotient(whole(2)).unwrap(), "3.5"),
            (whole(-1).quotient(whole(3)).unwrap(), "-0.3333333333333333"),
            (whole(2).quotient(whole(3)).unwrap(), "0.6666666666666667"),
            (whole(1).quotient(whole(-4)).unwrap(), "-0.25"),
            (decimal(150, 2).divide(whole(2)).unwrap(), "0.75"),
            (decimal(150, 2).add(decimal(25, 1)).unwrap(), "4.00"),
            (decimal(150, 2).multiply(decimal(25, 1)).unwrap(), "3.750"),
            (whole(5).subtract(decimal(25, 1)).unwrap(), "2.5"),
            (whole(4).square_root().unwrap(), "2"),
            (whole(2).square_root().unwrap(), "1.414213562373095"),
            (decimal(25, 2).square_root().unwrap(), "0.5"),
            (whole(0).square_root().unwrap(), "0"),
        ] {
            assert_eq!(number.digits().unwrap(), digits);
        }
        assert_eq!(whole(3).as_whole(), Some(3));
        assert_eq!(decimal(3, 0).as_whole(), None);
    }

    #[test]
    fn fractions_compare_as_the_numbers_that_they_are() {
        let numbers: Vec<Number> = (-9..=9_i128)
            .flat_map(|top| (1..=5_i128).map(move |bottom| (top, bottom)))
            .map(|(top, bottom)| Number::whole(top).quotient(Number::whole(bottom)).unwrap())
            .collect();
        let values: Vec<i128> = (-9..=9_i128)
            .flat_map(|top| (1..=5_i128).map(move |bottom| top * 60 / bottom))
            .collect();
        for (a, x) in numbers.iter().zip(&values) {
            for (b, y) in numbers.iter().zip(&values) {
                assert_eq!(a.compare(*b), x.cmp(y), "{a:?} and {b:?}");
            }
        }
        let huge = Number::whole(i128::MAX);
        let fraction = |a: Number, b: Number| a.quotient(b).unwrap();
        let (a, b) = (
            fraction(huge, Number::whole(i128::MAX - 1)),
            fraction(Number::whole(i128::MAX - 1), Number::whole(i128::MAX - 2)),
        );
        assert_eq!(a.compare(b), Ordering::Less);
    }

    #[test]
    fn what_does_not_fit_is_nothing_rather_than_wrapped() {
        let huge = Number::whole(i128::MAX);
        let square = huge.multiply(huge).unwrap();
        assert!(square.multiply(huge).is_none());
        assert!(square.digits().is_some());
        assert_eq!(square.as_whole(), None);
    }
}
