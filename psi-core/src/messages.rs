//! Everything that crosses the wire, as bytes.
//!
//! Spec 06. A message travels in a frame ([`frame`]). Control messages ([`Control`]) are encoded by
//! the one module that knows the encoding library ([`codec`]); bulk rows are fixed-width records
//! and never pass through it.

pub mod codec;
mod control;
pub mod frame;

pub use control::{Control, EntryMessage, Opening, Outcome, PartCount, Proposal, SettleState};

#[cfg(test)]
mod tests;
