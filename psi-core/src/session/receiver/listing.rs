//! A list: which of the Receiver's own identifiers match.
//!
//! Spec 04 §7. In such a job R keeps the order of A, so its records are laid beside those of A.
//! Only [`super`] calls this, and only in jobs that both sides have signed as lists.
//!
//! 1. A is sorted with each point's digest beside it, and 32 zero bytes beside a canary
//!    ([`lay_out`]). Only the points are sent.
//! 2. Each point of R is unblinded and becomes a *key*: its tag, and enough further bytes to tell
//!    different points apart. Keys keep the order of R.
//! 3. Key and digest are joined by their places and sorted by key ([`join`]). Equal keys mean that
//!    R repeats a point.
//! 4. One merge with the Sender's tags gives the digests that match ([`matches`]).
//!
//! Cost: one list of `64 * N1` bytes and two of about `65 * N1`, three passes.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::super::{BATCH_RECORDS, SharedList};
use crate::digest::DIGEST_BYTES;
use crate::error::{Code, Error};
use crate::matching;
use crate::store::{Cursor, RecordList, RecordStore};

/// Bytes of the hash that follow the tag in a key. Two different points have equal keys with
/// probability below 2^-128, whatever the length of tags.
pub(super) const KEY_BYTES_BEYOND_TAG: usize = 16;

/// Replaces the digest beside a canary. A digest is a hash and never this.
pub(super) const NO_DIGEST: [u8; DIGEST_BYTES] = [0; DIGEST_BYTES];

/// Bytes of a point.
const POINT_BYTES: usize = 32;

/// Bytes of a record of a point and its digest.
pub(super) const LAID_OUT_BYTES: usize = POINT_BYTES + DIGEST_BYTES;

/// A as it is sent, and the places of canaries in it.
pub(super) struct LaidOut {
    pub(super) points: Box<dyn RecordList>,
    pub(super) canaries: Vec<u64>,
}

/// Takes the points off a sorted list of points with their digests.
pub(super) fn lay_out(records: &dyn RecordList, store: &dyn RecordStore) -> Result<LaidOut, Error> {
    let mut writer = store.in_order(POINT_BYTES)?;
    let mut canaries = Vec::new();
    let mut reader = records.reader()?;
    let mut batch = Zeroizing::new(Vec::with_capacity(BATCH_RECORDS * LAID_OUT_BYTES));
    let mut points = Vec::with_capacity(BATCH_RECORDS * POINT_BYTES);
    let mut place = 0;
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() {
            break;
        }
        points.clear();
        for record in batch.chunks_exact(LAID_OUT_BYTES) {
            let (point, digest) = record.split_at(POINT_BYTES);
            points.extend_from_slice(point);
            if digest == NO_DIGEST {
                canaries.push(place);
            }
            place += 1;
        }
        writer.push(&points)?;
    }
    Ok(LaidOut {
        points: writer.finish()?,
        canaries,
    })
}

/// Joins the keys of R with the digests of A, by their places, and sorts by key.
///
/// # Errors
/// [`Code::NotIncreasing`] if R repeats a point: the Sender would make one identifier answer for
/// another. This is known before any tag is looked at, so the abort reveals nothing of what
/// matches.
pub(super) fn join(
    laid_out: &dyn RecordList,
    keys: &dyn RecordList,
    store: &dyn RecordStore,
) -> Result<Box<dyn RecordList>, Error> {
    let width = keys.width() + DIGEST_BYTES;
    let mut writer = store.unsorted(width)?;
    let mut own = Cursor::new(laid_out, BATCH_RECORDS)?;
    let mut keys_at = Cursor::new(keys, BATCH_RECORDS)?;
    // A buffer that grows would leave copies that nobody erases.
    let mut records = Zeroizing::new(Vec::with_capacity(BATCH_RECORDS * width));
    while let (Some(record), Some(key)) = (own.current(), keys_at.current()) {
        let digest = record.get(POINT_BYTES..).unwrap_or_default();
        records.extend_from_slice(key);
        records.extend_from_slice(digest);
        if records.len() == BATCH_RECORDS * width {
            writer.push(&records)?;
            records.clear();
        }
        own.advance()?;
        keys_at.advance()?;
    }
    writer.push(&records)?;
    let joined = writer.finish()?;
    if joined.len() != laid_out.len() {
        return Err(Error::ApiMisuse("a reply of another length than the list"));
    }
    check_distinct(joined.as_ref(), keys.width())?;
    Ok(joined)
}

fn check_distinct(joined: &dyn RecordList, key_bytes: usize) -> Result<(), Error> {
    let mut records = Cursor::new(joined, BATCH_RECORDS)?;
    let mut last = Vec::new();
    while let Some(record) = records.current() {
        let key = record.get(..key_bytes).unwrap_or_default();
        if key == last {
            return Err(Error::misbehaved(
                Code::NotIncreasing,
                "a reply repeats a point",
            ));
        }
        last.clear();
        last.extend_from_slice(key);
        records.advance()?;
    }
    Ok(())
}

/// The digests whose tags the Sender has sent, ascending, without canaries.
pub(super) fn matches(
    joined: &dyn RecordList,
    tags: &dyn RecordList,
    store: &dyn RecordStore,
) -> Result<SharedList, Error> {
    let mut writer = store.unsorted(DIGEST_BYTES)?;
    matching::merge_marked(joined, tags, |_, beside| {
        let digest = beside.get(KEY_BYTES_BEYOND_TAG..).unwrap_or_default();
        if digest != NO_DIGEST {
            writer.push(digest)?;
        }
        Ok(())
    })?;
    Ok(Arc::from(writer.finish_distinct()?))
}
