//! A scalar as 64 signed digits of radix 16.

use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::group::SecretScalar;

/// Digits of a scalar.
pub(in crate::kernel) const DIGITS: usize = 64;

/// `sum(digit[i] * 16^i)` with digits from -8 to 8.
///
/// # Security
/// Computed without branches, zeroized when dropped.
pub(in crate::kernel) struct Digits([i8; DIGITS]);

impl Digits {
    /// The digits of `k / 2`.
    pub(in crate::kernel) fn of_half(k: &SecretScalar) -> Self {
        Self::new(&Zeroizing::new(k.half().expose().to_bytes()))
    }

    /// The digits of a little-endian number below 2^255.
    pub(in crate::kernel) fn new(scalar: &[u8; 32]) -> Self {
        let mut digits = [0; DIGITS];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(scalar) {
            *pair = [(byte & 15).cast_signed(), (byte >> 4).cast_signed()];
        }
        // From 0..16 to -8..8: a digit of 8 or more borrows 16 from the next. Nothing overflows;
        // `wrapping` leaves out the check, which would be a branch on a secret.
        let mut carry: i8 = 0;
        for digit in &mut digits[..DIGITS - 1] {
            let sum = digit.wrapping_add(carry);
            carry = sum.wrapping_add(8) >> 4;
            *digit = sum.wrapping_sub(carry << 4);
        }
        digits[DIGITS - 1] = digits[DIGITS - 1].wrapping_add(carry);
        Self(digits)
    }

    /// Magnitude, and all ones if the digit is negative, from the highest digit to the lowest.
    pub(in crate::kernel) fn downwards(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().rev().map(|digit| {
            let sign = digit >> 7;
            let magnitude = (digit ^ sign).wrapping_sub(sign);
            (
                i64::from(magnitude).cast_unsigned(),
                i64::from(sign).cast_unsigned(),
            )
        })
    }
}

impl Drop for Digits {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Digits {}

#[cfg(test)]
mod tests {
    use super::{DIGITS, Digits};
    use curve25519_dalek::scalar::Scalar;

    fn value(digits: &Digits) -> Scalar {
        digits
            .downwards()
            .fold(Scalar::ZERO, |sum, (magnitude, sign)| {
                let digit = Scalar::from(magnitude);
                sum * Scalar::from(16_u8) + if sign == 0 { digit } else { -digit }
            })
    }

    #[test]
    fn digits_add_up_to_the_scalar_and_stay_from_minus_8_to_8() {
        let mut scalars = vec![Scalar::ZERO, Scalar::ONE, -Scalar::ONE, -Scalar::from(2_u8)];
        scalars.push((-Scalar::ONE).div_by_2());
        scalars.push(Scalar::from_bytes_mod_order([0x88; 32]));
        scalars.push(Scalar::from_bytes_mod_order([0x77; 32]));
        scalars.extend((0..200_u8).map(|i| Scalar::from_bytes_mod_order([i; 32]).invert()));
        for scalar in scalars {
            let digits = Digits::new(&scalar.to_bytes());
            assert_eq!(digits.downwards().count(), DIGITS);
            assert!(digits.0.iter().all(|digit| (-8..=8).contains(digit)));
            assert_eq!(value(&digits), scalar);
        }
    }
}
