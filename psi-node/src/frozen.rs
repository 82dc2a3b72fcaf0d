//! The frozen input of one side of a job, and the digest by which it is committed to.
//!
//! Spec 10 §4 and Spec 07 §3. Made by the aggregator, handed to the matches in the order in which
//! they run. Called by the job runner; nothing here leaves the node.

use psi_core::receipt::{InputDigest, input_digest};
use std::sync::Arc;

use aggregator::JobInput;
use psi_core::session::{JobLists, SharedList};
use psi_core::store::{Reserved, StoreError};

/// What this side brings in each of its roles.
#[derive(Clone)]
pub(crate) struct Frozen {
    /// As Receiver: the digests of each part.
    pub(crate) parts: Option<Vec<SharedList>>,
    /// As Sender: digests, each with its payload.
    pub(crate) payload: Option<SharedList>,
    /// The identities that are in none of these lists. They are kept and worked on in the same way.
    pub(crate) others: Vec<SharedList>,
    /// The room on disk that these lists have.
    pub(crate) room: Arc<Reserved>,
}

impl From<JobInput> for Frozen {
    fn from(input: JobInput) -> Self {
        let parts = input.parts.map(|parts| parts.into_iter().map(Arc::from));
        Self {
            parts: parts.map(Iterator::collect),
            payload: input.payload.map(Arc::from),
            others: input.others.into_iter().map(Arc::from).collect(),
            room: Arc::new(input.room),
        }
    }
}

impl From<Frozen> for JobLists {
    fn from(frozen: Frozen) -> Self {
        Self {
            parts: frozen.parts,
            positions: frozen.payload,
        }
    }
}

impl Frozen {
    /// The digest by which the input is committed to: [`input_digest`].
    ///
    /// # Errors
    /// [`StoreError`] if a list cannot be read.
    pub(crate) fn digest(&self) -> Result<InputDigest, StoreError> {
        input_digest(&self.clone().into(), &self.others)
    }
}
