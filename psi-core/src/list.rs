//! Lists on the wire: the order check, and the codec between sorted records and bytes.
//!
//! Spec 04 §1 and §6, Spec 06 §5. The sessions call this for every list that a peer sends, and the
//! sending side for each of its lists. It works on pieces of any size and holds one record at most,
//! however long the list is.

mod plain;
mod rice;

pub(crate) use plain::Plain;
pub use rice::Rice;
#[cfg(test)]
pub(crate) use rice::reference;

use crate::error::{Code, Error};
use crate::store::RecordList;

/// Checks, piece by piece, that a list from a peer holds exactly the records it should, each
/// greater than the one before in the order of their bytes.
/// # Discussion
/// In a strictly increasing list no record repeats and the order carries no message. So a peer can
/// neither count a person twice nor mark a place.
pub struct OrderCheck {
    increasing: bool,
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
            increasing: true,
            width,
            expected,
            count: 0,
            last: Vec::with_capacity(width),
        }
    }

    /// Expects `expected` records of `width` bytes in any order: only their number is checked.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub(crate) fn of_any_order(width: usize, expected: u64) -> Self {
        Self {
            increasing: false,
            ..Self::new(width, expected)
        }
    }

    /// Checks the next records.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the bytes are not whole records; [`Code::WrongCount`] if they
    /// are more than expected; [`Code::NotIncreasing`] at a record that is not greater than the one
    /// before. After an error, give the list up.
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
            if self.increasing && record <= last {
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
/// A codec knows the width and number of the records before the first byte; both sides take them
/// from the job specification. It checks form: that the bytes are those an encoder writes for a
/// list of that many records. [`OrderCheck`] checks count and order on the decoded records,
/// whatever the codec.
pub trait RecordCodec: Send + Sync {
    /// The stable name of the codec.
    fn name(&self) -> &'static str;

    /// Writes a list of `count` strictly increasing records of `width` bytes.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if such a list cannot exist or the codec does not serve it.
    fn encoder(&self, width: usize, count: u64) -> Result<Box<dyn RecordEncoder>, Error>;

    /// Reads a list of `count` records of `width` bytes.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if such a list cannot exist or the codec does not serve it.
    fn decoder(&self, width: usize, count: u64) -> Result<Box<dyn RecordDecoder>, Error>;
}

/// Writes one list.
pub trait RecordEncoder: Send {
    /// Appends the bytes of the next whole records to `out`; may hold the last of them back.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if the bytes are not whole records, if they are out of order, or if
    /// they are too many.
    fn encode(&mut self, records: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;

    /// Appends what was held back.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if records are missing.
    fn finish(self: Box<Self>, out: &mut Vec<u8>) -> Result<(), Error>;
}

/// Reads one list from a peer.
pub trait RecordDecoder: Send {
    /// Takes the next bytes, cut anywhere, and appends the records that are now whole to `out`.
    ///
    /// An implementation appends at most a fixed multiple of the bytes it was given, and holds back
    /// at most one record.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if no encoder writes these bytes; [`Code::WrongCount`] if bytes
    /// follow the last record. After an error, give the list up.
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;

    /// Ends the list where the peer ended it.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the list ends before its last record does.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Records read and encoded at a time: a few hundred kilobytes of them at most.
const BATCH_RECORDS: usize = 4096;

/// A piece of an encoded list.
pub struct Piece {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many records were encoded since the last piece; the last of them may be cut.
    pub records: u64,
}

impl Piece {
    /// Cuts `bytes` bytes off the front, and takes the whole count with them.
    fn cut(&mut self, bytes: usize) -> Self {
        let rest = Self {
            bytes: self.bytes.split_off(bytes),
            records: 0,
        };
        std::mem::replace(self, rest)
    }
}

/// Encodes a whole list and hands it to `sink` in pieces of `piece_bytes` bytes, the last of which
/// is what remains.
///
/// # Errors
/// [`Error::ApiMisuse`] if the list is not strictly increasing or the codec does not serve it;
/// those of the store and of `sink`.
pub fn encode_list(
    codec: &dyn RecordCodec,
    list: &dyn RecordList,
    piece_bytes: usize,
    sink: &mut dyn FnMut(Piece) -> Result<(), Error>,
) -> Result<(), Error> {
    let width = list.width();
    let piece_bytes = piece_bytes.max(1);
    let mut encoder = codec.encoder(width, list.len())?;
    let mut reader = list.reader()?;
    let mut batch = Vec::new();
    let mut piece = Piece {
        bytes: Vec::new(),
        records: 0,
    };
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() {
            encoder.finish(&mut piece.bytes)?;
            break;
        }
        encoder.encode(&batch, &mut piece.bytes)?;
        piece.records += (batch.len() / width) as u64;
        while piece.bytes.len() > piece_bytes {
            sink(piece.cut(piece_bytes))?;
        }
    }
    // The last byte may have made it one too long.
    if piece.bytes.len() > piece_bytes {
        sink(piece.cut(piece_bytes))?;
    }
    if piece.bytes.is_empty() {
        Ok(())
    } else {
        sink(piece)
    }
}

#[cfg(test)]
mod tests;
