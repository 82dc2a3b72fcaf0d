//! What both sides ask before they sign: the plan, the other half, sizes, accounts, the owner.
//!
//! Spec 03 and Spec 06 §3. Each check is written once. [`question`] is this node's own question,
//! for a job and for an explanation. [`admission`] is a peer's, for a job and for an inquiry.
//! [`terms`] is what follows from both halves, for all four. With the signatures that `request` and
//! `respond` exchange, what passes these checks becomes an [`agreed::Agreed`]. Nothing here sends
//! anything.

pub(in crate::job) mod account;
pub(in crate::job) mod admission;
pub(in crate::job) mod agreed;
pub(in crate::job) mod approval;
pub(in crate::job) mod question;
pub(in crate::job) mod record_room;
mod sizes;
pub(in crate::job) mod spend;
pub(in crate::job) mod table_files;
mod terms;

#[cfg(test)]
mod tests;
