//! What an owner declares about a table for jobs with differential privacy.
//!
//! Spec 12 §3. All of it comes from configuration: a bound that followed from the table would
//! reveal something about it without noise.

use bincode::{Decode, Encode};

use super::columns::BOUND_MAX;
use crate::error::{Code, Error};
use crate::limits;

/// What differential privacy rests on, from the configuration of the table's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PrivacyFacts {
    /// Whether the registered sizes of the list, and of all groups that the query uses, are
    /// configured. Sizes that are counted from the table depend on who is in it.
    pub sizes_configured: bool,
    /// The most rows of one identity that are used; the others are left out. Without it the bound
    /// of rows follows from the table, and rows cannot be counted.
    pub max_rows_per_identity: Option<u64>,
    /// The most groups of this side in which one identity's rows are counted; rows in others are
    /// left out.
    pub max_groups_per_identity: u32,
    /// The largest epsilon of one job, in millionths.
    pub epsilon_max: u64,
    /// The largest delta of one job, in units of 2^-64.
    pub delta_max: u64,
}

impl PrivacyFacts {
    /// Checks the bounds, for a table whose identities have at most `rows_bound` rows.
    pub(super) fn validate(&self, rows_bound: u64) -> Result<(), Error> {
        let rows = self.max_rows_per_identity.unwrap_or(rows_bound);
        let groups = self.max_groups_per_identity;
        let holds = (rows_bound..=BOUND_MAX).contains(&rows)
            && groups != 0
            && u64::from(groups) <= limits::COMPONENTS_MAX;
        if holds {
            return Ok(());
        }
        Err(Error::misbehaved(
            Code::MalformedMessage,
            "the rows or groups of one identity",
        ))
    }
}
