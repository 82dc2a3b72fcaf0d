//! The codec that writes records one after the other.

use super::{RecordCodec, RecordDecoder, RecordEncoder};
use crate::error::{Code, Error};

/// Records as they are, one after the other, with nothing between them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl RecordCodec for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn encoder(&self, width: usize) -> Box<dyn RecordEncoder> {
        Box::new(PlainEncoder {
            width: width.max(1),
        })
    }

    fn decoder(&self, width: usize) -> Box<dyn RecordDecoder> {
        Box::new(PlainDecoder {
            width: width.max(1),
            partial: Vec::new(),
        })
    }
}

struct PlainEncoder {
    width: usize,
}

impl RecordEncoder for PlainEncoder {
    fn encode(&mut self, records: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        if !records.len().is_multiple_of(self.width) {
            return Err(Error::ApiMisuse("a part of a record to encode"));
        }
        out.extend_from_slice(records);
        Ok(())
    }

    fn finish(self: Box<Self>, _: &mut Vec<u8>) {}
}

struct PlainDecoder {
    width: usize,
    /// The bytes of a record that was cut, fewer than `width`.
    partial: Vec<u8>,
}

impl RecordDecoder for PlainDecoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut bytes = bytes;
        if !self.partial.is_empty() {
            let missing = self.width - self.partial.len();
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            self.partial.extend_from_slice(now);
            bytes = later;
            if self.partial.len() < self.width {
                return Ok(());
            }
            out.append(&mut self.partial);
        }
        let (whole, cut) = bytes.split_at(bytes.len() - bytes.len() % self.width);
        out.extend_from_slice(whole);
        self.partial.extend_from_slice(cut);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        if self.partial.is_empty() {
            Ok(())
        } else {
            Err(Error::misbehaved(
                Code::MalformedMessage,
                "a list that ends within a record",
            ))
        }
    }
}
