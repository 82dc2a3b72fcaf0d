//! How many rows the transfer of a match has, and what this side keeps of it in memory.
//!
//! Spec 11 §1 and §10. Follows from the specification alone. Called where sizes and time limits of a
//! job follow from it.

use psi_core::spec::{JobSpec, MatchSpec, Party};

/// Bytes that this side's match bits take, one bit for each row of the transfer in which it
/// chooses (Spec 11 §10). A side is Receiver of one match at most.
pub(crate) fn match_bits_bytes(spec: &JobSpec, own: Party) -> u64 {
    let matches = spec.matches();
    let chosen = matches.iter().filter(|one| one.receiver == own);
    chosen.map(transfer_rows).max().unwrap_or(0).div_ceil(8)
}

/// Rows of the transfer of a match, 0 if it has none.
pub(crate) fn transfer_rows(one: &MatchSpec) -> u64 {
    if one.payload.components.is_empty() {
        return 0;
    }
    (one.parts.len() as u64).saturating_mul(one.sender_size)
}
