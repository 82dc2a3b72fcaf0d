//! All matches of a job as state machines without I/O.
//!
//! Spec 04, Spec 05 §6 and Spec 11. Each state is named for the message it awaits, and that message
//! consumes it. A step that has something to send returns it beside the next state, so that the
//! types show what leaves the machine:
//!
//! ```text
//! Receiver                                   Sender
//! receiver::blind -> A, ExpectSenderKey      sender::encrypt -> K_b, tags, ExpectBlinded
//! ExpectSenderKey -> ExpectTags              ExpectBlinded   -> R, Replied
//! ExpectTags      -> ExpectEvaluated
//! ExpectEvaluated -> Matched
//! then, if there is payload, the transfer of `crate::ot`; then the opening
//! ```
//!
//! One match, step by step and without a wire. A node drives [`Exchange`], which takes these steps;
//! `examples/two_parties.rs` shows how.
//!
//! ```
//! # use std::{error::Error, sync::Arc};
//! # use psi_core::facts::TableFacts;
//! # use psi_core::identifier::IdentifierKind;
//! # use psi_core::kernel::portable::Portable;
//! # use psi_core::list::{Rice, encode_list};
//! # use psi_core::messages::frame::{ListId, RowsHeader};
//! # use psi_core::progress::Silent;
//! # use psi_core::seed::JobSeed;
//! # use psi_core::session::{Awaiting, MatchSetup, SharedList, Tools, receiver, sender};
//! # use psi_core::spec::{Agreement, AskedMode, Half, JobSpec, NodeId, Nonce, Recipients, Shape};
//! # use psi_core::store::{MemoryStore, RecordStore as _};
//! # fn list(digests: &[[u8; 32]]) -> Result<SharedList, Box<dyn Error>> {
//! #     let mut writer = MemoryStore.unsorted(32)?;
//! #     writer.push(digests.as_flattened())?;
//! #     Ok(Arc::from(writer.finish()?))
//! # }
//! # fn code(list: &SharedList) -> Result<Vec<u8>, Box<dyn Error>> {
//! #     let mut bytes = Vec::new();
//! #     encode_list(&Rice, list.as_ref(), 1 << 16, &mut |piece| Ok(bytes.extend(piece.bytes)))?;
//! #     Ok(bytes)
//! # }
//! # fn tools() -> Tools {
//! #     Tools { kernel: Arc::new(Portable), store: Arc::new(MemoryStore), progress: Arc::new(Silent) }
//! # }
//! # fn half(member: &str, node: u8) -> Half {
//! #     let facts = TableFacts {
//! #         member: member.into(), table: "people".into(), key_columns: vec!["name".into()],
//! #         key_kinds: vec![IdentifierKind::Text], key_unique: true, identities: 3, minimum: 1,
//! #         prefer_receiver: false, owner_may_receive: false, result_to_both: false, rows_bound: 1,
//! #         groups: Vec::new(), values: Vec::new(), privacy: None,
//! #     };
//! #     Half { node_id: NodeId([node; 32]), nonce: Nonce([node; 32]), facts }
//! # }
//! # fn main() -> Result<(), Box<dyn Error>> {
//! # let agreement = Agreement {
//! #     collab_id: [1; 32].into(), revision: [1; 32].into(), query: "SELECT COUNT(*)".into(), hidden: Vec::new(),
//! #     shape: Shape::count_identities(), recipients: Recipients::Requester, mode: AskedMode::Exact,
//! #     requester_may_receive: true, responder_may_receive: true,
//! # };
//! # let spec = JobSpec::assemble(agreement, half("one", 1), half("other", 2))?;
//! # let rows = |list| RowsHeader { list, match_index: 0, part: 0 };
//! # let (ours, theirs) = (list(&[[7; 32], [8; 32]])?, list(&[[8; 32], [9; 32]])?);
//! // Both sides set up the match that the job specification says, each with a seed of its own.
//! let setup = MatchSetup::new(&spec, 0)?;
//! let blinded = receiver::blind(setup, &JobSeed::new([1; 32]), &[ours], tools())?;
//! let setup = MatchSetup::new(&spec, 0)?;
//! let encrypted = sender::encrypt(setup, &JobSeed::new([2; 32]), theirs.as_ref(), tools())?;
//!
//! // The Receiver takes the Sender's key and its tags. They tell it nothing yet.
//! let state = blinded.state.handle(0, &encrypted.key)?;
//! let tags = code(&encrypted.message)?;
//! let Awaiting::Done(state) = state.handle(rows(ListId::Tags), &tags)? else {
//!     panic!("the tags were not complete");
//! };
//!
//! // The Sender takes the blinded list. Its last byte makes the reply.
//! let blinded = code(&blinded.messages[0])?;
//! let Awaiting::Done(evaluated) = encrypted.state.handle(rows(ListId::Blinded), &blinded)? else {
//!     panic!("the blinded list was not complete");
//! };
//!
//! // The Receiver finds its canaries in the reply, and matches. Nothing shows the count before the
//! // opening has applied the minimum: `Matched` has no public field.
//! let reply = code(&evaluated.messages[0])?;
//! let Awaiting::Done(_matched) = state.handle(rows(ListId::Evaluated), &reply)? else {
//!     panic!("the reply was not complete");
//! };
//! # Ok(())
//! # }
//! ```
//!
//! [`Exchange`] joins these into one machine per side, which a node drives. It runs all matches of
//! a job and decides in one place which frame is allowed when. [`opened`] is what the recipients
//! hold at the end.
//!
//! Tags do not depend on A, so a caller may send them while A is still arriving. R exists only as
//! the result of the last byte of all parts of A, so no caller can send it earlier.
//!
//! Lists are written to and read from the [`RecordStore`] in [`Tools`]. A call does the arithmetic
//! of a whole batch and belongs on a thread that may block.

mod exchange;
mod held;
mod incoming;
mod noise;
pub mod opened;
mod opening;
mod own_hashes;
mod positions;
pub mod receiver;
pub mod sender;
mod setup;

use std::sync::Arc;

pub use exchange::{Ended, Exchange, JobLists, Outgoing, Outlet, Step, records_to_send};
pub use setup::MatchSetup;

use crate::kernel::Kernel;
use crate::progress::Progress;
use crate::store::{RecordList, RecordStore};

/// A finished list that may be sent from one thread while another goes on.
pub type SharedList = Arc<dyn RecordList>;

/// Records read, multiplied and written at a time: about a rows frame of points.
pub const BATCH_RECORDS: usize = crate::limits::ROWS_BYTES_MAX / 32;

/// What a session works with.
#[derive(Clone)]
pub struct Tools {
    /// The group arithmetic.
    pub kernel: Arc<dyn Kernel>,
    /// Where lists are kept.
    pub store: Arc<dyn RecordStore>,
    /// Receives the progress of the work, and may stop it.
    pub progress: Arc<dyn Progress>,
}

/// What a state that takes a list in pieces becomes.
pub enum Awaiting<S, T> {
    /// The list is not complete.
    More(S),
    /// It was complete and passed every check.
    Done(T),
}

#[cfg(test)]
mod tests;
