//! How the rows of a transfer are cut into batches and tasks, and how batches are read back.
//!
//! Both roles call this. The outcome never depends on how the work was cut.

use crate::error::Error;
use crate::store::RecordReader;

use super::columns::{BLOCK_RECORDS, WORD_ROWS};
use super::setup::TransferSetup;

/// Words of columns read or made at a time: 1 MiB, whole blocks.
pub(super) const BATCH_WORDS: usize = 16 * BLOCK_RECORDS;

/// Words whose corrections one task computes.
pub(super) const TASK_WORDS: usize = 16;

/// Bytes of corrections computed at a time, about.
const CORRECTIONS_BYTES: usize = 4 * 1024 * 1024;

/// Words whose corrections are computed at a time.
pub(super) fn batch_words(setup: &TransferSetup) -> u64 {
    let fit = (CORRECTIONS_BYTES / (128 * setup.row_bytes())) as u64;
    fit.clamp(TASK_WORDS as u64, BATCH_WORDS as u64)
}

/// The rows of `count` words from word `first` on; the last word of all may be incomplete.
pub(super) fn rows_of_words(setup: &TransferSetup, first: u64, count: u64) -> u64 {
    // INVARIANT: words are at most 2^25 + 1, so nothing here can wrap.
    (setup.rows() - first * WORD_ROWS).min(count * WORD_ROWS)
}

/// Replaces the contents of `out` by the next `count` records of `width` bytes.
///
/// # Errors
/// [`Error::ApiMisuse`] if the list ends too early; errors of the store.
pub(super) fn read_exact(
    reader: &mut dyn RecordReader,
    width: usize,
    count: u64,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let count = usize::try_from(count).map_err(|_| Error::ApiMisuse("a batch beyond memory"))?;
    reader.next_batch(out, count)?;
    let mut piece = zeroize::Zeroizing::new(Vec::new());
    while out.len() < count * width {
        reader.next_batch(&mut piece, count - out.len() / width)?;
        if piece.is_empty() {
            return Err(Error::ApiMisuse("a list is shorter than it says"));
        }
        out.extend_from_slice(&piece);
    }
    Ok(())
}
