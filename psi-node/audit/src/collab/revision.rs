//! Revisions of a collaboration's document (Spec 01 §6).
//!
//! The first revision's hash names the collaboration and its receipt log for good. Each later one
//! holds that name and the hash of the one before, so that a node that follows them one by one
//! cannot be led to another collaboration. Names and keys of the members stay; where they are
//! reached, what they may do, and the mode may change. Called by the node's `collab revise`, by its state when
//! a revision is joined, and by the verification of exported logs.

use std::fmt;

use clap::ValueEnum;
use psi_core::spec::RevisionHash;
use serde::{Deserialize, Serialize};

use super::{CollabId, Collaboration};

/// How jobs of a collaboration protect their answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Exact answers above a minimum
    #[default]
    Exact,
    /// Answers with noise, charged to a privacy budget
    Dp,
}

impl Mode {
    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Dp => "dp",
        }
    }

    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Exact => 0,
            Self::Dp => 1,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What ties a later revision to the earlier ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The revision's number, from 2.
    pub revision: u32,
    /// The hash of revision 1, which names the collaboration.
    pub origin: CollabId,
    /// The hash of the revision before.
    pub previous: RevisionHash,
}

/// Why a document is not the revision that comes next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// The joined revision is newer.
    #[error("revision {offered} of `{name}` is older than the joined revision {joined}")]
    Older {
        /// The collaboration's name.
        name: String,
        /// The number in the document.
        offered: u32,
        /// The number that this node has joined.
        joined: u32,
    },
    /// Another document with the number of the joined one.
    #[error("this is another revision {revision} of `{name}` than the joined one")]
    Differs {
        /// The collaboration's name.
        name: String,
        /// The number of both.
        revision: u32,
    },
    /// Revisions are missing in between.
    #[error("revision {offered} of `{name}` does not follow on revision {joined}")]
    Gap {
        /// The collaboration's name.
        name: String,
        /// The number in the document.
        offered: u32,
        /// The number that this node has joined; 0 if it has joined none.
        joined: u32,
    },
    /// It continues another document than the joined one.
    #[error("revision {offered} of `{name}` continues another revision than the joined one")]
    OtherBefore {
        /// The collaboration's name.
        name: String,
        /// The number in the document.
        offered: u32,
    },
    /// A member's name or key is another.
    #[error("a revision of `{name}` may not change the members' names or ids")]
    Members {
        /// The collaboration's name.
        name: String,
    },
}

impl RevisionError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Older { .. } => {
                "nothing to do here; the other member joins the newer revision, which `psi-node \
                 collab show NAME --document` prints"
                    .into()
            }
            Self::Differs { .. } | Self::OtherBefore { .. } => {
                "compare both members' `psi-node collab show`; make one next revision from the one \
                 that both have joined, with `psi-node collab revise`"
                    .into()
            }
            Self::Gap { joined, .. } => format!(
                "join revision {} first; a member that has joined it prints it with `psi-node \
                 collab show NAME --document --revision {0}`",
                joined.saturating_add(1)
            ),
            Self::Members { .. } => {
                "other members or keys are another collaboration: make it with `psi-node collab \
                 new`, under another name"
                    .into()
            }
        }
    }
}

impl Collaboration {
    /// The number of the revision, from 1.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.link.as_ref().map_or(1, |link| link.revision)
    }

    /// How its jobs protect their answers.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The same document with another mode, and so without signatures.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self {
            mode,
            signatures: [None; 2],
            ..self
        }
    }

    /// What ties it to the earlier revisions; `None` in the first.
    #[must_use]
    pub const fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    pub(super) fn with_link(self, link: Option<Link>) -> Self {
        Self { link, ..self }
    }

    /// The next revision, unsigned, which says the same as this one; `None` after the last number.
    #[must_use]
    pub fn next_revision(&self) -> Option<Self> {
        let link = Link {
            revision: self.revision().checked_add(1)?,
            origin: self.id(),
            previous: self.revision_hash(),
        };
        Some(Self {
            link: Some(link),
            signatures: [None; 2],
            ..self.clone()
        })
    }

    /// Checks that this document is the revision that follows on `joined`.
    ///
    /// # Errors
    /// [`RevisionError`].
    pub fn follows(&self, joined: &Self) -> Result<(), RevisionError> {
        let name = self.name.clone();
        let (offered, now) = (self.revision(), joined.revision());
        if offered < now {
            let joined = now;
            return Err(RevisionError::Older {
                name,
                offered,
                joined,
            });
        }
        if offered == now {
            let revision = now;
            return Err(RevisionError::Differs { name, revision });
        }
        if now.checked_add(1) != Some(offered) {
            let joined = now;
            return Err(RevisionError::Gap {
                name,
                offered,
                joined,
            });
        }
        let previous = self.link.as_ref().map(|link| link.previous);
        if self.id() != joined.id() || previous != Some(joined.revision_hash()) {
            return Err(RevisionError::OtherBefore { name, offered });
        }
        let same = |(a, b): (&super::Member, &super::Member)| a.name == b.name && a.id == b.id;
        let members = self.members.iter().zip(&joined.members);
        if self.name != joined.name || !{ members }.all(same) {
            return Err(RevisionError::Members { name });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, RevisionError};
    use crate::collab::tests::{key, sign_all, signed, unsigned};

    #[test]
    fn a_revision_keeps_the_id_and_has_a_hash_of_its_own() {
        let (first, keys) = signed();
        let second = sign_all(first.next_revision().unwrap(), &keys);
        let third = sign_all(second.next_revision().unwrap().with_mode(Mode::Dp), &keys);
        assert_eq!(first.id().0, first.revision_hash().0);
        for later in [&second, &third] {
            assert_eq!(later.id(), first.id());
            assert_ne!(later.revision_hash(), first.revision_hash());
            assert_eq!(later.verify(), Ok(()));
        }
        assert_eq!((second.revision(), third.revision()), (2, 3));
        assert_eq!(second.follows(&first), Ok(()));
        assert_eq!(third.follows(&second), Ok(()));
    }

    #[test]
    fn only_the_next_revision_follows() {
        let (first, _) = signed();
        let second = first.next_revision().unwrap();
        let third = second.next_revision().unwrap();
        assert!(matches!(
            first.follows(&second),
            Err(RevisionError::Older { .. })
        ));
        assert!(matches!(
            second.clone().with_mode(Mode::Dp).follows(&second),
            Err(RevisionError::Differs { .. })
        ));
        assert!(matches!(
            third.follows(&first),
            Err(RevisionError::Gap { joined: 1, .. })
        ));
        // Made from another second revision than the joined one.
        let other = second.clone().with_mode(Mode::Dp);
        assert!(matches!(
            third.follows(&other),
            Err(RevisionError::OtherBefore { .. })
        ));
        let stranger = unsigned("summer", &[key(3), key(4)]);
        assert!(matches!(
            stranger.next_revision().unwrap().follows(&first),
            Err(RevisionError::OtherBefore { .. })
        ));
        let mut renamed = second;
        renamed.members[0].name = "other".into();
        assert!(matches!(
            renamed.follows(&first),
            Err(RevisionError::Members { .. })
        ));
    }
}
