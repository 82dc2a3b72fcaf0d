//! The TOML form of a collaboration: what people read, exchange and sign.

use std::fmt::Write as _;
use std::path::Path;

use psi_core::receipt::Signature;
use psi_core::spec::{CollabId, RevisionHash};
use serde::{Deserialize, Deserializer, de};

use super::{CollabError, Collaboration, Link, Member, Mode};
use crate::address::Address;
use crate::error::UserError;
use crate::identity::NodeId;
use crate::text_file::{read_text, toml_error};

/// Larger than any document with comments by hand.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

const SYNTAX_REMEDY: &str =
    "correct the file, or start over with `psi-node collab new`; after a change both sign again";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default = "first")]
    revision: u32,
    #[serde(default)]
    mode: Mode,
    /// The collaboration's id, from revision 2.
    #[serde(default, deserialize_with = "crate::hex_field::optional_array")]
    origin: Option<CollabId>,
    /// The hash of the revision before, from revision 2.
    #[serde(default, deserialize_with = "crate::hex_field::optional_array")]
    previous: Option<RevisionHash>,
    member: Vec<MemberSection>,
    #[serde(default)]
    signature: Vec<SignatureSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberSection {
    name: String,
    #[serde(deserialize_with = "crate::identity::node_id_field")]
    id: NodeId,
    #[serde(default, deserialize_with = "address")]
    address: Option<Address>,
    #[serde(default)]
    only_dials: bool,
    #[serde(default = "yes")]
    may_query: bool,
    #[serde(default = "yes")]
    may_receive: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureSection {
    member: String,
    #[serde(deserialize_with = "crate::hex_field::array")]
    signature: Signature,
}

/// An address that a node can dial; a member without one says `only_dials`.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let address: Address = text.parse().map_err(de::Error::custom)?;
    match address {
        Address::OnlyDials => Err(de::Error::custom(
            "write `only_dials = true` in place of the address",
        )),
        dialled => Ok(Some(dialled)),
    }
}

const fn first() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

impl Collaboration {
    /// Reads a document from a file, returning its text too.
    ///
    /// # Errors
    /// [`UserError`] with the place.
    pub fn read(path: &Path) -> Result<(Self, String), UserError> {
        let text = read_text(path, DOCUMENT_BYTES_MAX as u64, || {
            "make one with `psi-node collab new`, or ask the other member for it".into()
        })?;
        Ok((Self::parse(&text, path)?, text))
    }

    /// Reads the text of a document; `path` is where it came from. Signatures are not verified.
    ///
    /// # Errors
    /// [`UserError`] with the place.
    pub fn parse(text: &str, path: &Path) -> Result<Self, UserError> {
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(UserError::bad_input(
                format!("{}: the document is longer than 64 KiB", path.display()),
                "check that this is the right file",
            ));
        }
        let document: Document =
            toml::from_str(text).map_err(|e| toml_error(path, text, &e, SYNTAX_REMEDY))?;
        document.check().map_err(|e| e.at(path))
    }

    /// The document's text, with the signatures it has.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = format!(
            "# A Glovebox collaboration. Read it, then sign it with `psi-node collab sign`; any\n\
             # change after that makes signatures invalid.\n\nname = \"{}\"\nrevision = {}\nmode = \
             \"{}\"\n",
            self.name(),
            self.revision(),
            self.mode(),
        );
        if let Some(link) = self.link() {
            // Writing into a String cannot fail.
            let _ = write!(
                text,
                "origin = \"{}\"\nprevious = \"{}\"\n",
                hex::encode(link.origin),
                hex::encode(link.previous)
            );
        }
        for Member {
            name,
            id,
            address,
            may_query,
            may_receive,
        } in self.members()
        {
            let reached = match address {
                Address::OnlyDials => "only_dials = true".to_owned(),
                dialled => format!("address = \"{dialled}\""),
            };
            // Writing into a String cannot fail. Names hold no character that needs escaping.
            let _ = write!(
                text,
                "\n[[member]]\nname = \"{name}\"\nid = \"{id}\"\n{reached}\n\
                 may_query = {may_query}\nmay_receive = {may_receive}\n"
            );
        }
        for (member, signature) in self.members().iter().zip(self.signatures()) {
            if let Some(signature) = signature {
                text.push_str(&signature_section(&member.name, signature));
            }
        }
        text
    }
}

/// The section that a signature adds to the end of a document.
#[must_use]
pub fn signature_section(member: &str, signature: &Signature) -> String {
    let digits = hex::encode(signature);
    format!("\n[[signature]]\nmember = \"{member}\"\nsignature = \"{digits}\"\n")
}

impl Document {
    fn check(self) -> Result<Collaboration, CollabError> {
        let members = self.member.into_iter().map(MemberSection::member);
        let members = members.collect::<Result<Vec<Member>, _>>()?;
        let members = members
            .try_into()
            .map_err(|m: Vec<Member>| CollabError::Members(m.len()))?;
        let link = match (self.revision, self.origin, self.previous) {
            (1, None, None) => None,
            (2.., Some(origin), Some(previous)) => Some(Link {
                revision: self.revision,
                origin,
                previous,
            }),
            (1, ..) => return Err(CollabError::Revision("revision 1 continues no other")),
            (0, ..) => return Err(CollabError::Revision("revisions are numbered from 1")),
            _ => {
                return Err(CollabError::Revision(
                    "a revision after the first says `origin` and `previous`",
                ));
            }
        };
        let mut collab = Collaboration::new(&self.name, members)?
            .with_mode(self.mode)
            .with_link(link);
        for SignatureSection { member, signature } in self.signature {
            collab.add_signature(&member, signature)?;
        }
        Ok(collab)
    }
}

impl MemberSection {
    fn member(self) -> Result<Member, CollabError> {
        let address = match (self.address, self.only_dials) {
            (Some(address), false) => address,
            (None, true) => Address::OnlyDials,
            _ => return Err(CollabError::Address(self.name.chars().take(80).collect())),
        };
        Ok(Member {
            name: self.name,
            id: self.id,
            address,
            may_query: self.may_query,
            may_receive: self.may_receive,
        })
    }
}
