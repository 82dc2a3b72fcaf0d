//! An invite, and the reply to it: two texts from which the same collaboration follows on both sides.
//!
//! Spec 14 §2 and §3. The inviter signs its terms; whoever accepts adds who it is and signs the
//! collaboration that follows from both. The inviter recognises its own terms in the reply, so it
//! keeps nothing meanwhile. No signature here is over anything but the bytes of this module and,
//! in a reply, the document.

use bincode::{Decode, Encode};

use super::offer::{Offer, OfferHash};
use super::{check_text, malformed};
use crate::error::Error;
use crate::limits;
use crate::messages::codec;
use crate::receipt::{Signature, signature_holds};
use crate::spec::NodeId;

/// Who a member is: its part of the document (Spec 01 §6).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Contact {
    /// The member's name.
    pub name: String,
    /// Its node id.
    pub node_id: NodeId,
    /// Its canonical address; empty for a member that nobody can reach.
    pub address: String,
}

/// What an inviter proposes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    /// The version of this layout: [`Terms::VERSION`].
    pub version: u16,
    /// The collaboration's name.
    pub collab: String,
    /// Whether its mode is `dp`; else `exact`.
    pub dp: bool,
    /// Who invites.
    pub inviter: Contact,
    /// The name that whoever accepts has to have; any if there is none.
    pub guest: Option<String>,
    /// Whether the inviter, and whoever accepts, may query.
    pub may_query: [bool; 2],
    /// Whether the inviter, and whoever accepts, may receive.
    pub may_receive: [bool; 2],
    /// From when it is valid, in seconds since 1970.
    pub made_unix: u64,
    /// Until when it may be accepted.
    pub expires_unix: u64,
    /// [`Offer::hash`] of what the inviter's tables offer.
    pub offer: OfferHash,
}

/// An invite: the text that goes from the inviter to the other person.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Invite {
    /// What is proposed.
    pub terms: Terms,
    /// The inviter's signature over [`Terms::signing_text`].
    pub signature: Signature,
    /// What the inviter's tables offer.
    pub offer: Option<Offer>,
}

/// A reply: the text that comes back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reply {
    /// The terms of the invite.
    pub terms: Terms,
    /// The inviter's signature over them.
    pub invite_signature: Signature,
    /// Who accepts.
    pub guest: Contact,
    /// Its signature over the document that follows (Spec 01 §6).
    pub document_signature: Signature,
    /// What its tables offer.
    pub offer: Option<Offer>,
    /// Its signature over [`Reply::signing_text`].
    pub signature: Signature,
}

impl Contact {
    fn check(&self) -> Result<(), Error> {
        check_text(&self.name)?;
        if self.address.len() > limits::OFFER_TEXT_BYTES_MAX {
            return Err(malformed("an address that is too long"));
        }
        Ok(())
    }
}

impl Terms {
    /// The version of the layout.
    pub const VERSION: u16 = 1;

    /// What the inviter signs: `"psi/v1/invite" || canonical bytes`.
    #[must_use]
    pub fn signing_text(&self) -> Vec<u8> {
        [b"psi/v1/invite".as_slice(), &codec::encode(self)].concat()
    }

    /// Whether `signature` is the inviter's over these terms.
    #[must_use]
    pub fn is_signed(&self, signature: &Signature) -> bool {
        signature_holds(&self.inviter.node_id, &self.signing_text(), signature)
    }

    fn check(&self) -> Result<(), Error> {
        if self.version != Self::VERSION {
            return Err(malformed("an invite of another version"));
        }
        check_text(&self.collab)?;
        self.inviter.check()?;
        self.guest.as_deref().map_or(Ok(()), check_text)?;
        let lasts = self.expires_unix.checked_sub(self.made_unix);
        if !lasts.is_some_and(|seconds| (1..=limits::INVITE_SECONDS_MAX).contains(&seconds)) {
            return Err(malformed(
                "an invite that is valid for no time, or too long",
            ));
        }
        Ok(())
    }
}

impl Invite {
    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical bytes and checks everything that they say for themselves.
    ///
    /// # Errors
    /// [`crate::Code::MalformedMessage`], or [`crate::Code::SignatureInvalid`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let invite: Self = decode(bytes)?;
        invite.terms.check()?;
        check_offer(invite.offer.as_ref())?;
        if Offer::hash(invite.offer.as_ref()) != invite.terms.offer {
            return Err(malformed("an invite with another offer"));
        }
        if !invite.terms.is_signed(&invite.signature) {
            return Err(unsigned("the signature of an invite"));
        }
        Ok(invite)
    }
}

impl Reply {
    /// What whoever accepts signs: `"psi/v1/invite-reply"` and the canonical bytes of everything
    /// before the offer, then [`Offer::hash`].
    #[must_use]
    pub fn signing_text(&self) -> Vec<u8> {
        [
            b"psi/v1/invite-reply".as_slice(),
            &codec::encode(&self.terms),
            self.invite_signature.as_bytes(),
            &codec::encode(&self.guest),
            self.document_signature.as_bytes(),
            Offer::hash(self.offer.as_ref()).as_bytes(),
        ]
        .concat()
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical bytes and checks everything that they say for themselves. Whether the
    /// document's signature fits is for whoever assembles it.
    ///
    /// # Errors
    /// [`crate::Code::MalformedMessage`], or [`crate::Code::SignatureInvalid`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let reply: Self = decode(bytes)?;
        reply.terms.check()?;
        reply.guest.check()?;
        check_offer(reply.offer.as_ref())?;
        if !reply.terms.is_signed(&reply.invite_signature) {
            return Err(unsigned("the signature of an invite"));
        }
        let text = reply.signing_text();
        if !signature_holds(&reply.guest.node_id, &text, &reply.signature) {
            return Err(unsigned("the signature of a reply"));
        }
        Ok(reply)
    }
}

fn decode<T: Encode + Decode<()>>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.len() > limits::INVITE_BYTES_MAX {
        return Err(malformed("an invite or a reply that is too long"));
    }
    codec::decode(bytes).map_err(|_| malformed("an invite or a reply that is cut off or changed"))
}

fn check_offer(offer: Option<&Offer>) -> Result<(), Error> {
    offer.map_or(Ok(()), Offer::check)
}

const fn unsigned(detail: &'static str) -> Error {
    Error::PeerMisbehaved {
        code: crate::error::Code::SignatureInvalid,
        detail,
    }
}
