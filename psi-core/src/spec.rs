//! The job specification: everything two nodes agree on before a row is touched, and its name.
//!
//! Spec 03. A node never takes roles or sizes from its peer: it assembles the specification from
//! the two halves with [`JobSpec::assemble`], and both arrive at the same bytes or at nothing.

use bincode::{Decode, Encode};
use sha2::{Digest as _, Sha512};

use crate::error::{Code, Error};
use crate::facts::TableFacts;
use crate::limits;
use crate::messages::codec;
use crate::tag;

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// Names one job: SHA-512 of the canonical specification (Spec 03 §4).
pub type JobId = [u8; 64];

/// One of the two sides of a job, by who asked.
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

/// What is counted (Spec 03 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CountKind {
    /// `COUNT(*)`: joined rows. Equal to the number of shared identities where both keys are
    /// declared unique, and accepted only there.
    Rows,
    /// `COUNT(DISTINCT key)`: shared identities.
    Identities,
}

/// What one side contributes to a specification.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Half {
    /// The node's ed25519 public key.
    pub node_id: [u8; 32],
    /// Fresh for each job, so that no two jobs share a name.
    pub nonce: [u8; 32],
    /// The public facts of the table and key that the query names.
    pub facts: TableFacts,
}

/// What the two sides bring, before roles and sizes follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The collaboration both have signed.
    pub collab_id: [u8; 32],
    /// The canonical query; the requester's own literals stand in it as `$1`, `$2`, …
    pub query: String,
    /// One commitment per hidden literal, in order of appearance.
    pub hidden: Vec<[u8; 64]>,
    /// What the query counts.
    pub count: CountKind,
    /// Who gets the result.
    pub recipients: Recipients,
    /// Whether the collaboration lets the requester receive results.
    pub requester_may_receive: bool,
    /// Whether the collaboration lets the responder receive results.
    pub responder_may_receive: bool,
}

/// Sizes of one part of the Receiver's list (Spec 03 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PartSize {
    /// Registered identities of the part.
    pub identities: u64,
    /// Canaries mixed into it.
    pub canaries: u64,
}

impl PartSize {
    /// The part's size for `identities` registered identities.
    #[must_use]
    pub fn for_identities(identities: u64) -> Self {
        let canaries = identities.clamp(limits::CANARIES_MIN, limits::CANARIES_MAX);
        Self {
            identities,
            canaries,
        }
    }

    /// Points that the Receiver sends for this part, `N1_g`.
    #[must_use]
    pub const fn points(&self) -> u64 {
        self.identities + self.canaries
    }
}

/// A complete job specification.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct JobSpec {
    /// [`PROTOCOL_VERSION`].
    pub version: u16,
    /// See [`Agreement::collab_id`].
    pub collab_id: [u8; 32],
    /// See [`Agreement::query`].
    pub query: String,
    /// See [`Agreement::hidden`].
    pub hidden: Vec<[u8; 64]>,
    /// See [`Agreement::count`].
    pub count: CountKind,
    /// See [`Agreement::recipients`].
    pub recipients: Recipients,
    /// The requester's half.
    pub requester: Half,
    /// The responder's half.
    pub responder: Half,
    /// Which side is Receiver; the other is Sender.
    pub receiver: Party,
    /// The larger of both sides' minimum of distinct identities per output row.
    pub minimum: u64,
    /// The parts of the Receiver's list; one without Receiver groups.
    pub parts: Vec<PartSize>,
    /// Tags that the Sender sends, `N2`.
    pub sender_size: u64,
    /// Bytes of one tag.
    pub tag_bytes: u8,
}

impl JobSpec {
    /// Derives roles and sizes from what both sides bring (Spec 03 §3 and §5).
    ///
    /// # Errors
    /// [`Error::PeerIncompatible`] with [`Code::KindsDiffer`], [`Code::KeyNotUnique`] or
    /// [`Code::RecipientNotAllowed`]; [`Code::SpecMismatch`] if both halves are of one node;
    /// [`Code::MalformedMessage`] or [`Code::SizeNotServed`] if a
    /// half or the query is out of bounds.
    pub fn assemble(agreement: Agreement, requester: Half, responder: Half) -> Result<Self, Error> {
        requester.facts.validate()?;
        responder.facts.validate()?;
        check_query(&agreement)?;
        if requester.node_id == responder.node_id {
            return Err(Error::misbehaved(
                Code::SpecMismatch,
                "a job of one node with itself",
            ));
        }
        check_fit(&agreement, &requester.facts, &responder.facts)?;
        let receiver = choose_receiver(&agreement, &requester.facts, &responder.facts);
        let (receiver_facts, sender_facts) = match receiver {
            Party::Requester => (&requester.facts, &responder.facts),
            Party::Responder => (&responder.facts, &requester.facts),
        };
        let part = PartSize::for_identities(receiver_facts.identities);
        let sender_size = sender_facts.identities;
        let tag_bytes = u8::try_from(tag::tag_bytes(part.points(), sender_size))
            .map_err(|_| Error::ApiMisuse("a tag never exceeds 64 bytes"))?;
        let minimum = requester.facts.minimum.max(responder.facts.minimum);
        Ok(Self {
            version: PROTOCOL_VERSION,
            collab_id: agreement.collab_id,
            query: agreement.query,
            hidden: agreement.hidden,
            count: agreement.count,
            recipients: agreement.recipients,
            requester,
            responder,
            receiver,
            minimum,
            parts: vec![part],
            sender_size,
            tag_bytes,
        })
    }

    /// The canonical bytes: what is hashed, signed and kept on receipts.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical bytes and checks that roles and sizes are those that follow from the
    /// halves, so that an auditor accepts only what a node could have agreed to.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the bytes do not decode or are not canonical; those of
    /// [`Self::assemble`] for halves that do not fit together or are out of bounds;
    /// [`Code::SpecMismatch`] if a derived field is not what [`Self::assemble`] derives.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let spec: Self = codec::decode(bytes)?;
        // Who may receive stands in the collaboration, not here: accept what some collaboration
        // allows. The requester always may, or the job would have been refused.
        let derive = |responder_may_receive| {
            let agreement = Agreement {
                collab_id: spec.collab_id,
                query: spec.query.clone(),
                hidden: spec.hidden.clone(),
                count: spec.count,
                recipients: spec.recipients,
                requester_may_receive: true,
                responder_may_receive,
            };
            Self::assemble(agreement, spec.requester.clone(), spec.responder.clone())
        };
        // With both permissions `assemble` refuses only what no node may agree to.
        if derive(true)? == spec || derive(false).is_ok_and(|derived| derived == spec) {
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
        Sha512::new()
            .chain_update(b"psi/v1/job")
            .chain_update(self.encode())
            .finalize()
            .into()
    }

    /// The half of `party`.
    #[must_use]
    pub const fn half(&self, party: Party) -> &Half {
        match party {
            Party::Requester => &self.requester,
            Party::Responder => &self.responder,
        }
    }

    /// Points that the Receiver sends in all parts, the sum of `N1_g`.
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

fn check_fit(
    agreement: &Agreement,
    requester: &TableFacts,
    responder: &TableFacts,
) -> Result<(), Error> {
    let incompatible = |code, detail| Err(Error::PeerIncompatible { code, detail });
    if requester.key_kinds != responder.key_kinds {
        return incompatible(Code::KindsDiffer, "the identifier kinds of the join key");
    }
    if agreement.count == CountKind::Rows && !(requester.key_unique && responder.key_unique) {
        return incompatible(
            Code::KeyNotUnique,
            "COUNT(*) over a key not declared unique",
        );
    }
    let allowed = agreement.requester_may_receive
        && (agreement.responder_may_receive || agreement.recipients == Recipients::Requester);
    if !allowed {
        return incompatible(Code::RecipientNotAllowed, "a recipient who may not receive");
    }
    Ok(())
}

/// The requester, unless both may receive; then the side that prefers it, else the smaller
/// registered list, ties to the requester (Spec 03 §3).
fn choose_receiver(agreement: &Agreement, requester: &TableFacts, responder: &TableFacts) -> Party {
    if !agreement.responder_may_receive {
        return Party::Requester;
    }
    match (requester.prefer_receiver, responder.prefer_receiver) {
        (true, false) => Party::Requester,
        (false, true) => Party::Responder,
        _ if responder.identities < requester.identities => Party::Responder,
        _ => Party::Requester,
    }
}

#[cfg(test)]
mod tests;
