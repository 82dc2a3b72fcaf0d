//! The job specification: everything two nodes agree on before a row is touched, and its name.
//!
//! Spec 03. A node never takes roles or sizes from its peer. It assembles the specification from
//! the two halves with [`JobSpec::assemble`], and both nodes arrive at the same bytes or at
//! nothing.

mod literal;
mod matches;
mod payload;
mod privacy;
mod roles;
mod shape;

use bincode::{Decode, Encode};
use sha2::{Digest as _, Sha512};

use crate::error::{Code, Error};
use crate::facts::TableFacts;
use crate::limits;
use crate::messages::codec;
use crate::named_bytes::named_bytes;
use crate::seed::{JobSeed, Purpose};

pub use literal::{LiteralCommitment, LiteralSalt};
pub use matches::{MatchSpec, PartSize};
pub use payload::{Component, ComponentKind, Payload};
pub use privacy::{AskedMode, DpTerms, JobUncertainty, Loss, Mode, NoiseTerms};
pub use shape::{Form, Shape, SideShape, ValueShape};

use roles::Sides;

/// The version of the protocol that this crate speaks.
///
/// Two nodes of different versions refuse each other (Spec 06 §3): the same value could have an
/// identity on one side alone.
pub const PROTOCOL_VERSION: u16 = 2;

named_bytes!(
    /// The ed25519 public key of a node, by which others know it (Spec 01 §6). What a peer sent need
    /// not be a key; a signature under it holds only if it is
    /// ([`crate::receipt::signature_holds`]).
    NodeId, 32
);

named_bytes!(
    /// One side's random number in a job, so that no two jobs share a name (Spec 03 §4).
    Nonce, 32
);

impl Nonce {
    /// In an inquiry, which names no job.
    pub const ZERO: Self = Self([0; 32]);

    /// The nonce of the side that holds this seed.
    #[must_use]
    pub fn of(seed: &JobSeed) -> Self {
        Self(seed.stream(Purpose::Nonce, 0, 0).array())
    }
}

named_bytes!(
    /// Names one job: SHA-512 of the canonical specification (Spec 03 §4).
    JobId, 64
);

named_bytes!(
    /// Names a collaboration through all its revisions: the hash of the first (Spec 01 §6).
    CollabId, 32
);

named_bytes!(
    /// The hash of one revision of a collaboration's document: what both members signed, and what a
    /// job names (Spec 01 §6).
    RevisionHash, 32
);

/// One of the two sides of a job, named by who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Party {
    /// The node whose analyst asked.
    Requester,
    /// The node that was asked.
    Responder,
}

impl Party {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Requester => Self::Responder,
            Self::Responder => Self::Requester,
        }
    }
}

/// Whose analyst gets the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Recipients {
    /// The requester alone.
    Requester,
    /// Both sides.
    Both,
}

impl Recipients {
    /// Whether `party` gets the result.
    #[must_use]
    pub const fn include(self, party: Party) -> bool {
        matches!(
            (self, party),
            (Self::Both, _) | (Self::Requester, Party::Requester)
        )
    }
}

/// What one side contributes to a specification.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Half {
    /// The node's ed25519 public key.
    pub node_id: NodeId,
    /// Fresh for each job.
    pub nonce: Nonce,
    /// The public facts of the table and key that the query names.
    pub facts: TableFacts,
}

/// What the two sides bring, before roles and sizes follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The collaboration both have signed.
    pub collab_id: CollabId,
    /// The hash of the revision of its document under which the job runs.
    pub revision: RevisionHash,
    /// The canonical query, in which `$1`, `$2`, … replace the requester's own literals.
    pub query: String,
    /// One commitment per hidden literal, in order of appearance.
    pub hidden: Vec<LiteralCommitment>,
    /// What the query asks of the two tables; each node derives it from the query.
    pub shape: Shape,
    /// Who gets the result.
    pub recipients: Recipients,
    /// The collaboration's mode; with differential privacy, what the requester asks to spend.
    pub mode: AskedMode,
    /// Whether the collaboration lets the requester receive results.
    pub requester_may_receive: bool,
    /// Whether the collaboration lets the responder receive results.
    pub responder_may_receive: bool,
}

/// A complete job specification.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct JobSpec {
    /// [`PROTOCOL_VERSION`].
    pub version: u16,
    /// See [`Agreement::collab_id`].
    pub collab_id: CollabId,
    /// See [`Agreement::revision`].
    pub revision: RevisionHash,
    /// See [`Agreement::query`].
    pub query: String,
    /// See [`Agreement::hidden`].
    pub hidden: Vec<LiteralCommitment>,
    /// See [`Agreement::shape`].
    pub shape: Shape,
    /// See [`Agreement::recipients`].
    pub recipients: Recipients,
    /// The mode, and all parameters of noise.
    pub mode: Mode,
    /// The requester's half.
    pub requester: Half,
    /// The responder's half.
    pub responder: Half,
    /// Which side is Receiver of the first match; the other is Sender.
    pub receiver: Party,
    /// The larger of the two sides' minimum numbers of distinct identities per output row.
    pub minimum: u64,
    /// See [`MatchSpec::parts`]; of the first match.
    pub parts: Vec<PartSize>,
    /// See [`MatchSpec::sender_size`]; of the first match.
    pub sender_size: u64,
    /// See [`MatchSpec::tag_bytes`]; of the first match.
    pub tag_bytes: u8,
    /// See [`MatchSpec::payload`]; of the first match.
    pub payload: Payload,
    /// The second match, with the roles swapped, where columns of both sides are aggregated.
    pub second: Option<MatchSpec>,
}

impl JobSpec {
    /// Derives roles and sizes from what both sides bring (Spec 03 §3 and §5).
    ///
    /// # Errors
    /// [`Error::PeerIncompatible`] with [`Code::KindsDiffer`], [`Code::KeyNotUnique`],
    /// [`Code::GroupNotConstant`], [`Code::RecipientNotAllowed`] or [`Code::OwnerNotAllowed`]; for
    /// a list under differential privacy, with [`Code::FormNotAllowed`]; and with differential
    /// privacy, with [`Code::EpsilonNotAllowed`], [`Code::SizeNotConfigured`],
    /// [`Code::BothSidesNotPrivate`], [`Code::VarianceNotPrivate`] or [`Code::ClampRequired`];
    /// [`Error::Beyond`] with [`Code::TooManyCells`], [`Code::SumTooLarge`] or
    /// [`Code::SizeNotServed`];
    /// [`Code::SpecMismatch`] if both halves are of one node or a half is about other columns;
    /// [`Code::MalformedMessage`] or [`Code::SizeNotServed`] if a half or the query is out of
    /// bounds.
    pub fn assemble(agreement: Agreement, requester: Half, responder: Half) -> Result<Self, Error> {
        requester.facts.validate()?;
        responder.facts.validate()?;
        check_query(&agreement)?;
        agreement.shape.check()?;
        agreement.shape.requester.check(&requester.facts)?;
        agreement.shape.responder.check(&responder.facts)?;
        if requester.node_id == responder.node_id {
            return Err(Error::misbehaved(
                Code::SpecMismatch,
                "a job of one node with itself",
            ));
        }
        let sides = Sides {
            requester: &requester.facts,
            responder: &responder.facts,
        };
        let (first, second, mode) = matches::derive(&agreement, sides)?;
        let minimum = requester.facts.minimum.max(responder.facts.minimum);
        Ok(Self {
            version: PROTOCOL_VERSION,
            collab_id: agreement.collab_id,
            revision: agreement.revision,
            query: agreement.query,
            hidden: agreement.hidden,
            shape: agreement.shape,
            recipients: agreement.recipients,
            mode,
            requester,
            responder,
            receiver: first.receiver,
            minimum,
            parts: first.parts,
            sender_size: first.sender_size,
            tag_bytes: first.tag_bytes,
            payload: first.payload,
            second,
        })
    }

    /// The matches of the job, in the order of their index: one or two.
    #[must_use]
    pub fn matches(&self) -> Vec<MatchSpec> {
        let first = MatchSpec {
            receiver: self.receiver,
            parts: self.parts.clone(),
            sender_size: self.sender_size,
            tag_bytes: self.tag_bytes,
            payload: self.payload.clone(),
        };
        std::iter::once(first).chain(self.second.clone()).collect()
    }

    /// Whether the job is one match of one part without payload, whose count is its answer. A job
    /// that releases a list does not count as one.
    #[must_use]
    pub fn is_single_count(&self) -> bool {
        !self.shape.is_list()
            && self.parts.len() == 1
            && self.payload.components.is_empty()
            && self.second.is_none()
    }

    /// The canonical bytes: what is hashed, signed and kept on receipts.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical bytes and checks that the halves give exactly these roles and sizes, so that
    /// an auditor accepts only what a node could have agreed to. Jobs of earlier versions stay on
    /// receipts, so their specifications are read too.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the bytes do not decode or are not canonical; those of
    /// [`Self::assemble`] for halves that do not fit together or are out of bounds;
    /// [`Code::SpecMismatch`] if a derived field is not what [`Self::assemble`] derives.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let spec: Self = codec::decode(bytes)?;
        // The collaboration, not the specification, says who may receive: accept what some
        // collaboration allows. The requester always may, or the job would have been refused.
        let is_known = (1..=PROTOCOL_VERSION).contains(&spec.version);
        let derive = |responder_may_receive| {
            let agreement = Agreement {
                collab_id: spec.collab_id,
                revision: spec.revision,
                query: spec.query.clone(),
                hidden: spec.hidden.clone(),
                shape: spec.shape.clone(),
                recipients: spec.recipients,
                mode: spec.mode.asked(),
                requester_may_receive: true,
                responder_may_receive,
            };
            let (requester, responder) = (spec.requester.clone(), spec.responder.clone());
            let derived = Self::assemble(agreement, requester, responder)?;
            // Nothing but identifiers differs between the versions that are known.
            Ok::<_, Error>(Self {
                version: spec.version,
                ..derived
            })
        };
        // With both permissions, `assemble` refuses only what no node may agree to.
        let fits = derive(true)? == spec || derive(false).is_ok_and(|derived| derived == spec);
        if fits && is_known {
            return Ok(spec);
        }
        Err(Error::misbehaved(
            Code::SpecMismatch,
            "derived fields of a job specification",
        ))
    }

    /// `SHA-512("psi/v1/job" || canonical bytes)`.
    #[must_use]
    pub fn job_id(&self) -> JobId {
        let hash = Sha512::new()
            .chain_update(b"psi/v1/job")
            .chain_update(self.encode())
            .finalize();
        JobId(hash.into())
    }

    /// The half of `party`.
    #[must_use]
    pub const fn half(&self, party: Party) -> &Half {
        match party {
            Party::Requester => &self.requester,
            Party::Responder => &self.responder,
        }
    }

    /// Points that the Receiver of the first match sends in all parts, the sum of `N1_g`.
    #[must_use]
    pub fn receiver_size(&self) -> u64 {
        self.parts.iter().map(PartSize::points).sum()
    }
}

fn check_query(agreement: &Agreement) -> Result<(), Error> {
    let bytes = agreement.query.len();
    if bytes == 0 || bytes > limits::QUERY_BYTES_MAX {
        return Err(Error::misbehaved(
            Code::MalformedMessage,
            "the length of the query",
        ));
    }
    if agreement.hidden.len() > limits::HIDDEN_LITERALS_MAX {
        return Err(Error::misbehaved(
            Code::MalformedMessage,
            "the number of hidden literals",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
