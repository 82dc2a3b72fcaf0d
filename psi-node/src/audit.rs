//! Records for the owner's auditor, and the replay of a job from one.
//!
//! Spec 07 §11 and §12. Where the owner asks for it, a node keeps for each job what its half
//! follows from: the seed, the frozen input, its hidden literals and what the peer sent, encrypted
//! to a key that the node does not have. Whoever has that key can run the half again and compare it
//! with the receipt. [`record`] is the format, [`seal`] the encryption, [`keep`] what a running job
//! writes, [`replay`] the check.
//!
//! Off unless `retain_for_audit` and `auditor` are set: a record unblinds the owner's list.

pub mod keep;
pub mod record;
pub mod replay;
pub mod room;
pub mod seal;

#[cfg(test)]
mod tests;
