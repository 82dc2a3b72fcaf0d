//! Receipts: one hash chain of countersigned entries per collaboration.
//!
//! Spec 07. This module is arithmetic alone: what an entry says, its hash, the text both members
//! sign, and the offline check of a whole log ([`ChainVerifier`]). [`log`] is the protocol by which
//! two members add to the log and agree on it. Where entries are stored is the node's business.
//!
//! An entry holds no output in the clear, no true size and no timing.

mod input;
pub mod log;
mod verify;

use bincode::{Decode, Encode};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha512};

pub use input::input_digest;
pub use verify::{ChainError, ChainSummary, ChainVerifier, LogMember};

use crate::dp::Amount;
use crate::error::{Code, Error};
use crate::limits;
use crate::messages::codec;
use crate::named_bytes::{named_bytes, salt_bytes};
use crate::spec::{CollabId, JobId, JobSpec, NodeId};
use crate::transcript::Transcripts;

named_bytes!(
    /// The hash of an entry; zero is the hash before entry 0.
    EntryHash,
    64
);

impl EntryHash {
    /// The previous hash of entry 0.
    pub const ZERO: Self = Self([0; 64]);
}

named_bytes!(
    /// A node's Ed25519 signature; [`signature_holds`] says over what text.
    Signature,
    64
);

named_bytes!(
    /// What binds a side to its seed and its frozen input: [`opening_commitment`].
    Commitment,
    64
);

named_bytes!(
    /// A side's policy on an opened entry, as a salted hash: [`policy_digest`].
    PolicyDigest,
    64
);

named_bytes!(
    /// The digest of a side's frozen input (Spec 07 §3); it never leaves the node.
    InputDigest,
    64
);

named_bytes!(
    /// A query on the entry of a refused one: [`query_digest`].
    QueryDigest,
    64
);

named_bytes!(
    /// A salted commitment to an output: [`output_commitment`].
    OutputCommitment,
    64
);

salt_bytes!(
    /// The salt of a [`PolicyDigest`]: its owner's secret, since a policy can be guessed.
    PolicySalt, 32
);

salt_bytes!(
    /// The salt of an [`OutputCommitment`], which recipients share.
    OutputSalt, 32
);

/// One entry of a collaboration's receipt log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// The collaboration.
    pub collab_id: CollabId,
    /// The entry's number, from 0.
    pub seq: u64,
    /// The hash of the entry before; zero for entry 0.
    pub previous: EntryHash,
    /// What the entry records.
    pub body: Body,
}

/// What an entry records.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Body {
    /// A job was agreed on; from here on it counts, whatever becomes of it.
    Opened {
        /// The canonical job specification; its hash is the job's id.
        spec: Vec<u8>,
        /// The requester's and the responder's signature over [`agreement_text`].
        agreements: [Signature; 2],
        /// The requester's and the responder's commitment to seed and frozen input.
        commitments: [Commitment; 2],
        /// The requester's and the responder's digest of the policy under which it agreed.
        policies: [PolicyDigest; 2],
        /// What the requester and the responder each take from their own privacy budget.
        charges: [Amount; 2],
    },
    /// A job ended.
    Closed {
        /// The job.
        job_id: JobId,
        /// How it ended.
        status: ClosedStatus,
        /// Why, if it was aborted.
        code: Option<Code>,
        /// The salted commitment to the output, if it completed.
        output_commitment: Option<OutputCommitment>,
        /// What crossed the wire, if it completed.
        transcripts: Option<Transcripts>,
    },
    /// A member states something about its own log, such as a repair after a rollback.
    Statement {
        /// The node id of the member.
        node_id: NodeId,
        /// Its words.
        text: String,
    },
    /// A member asked, and the other refused, so nothing was agreed on.
    Refused {
        /// The node id of the member that asked.
        requester: NodeId,
        /// The node id of the member that refused.
        responder: NodeId,
        /// [`query_digest`] of what was asked.
        query: QueryDigest,
        /// Why.
        code: Code,
    },
}

/// How a job ended, as both members record it. A suppressed result is `Completed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ClosedStatus {
    /// The protocol ran to its end.
    Completed,
    /// It did not.
    Aborted,
}

impl ClosedStatus {
    /// The stable text of the status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }
}

impl Entry {
    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical bytes and checks every bound that one entry must hold on its own.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the bytes do not decode, are not canonical or exceed a limit;
    /// the errors of [`JobSpec::decode`] for an opened entry; [`Code::SignatureInvalid`] if one of
    /// its sides did not agree to the job; [`Code::EntryMismatch`] if a closed entry's fields
    /// contradict its status, or a refused one's code is not a refusal.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > limits::ENTRY_BYTES_MAX {
            return Err(Error::misbehaved(
                Code::MalformedMessage,
                "a receipt entry is too long",
            ));
        }
        let entry: Self = codec::decode(bytes)?;
        match &entry.body {
            Body::Opened {
                spec, agreements, ..
            } => {
                let spec = JobSpec::decode(spec)?;
                let text = agreement_text(&spec.job_id());
                let sides = [spec.requester.node_id, spec.responder.node_id];
                for (node_id, signature) in sides.iter().zip(agreements) {
                    if !signature_holds(node_id, &text, signature) {
                        let detail = "a job that one side did not agree to";
                        return Err(Error::misbehaved(Code::SignatureInvalid, detail));
                    }
                }
                if spec.collab_id != entry.collab_id {
                    let detail = "a job of another collaboration";
                    return Err(Error::misbehaved(Code::EntryMismatch, detail));
                }
            }
            Body::Closed {
                status,
                code,
                output_commitment,
                transcripts,
                ..
            } => {
                let completed = *status == ClosedStatus::Completed;
                let fits = completed == output_commitment.is_some()
                    && completed == transcripts.is_some()
                    && completed == code.is_none();
                if !fits {
                    let detail = "a closing entry that contradicts its status";
                    return Err(Error::misbehaved(Code::EntryMismatch, detail));
                }
            }
            Body::Statement { text, .. } => {
                if text.is_empty() || text.len() > limits::STATEMENT_BYTES_MAX {
                    let detail = "the length of a statement";
                    return Err(Error::misbehaved(Code::MalformedMessage, detail));
                }
            }
            Body::Refused {
                requester,
                responder,
                code,
                ..
            } => {
                if requester == responder || !code.is_refusal() {
                    let detail = "a refusal by the side that asked, or for no reason to refuse";
                    return Err(Error::misbehaved(Code::EntryMismatch, detail));
                }
            }
        }
        Ok(entry)
    }

    /// `SHA-512("psi/v1/entry" || canonical bytes)`.
    #[must_use]
    pub fn hash(&self) -> EntryHash {
        entry_hash(&self.encode())
    }
}

/// The hash of an entry's canonical bytes.
#[must_use]
pub fn entry_hash(bytes: &[u8]) -> EntryHash {
    let hash = Sha512::new()
        .chain_update(b"psi/v1/entry")
        .chain_update(bytes)
        .finalize();
    EntryHash(hash.into())
}

/// What a member signs for an entry: `"psi/v1/receipt" || hash`.
#[must_use]
pub fn signing_text(hash: &EntryHash) -> Vec<u8> {
    [b"psi/v1/receipt".as_slice(), hash.as_bytes()].concat()
}

/// What a member signs to agree to a job: `"psi/v1/agree" || job_id`.
#[must_use]
pub fn agreement_text(job_id: &JobId) -> Vec<u8> {
    [b"psi/v1/agree".as_slice(), job_id.as_bytes()].concat()
}

/// Whether `signature` over `text` is one of the node `node_id`, by the strict rules of RFC 8032
/// that also exclude keys of small order.
#[must_use]
pub fn signature_holds(node_id: &NodeId, text: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    VerifyingKey::from_bytes(node_id.as_bytes())
        .and_then(|key| key.verify_strict(text, &signature))
        .is_ok()
}

/// Represents a query on the entry of a refused one: `SHA-512("psi/v1/query" || canonical query)`.
/// It keeps the entry short; both nodes keep the text in their lists of jobs.
#[must_use]
pub fn query_digest(query: &str) -> QueryDigest {
    let digest = Sha512::new()
        .chain_update(b"psi/v1/query")
        .chain_update(query.as_bytes())
        .finalize();
    QueryDigest(digest.into())
}

/// Represents a policy on an opened entry: `SHA-512("psi/v1/policy" || salt || canonical policy)`
/// (Spec 07 §10).
///
/// # Security
/// The salt is the policy owner's secret, since a policy can be guessed.
#[must_use]
pub fn policy_digest(salt: &PolicySalt, policy: &str) -> PolicyDigest {
    let digest = Sha512::new()
        .chain_update(b"psi/v1/policy")
        .chain_update(salt)
        .chain_update(policy.as_bytes())
        .finalize();
    PolicyDigest(digest.into())
}

/// The commitment that binds a side to its seed and its input before any data flows:
/// `SHA-512("psi/v1/open" || job_id || seed || digest of the frozen input)` (Spec 07 §3).
///
/// # Security
/// Hiding, because the seed has 256 random bits. Neither seed nor digest is ever sent.
#[must_use]
pub fn opening_commitment(
    job_id: &JobId,
    seed: &crate::seed::JobSeed,
    input_digest: &InputDigest,
) -> Commitment {
    let hash = Sha512::new()
        .chain_update(b"psi/v1/open")
        .chain_update(job_id)
        .chain_update(seed.expose())
        .chain_update(input_digest)
        .finalize();
    Commitment(hash.into())
}

/// One cell of an output: its value, or `None` where it was suppressed.
pub type Cell = Option<u64>;

/// The salted commitment to an output: `SHA-512("psi/v1/output" || salt || number of cells ||
/// per cell a flag and the value, 0 if suppressed)` (Spec 07 §4).
#[must_use]
pub fn output_commitment(salt: &OutputSalt, cells: &[Cell]) -> OutputCommitment {
    let mut hash = Sha512::new()
        .chain_update(b"psi/v1/output")
        .chain_update(salt)
        .chain_update((cells.len() as u64).to_be_bytes());
    for cell in cells {
        hash.update([u8::from(cell.is_some())]);
        hash.update(cell.unwrap_or(0).to_be_bytes());
    }
    OutputCommitment(hash.finalize().into())
}

#[cfg(test)]
mod tests;
