//! What the machines of a log ask the node that drives them. They only read.
//!
//! The node implements this over its state, the tests over memory. Every answer reflects the last
//! step: the changes of a step are made before the next state asks.

use super::StoredEntry;
use crate::error::Code;
use crate::receipt::{Commitment, OutputCommitment, PolicyDigest, QueryDigest};
use crate::spec::{JobId, NodeId};
use crate::transcript::Transcripts;

/// What one member's node holds about one log.
pub trait LogView {
    /// Why the state cannot be read.
    type Error;

    /// The last entry.
    ///
    /// # Errors
    /// The state cannot be read; the same holds for all functions below.
    fn head(&self) -> Result<Option<StoredEntry>, Self::Error>;

    /// The entry with this number.
    ///
    /// # Errors
    /// The state cannot be read.
    fn entry(&self, seq: u64) -> Result<Option<StoredEntry>, Self::Error>;

    /// Jobs that were opened and not closed, in the order of their openings.
    ///
    /// # Errors
    /// The state cannot be read.
    fn open_jobs(&self) -> Result<Vec<JobId>, Self::Error>;

    /// Jobs of this collaboration that this process runs now.
    fn running_jobs(&self) -> Vec<JobId>;

    /// Why a job ended here, as long as no closed entry says so. A crash leaves no note.
    fn end_of(&self, job_id: &JobId) -> Option<Code>;

    /// Follower: what the entries of a job must say.
    ///
    /// # Errors
    /// The state cannot be read.
    fn awaited_job(&self, job_id: &JobId) -> Result<Option<AwaitedJob>, Self::Error>;

    /// Follower: the jobs whose opening the sequencer may still bring.
    ///
    /// # Errors
    /// The state cannot be read.
    fn awaited_openings(&self) -> Result<Vec<JobId>, Self::Error>;

    /// Follower: whether a refused entry may say this.
    ///
    /// # Errors
    /// The state cannot be read.
    fn awaits_refusal(
        &self,
        requester: &NodeId,
        query: &QueryDigest,
        code: Code,
    ) -> Result<bool, Self::Error>;

    /// Refusals that this follower still waits for.
    ///
    /// # Errors
    /// The state cannot be read.
    fn refusals_awaited(&self) -> Result<u64, Self::Error>;

    /// Refused entries since the last opened one.
    ///
    /// # Errors
    /// The state cannot be read.
    fn refusals_in_a_row(&self) -> Result<u64, Self::Error>;

    /// Refused entries that came today (UTC, by this node's clock).
    ///
    /// # Errors
    /// The state cannot be read.
    fn refusals_today(&self) -> Result<u64, Self::Error>;

    /// Statements of a member that came today.
    ///
    /// # Errors
    /// The state cannot be read.
    fn statements_today(&self, node_id: &NodeId) -> Result<u64, Self::Error>;

    /// The owner's statement that is not on the log yet.
    ///
    /// # Errors
    /// The state cannot be read.
    fn statement(&self) -> Result<Option<String>, Self::Error>;

    /// Why the log cannot be continued, if something was found.
    ///
    /// # Errors
    /// The state cannot be read.
    fn broken(&self) -> Result<Option<String>, Self::Error>;
}

/// What this node puts on the opened entry of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnOpening {
    /// The commitment to its seed and input.
    pub commitment: Commitment,
    /// The digest of its policy.
    pub policy: PolicyDigest,
}

/// What this node found at the end of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnClosing {
    /// The commitment to the output.
    pub output_commitment: OutputCommitment,
    /// The transcripts of both directions.
    pub transcripts: Transcripts,
}

/// What the entries of one job must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitedJob {
    /// The opened one.
    pub opening: OwnOpening,
    /// The closed one, if the job came to its end here.
    pub closing: Option<OwnClosing>,
}
