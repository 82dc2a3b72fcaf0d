//! Which selected rows of an identity are used in a job with differential privacy.
//!
//! Spec 10 §4.1, Spec 12 §3. No identity is counted in more groups, or with more rows, than its
//! owner has declared. If an identity has more, a hash that is keyed from the job seed draws the
//! ones that are used. So the choice depends neither on what rows hold nor on other identities.
//! Called by [`super::input`] where a Sender's payload is made. Reads the sorted row records a
//! second time, one identity ahead of the code that sums them up.
//!
//! Cost: one more pass over the records; one hash for each row and for each group of an identity,
//! whatever is selected and whether it is needed. Memory: a batch, and the groups of one identity.

use psi_core::facts::PrivacyFacts;
use psi_core::store::{RecordList, RecordReader};
use sha2::{Digest as _, Sha512_256};
use zeroize::Zeroizing;

use super::records::Rows;
use crate::error::FreezeError;
use crate::rows::{DIGEST_BYTES, RowLayout};

/// Records read at a time.
const BATCH_RECORDS: usize = 4096;

/// The key by which rows are drawn: 32 bytes from the job seed.
///
/// # Security
/// Zeroized when dropped, no `Debug`: who knows it knows which rows were left out.
pub struct RowKey(Zeroizing<[u8; 32]>);

impl RowKey {
    /// Takes 32 bytes that are drawn for this job alone.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

/// What one identity may have, and how is drawn what is used of one that has more.
pub(super) struct IdentityLimits {
    rows: u64,
    groups: usize,
    key: RowKey,
}

impl IdentityLimits {
    pub(super) fn new(facts: &PrivacyFacts, key: RowKey) -> Self {
        Self {
            rows: facts.max_rows_per_identity.unwrap_or(u64::MAX),
            groups: usize::try_from(facts.max_groups_per_identity).unwrap_or(usize::MAX),
            key,
        }
    }

    fn hash(&self, purpose: &[u8], digest: &[u8; DIGEST_BYTES], number: u64) -> [u8; 32] {
        Sha512_256::new()
            .chain_update(purpose)
            .chain_update(self.key.0.as_slice())
            .chain_update(digest)
            .chain_update(number.to_be_bytes())
            .finalize()
            .into()
    }
}

/// A group of one identity.
struct Group {
    number: usize,
    /// Its selected rows.
    selected: u64,
    hash: [u8; 32],
}

/// Says of each row of the sorted records, in their order, whether it is used.
pub(super) struct Chooser<'a> {
    limits: &'a IdentityLimits,
    rows: &'a Rows,
    width: usize,
    reader: Box<dyn RecordReader + 'a>,
    batch: Zeroizing<Vec<u8>>,
    at: usize,
    /// The groups of the current identity that are used, ascending.
    groups: Vec<usize>,
    /// Rows of these groups that have not been judged, and how many of them are to be used.
    left: u64,
    wanted: u64,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(
        limits: &'a IdentityLimits,
        rows: &'a Rows,
        list: &'a dyn RecordList,
    ) -> Result<Self, FreezeError> {
        Ok(Self {
            limits,
            rows,
            width: list.width(),
            reader: list.reader()?,
            batch: Zeroizing::default(),
            at: 0,
            groups: Vec::new(),
            left: 0,
            wanted: 0,
        })
    }

    /// Looks at all selected rows of the next identity, which is `digest`.
    pub(super) fn next_identity(&mut self, digest: &[u8; DIGEST_BYTES]) -> Result<(), FreezeError> {
        let mut groups: Vec<Group> = Vec::new();
        let rows = self.rows;
        while let Some(record) = self.peek()? {
            if !record.starts_with(digest) {
                break;
            }
            let group = rows.combination(record);
            let selected = u64::from(RowLayout::is_selected(record));
            match groups.last_mut() {
                Some(last) if last.number == group => last.selected += selected,
                _ => groups.push(Group {
                    number: group,
                    selected,
                    hash: [0; 32],
                }),
            }
            self.at += self.width;
        }
        for group in &mut groups {
            group.hash = self
                .limits
                .hash(b"psi/v1/group", digest, group.number as u64);
        }
        groups.retain(|group| group.selected > 0);
        if groups.len() > self.limits.groups {
            groups.sort_unstable_by_key(|group| group.hash);
            groups.truncate(self.limits.groups);
            groups.sort_unstable_by_key(|group| group.number);
        }
        self.left = groups.iter().map(|group| group.selected).sum();
        self.wanted = self.left.min(self.limits.rows);
        self.groups = groups.into_iter().map(|group| group.number).collect();
        Ok(())
    }

    /// The record that follows those of the identities so far.
    fn peek(&mut self) -> Result<Option<&[u8]>, FreezeError> {
        if self.at >= self.batch.len() {
            self.reader.next_batch(&mut self.batch, BATCH_RECORDS)?;
            self.at = 0;
        }
        Ok(self.batch.get(self.at..self.at + self.width))
    }

    /// Whether the next selected row of the identity, which is in `group`, is used: each set of as many rows
    /// as may be used is drawn with the same probability.
    /// A row that is not selected is not used, and costs as much.
    pub(super) fn uses(
        &mut self,
        digest: &[u8; DIGEST_BYTES],
        group: usize,
        is_selected: bool,
    ) -> bool {
        let hash = self.limits.hash(b"psi/v1/row", digest, self.left);
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        let drawn = u128::from(u64::from_be_bytes(first)) * u128::from(self.left);
        let is_drawn = drawn >> 64 < u128::from(self.wanted);
        if !is_selected || self.groups.binary_search(&group).is_err() {
            return false;
        }
        let uses = is_drawn || self.left == self.wanted;
        self.left = self.left.saturating_sub(1);
        self.wanted -= u64::from(uses && self.wanted > 0);
        uses
    }
}
