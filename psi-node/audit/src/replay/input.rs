//! Looks at the lists of the frozen input as they are read from a record.
//!
//! Spec 07 §12, step 4. Called by [`super`]. It keeps one record at a time, except for the
//! comparison of parts, which the store holds. It reveals nothing of what it reads.

use psi_core::digest::DIGEST_BYTES;
use psi_core::session::SharedList;
use psi_core::spec::{JobSpec, Party};
use psi_core::store::{RecordStore, StoreError};

use super::bounds::PositionBounds;
use crate::record::ListRole;

/// Records of a part that are read at once.
const BATCH: usize = 2048;

/// Whether an identity is in two parts. Each may be in only one, since a Receiver's groups are
/// constant for an identity (Spec 10 §4).
pub(super) fn stands_twice(
    parts: &[SharedList],
    store: &dyn RecordStore,
) -> Result<bool, StoreError> {
    if parts.len() < 2 {
        return Ok(false);
    }
    let mut all = store.unsorted(DIGEST_BYTES)?;
    let mut batch = Vec::new();
    let mut identities = 0;
    for part in parts {
        identities += part.len();
        let mut reader = part.reader()?;
        loop {
            reader.next_batch(&mut batch, BATCH)?;
            if batch.is_empty() {
                break;
            }
            all.push(&batch)?;
        }
    }
    Ok(all.finish_distinct()?.len() != identities)
}

/// Checks one list: digests ascend, and the payload beside each keeps the bounds of one identity.
pub(super) struct InputCheck {
    name: String,
    width: usize,
    /// Of a list with payload.
    bounds: Option<PositionBounds>,
    fits: bool,
    last: Vec<u8>,
    found: Option<String>,
}

impl InputCheck {
    pub(super) fn new(
        spec: &JobSpec,
        own: Party,
        role: ListRole,
        number: usize,
        width: usize,
    ) -> Self {
        let matches = spec.matches();
        let of = matches.iter().find(|of| match role {
            ListRole::Part => of.receiver == own,
            ListRole::Positions => of.receiver != own,
        });
        let (name, bounds, exists) = match role {
            ListRole::Part => {
                let parts = of.map_or(0, |of| of.parts.len());
                (format!("part {number}"), None, number < parts)
            }
            ListRole::Positions => {
                let half = match own {
                    Party::Requester => &spec.requester,
                    Party::Responder => &spec.responder,
                };
                let bounds = of.map(|of| PositionBounds::new(&of.payload, &half.facts));
                ("the payload".into(), bounds, of.is_some())
            }
        };
        let numbers = bounds.as_ref().map_or(0, PositionBounds::width);
        Self {
            name,
            width,
            bounds,
            fits: exists && width == numbers.saturating_mul(8).saturating_add(DIGEST_BYTES),
            last: Vec::new(),
            found: None,
        }
    }

    /// Whether the job has such a list.
    pub(super) const fn is_possible(&self) -> bool {
        self.fits
    }

    /// Takes the next whole records.
    pub(super) fn records(&mut self, records: &[u8]) {
        for record in records.chunks_exact(self.width) {
            let (digest, payload) = record.split_at(DIGEST_BYTES.min(record.len()));
            if self.found.is_some() {
                return;
            }
            if !self.last.is_empty() && self.last.as_slice() >= digest {
                self.found = Some(format!("{}: identities are not ascending", self.name));
            }
            self.last.clear();
            self.last.extend_from_slice(digest);
            let wrong = self.bounds.as_ref().and_then(|of| of.wrong(payload));
            if let (None, Some(wrong)) = (&self.found, wrong) {
                self.found = Some(format!("{}: {wrong}", self.name));
            }
        }
    }

    /// The first thing that is wrong.
    pub(super) fn found(self) -> Option<String> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use psi_core::session::SharedList;
    use psi_core::store::{MemoryStore, RecordStore as _};

    use super::stands_twice;

    fn part(people: std::ops::Range<u8>) -> SharedList {
        let mut writer = MemoryStore.in_order(32).unwrap();
        for person in people {
            writer.push(&[person; 32]).unwrap();
        }
        Arc::from(writer.finish().unwrap())
    }

    #[test]
    fn one_identity_in_two_parts_is_found_and_parts_that_share_nobody_are_not() {
        let twice = |parts: &[SharedList]| stands_twice(parts, &MemoryStore).unwrap();
        assert!(!twice(&[]) && !twice(&[part(0..9)]));
        assert!(!twice(&[part(0..9), part(9..20), part(20..20)]));
        assert!(twice(&[part(0..9), part(20..30), part(8..12)]));
    }
}
