//! Records for the owner's auditor, as a running node keeps them.
//!
//! Spec 07 §11. Where the owner asks for it, a node keeps for each job what its half follows from:
//! the seed, the frozen input, its hidden literals and what the peer sent, encrypted to a key that
//! the node does not have. [`keep`] is what a running job writes, [`room`] what records may take on
//! disk. What a record holds, and its replay, is [`psi_audit`]'s.
//!
//! Off unless `retain_for_audit` and `auditor` are set: a record unblinds the owner's list.

pub mod keep;
pub mod room;

#[cfg(test)]
mod tests;
