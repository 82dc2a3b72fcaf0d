//! The local API: HTTP and JSON on a Unix socket in the state folder.
//!
//! `docs/operating/local-api.md` documents it. The command line is one client of it, scripts may be
//! others. Only the owner of the state folder can open the socket, so there is no further
//! authentication; nothing of it is ever reachable over the network.

pub mod client;
pub mod server;
mod socket;
pub mod types;
