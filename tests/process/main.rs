//! Whole nodes as processes: start-up, queries, refusals, crashes, hostile peers.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, and says where"
)]

mod aircraft;
mod answering;
mod answers;
mod approvals;
mod audit;
mod budget;
mod cancelling;
mod contact;
mod crash;
mod curious;
mod dp;
mod examples;
mod explain;
mod harness;
mod hostile;
mod hostile_charges;
mod hostile_pace;
mod hostile_settlement;
mod hostile_shares;
mod hostile_sums;
mod hostile_transfer;
mod json_fields;
mod listing;
mod naming;
mod nycflights;
mod plain;
mod planes;
mod random;
mod receipts;
mod recipients;
mod refusals;
mod reload;
mod revisions;
mod secrets;
mod semi_joins;
mod several;
mod shop;
mod sources;
mod spill;
mod stage;
mod standing;
mod sums;
mod tables;
mod templates;
mod walkthrough;
