//! Finds the Sender's positions whose tags the Receiver also holds.
//!
//! Spec 04 §5. The Receiver calls this with two sorted lists of tags. It passes over both once, in
//! batches; memory does not grow with the lists.

use crate::error::Error;
use crate::store::{Cursor, RecordList, prefix};

/// Records read from either list at a time.
const MERGE_BATCH: usize = 4096;

/// Calls `visit` with every position in `tags` whose record also occurs in `own`, ascending, and
/// returns their number.
///
/// Both lists ascend and have the same width. No record of `tags` repeats. A record that occurs
/// several times in `own` still counts once, because the count is of positions in `tags`.
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
    let mut count = 0;
    merge_marked(own, tags, |position, _| {
        visit(position);
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

/// Like [`merge`] for records of `own` in which a mark follows the tag: calls `visit` with every
/// position in `tags` and every mark under which its tag occurs in `own`, ascending, each pair
/// once.
///
/// # Errors
/// [`Error::ApiMisuse`] if the records of `own` are shorter than tags; errors of the store and of
/// `visit`.
pub fn merge_marked(
    own: &dyn RecordList,
    tags: &dyn RecordList,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let width = tags.width();
    if own.width() < width {
        return Err(Error::ApiMisuse("marked tags that are shorter than tags"));
    }
    let mut own = Cursor::new(own, MERGE_BATCH)?;
    let mut tags = Cursor::new(tags, MERGE_BATCH)?;
    let mut position = 0;
    // The mark under which the tag at `position` was found last.
    let mut found: Option<Vec<u8>> = None;
    while let (Some(mine), Some(theirs)) = (own.current(), tags.current()) {
        let Some((mine, mark)) = mine.split_at_checked(width) else {
            return Err(Error::ApiMisuse("a store changed the width of a list"));
        };
        // The first bytes as numbers decide nearly always, without a call for each record.
        let order = prefix(mine).cmp(&prefix(theirs));
        let order = order.then_with(|| mine.cmp(theirs));
        if order.is_eq() && found.as_deref() != Some(mark) {
            visit(position, mark)?;
            found = Some(mark.to_vec());
        }
        if order.is_le() {
            own.advance()?;
        } else {
            tags.advance()?;
            position += 1;
            found = None;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
