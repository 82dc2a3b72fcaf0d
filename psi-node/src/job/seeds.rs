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

/// This side's nonce of the job specification.
pub(super) fn nonce(seed: &JobSeed) -> [u8; 32] {
    let mut nonce = [0; 32];
    seed.stream(Purpose::Nonce, 0, 0).fill(&mut nonce);
    nonce
}

/// The key by which rows are chosen of an identity that has more than are used (Spec 12 §3).
pub(super) fn row_key(seed: &JobSeed) -> RowKey {
    let mut key = Zeroizing::new([0; 32]);
    seed.stream(Purpose::RowKey, 0, 0).fill(key.as_mut());
    RowKey::new(*key)
}

/// The salts of the commitments to hidden literals, one after the other.
pub(super) fn literal_salts(seed: &JobSeed) -> impl FnMut() -> [u8; 32] {
    let mut salts = seed.stream(Purpose::LiteralSalts, 0, 0);
    move || {
        let mut salt = [0; 32];
        salts.fill(&mut salt);
        salt
    }
}
