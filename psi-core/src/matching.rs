//! Finds the Sender's positions whose tags the Receiver also holds.
//!
//! Spec 04 §5. Called by the Receiver with two sorted lists of tags. One pass over both,
//! in batches; memory does not grow with the lists.

use crate::error::Error;
use crate::store::{Cursor, RecordList};

/// Records read from either list at a time.
const MERGE_BATCH: usize = 4096;

/// Calls `visit` with every position in `tags` whose record also occurs in `own`, ascending, and
/// returns their number.
///
/// Both lists ascend and have the same width. `tags` holds no record twice; one that occurs several
/// times in `own` still counts once, because what is counted is positions in `tags`.
///
/// # Errors
/// [`Error::ApiMisuse`] if the widths differ; errors of the store.
pub fn merge(
    own: &dyn RecordList,
    tags: &dyn RecordList,
    mut visit: impl FnMut(u64),
) -> Result<u64, Error> {
    if own.width() != tags.width() {
        return Err(Error::ApiMisuse(
            "two lists of different widths cannot be matched",
        ));
    }
    let mut own = Cursor::new(own, MERGE_BATCH)?;
    let mut tags = Cursor::new(tags, MERGE_BATCH)?;
    let mut position = 0;
    let mut count = 0;
    while let (Some(mine), Some(theirs)) = (own.current(), tags.current()) {
        let order = mine.cmp(theirs);
        if order.is_eq() {
            visit(position);
            count += 1;
        }
        if order.is_le() {
            own.advance()?;
        }
        if order.is_ge() {
            tags.advance()?;
            position += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
