//! Jobs: from a query, or a peer's proposal, to a countersigned result.
//!
//! Spec 06 §3 is the order of messages. Where to look for a step:
//!
//! | Room | What happens there |
//! |---|---|
//! | [`request()`], `respond` | the two sides of a job, up to both signatures; each calls what follows |
//! | `negotiate` | what both ask before they sign: the plan, the other half, sizes, accounts, approval |
//! | [`explain`], `inquire` | the same questions without a job: what one would be |
//! | [`contact`], `introduce` | whether the other member has joined, and what its tables offer |
//! | `run` | from both signatures to the closing entry |
//! | `matches` | the matches over a stream, in both directions at once |
//! | [`outcome`] | what came out: rows, the file of a list, the document that shows them |
//! | `log` | the receipt log, inside a job and outside of one |
//! | [`failure`](Failure), [`registry`], `shares`, [`membership`] | why nothing came out; running jobs; what one peer may use; who may speak |
//!
//! The daemon calls [`serve_connection`] and [`settle_all`], the local API [`request()`]; all of them
//! work with a [`JobContext`]. Nothing here opens sockets or decides policy.

mod charge;
pub mod contact;
pub(crate) mod context;
mod deadlines;
pub mod explain;
mod failure;
mod inquire;
mod introduce;
mod link;
mod log;
mod matches;
pub mod membership;
mod negotiate;
pub mod outcome;
pub mod registry;
mod request;
mod respond;
mod run;
mod seeds;
mod serve;
mod shares;
pub mod standing;
mod table_watch;

pub use charge::recover as recover_ledger;
pub use context::{Current, JobContext};
pub use failure::Failure;
pub use log::locks::ChainLocks;
pub use log::open_jobs::LiveJobs;
pub use log::settlements::all as settle_all;
pub use log::settling::Settling;
pub use negotiate::question::JobRequest;
pub use negotiate::spend::{DELTA_DEFAULT, Spend};
pub use request::request;
pub use serve::serve_connection;
pub use shares::doors::Doors;
pub use shares::looks::Looks;
pub use shares::notes::{NoteShare, Notes};
pub use shares::turns::Turns;
pub use table_watch::watch_tables;

#[cfg(test)]
mod tests;
