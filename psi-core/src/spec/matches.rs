//! Roles, sizes and payload of each match, as they follow from both sides' facts.
//!
//! Spec 03 §3 and §5. Only [`JobSpec::assemble`](super::JobSpec::assemble) calls this, with public
//! numbers alone.

use bincode::{Decode, Encode};

use super::payload::{self, Payload};
use super::privacy::{self, AskedMode, DpTerms, Mode};
use super::roles::{self, Sides};
use super::{Agreement, Party};
use crate::error::{Code, Error};
use crate::facts::TableFacts;
use crate::limits;
use crate::tag;

/// Sizes of one part of the Receiver's list (Spec 03 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PartSize {
    /// Registered identities of the part.
    pub identities: u64,
    /// Canaries mixed into it.
    pub canaries: u64,
    /// Dummies mixed into it, T; 0 in exact mode.
    pub dummies: u64,
}

impl PartSize {
    /// The part's size for `identities` registered identities, without dummies.
    #[must_use]
    pub fn for_identities(identities: u64) -> Self {
        let canaries = identities.clamp(limits::CANARIES_MIN, limits::CANARIES_MAX);
        Self {
            identities,
            canaries,
            dummies: 0,
        }
    }

    /// Points that the Receiver sends for this part, `N1_g`.
    #[must_use]
    pub const fn points(&self) -> u64 {
        self.identities + self.canaries + self.dummies
    }
}

/// Roles, sizes and payload of one match.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MatchSpec {
    /// Which side is Receiver; the other is Sender.
    pub receiver: Party,
    /// The parts of the Receiver's list, one for each combination of its groups.
    pub parts: Vec<PartSize>,
    /// Tags that the Sender sends, `N2`.
    pub sender_size: u64,
    /// Bytes of one tag.
    pub tag_bytes: u8,
    /// What the Sender attaches to each position.
    pub payload: Payload,
}

impl MatchSpec {
    /// The Sender's registered identities: `N2` less the dummies of all parts.
    #[must_use]
    pub fn sender_identities(&self) -> u64 {
        let dummies = self.parts.iter().map(|part| part.dummies);
        self.sender_size
            .saturating_sub(dummies.fold(0, u64::saturating_add))
    }

    /// The most identities that can match in a part of this size.
    #[must_use]
    pub fn matches_max(&self, part: &PartSize) -> u64 {
        part.identities.min(self.sender_identities())
    }
}

/// The matches that follow from both sides' facts, if their rules allow them.
pub(super) fn derive(
    agreement: &Agreement,
    sides: Sides<'_>,
) -> Result<(MatchSpec, Option<MatchSpec>, Mode), Error> {
    if sides.requester.key_kinds != sides.responder.key_kinds {
        return Err(Error::PeerIncompatible {
            code: Code::KindsDiffer,
            detail: "the identifier kinds of the join key",
        });
    }
    roles::check_list(agreement)?;
    roles::check_fan_out(agreement, sides)?;
    let (first, second) = roles::receivers(agreement, sides)?;
    let receivers: Vec<Party> = std::iter::once(first).chain(second).collect();
    roles::check_permissions(agreement, sides, &receivers)?;
    privacy::check(agreement, sides, second.is_some())?;
    let (first, mode) = match_of(agreement, sides, first)?;
    let second = second.map(|receiver| match_of(agreement, sides, receiver));
    Ok((first, second.transpose()?.map(|(second, _)| second), mode))
}

fn match_of(
    agreement: &Agreement,
    sides: Sides<'_>,
    receiver: Party,
) -> Result<(MatchSpec, Mode), Error> {
    let sender = receiver.other();
    let (receiver_facts, sender_facts) = (sides.of(receiver), sides.of(sender));
    let payload = Payload::derive(&agreement.shape, sender, sender_facts);
    // Check this before anything is computed for each part or component.
    payload::check_cells(receiver_facts.group_count(), &payload)?;
    let terms = match agreement.mode {
        AskedMode::Exact => None,
        AskedMode::Dp(asked) => Some(DpTerms::derive(asked, &payload, sender_facts)?),
    };
    let parts = part_sizes(
        receiver_facts,
        terms.as_ref().map_or(0, |terms| terms.dummies),
    );
    let dummies: u64 = parts.iter().map(|part| part.dummies).sum();
    let sender_size = sender_facts.identities + dummies;
    payload::check_sums(sender_size, &payload, |component| {
        let noise = terms
            .as_ref()
            .and_then(|terms| terms.components.get(component));
        noise.map_or(0, |noise| noise.bound_of_all(agreement.recipients))
    })?;
    payload::check_rows(parts.len() as u64, sender_size, &payload)?;
    if !payload.components.is_empty() {
        roles::check_owner(agreement, sides, sender)?;
    }
    let points = parts.iter().map(PartSize::points).sum();
    let tag_bytes = u8::try_from(tag::tag_bytes(points, sender_size))
        .map_err(|_| Error::ApiMisuse("a tag never exceeds 64 bytes"))?;
    let of = MatchSpec {
        receiver,
        parts,
        sender_size,
        tag_bytes,
        payload,
    };
    Ok((of, terms.map_or(Mode::Exact, Mode::Dp)))
}

/// One part for each combination of the Receiver's groups; the last group column counts fastest. A
/// combination has at most as many identities as each of its groups, and as the list.
fn part_sizes(receiver: &TableFacts, dummies: u64) -> Vec<PartSize> {
    let mut sizes = vec![receiver.identities];
    for group in &receiver.groups {
        sizes = sizes
            .iter()
            .flat_map(|size| group.identities.iter().map(|other| *size.min(other)))
            .collect();
    }
    let size = |identities| PartSize {
        dummies,
        ..PartSize::for_identities(identities)
    };
    sizes.into_iter().map(size).collect()
}
