//! The codec of sorted lists on the wire: Rice codes of the gaps between neighbours.
//!
//! Spec 06 §5. [`super::encode_list`] and the sessions call this. A list of `count` records has
//! exactly one encoding: the gaps and the Rice parameter follow from the list, and a decoder
//! refuses what an encoder does not write. It never knows of frames, and never holds more than one
//! record.
//!
//! Cost: a few additions and shifts of four words for each record. With the `k` of [`parameter`], a
//! list has at most `count * (k + 3)` bits; a random one saves about `log2(count) - 1.5` bits of
//! each record.

mod bits;
mod number;
#[cfg(test)]
pub(crate) mod reference;

use self::bits::{BitReader, BitWriter};
use self::number::Number;
use super::{RecordCodec, RecordDecoder, RecordEncoder};
use crate::error::{Code, Error};

/// Widest records, in bytes: a point. [`Number`] holds no more.
const WIDTH_MAX: usize = 32;

/// Bits of the words in which remainders are written and read.
const WORD_BITS: u32 = u64::BITS;

/// Gaps between neighbours, each as a Rice code.
///
/// # Discussion
/// A Golomb code whose parameter is not a power of two, or an arithmetic coder, would save another
/// 0.1 to 0.2 bits of a record, but they need divisions or a model. The parameter depends on public
/// sizes alone, so it needs no header and no peer chooses it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rice;

impl RecordCodec for Rice {
    fn name(&self) -> &'static str {
        "rice"
    }

    fn encoder(&self, width: usize, count: u64) -> Result<Box<dyn RecordEncoder>, Error> {
        Ok(Box::new(RiceEncoder {
            place: Place::new(width, count)?,
            bits: BitWriter::default(),
        }))
    }

    fn decoder(&self, width: usize, count: u64) -> Result<Box<dyn RecordDecoder>, Error> {
        Ok(Box::new(RiceDecoder {
            place: Place::new(width, count)?,
            bits: BitReader::default(),
            partial: Partial::default(),
        }))
    }
}

/// Bits of the remainder of each gap, in a list of `count` records of `width` bytes.
///
/// # Discussion
/// The gaps of a random list are geometric with mean `2^(8*width) / count`; the best parameter is
/// the least `k` with `2^k >= 0.4812 * mean` (0.4812 is the logarithm of the golden ratio). That is
/// `8*width - bitlen(count)`, except in the last twelfth before each power of two, where one less
/// would save up to 0.08 bits of a record (decision 0009).
fn parameter(width: usize, count: u64) -> u32 {
    let bits = u32::try_from(8 * width).unwrap_or(u32::MAX);
    bits.saturating_sub(u64::BITS - count.leading_zeros())
}

/// A place between two records of a list, as both sides of the codec know it.
#[derive(Clone, Copy)]
struct Place {
    width: usize,
    /// Bits of a remainder.
    k: u32,
    /// The greatest record, `2^(8*width) - 1`.
    greatest: Number,
    /// Records after this place.
    remaining: u64,
    /// How much the coming records can still skip, all together. It is the greatest record, less
    /// what lies below this place, less one value for each record that remains.
    ///
    /// INVARIANT: the next record is `greatest - (slack + remaining - 1)` if it skips nothing.
    slack: Number,
}

impl Place {
    /// The place before the first record.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if no such list exists, or if its records are too wide.
    fn new(width: usize, count: u64) -> Result<Self, Error> {
        if width == 0 || width > WIDTH_MAX {
            return Err(Error::ApiMisuse("a list of records of no served width"));
        }
        let greatest = Number::greatest(width);
        let slack = match count.checked_sub(1) {
            // Nothing is encoded; the slack is not used.
            None => Number::ZERO,
            Some(others) => greatest
                .checked_sub(Number::from(others))
                .ok_or(Error::ApiMisuse("a list of more records than exist"))?,
        };
        Ok(Self {
            width,
            k: parameter(width, count),
            greatest,
            remaining: count,
            slack,
        })
    }

    /// Goes past `record` and returns how many values it skipped. Returns `None` if the record is
    /// not greater than the one before or leaves too few values for those that remain.
    fn pass(&mut self, record: &[u8]) -> Option<Number> {
        let remaining = self.remaining.checked_sub(1)?;
        let above = self.greatest.checked_sub(Number::from_be(record))?;
        let slack = above.checked_sub(Number::from(remaining))?;
        let skipped = self.slack.checked_sub(slack)?;
        self.slack = slack;
        self.remaining = remaining;
        Some(skipped)
    }

    /// Goes past the record that skips `skipped` values and appends it to `out`; returns `None` if
    /// no such record exists.
    fn advance(&mut self, skipped: Number, out: &mut Vec<u8>) -> Option<()> {
        let remaining = self.remaining.checked_sub(1)?;
        let slack = self.slack.checked_sub(skipped)?;
        // INVARIANT: slack + remaining <= greatest, since neither ever grows; so this is the
        // record, and nothing overflows.
        let above = slack.wrapping_add(remaining);
        self.greatest.wrapping_sub(above).push_be(self.width, out);
        self.slack = slack;
        self.remaining = remaining;
        Some(())
    }

    /// The number of whole words of a remainder, and of the bits above them. Those bits are 1 to
    /// 64, except that both numbers are 0 for a remainder of no bits.
    const fn remainder_words(&self) -> (u32, u32) {
        let words = self.k.div_ceil(WORD_BITS);
        (words, self.k - words.saturating_sub(1) * WORD_BITS)
    }
}

struct RiceEncoder {
    place: Place,
    bits: BitWriter,
}

impl RecordEncoder for RiceEncoder {
    fn encode(&mut self, records: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let width = self.place.width;
        if !records.len().is_multiple_of(width) {
            return Err(Error::ApiMisuse("a part of a record to encode"));
        }
        let k = self.place.k;
        let (words, top_bits) = self.place.remainder_words();
        for record in records.chunks_exact(width) {
            let skipped = self.place.pass(record).ok_or(Error::ApiMisuse(
                "a list to encode is out of order or too long",
            ))?;
            self.bits.unary(skipped.quotient(k), out);
            let mut bits = top_bits;
            for word in skipped.low_words(words) {
                self.bits.put(*word, bits, out);
                bits = WORD_BITS;
            }
        }
        self.bits.flush_bytes(out);
        Ok(())
    }

    fn finish(self: Box<Self>, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.place.remaining > 0 {
            return Err(Error::ApiMisuse("a list to encode is too short"));
        }
        self.bits.finish(out);
        Ok(())
    }
}

/// The part of a record that has been read, while some of its bits are still to come.
#[derive(Clone, Copy, Default)]
struct Partial {
    /// Zeros of the unary part so far.
    quotient: u64,
    /// The words of the remainder so far.
    remainder: Number,
    /// How many words are missing, once the unary part is complete.
    missing: Option<u32>,
}

struct RiceDecoder {
    place: Place,
    bits: BitReader,
    partial: Partial,
}

impl RiceDecoder {
    /// Reads on in the unary part. Returns whether it is complete.
    fn read_quotient(&mut self, input: &mut &[u8]) -> Result<bool, Error> {
        let longest = self.place.slack.quotient(self.place.k);
        loop {
            self.bits.refill(input);
            let (zeros, ended) = self.bits.take_zeros();
            self.partial.quotient = self.partial.quotient.saturating_add(zeros);
            if self.partial.quotient > longest {
                return Err(malformed("a list beyond the greatest record"));
            }
            if ended {
                return Ok(true);
            }
            // No bit is left; every further round takes at least eight of the input.
            if input.is_empty() {
                return Ok(false);
            }
        }
    }

    /// Reads on in the remainder, of which `missing` words are missing and the first has
    /// `top_bits`. Returns whether it is complete.
    fn read_remainder(&mut self, mut missing: u32, input: &mut &[u8]) -> bool {
        let (words, top_bits) = self.place.remainder_words();
        while missing > 0 {
            let bits = if missing == words {
                top_bits
            } else {
                WORD_BITS
            };
            self.bits.refill(input);
            let Some(word) = self.bits.take(bits) else {
                self.partial.missing = Some(missing);
                return false;
            };
            self.partial.remainder.push_word(word);
            missing -= 1;
        }
        true
    }
}

impl RecordDecoder for RiceDecoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut input = bytes;
        let (words, _) = self.place.remainder_words();
        while self.place.remaining > 0 {
            let missing = if let Some(missing) = self.partial.missing {
                missing
            } else if self.read_quotient(&mut input)? {
                words
            } else {
                return Ok(());
            };
            if !self.read_remainder(missing, &mut input) {
                return Ok(());
            }
            let Partial {
                quotient,
                remainder,
                ..
            } = std::mem::take(&mut self.partial);
            let skipped = remainder.with_quotient(quotient, self.place.k);
            self.place
                .advance(skipped, out)
                .ok_or_else(|| malformed("a list beyond the greatest record"))?;
        }
        if self.bits.whole_bytes() > 0 || !input.is_empty() {
            let detail = "bytes after the last record of a list";
            return Err(Error::misbehaved(Code::WrongCount, detail));
        }
        if self.bits.has_ones() {
            return Err(malformed("bits after the last record of a list"));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        if self.place.remaining == 0 {
            Ok(())
        } else {
            Err(malformed("a list that ends before its last record"))
        }
    }
}

const fn malformed(detail: &'static str) -> Error {
    Error::misbehaved(Code::MalformedMessage, detail)
}

#[cfg(test)]
mod tests;
