//! Control messages: everything except rows (Spec 06 §3).

use bincode::{Decode, Encode};

use crate::contact::Offer;
use crate::dp::Amount;
use crate::error::Code;
use crate::facts::TableFacts;
use crate::receipt::{
    Commitment, EntryHash, OutputCommitment, OutputSalt, PolicyDigest, Signature,
};
use crate::spec::{AskedMode, CollabId, Half, JobId, LiteralCommitment, Recipients, RevisionHash};

/// A control message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Control {
    /// Requester: a query and its half of the specification. Opens a job stream.
    Propose(Proposal),
    /// Responder: its half, and its signature over the job that follows from both.
    Accept {
        /// The responder's half.
        half: Half,
        /// Ed25519 over `"psi/v1/agree" || job_id`.
        signature: Signature,
    },
    /// Responder: no. Ends the stream, unless the refusal is to be recorded.
    Refuse {
        /// Why.
        code: Code,
        /// Whether both now put a refused entry on the receipt log (Spec 07 §2.1).
        recorded: bool,
    },
    /// Requester: its signature over the same job.
    Agree {
        /// Ed25519 over `"psi/v1/agree" || job_id`.
        signature: Signature,
    },
    /// Either side: what it puts on the opened entry.
    Commitment {
        /// `SHA-512("psi/v1/open" || job_id || seed || digest of the frozen input)`.
        commitment: Commitment,
        /// The digest of the policy under which it agreed.
        policy: PolicyDigest,
        /// What it takes from its own privacy budget.
        charge: Amount,
    },
    /// Sequencer: the next receipt entry, durable on its side.
    Entry(EntryMessage),
    /// Follower: its signature over that entry, durable on its side.
    Countersign {
        /// Ed25519 over the entry's signing text.
        signature: Signature,
    },
    /// Sender: `K_b = b*G`.
    SenderKey {
        /// The match this key is for.
        match_index: u8,
        /// The canonical encoding of `K_b`.
        point: [u8; 32],
    },
    /// Receiver of a job that is a single count: its outcome, to be put on the closing entry.
    Outcome(Outcome),
    /// Either side: still at work. Resets the time limit for silence and says nothing else.
    Working,
    /// Either side: the job ends here, for this reason. Ends the stream.
    Abort(Code),
    /// Follower: asks the sequencer to bring both receipt logs to the same entry. Opens a
    /// settlement stream.
    SettleRequest {
        /// The collaboration whose log is meant.
        collab_id: CollabId,
    },
    /// Both, sequencer first: the state of this side's log. Opens a settlement stream if the
    /// sequencer starts it.
    Settle(SettleState),
    /// Sequencer: both logs are equal and complete. Ends the stream.
    Settled {
        /// Accepted jobs that run here now. A job that is neither on the log nor in this list will
        /// not be opened.
        live: Vec<JobId>,
    },
    /// Receiver, in a job of two matches: how many identities matched, in all parts.
    MatchTotal {
        /// The match.
        match_index: u8,
        /// The number of matched positions, summed over parts.
        count: u64,
    },
    /// Receiver, to a Sender that is a recipient: what it may know of each part.
    PartCounts {
        /// The match.
        match_index: u8,
        /// One for each part, in their order.
        parts: Vec<PartCount>,
    },
    /// Both sides, where both are recipients: the commitment to this side's share of the sums.
    ShareCommitment {
        /// The match.
        match_index: u8,
        /// Spec 11 §8.
        commitment: [u8; 64],
    },
    /// To a recipient: this side's share of the sums, after its salt if it was committed to.
    Share {
        /// The match.
        match_index: u8,
        /// Spec 11 §8.
        share: Vec<u8>,
    },
    /// Requester: the commitment to all cells, to be put on the closing entry.
    Output {
        /// Present exactly if the responder is a recipient.
        salt: Option<OutputSalt>,
        /// The salted commitment to the cells.
        output_commitment: OutputCommitment,
    },
    /// Requester: asks what a job with this proposal would be. Nonce and commitments are zero.
    /// Opens a stream that never becomes a job.
    Inquire(Proposal),
    /// Responder: what its half would say. Ends the stream.
    Facts {
        /// The public facts of its table.
        facts: TableFacts,
        /// Whether its owner approves each run.
        approval: bool,
    },
    /// Follower: it holds durably what it will sign as the end of the job. Only then does the
    /// sequencer propose the closed entry.
    ReadyToClose,
    /// Either member: whether the other is there, and under which revision. Opens a stream that is
    /// not a job (Spec 14 §5).
    Ping(Ping),
    /// The answer. Ends the stream.
    Pong(Pong),
    /// Either member: what the other's tables offer it. Opens a stream that is not a job (Spec 14
    /// §4).
    AskOffer {
        /// The protocol version it speaks.
        version: u16,
        /// The collaboration that is meant.
        collab_id: CollabId,
    },
    /// The answer; nothing if the owner tells nothing. Ends the stream.
    Offered(Option<Offer>),
}

/// What a member asks to know whether the other is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ping {
    /// The protocol version it speaks.
    pub version: u16,
    /// The collaboration that is meant.
    pub collab_id: CollabId,
    /// The revision that it has joined or accepted.
    pub revision: RevisionHash,
    /// Its signature over that revision, for a member that lacks it.
    pub signature: Signature,
}

/// What the other says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Pong {
    /// The version of its program.
    pub program: String,
    /// Its clock, in milliseconds since 1970.
    pub clock_ms: u64,
    /// The number of the revision that it has joined.
    pub revision_number: u32,
    /// The hash of that revision.
    pub revision: RevisionHash,
    /// Whether the revision's mode is `dp`.
    pub dp: bool,
    /// Its signature over that revision.
    pub signature: Signature,
}

/// What a Sender that is a recipient may know of one part; of the same size in all cases (Spec 05
/// §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PartCount {
    /// Whether the part has as many matches as the minimum asks for.
    pub released: bool,
    /// Its matches; 0 if they may not be shown, or if the payload counts them.
    pub count: u64,
}

/// The requester's opening message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Proposal {
    /// The protocol version it speaks.
    pub version: u16,
    /// The collaboration under which it asks.
    pub collab_id: CollabId,
    /// The hash of the revision of its document that it has joined.
    pub revision: RevisionHash,
    /// The canonical query.
    pub query: String,
    /// Commitments to its hidden literals.
    pub hidden: Vec<LiteralCommitment>,
    /// Who is to get the result.
    pub recipients: Recipients,
    /// The mode of the collaboration, and what it asks to spend.
    pub mode: AskedMode,
    /// Its half.
    pub half: Half,
}

/// A receipt entry with the signatures that its sender holds, in the order of node ids.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EntryMessage {
    /// Canonical bytes of a [`crate::receipt::Entry`].
    pub entry: Vec<u8>,
    /// Signatures of the member with the smaller and of the one with the larger node id.
    pub signatures: [Option<Signature>; 2],
}

/// One released or suppressed cell; of the same size in both cases (Spec 05 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Opening {
    /// Whether the count may be shown.
    pub released: bool,
    /// The count; 0 if it may not be shown.
    pub count: u64,
    /// The salt of the output commitment.
    pub salt: OutputSalt,
}

/// What the Receiver tells the Sender at the end of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Outcome {
    /// Present exactly if the Sender's side is a recipient.
    pub opening: Option<Opening>,
    /// The salted commitment to the output.
    pub output_commitment: OutputCommitment,
}

/// The state of one side's receipt log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SettleState {
    /// The collaboration whose log is meant.
    pub collab_id: CollabId,
    /// The number of entries held.
    pub entries: u64,
    /// The hash of the last entry; zero for an empty log.
    pub head: EntryHash,
    /// This side's signature over the last one.
    pub signature: Option<Signature>,
    /// Accepted jobs that are still running here.
    pub live: Vec<JobId>,
    /// A statement to be recorded, from an owner who repairs a log that was rolled back.
    pub statement: Option<String>,
}
