//! What a sorted row record says to those who make a job's lists, and the small-part rule.
//!
//! Spec 10 §4.1. Called by the other files of this folder.

use crate::rows::RowLayout;

/// How records are read.
pub(super) struct Rows {
    pub(super) layout: RowLayout,
    /// The sizes of the domains of this side's groups, `other` included.
    pub(super) domains: Vec<usize>,
}

impl Rows {
    /// The number of the record's combination of groups, the last one counting fastest.
    pub(super) fn combination(&self, record: &[u8]) -> usize {
        let groups = self.domains.iter().enumerate();
        groups.fold(0, |index, (number, size)| {
            index * size + RowLayout::group(record, number)
        })
    }
}

/// The small-part rule of exact mode: whether a part, or a whole list, of this many identities is
/// replaced by filler (Spec 05 §7). One identity alone would tell whether the other side has it.
pub(super) const fn is_replaced(identities: u64, minimum: u64) -> bool {
    identities < minimum
}
