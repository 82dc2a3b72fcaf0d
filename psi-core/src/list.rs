//! Lists on the wire: the order check, and the codec between sorted records and bytes.
//!
//! Spec 04 §1 and §6. Called by the sessions for every list that a peer sends. Works on
//! pieces of any size and holds one record at most, however long the list is.

mod plain;

pub use plain::Plain;

use crate::error::{Code, Error};
use crate::store::RecordReader;

/// Checks, piece by piece, that a list from a peer holds exactly the records it should, each
/// greater than the one before in the order of their bytes.
///
/// # Discussion
/// Strictly increasing means that no record repeats and that the order carries no message: a peer
/// can neither count a person twice nor mark a place.
pub struct OrderCheck {
    width: usize,
    expected: u64,
    count: u64,
    last: Vec<u8>,
}

impl OrderCheck {
    /// Expects `expected` records of `width` bytes.
    ///
    /// # Panics
    /// If `width` is 0: widths are this side's own numbers.
    #[must_use]
    pub fn new(width: usize, expected: u64) -> Self {
        assert!(width > 0, "records have at least one byte");
        Self {
            width,
            expected,
            count: 0,
            last: Vec::with_capacity(width),
        }
    }

    /// Checks the next records.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the bytes are not whole records; [`Code::WrongCount`] if they
    /// are more than expected; [`Code::NotIncreasing`] at a record that is not greater than the one
    /// before. After an error the list is to be given up.
    pub fn push(&mut self, records: &[u8]) -> Result<(), Error> {
        if !records.len().is_multiple_of(self.width) {
            return Err(Error::misbehaved(
                Code::MalformedMessage,
                "a part of a record",
            ));
        }
        let added = (records.len() / self.width) as u64;
        if added > self.expected - self.count {
            return Err(Error::misbehaved(
                Code::WrongCount,
                "more records than agreed",
            ));
        }
        let mut last = self.last.as_slice();
        for record in records.chunks_exact(self.width) {
            // An empty `last`, before the first record, is less than any record.
            if record <= last {
                return Err(Error::misbehaved(
                    Code::NotIncreasing,
                    "a list out of order",
                ));
            }
            last = record;
        }
        if added > 0 {
            self.last = last.to_vec();
            // INVARIANT: count <= expected, by the check above.
            self.count += added;
        }
        Ok(())
    }

    /// Records seen so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether every expected record has been seen.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.count == self.expected
    }

    /// Ends the list where the peer ended it.
    ///
    /// # Errors
    /// [`Code::WrongCount`] if records are missing.
    pub fn finish(self) -> Result<(), Error> {
        if self.is_complete() {
            Ok(())
        } else {
            Err(Error::misbehaved(
                Code::WrongCount,
                "fewer records than agreed",
            ))
        }
    }
}

/// How a sorted list of records is written as bytes.
///
/// A codec sees a list as a stream in both directions, so that one which stores differences
/// between neighbours fits as well as [`Plain`]. It checks form only: count and order are
/// [`OrderCheck`]'s, on the decoded records, whatever the codec.
pub trait RecordCodec: Send + Sync {
    /// The stable name of the codec.
    fn name(&self) -> &'static str;

    /// Writes a list of records of `width` bytes.
    fn encoder(&self, width: usize) -> Box<dyn RecordEncoder>;

    /// Reads a list of records of `width` bytes.
    fn decoder(&self, width: usize) -> Box<dyn RecordDecoder>;
}

/// Writes one list.
pub trait RecordEncoder: Send {
    /// Appends the bytes of the next whole records to `out`; may keep some back.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if the bytes are not whole records.
    fn encode(&mut self, records: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;

    /// Appends what was kept back.
    fn finish(self: Box<Self>, out: &mut Vec<u8>);
}

/// Reads one list from a peer.
pub trait RecordDecoder: Send {
    /// Takes the next bytes, cut anywhere, and appends the records that are now whole to `out`.
    ///
    /// An implementation appends no more than a fixed multiple of the bytes it was given, and keeps
    /// back no more than one record's.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if no list is encoded like this.
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;

    /// Ends the list where the peer ended it.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if that is within a record.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Encodes the whole list behind `reader`, `records_max` records at a time, and hands every piece
/// of bytes to `sink`.
///
/// # Errors
/// Those of the reader and of `sink`.
pub fn encode_list(
    codec: &dyn RecordCodec,
    width: usize,
    reader: &mut dyn RecordReader,
    records_max: usize,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut encoder = codec.encoder(width);
    let mut records = Vec::new();
    let mut bytes = Vec::new();
    loop {
        reader.next_batch(&mut records, records_max.max(1))?;
        if records.is_empty() {
            break;
        }
        encoder.encode(&records, &mut bytes)?;
        sink(&bytes)?;
        bytes.clear();
    }
    encoder.finish(&mut bytes);
    if bytes.is_empty() {
        Ok(())
    } else {
        sink(&bytes)
    }
}

#[cfg(test)]
mod tests;
