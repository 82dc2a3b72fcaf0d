//! Everything that crosses the wire, as bytes.
//!
//! Spec 06. A message travels in a frame ([`frame`]). Only one module ([`codec`]) knows the
//! encoding library; it encodes the control messages ([`Control`]). Bulk rows are fixed-width
//! records and never pass through it.

pub mod codec;
mod control;
pub mod frame;

pub use control::{
    Control, EntryMessage, Opening, Outcome, PartCount, Ping, Pong, Proposal, SettleState,
};

#[cfg(test)]
mod tests;
