//! Records as they are, one after the other: how R travels where a list is asked for.
//!
//! Spec 06 §1 and §5. The code of [`super::Rice`] writes only sorted lists, and this R is in the
//! order of A. A frame holds whole records. The sessions call this.

use super::RecordDecoder;
use crate::error::{Code, Error};

/// Reads records of one width that are not encoded.
pub(crate) struct Plain {
    width: usize,
}

impl Plain {
    pub(crate) const fn new(width: usize) -> Self {
        Self { width }
    }
}

impl RecordDecoder for Plain {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        if self.width == 0 || !bytes.len().is_multiple_of(self.width) {
            return Err(Error::misbehaved(
                Code::MalformedMessage,
                "a part of a record",
            ));
        }
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}
