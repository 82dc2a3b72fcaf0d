//! Whole nodes as processes: start-up, queries, refusals, crashes, hostile peers.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, and says where"
)]

mod answers;
mod crash;
mod harness;
mod hostile;
mod hostile_transfer;
mod receipts;
mod refusals;
mod secrets;
mod spill;
mod sums;
mod templates;
mod walkthrough;
