//! The Glovebox node: the daemon that runs jobs with a peer, and the command line beside it.
//!
//! This crate owns everything `psi-core` refuses to touch: sockets, files, the clock, the operating
//! system's randomness and durable state. It holds no protocol arithmetic (that is `psi-core`) and
//! no SQL (that is `aggregator`). The checks that an auditor makes are in `psi-audit`, which does not
//! depend on this crate; the small modules that both need are defined there and re-exported here.
//!
//! | Module | What it is |
//! |---|---|
//! | [`cli`] | the command line: one module per command |
//! | [`config`], [`identity`], [`collab`] | what a node is, who it is, whom it works with |
//! | [`state`], [`receipts`], [`policy_text`] | what survives a crash, and how others check it |
//! | [`duration_text`] | spans of time in configurations |
//! | [`run_files`] | lists that outgrow memory, as files |
//! | [`net`] | connections with pinned peers, and frames on streams |
//! | [`job`] | what a job does, from query to receipt |
//! | [`memory`], [`list_storage`], [`threads`] | what a node may hold, where it keeps lists, and what runs beside what |
//! | [`process`] | what the operating system may show of a process that holds secrets |
//! | [`api`], [`daemon`] | the local API, and the process that serves it and the peers |
//! | [`printable`] | text that somebody else chose, as a person may see it |
//! | [`error`], [`exit`] | errors as pairs of what happened and what to do; exit codes |

// `clippy.toml` beside `src` says what never happens here.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(
    test,
    allow(clippy::disallowed_macros, reason = "tests print their seeds")
)]

pub mod api;
pub mod audit;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod durable_file;
pub mod duration_text;
#[cfg(test)]
#[path = "../../psi-core/src/facts_fixture.rs"]
mod facts_fixture;
#[cfg(test)]
mod fixture;
mod frozen;
#[cfg(test)]
mod golden;
pub mod identity;
pub mod invite;
pub mod job;
pub mod list_storage;
pub mod memory;
pub mod net;
pub mod places;
pub mod policy_text;
pub mod receipts;
pub mod reload;
pub mod run_files;
pub mod state;
pub mod threads;
mod transfer_size;
mod warnings;

use std::process::ExitCode;

// Shared with an auditor's program, which must not depend on this crate.
pub use psi_audit::{collab, error, exit, printable, process};

/// Runs the command line of this process and returns its exit code (see [`exit::Exit`]).
pub fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
