//! Whole nodes as processes: start-up, queries, refusals, crashes, hostile peers.

mod answers;
mod crash;
mod harness;
mod hostile;
mod receipts;
mod refusals;
mod secrets;
mod walkthrough;
