//! Numbers modulo p by plain arithmetic: what the field is compared with.

use super::super::{LIMBS, RADIX};

/// A number below p, by schoolbook arithmetic on 32-bit digits: slow and plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain(pub(super) [u32; 8]);

const P: [u32; 8] = [
    0xffff_ffed,
    u32::MAX,
    u32::MAX,
    u32::MAX,
    u32::MAX,
    u32::MAX,
    u32::MAX,
    0x7fff_ffff,
];

impl Plain {
    pub(super) const ZERO: Self = Self([0; 8]);

    /// Any number of 512 bits, modulo p.
    pub(super) fn new(digits: &[u32; 16]) -> Self {
        // Bit by bit from the top: double, add the bit, subtract p if need be.
        let mut rest = [0_u32; 8];
        for place in (0..512).rev() {
            let mut carry = digits[place / 32] >> (place % 32) & 1;
            for digit in &mut rest {
                (*digit, carry) = (*digit << 1 | carry, *digit >> 31);
            }
            let mut less_p = rest;
            let mut borrow = false;
            for (digit, p) in less_p.iter_mut().zip(P) {
                let (low, first) = digit.overflowing_sub(p);
                let (low, second) = low.overflowing_sub(u32::from(borrow));
                (*digit, borrow) = (low, first || second);
            }
            if !borrow {
                rest = less_p;
            }
        }
        Self(rest)
    }

    pub(super) fn small(number: u64) -> Self {
        let mut digits = [0; 16];
        digits[0] = u32::try_from(number & 0xffff_ffff).unwrap();
        digits[1] = u32::try_from(number >> 32).unwrap();
        Self::new(&digits)
    }

    pub(super) fn add(self, other: Self) -> Self {
        let mut digits = [0; 16];
        let mut carry = 0;
        for (digit, (a, b)) in digits.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            let sum = u64::from(a) + u64::from(b) + carry;
            *digit = u32::try_from(sum & 0xffff_ffff).unwrap();
            carry = sum >> 32;
        }
        assert_eq!(carry, 0, "both are below 2^255");
        Self::new(&digits)
    }

    pub(super) fn mul(self, other: Self) -> Self {
        let mut digits = [0_u32; 16];
        for i in 0..8 {
            let mut carry = 0;
            for j in 0..8 {
                let sum =
                    u64::from(self.0[i]) * u64::from(other.0[j]) + u64::from(digits[i + j]) + carry;
                digits[i + j] = u32::try_from(sum & 0xffff_ffff).unwrap();
                carry = sum >> 32;
            }
            digits[i + 8] = u32::try_from(carry).unwrap();
        }
        Self::new(&digits)
    }

    pub(super) fn negate(self) -> Self {
        // p - 1 is -1.
        let mut minus_one = P;
        minus_one[0] -= 1;
        self.mul(Self(minus_one))
    }

    /// The number that limbs or columns, lowest first, represent.
    pub(super) fn of_columns(columns: [i128; LIMBS]) -> Self {
        let radix = Self::small(1 << RADIX);
        columns.iter().rev().fold(Self::ZERO, |sum, column| {
            let magnitude = Self::small(u64::try_from(column.unsigned_abs()).unwrap());
            let column = if *column < 0 {
                magnitude.negate()
            } else {
                magnitude
            };
            sum.mul(radix).add(column)
        })
    }

    pub(super) fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (bytes, digit) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(self.0) {
            *bytes = digit.to_le_bytes();
        }
        bytes
    }

    pub(super) fn of_bytes(bytes: &[u8; 32]) -> Self {
        let mut digits = [0; 16];
        for (digit, bytes) in digits.iter_mut().zip(bytes.as_chunks().0) {
            *digit = u32::from_le_bytes(*bytes);
        }
        Self::new(&digits)
    }
}
