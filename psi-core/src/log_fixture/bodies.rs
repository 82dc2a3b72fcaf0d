//! What the entries of a log say: jobs by number, a refused question, a statement.

use ed25519_dalek::{Signer as _, SigningKey};
use psi_core::Code;
use psi_core::dp::Amount;
use psi_core::receipt::log::{OwnClosing, OwnOpening};
use psi_core::receipt::{
    Body, ClosedStatus, Commitment, LogMember, OutputCommitment, PolicyDigest, Signature,
    agreement_text, query_digest,
};
use psi_core::spec::{Agreement, CollabId, Half, JobId, JobSpec, NodeId, Recipients, Shape};
use psi_core::transcript::{Transcript, Transcripts};

use super::super::facts_fixture::{agreement, facts};

/// The collaboration whose log it is.
pub(crate) const COLLAB: CollabId = CollabId([0xc0; 32]);

/// What the member that asks puts on every opened entry.
pub(crate) const OPENING_OF_REQUESTER: OwnOpening = OwnOpening {
    commitment: Commitment([0x61; 64]),
    policy: PolicyDigest([0x64; 64]),
};

/// What both find at the end of every job.
pub(crate) const CLOSING: OwnClosing = OwnClosing {
    output_commitment: OutputCommitment([0x63; 64]),
    transcripts: Transcripts {
        to_sender: Transcript([1; 64]),
        to_receiver: Transcript([2; 64]),
    },
};

/// Keys of two members and of a third node, the first two in the order of their node ids.
pub(crate) struct Keys {
    pub(crate) first: SigningKey,
    pub(crate) second: SigningKey,
    pub(crate) stranger: SigningKey,
}

pub(crate) fn keys() -> Keys {
    let key = |byte| SigningKey::from_bytes(&[byte; 32]);
    let (mut first, mut second) = (key(1), key(2));
    if node_id(&first) > node_id(&second) {
        std::mem::swap(&mut first, &mut second);
    }
    Keys {
        first,
        second,
        stranger: key(3),
    }
}

pub(crate) fn node_id(key: &SigningKey) -> NodeId {
    key.verifying_key().to_bytes().into()
}

/// The member with this key, as a verifier knows it.
pub(crate) fn member(key: &SigningKey, name: &str) -> LogMember {
    LogMember {
        node_id: node_id(key),
        name: name.to_owned(),
    }
}

pub(crate) fn spec_between(
    nonce: u8,
    collab_id: CollabId,
    requester: &SigningKey,
    responder: &SigningKey,
) -> JobSpec {
    let half = |key: &SigningKey| Half {
        node_id: node_id(key),
        nonce: [nonce; 32].into(),
        facts: facts("member", 100, 10),
    };
    let agreement = Agreement {
        recipients: Recipients::Both,
        ..agreement(collab_id, "SELECT COUNT(*)", Shape::count_rows())
    };
    JobSpec::assemble(agreement, half(requester), half(responder)).unwrap()
}

/// The job number `nonce`; the second member asks.
pub(crate) fn job(nonce: u8) -> JobSpec {
    let keys = keys();
    spec_between(nonce, COLLAB, &keys.second, &keys.first)
}

pub(crate) fn opened_by(spec: &JobSpec, requester: &SigningKey, responder: &SigningKey) -> Body {
    let text = agreement_text(&spec.job_id());
    let sign = |key: &SigningKey| Signature(key.sign(&text).to_bytes());
    Body::Opened {
        spec: spec.encode(),
        agreements: [sign(requester), sign(responder)],
        commitments: [OPENING_OF_REQUESTER.commitment, Commitment([0x62; 64])],
        policies: [OPENING_OF_REQUESTER.policy, PolicyDigest([0x65; 64])],
        charges: [Amount::default(); 2],
    }
}

pub(crate) fn opened(nonce: u8) -> Body {
    let keys = keys();
    opened_by(&job(nonce), &keys.second, &keys.first)
}

pub(crate) fn completed(nonce: u8) -> Body {
    completed_job(job(nonce).job_id())
}

pub(crate) fn completed_job(job_id: JobId) -> Body {
    Body::Closed {
        job_id,
        status: ClosedStatus::Completed,
        code: None,
        output_commitment: Some(CLOSING.output_commitment),
        transcripts: Some(CLOSING.transcripts),
    }
}

pub(crate) fn aborted(nonce: u8) -> Body {
    Body::Closed {
        job_id: job(nonce).job_id(),
        status: ClosedStatus::Aborted,
        code: Some(Code::Interrupted),
        output_commitment: None,
        transcripts: None,
    }
}

pub(crate) fn statement(node_id: NodeId) -> Body {
    Body::Statement {
        node_id,
        text: "restored from a backup".into(),
    }
}

pub(crate) fn refused_by(requester: &SigningKey, responder: &SigningKey) -> Body {
    Body::Refused {
        requester: node_id(requester),
        responder: node_id(responder),
        query: query_digest("SELECT COUNT(*)"),
        code: Code::FilterNotAllowed,
    }
}
