//! The Glovebox protocol: private set intersection between two parties, as pure functions and
//! state machines.
//!
//! This crate opens no socket and no file, reads no clock and no environment, and draws no
//! randomness from the operating system. Bytes, time and the 32-byte job seed come in as arguments;
//! bytes go out as return values. The caller decides where lists are kept (see [`store`]) and how
//! messages travel (see [`messages`]).
//!
//! The normative text is `docs/spec/`; comments cite it as `Spec 04 §2`.

#![deny(unsafe_code)]
// Peer bytes reach no code that panics. `clippy.toml` beside `src` lists what else never happens
// here; tests may do all of it.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "tests read their data, and print their seeds"
    )
)]

// For the files of tests that other crates take in by their path.
#[cfg(test)]
extern crate self as psi_core;

pub mod canary;
mod code_table;
pub mod contact;
pub mod digest;
pub mod dp;
pub mod dummy;
pub mod error;
pub mod facts;
#[cfg(test)]
mod facts_fixture;
pub mod filler;
#[cfg(test)]
mod fixture;
pub mod group;
pub mod identifier;
pub mod kernel;
pub mod limits;
pub mod list;
#[cfg(test)]
mod log_fixture;
pub mod matching;
pub mod messages;
mod named_bytes;
pub mod ot;
pub mod progress;
pub mod receipt;
pub mod seed;
pub mod session;
pub mod spec;
pub mod store;
pub mod tag;
pub mod transcript;

pub use error::{Code, Error};
