//! A collaboration: who works with whom, signed by both (Spec 01 §6).
//!
//! The document is TOML that people read before they sign. What is signed is not the text but the
//! canonical bytes of what it says, so comments and the order of fields do not matter. A node runs
//! jobs only for a collaboration that bears both members' valid signatures.
//!
//! A changed document is a new revision. It names the collaboration by the hash of its first
//! revision and the revision before by its hash.

mod document;
mod revision;

use std::path::Path;

use psi_core::receipt::{Signature, signature_holds};
use sha2::{Digest as _, Sha512, Sha512_256};

use crate::error::UserError;
use crate::identity::NodeId;
use crate::name::{NAME_REMEDY, check_name};

pub use crate::address::Address;
pub use document::{DOCUMENT_BYTES_MAX, signature_section};
pub use psi_core::spec::{CollabId, RevisionHash};
pub use revision::{Link, Mode, RevisionError};

/// One member of a collaboration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name that queries use.
    pub name: String,
    /// The node's public key.
    pub id: NodeId,
    /// Where the node is reached.
    pub address: Address,
    /// Whether the member may ask questions.
    pub may_query: bool,
    /// Whether the member's node may learn results.
    pub may_receive: bool,
}

/// A well-formed collaboration document; its signatures may be missing or wrong until
/// [`Self::verify`] succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collaboration {
    name: String,
    mode: Mode,
    /// What ties a later revision to the earlier ones; `None` in the first.
    link: Option<Link>,
    /// In ascending order of their node ids.
    members: [Member; 2],
    /// In the order of `members`.
    signatures: [Option<Signature>; 2],
}

/// Why two members do not make a collaboration, or a signature does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollabError {
    /// A name is not of the form that queries can write.
    #[error("{0}")]
    Name(String),
    /// Not two members.
    #[error("a collaboration has exactly two members, and this has {0}")]
    Members(usize),
    /// The members are not two different nodes.
    #[error("both members have the same {0}")]
    Same(&'static str),
    /// A member with both, or neither, of an address and `only_dials`.
    #[error("the member {0:?} has either an address or `only_dials = true`")]
    Address(String),
    /// Neither node can dial the other.
    #[error("both members only dial, so that neither reaches the other")]
    Unreachable,
    /// A signature by somebody else.
    #[error("it is signed by {0:?}, who is not a member")]
    Stranger(String),
    /// Two signatures of the same member.
    #[error("it is signed twice by {0}")]
    SignedTwice(String),
    /// A signature that does not fit what the document says.
    #[error("the signature of {0} does not fit the document: it was changed after {0} signed")]
    SignatureInvalid(String),
    /// No signature of a member.
    #[error("the signature of {0} is missing")]
    Unsigned(String),
    /// A number of a revision without the fields that tie it to the earlier ones, or the reverse.
    #[error("{0}")]
    Revision(&'static str),
}

impl CollabError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Name(_) => NAME_REMEDY.into(),
            Self::Members(_) => "list two [[member]] sections".into(),
            Self::Same(_) => "give each member its own name, id and address".into(),
            Self::Address(_) => "write one of the two".into(),
            Self::Unreachable => "give one of them an address".into(),
            Self::Stranger(_) | Self::SignedTwice(_) => {
                "remove that [[signature]] section, or start over with `psi-node collab new`".into()
            }
            Self::SignatureInvalid(name) => format!(
                "find out what was changed; if both agree to it, remove the [[signature]] section \
                 of {name} and let {name} sign again with `psi-node collab sign`"
            ),
            Self::Unsigned(name) => {
                format!("let {name} sign the file with `psi-node collab sign`")
            }
            Self::Revision(_) => {
                "make the next revision with `psi-node collab revise`, and leave `revision`, \
                 `origin` and `previous` as it writes them"
                    .into()
            }
        }
    }

    /// The error with the file that it is about.
    #[must_use]
    pub fn at(&self, path: &Path) -> UserError {
        UserError::bad_input(format!("{}: {self}", path.display()), self.remedy())
    }
}

impl Collaboration {
    /// An unsigned collaboration between two members, in any order.
    ///
    /// # Errors
    /// [`CollabError`] if names are not names or the members are not two different nodes.
    pub fn new(name: &str, mut members: [Member; 2]) -> Result<Self, CollabError> {
        for name in [name, &members[0].name, &members[1].name] {
            check_name(name).map_err(CollabError::Name)?;
        }
        let [a, b] = &members;
        for (same, what) in [
            (a.name == b.name, "name"),
            (a.id == b.id, "id"),
            (a.address == b.address && a.address.is_dialled(), "address"),
        ] {
            if same {
                return Err(CollabError::Same(what));
            }
        }
        if !a.address.is_dialled() && !b.address.is_dialled() {
            return Err(CollabError::Unreachable);
        }
        members.sort_by_key(|member| member.id);
        Ok(Self {
            name: name.to_owned(),
            mode: Mode::Exact,
            link: None,
            members,
            signatures: [None; 2],
        })
    }

    /// The collaboration's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The members, in ascending order of their node ids: the first sequences the receipts.
    #[must_use]
    pub const fn members(&self) -> &[Member; 2] {
        &self.members
    }

    /// The signatures, in the order of [`Self::members`].
    #[must_use]
    pub const fn signatures(&self) -> &[Option<Signature>; 2] {
        &self.signatures
    }

    /// The member with this node id.
    #[must_use]
    pub fn member_by_id(&self, id: &NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == *id)
    }

    /// The member with this name.
    #[must_use]
    pub fn member_by_name(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The other member, if `id` is one.
    #[must_use]
    pub fn peer_of(&self, id: &NodeId) -> Option<&Member> {
        self.member_by_id(id)?;
        self.members.iter().find(|member| member.id != *id)
    }

    /// Names the collaboration, the same in all its revisions.
    #[must_use]
    pub fn id(&self) -> CollabId {
        match &self.link {
            None => CollabId(self.revision_hash().0),
            Some(link) => link.origin,
        }
    }

    /// What both sign: `SHA-512/256("psi/v1/collab" || canonical bytes)`.
    #[must_use]
    pub fn revision_hash(&self) -> RevisionHash {
        let hash = Sha512_256::new()
            .chain_update(b"psi/v1/collab")
            .chain_update(self.canonical())
            .finalize();
        RevisionHash(hash.into())
    }

    /// The canonical bytes, signatures left out: the name, then per member in ascending order of
    /// ids the name, the id, the address and two flags. Texts carry a 32-bit length. What follows
    /// is left out where it says the least: in the first revision, in exact mode.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_text(&mut bytes, &self.name);
        for member in &self.members {
            push_text(&mut bytes, &member.name);
            bytes.extend_from_slice(member.id.as_bytes());
            push_text(&mut bytes, &member.address.canonical());
            bytes.extend_from_slice(&[u8::from(member.may_query), u8::from(member.may_receive)]);
        }
        if self.link.is_some() || self.mode != Mode::Exact {
            bytes.extend_from_slice(&self.revision().to_be_bytes());
            bytes.push(self.mode.number());
            let link = self.link.as_ref();
            bytes.extend_from_slice(&link.map_or([0; 32], |link| link.origin.0));
            bytes.extend_from_slice(&link.map_or([0; 32], |link| link.previous.0));
        }
        bytes
    }

    /// What a member signs: `"psi/v1/collab-sign" || revision hash`.
    #[must_use]
    pub fn signing_text(&self) -> Vec<u8> {
        [
            b"psi/v1/collab-sign".as_slice(),
            self.revision_hash().as_bytes(),
        ]
        .concat()
    }

    /// What two people read to each other to know that both have this document before them: fifty
    /// digits, in groups of five, of `SHA-512("psi/v1/collab-code" || revision hash)`.
    ///
    /// # Security
    /// Two documents that somebody in between made up have the same code with probability below
    /// 2^-80 for each of 2^80 attempts: each group is five bytes modulo 100,000.
    #[must_use]
    pub fn comparison_code(&self) -> String {
        let hash = Sha512::new()
            .chain_update(b"psi/v1/collab-code")
            .chain_update(self.revision_hash())
            .finalize();
        let group = |bytes: &[u8]| {
            let number = bytes
                .iter()
                .fold(0_u64, |all, byte| (all << 8) | u64::from(*byte));
            format!("{:05}", number % 100_000)
        };
        let groups: Vec<_> = hash.chunks_exact(5).take(10).map(group).collect();
        groups.join(" ")
    }

    /// Whether the member with this name has a signature in the document.
    #[must_use]
    pub fn has_signed(&self, name: &str) -> bool {
        let mut pairs = self.members.iter().zip(&self.signatures);
        pairs.any(|(member, signature)| member.name == name && signature.is_some())
    }

    /// Checks that every signature that is there fits.
    ///
    /// # Errors
    /// [`CollabError::SignatureInvalid`].
    pub fn verify_present(&self) -> Result<(), CollabError> {
        let text = self.signing_text();
        for (member, signature) in self.members.iter().zip(&self.signatures) {
            if signature.is_some_and(|s| !signature_holds(&member.id, &text, &s)) {
                return Err(CollabError::SignatureInvalid(member.name.clone()));
            }
        }
        Ok(())
    }

    /// Checks that both members signed.
    ///
    /// # Errors
    /// [`CollabError::SignatureInvalid`] or [`CollabError::Unsigned`].
    pub fn verify(&self) -> Result<(), CollabError> {
        self.verify_present()?;
        match self
            .members
            .iter()
            .zip(&self.signatures)
            .find(|(_, s)| s.is_none())
        {
            Some((member, _)) => Err(CollabError::Unsigned(member.name.clone())),
            None => Ok(()),
        }
    }

    /// Adds the signature of the member with this name; whether it fits is for [`Self::verify`].
    ///
    /// # Errors
    /// [`CollabError::Stranger`] or [`CollabError::SignedTwice`].
    pub fn add_signature(&mut self, name: &str, signature: Signature) -> Result<(), CollabError> {
        let index = self.members.iter().position(|member| member.name == name);
        let Some(slot) = index.and_then(|index| self.signatures.get_mut(index)) else {
            return Err(CollabError::Stranger(name.chars().take(80).collect()));
        };
        if slot.replace(signature).is_some() {
            return Err(CollabError::SignedTwice(name.to_owned()));
        }
        Ok(())
    }
}

#[allow(
    clippy::expect_used,
    reason = "INVARIANT: names and addresses are far shorter than 4 GiB"
)]
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).expect("a short text");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
pub(crate) mod tests;
