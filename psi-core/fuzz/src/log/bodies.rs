//! What the entries of the fuzzed log say: jobs by number, and a refused question.

use ed25519_dalek::{Signer as _, SigningKey};
use psi_core::Code;
use psi_core::dp::Amount;
use psi_core::receipt::{
    Body, ClosedStatus, Commitment, OutputCommitment, PolicyDigest, Signature, agreement_text,
    query_digest,
};
use psi_core::spec::{Agreement, CollabId, Half, JobId, JobSpec, NodeId, Recipients, Shape};
use psi_core::transcript::{Transcript, Transcripts};

use super::super::facts_fixture::{agreement, facts};

/// The collaboration whose log it is.
pub(super) const COLLAB: CollabId = CollabId([0xc0; 32]);

/// What the follower, who asks, puts on every opened entry.
pub(super) const OF_FOLLOWER: (Commitment, PolicyDigest) =
    (Commitment([0x61; 64]), PolicyDigest([0x64; 64]));

/// What both find at the end of every job.
pub(super) const OUTPUT: (OutputCommitment, Transcripts) = (
    OutputCommitment([0x63; 64]),
    Transcripts {
        to_sender: Transcript([1; 64]),
        to_receiver: Transcript([2; 64]),
    },
);

/// The sequencer's key and the follower's.
pub(super) fn keys() -> [SigningKey; 2] {
    let mut keys = [1, 2].map(|byte| SigningKey::from_bytes(&[byte; 32]));
    keys.sort_by_key(node_id);
    keys
}

pub(super) fn node_id(key: &SigningKey) -> NodeId {
    key.verifying_key().to_bytes().into()
}

/// The job of that number; the follower asks.
pub(super) fn job(nonce: u8) -> JobSpec {
    let half = |key: &SigningKey| Half {
        node_id: node_id(key),
        nonce: [nonce; 32].into(),
        facts: facts("member", 100, 10),
    };
    let agreement = Agreement {
        recipients: Recipients::Both,
        ..agreement(COLLAB, "SELECT COUNT(*)", Shape::count_rows())
    };
    let [sequencer, follower] = keys();
    JobSpec::assemble(agreement, half(&follower), half(&sequencer)).expect("halves that fit")
}

/// The name of an opened job.
pub(super) fn job_id_of(spec: &[u8]) -> JobId {
    JobSpec::decode(spec).expect("an opened job").job_id()
}

pub(super) fn opened(nonce: u8) -> Body {
    let spec = job(nonce);
    let text = agreement_text(&spec.job_id());
    let [sequencer, follower] = keys().map(|key| Signature(key.sign(&text).to_bytes()));
    Body::Opened {
        spec: spec.encode(),
        agreements: [follower, sequencer],
        commitments: [OF_FOLLOWER.0, Commitment([0x62; 64])],
        policies: [OF_FOLLOWER.1, PolicyDigest([0x65; 64])],
        charges: [Amount::default(); 2],
    }
}

pub(super) fn completed(job_id: JobId) -> Body {
    Body::Closed {
        job_id,
        status: ClosedStatus::Completed,
        code: None,
        output_commitment: Some(OUTPUT.0),
        transcripts: Some(OUTPUT.1),
    }
}

/// The sequencer's question, which the follower refuses.
pub(super) fn refused() -> Body {
    let [requester, responder] = keys().map(|key| node_id(&key));
    Body::Refused {
        requester,
        responder,
        query: query_digest("SELECT COUNT(*)"),
        code: Code::FilterNotAllowed,
    }
}
