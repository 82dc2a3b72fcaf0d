//! Integers of up to 256 bits: the records of a list, and the gaps between them.
//!
//! Only the codec calls this. Every operation takes the same few steps whatever the values are,
//! although the lists are not secret. It never panics, whatever a peer's bits make of a value.

/// An unsigned integer of 256 bits, least significant word first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number([u64; 4]);

impl Number {
    pub(super) const ZERO: Self = Self([0; 4]);

    /// The greatest record of `width` bytes; `width` is at most 32.
    pub(super) fn greatest(width: usize) -> Self {
        let mut bytes = [0; 32];
        for byte in bytes.iter_mut().rev().take(width) {
            *byte = 0xff;
        }
        Self::from_bytes(bytes)
    }

    /// A record of at most 32 bytes, big-endian.
    pub(super) fn from_be(record: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let start = bytes.len().saturating_sub(record.len());
        if let Some(end) = bytes.get_mut(start..start + record.len()) {
            end.copy_from_slice(record);
        }
        Self::from_bytes(bytes)
    }

    fn from_bytes(bytes: [u8; 32]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let mut number = [0; 4];
        for (word, bytes) in number.iter_mut().rev().zip(words) {
            *word = u64::from_be_bytes(*bytes);
        }
        Self(number)
    }

    /// Appends the lowest `width` bytes, big-endian.
    pub(super) fn push_be(self, width: usize, out: &mut Vec<u8>) {
        let mut bytes = [0; 32];
        let (words, _) = bytes.as_chunks_mut::<8>();
        for (bytes, word) in words.iter_mut().zip(self.0.iter().rev()) {
            *bytes = word.to_be_bytes();
        }
        let start = bytes.len().saturating_sub(width);
        out.extend_from_slice(bytes.get(start..).unwrap_or_default());
    }

    fn overflowing_sub(self, other: Self) -> (Self, bool) {
        let mut difference = [0; 4];
        let mut borrow = false;
        for ((out, a), b) in difference.iter_mut().zip(self.0).zip(other.0) {
            (*out, borrow) = a.borrowing_sub(b, borrow);
        }
        (Self(difference), borrow)
    }

    /// `self - other`, or `None` if the result is below zero.
    pub(super) fn checked_sub(self, other: Self) -> Option<Self> {
        let (difference, borrow) = self.overflowing_sub(other);
        (!borrow).then_some(difference)
    }

    /// `self - other` modulo `2^256`.
    pub(super) fn wrapping_sub(self, other: Self) -> Self {
        self.overflowing_sub(other).0
    }

    /// `self + other` modulo `2^256`.
    pub(super) fn wrapping_add(self, other: u64) -> Self {
        let mut sum = self.0;
        let mut carry = other;
        for word in &mut sum {
            let (added, overflow) = word.overflowing_add(carry);
            *word = added;
            carry = u64::from(overflow);
        }
        Self(sum)
    }

    /// `self >> k`, modulo `2^64`.
    pub(super) fn quotient(self, k: u32) -> u64 {
        let [w0, w1, w2, w3] = self.0;
        let (low, high) = match k / 64 {
            0 => (w0, w1),
            1 => (w1, w2),
            2 => (w2, w3),
            3 => (w3, 0),
            _ => (0, 0),
        };
        let pair = u128::from(high) << 64 | u128::from(low);
        #[expect(clippy::cast_possible_truncation, reason = "modulo 2^64 is asked for")]
        let quotient = (pair >> (k % 64)) as u64;
        quotient
    }

    /// `self + (quotient << k)` modulo `2^256`, for a number below `2^k`.
    pub(super) fn with_quotient(self, quotient: u64, k: u32) -> Self {
        let shifted = u128::from(quotient) << (k % 64);
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        let (low, high) = (shifted as u64, (shifted >> 64) as u64);
        let [w0, w1, w2, w3] = self.0;
        Self(match k / 64 {
            0 => [w0 | low, w1 | high, w2, w3],
            1 => [w0, w1 | low, w2 | high, w3],
            2 => [w0, w1, w2 | low, w3 | high],
            3 => [w0, w1, w2, w3 | low],
            _ => self.0,
        })
    }

    /// The lowest `words` words, most significant first.
    pub(super) fn low_words(&self, words: u32) -> impl Iterator<Item = &u64> {
        self.0.iter().take(words as usize).rev()
    }

    /// `self * 2^64 + word`, modulo `2^256`.
    pub(super) const fn push_word(&mut self, word: u64) {
        let [w0, w1, w2, _] = self.0;
        self.0 = [word, w0, w1, w2];
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self([value, 0, 0, 0])
    }
}
