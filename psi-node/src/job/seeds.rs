//! The seed of a job, and what the job runner derives from it outside of the matches.
//!
//! Spec 02 §5. Called by both sides before they sign, and when they freeze. Nothing here is written
//! down: a record for the auditor takes the seed from the job.

use std::sync::Arc;

use aggregator::RowKey;
use psi_core::seed::{JobSeed, Purpose};
use zeroize::Zeroizing;

use super::failure::Failure;

/// The job's seed: the one value from which all randomness of this side's half is derived. It
/// stays in memory.
pub(super) fn fresh_seed() -> Result<Arc<JobSeed>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut())
        .map_err(|error| Failure::Internal(format!("no randomness from the system: {error}")))?;
    Ok(Arc::new(JobSeed::new(*bytes)))
}

/// The key by which rows are chosen of an identity that has more than are used (Spec 12 §3).
pub(super) fn row_key(seed: &JobSeed) -> RowKey {
    let mut key = Zeroizing::new([0; 32]);
    seed.stream(Purpose::RowKey, 0, 0).fill(key.as_mut());
    RowKey::new(*key)
}
