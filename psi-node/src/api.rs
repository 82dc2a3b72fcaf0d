//! The local API: HTTP and JSON on a Unix socket in the state folder.
//!
//! `docs/operating/local-api.md` documents it. The command line is one client of it; scripts may be
//! others. Only the owner of the state folder can open the socket, so it needs no further
//! authentication. The network never reaches any of it.

pub mod client;
pub mod server;
pub(crate) mod socket;
pub mod types;
