//! What an auditor of Glovebox runs: the check of exported receipts, and the replay of a job from
//! the record that one side kept of it.
//!
//! Built on `psi-core` alone. Its whole input are files that the members hand over: it opens no
//! socket and no data source, has no state of its own, and holds no node's private key. `psi-node`
//! calls the same code from its commands, and shares the small modules at the end of the table.
//!
//! | Module | What it is |
//! |---|---|
//! | [`cli`] | the `psi-audit` program: `verify`, `replay` |
//! | [`receipts`] | exported logs (Spec 07 §9): their lines, and the check of a whole log (Spec 07 §5) |
//! | [`collab`], [`identity`], [`name`], [`address`] | who the members are: signed documents, node ids, names, addresses |
//! | [`record`], [`seal`] | records for the auditor (Spec 07 §11): their items, their encryption |
//! | [`replay`] | one side's half of a job, run again and compared (Spec 07 §12) |
//! | [`scratch`] | where lists are kept meanwhile |
//! | [`output`], [`printable`] | what commands print, and text that somebody else chose |
//! | [`error`], [`exit`] | errors as pairs of what happened and what to do; exit codes |
//! | [`text_file`], [`process`] | reading files that a person named; hiding memory |

#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod address;
pub mod cli;
pub mod collab;
pub mod error;
pub mod exit;
mod hex_field;
pub mod identity;
pub mod name;
pub mod output;
pub mod printable;
pub mod process;
pub mod receipts;
pub mod record;
pub mod replay;
pub mod scratch;
pub mod seal;
pub mod text_file;

#[cfg(test)]
mod tests;
