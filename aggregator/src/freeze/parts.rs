//! The parts of a Receiver's frozen input, written one after the other.
//!
//! Spec 10 §4.1. Called by [`super::input`]: takes identities ordered by part and gives one list for
//! each part. Applies the small-part rule; decides nothing else.

use psi_core::spec::PartSize;
use psi_core::store::{RecordList, RecordStore, RecordWriter};

use super::records::is_replaced;
use crate::error::FreezeError;
use crate::rows::DIGEST_BYTES;

/// Bytes of the number of a part, big-endian, before a digest in a record that sorts by part.
const PART_BYTES: usize = 2;

/// Bytes of such a record; the last is 1 if the identity is selected.
pub(super) const RECORD_BYTES: usize = PART_BYTES + DIGEST_BYTES + 1;

/// A record that sorts by part and then by digest.
pub(super) fn record(
    part: usize,
    digest: &[u8],
    is_selected: bool,
) -> Result<[u8; RECORD_BYTES], FreezeError> {
    let part = u16::try_from(part).map_err(|_| out_of_domain())?;
    let mut record = [0; RECORD_BYTES];
    record[..PART_BYTES].copy_from_slice(&part.to_be_bytes());
    record[PART_BYTES..PART_BYTES + DIGEST_BYTES].copy_from_slice(digest);
    record[PART_BYTES + DIGEST_BYTES] = is_selected.into();
    Ok(record)
}

/// What such a record holds.
pub(super) struct PartRecord<'a> {
    pub(super) part: usize,
    pub(super) digest: &'a [u8],
    pub(super) is_selected: bool,
}

/// Reads such a record.
pub(super) fn fields(record: &[u8]) -> PartRecord<'_> {
    let (part, rest) = record.split_at(PART_BYTES);
    let (digest, is_selected) = rest.split_at(DIGEST_BYTES);
    let part = part
        .iter()
        .fold(0, |part, byte| part << 8 | usize::from(*byte));
    PartRecord {
        part,
        digest,
        is_selected: is_selected == [1],
    }
}

/// Lists of identities.
pub(super) type Lists = Vec<Box<dyn RecordList>>;

/// All identities of a table, cut into parts.
pub(super) struct Cut {
    pub(super) parts: Lists,
    /// The identities that are in none.
    pub(super) others: Lists,
}

/// Lists of parts, of which one is being written.
pub(super) struct PartLists<'a> {
    sizes: &'a [PartSize],
    minimum: u64,
    store: &'a dyn RecordStore,
    done: Vec<Box<dyn RecordList>>,
    /// Parts that the small-part rule replaces.
    replaced: Vec<Box<dyn RecordList>>,
    /// Of the part after those that are done.
    writer: Box<dyn RecordWriter>,
    /// Takes the identities that are not selected, so that as much is written whatever is selected.
    others: Box<dyn RecordWriter>,
}

impl<'a> PartLists<'a> {
    pub(super) fn new(
        sizes: &'a [PartSize],
        minimum: u64,
        store: &'a dyn RecordStore,
    ) -> Result<Self, FreezeError> {
        Ok(Self {
            sizes,
            minimum,
            store,
            done: Vec::new(),
            replaced: Vec::new(),
            writer: store.in_order(DIGEST_BYTES)?,
            others: store.in_order(DIGEST_BYTES)?,
        })
    }

    /// Adds an identity to a part, that of the last one or a later one, if it is selected.
    pub(super) fn push(
        &mut self,
        part: usize,
        digest: &[u8],
        is_selected: bool,
    ) -> Result<(), FreezeError> {
        if part >= self.sizes.len() {
            return Err(out_of_domain());
        }
        while self.done.len() < part {
            self.close()?;
        }
        let writer = if is_selected {
            &mut self.writer
        } else {
            &mut self.others
        };
        Ok(writer.push(digest)?)
    }

    /// Ends the last part.
    pub(super) fn finish(mut self) -> Result<Cut, FreezeError> {
        while self.done.len() < self.sizes.len() {
            self.close()?;
        }
        let mut others = self.replaced;
        others.push(self.others.finish()?);
        Ok(Cut {
            parts: self.done,
            others,
        })
    }

    /// Ends the part that is being written and begins the next.
    fn close(&mut self) -> Result<(), FreezeError> {
        let next = self.store.in_order(DIGEST_BYTES)?;
        let part = std::mem::replace(&mut self.writer, next).finish()?;
        let size = self.sizes.get(self.done.len()).ok_or_else(out_of_domain)?;
        check_size(part.len(), size.identities)?;
        self.done.push(if is_replaced(part.len(), self.minimum) {
            self.replaced.push(part);
            self.store.in_order(DIGEST_BYTES)?.finish()?
        } else {
            part
        });
        Ok(())
    }
}

fn out_of_domain() -> FreezeError {
    FreezeError::Internal("a group out of its domain")
}

/// The load has checked that no part is larger than registered.
fn check_size(identities: u64, registered: u64) -> Result<(), FreezeError> {
    if identities <= registered {
        return Ok(());
    }
    Err(FreezeError::Core(psi_core::Error::Limit {
        what: "the number of identities of a group",
        value: identities,
        limit: registered,
    }))
}
