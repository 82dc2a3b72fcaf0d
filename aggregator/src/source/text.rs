//! The text of a CSV file, unpacked, from its first character.
//!
//! Spec 10 §2.2. UTF-8, or of another encoding that the owner declares. Called for the header at load and for the rows at load and in a job. A byte order
//! mark is left out.
//!
//! Cost: gzip unpacks some 270 MB of text a second on one thread (docs/performance). Memory: buffers
//! of fixed size, and the window of a zstd file, which is bounded.

use encoding_rs::{Encoding, UTF_8};
use std::io::{BufRead, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;

use super::decode::Decoded;
use super::files::FileStamp;
use super::format::Packing;
use super::read_error::ReadError;

/// The largest window of a zstd file that is taken, as a power of two: 128 MiB, which is what the
/// `zstd` program takes without being told.
const WINDOW_LOG_MAX: u32 = 27;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 128 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The text of a CSV file.
pub(super) type Text = Box<dyn BufRead + Send>;

/// Opens the text of `file`. A gzip file may have several members and a zstd file several frames, as
/// files that were packed in pieces have.
///
/// # Errors
/// [`ReadError`] if the file cannot be opened or begins with nothing that was packed so.
pub(super) fn open(file: &FileStamp, encoding: &'static Encoding) -> Result<Text, ReadError> {
    let failed = |error: std::io::Error| ReadError::text(&file.path, file.packing, &error);
    let mut text = unpacked(file)?;
    if encoding != UTF_8 {
        let text = Decoded::new(text, encoding);
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, text)));
    }
    let mut head = Vec::new();
    let most = BYTE_ORDER_MARK.len() as u64;
    text.by_ref()
        .take(most)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if head == BYTE_ORDER_MARK {
        head.clear();
    }
    Ok(Box::new(Cursor::new(head).chain(text)))
}

/// The first bytes of a file, unpacked, at most `most` of them.
///
/// # Errors
/// As [`open`].
pub(super) fn head(file: &FileStamp, most: u64) -> Result<Vec<u8>, ReadError> {
    let mut head = Vec::new();
    unpacked(file)?
        .take(most)
        .read_to_end(&mut head)
        .map_err(|error| ReadError::text(&file.path, file.packing, &error))?;
    Ok(head)
}

fn unpacked(file: &FileStamp) -> Result<Text, ReadError> {
    let stored = file.open()?;
    Ok(match file.packing {
        Packing::Plain => Box::new(BufReader::with_capacity(BUFFER_BYTES, stored)),
        Packing::Gzip => {
            let stored = BufReader::with_capacity(BUFFER_BYTES, stored);
            let text = MultiGzDecoder::new(stored);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, text))
        }
        Packing::Zstd => {
            let failed = |error: std::io::Error| ReadError::text(&file.path, file.packing, &error);
            let mut text = zstd::Decoder::new(stored).map_err(failed)?;
            text.window_log_max(WINDOW_LOG_MAX).map_err(failed)?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, text))
        }
    })
}
