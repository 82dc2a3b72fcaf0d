//! Text of a declared encoding as UTF-8.
//!
//! Spec 10 §2.2. A layer between the bytes of a file and the CSV reader, called by [`super::text`].
//! Bytes that the encoding does not have are an error: a replacement character would be a value that
//! nobody wrote.
//!
//! Memory: two buffers of fixed size.

use std::io::{self, BufRead, ErrorKind, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

/// Bytes of decoded text that are kept at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// The file holds bytes that its declared encoding does not have.
#[derive(Debug, thiserror::Error)]
#[error("bytes that the declared encoding does not have")]
pub(super) struct WrongEncoding;

/// Reads UTF-8 from bytes of another encoding.
pub(super) struct Decoded<R> {
    bytes: R,
    decoder: Decoder,
    text: Vec<u8>,
    /// What of the text was not read yet.
    from: usize,
    until: usize,
    is_at_end: bool,
}

impl<R: BufRead> Decoded<R> {
    pub(super) fn new(bytes: R, encoding: &'static Encoding) -> Self {
        Self {
            bytes,
            decoder: encoding.new_decoder_with_bom_removal(),
            text: vec![0; BUFFER_BYTES],
            from: 0,
            until: 0,
            is_at_end: false,
        }
    }

    /// Decodes until there is text or the end.
    fn decode(&mut self) -> io::Result<()> {
        while self.from == self.until && !self.is_at_end {
            let given = self.bytes.fill_buf()?;
            let is_last = given.is_empty();
            let (result, read, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(given, &mut self.text, is_last);
            self.bytes.consume(read);
            (self.from, self.until) = (0, written);
            match result {
                DecoderResult::InputEmpty => self.is_at_end = is_last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    return Err(io::Error::new(ErrorKind::InvalidData, WrongEncoding));
                }
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.decode()?;
        let text = self.text.get(self.from..self.until).unwrap_or_default();
        let length = text.len().min(out.len());
        for (out, byte) in out.iter_mut().zip(text) {
            *out = *byte;
        }
        self.from += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read as _};

    use super::Decoded;

    fn decoded(bytes: &[u8], encoding: &'static encoding_rs::Encoding) -> std::io::Result<String> {
        // A small buffer, so that characters are cut.
        let bytes = BufReader::with_capacity(3, bytes);
        let mut text = String::new();
        Decoded::new(bytes, encoding).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn text_of_other_encodings_is_read_across_the_ends_of_buffers() {
        let long = "Straße, 5 €; ".repeat(20_000);
        let (western, _, _) = encoding_rs::WINDOWS_1252.encode(&long);
        assert_eq!(decoded(&western, encoding_rs::WINDOWS_1252).unwrap(), long);
        let wide: Vec<u8> = "\u{feff}id;x𝄞\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(decoded(&wide, encoding_rs::UTF_16LE).unwrap(), "id;x𝄞\n");
        assert_eq!(decoded(b"", encoding_rs::UTF_16LE).unwrap(), "");
    }

    #[test]
    fn bytes_that_the_encoding_does_not_have_are_an_error() {
        assert!(decoded(b"a\xffb", encoding_rs::UTF_8).is_err());
        assert!(
            decoded(b"a\0b", encoding_rs::UTF_16LE).is_err(),
            "half a character"
        );
        assert!(decoded(b"\x81\xff", encoding_rs::SHIFT_JIS).is_err());
    }
}
