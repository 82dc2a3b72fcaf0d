//! Opened cells: what was released of each part and each of the Sender's groups.
//!
//! Spec 05 §6. A cell is one combination of all groups. It rests on the identities that matched in
//! its part and have rows in its group of the Sender; below the minimum it is suppressed.

use psi_core::facts::GroupFacts;
use psi_core::session::opened::OpenedMatch;
use psi_core::spec::{ComponentKind, JobSpec, MatchSpec, Party};
use psi_core::{Code, Error};

use super::PARTIES;

/// All cells of a job.
pub(super) struct Cells<'a> {
    spec: &'a JobSpec,
    matches: Vec<(MatchSpec, &'a OpenedMatch)>,
}

/// A cell that is released: its block of each match.
#[derive(Debug)]
pub(super) struct ReleasedCell<'a> {
    pub(super) identities: u64,
    blocks: Vec<(MatchSpecRef<'a>, &'a [i64])>,
}

/// The Sender of a block and the kinds of its components.
#[derive(Clone, Copy, Debug)]
struct MatchSpecRef<'a> {
    sender: Party,
    spec: &'a MatchSpec,
}

fn broken(detail: &'static str) -> Error {
    Error::PeerMisbehaved {
        code: Code::MalformedMessage,
        detail,
    }
}

/// The facts of an expression of GROUP BY.
pub(super) fn group_facts(
    spec: &JobSpec,
    party: Party,
    number: usize,
) -> Result<&GroupFacts, Error> {
    let groups = &spec.half(party).facts.groups;
    groups
        .get(number)
        .ok_or(Error::ApiMisuse("the specification is of another query"))
}

impl<'a> Cells<'a> {
    /// Checks that `opened` has the form that `spec` says.
    pub(super) fn new(spec: &'a JobSpec, opened: &'a [OpenedMatch]) -> Result<Self, Error> {
        let matches = spec.matches();
        if matches.len() != opened.len() {
            return Err(Error::ApiMisuse(
                "opened cells of another number of matches",
            ));
        }
        for (spec, opened) in matches.iter().zip(opened) {
            let width = usize::try_from(spec.payload.width()).unwrap_or(usize::MAX);
            let mut parts = opened.parts.iter().flatten();
            let fits = opened.parts.len() == spec.parts.len()
                && parts.all(|part| part.components.len() == width);
            if !fits {
                return Err(Error::ApiMisuse("opened cells of another form"));
            }
        }
        Ok(Self {
            spec,
            matches: matches.into_iter().zip(opened).collect(),
        })
    }

    /// The cell of a combination of groups: `groups` says whose each one is, `labels` which. `None`
    /// if it is suppressed.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`] if the cell holds what no table can have, or the two matches do
    /// not agree on it.
    pub(super) fn cell(
        &self,
        groups: &[(Party, usize)],
        labels: &[usize],
    ) -> Result<Option<ReleasedCell<'_>>, Error> {
        let [requester, responder] = PARTIES.map(|party| self.combination(party, groups, labels));
        let of = |party| match party {
            Party::Requester => requester,
            Party::Responder => responder,
        };
        let mut cell: Option<ReleasedCell<'_>> = None;
        for (spec, opened) in &self.matches {
            let sender = spec.receiver.other();
            let private = self.spec.dp().is_some();
            let (part, group) = (of(spec.receiver), of(sender));
            let Some(block) = block(spec, private, opened, part, group)? else {
                return Ok(None);
            };
            if block.identities < self.spec.minimum {
                return Ok(None);
            }
            let released = (MatchSpecRef { sender, spec }, block.components);
            match &mut cell {
                None => {
                    cell = Some(ReleasedCell {
                        identities: block.identities,
                        blocks: vec![released],
                    });
                }
                Some(cell) if cell.identities == block.identities => cell.blocks.push(released),
                Some(_) => return Err(broken("two matches with different counts")),
            }
        }
        Ok(cell)
    }

    /// The number of a party's combination of groups, its last group counting fastest.
    fn combination(&self, party: Party, groups: &[(Party, usize)], labels: &[usize]) -> usize {
        let facts = self.spec.half(party).facts.groups.iter().enumerate();
        facts.fold(0, |index, (number, facts)| {
            let mut labelled = groups.iter().zip(labels);
            let label = labelled.find(|(group, _)| **group == (party, number));
            index * facts.len() + label.map_or(0, |(_, label)| *label)
        })
    }
}

struct Block<'a> {
    identities: u64,
    components: &'a [i64],
}

/// The block of a part and a group of the Sender; `None` if the part is suppressed. With noise
/// (`private`), counts may be below zero, and how far is judged where they are opened.
fn block<'a>(
    spec: &MatchSpec,
    private: bool,
    opened: &'a OpenedMatch,
    part: usize,
    group: usize,
) -> Result<Option<Block<'a>>, Error> {
    let misuse = Error::ApiMisuse("a combination of groups that is not in the specification");
    let (Some(opened), Some(size)) = (opened.parts.get(part), spec.parts.get(part)) else {
        return Err(misuse);
    };
    let Some(opened) = opened else {
        return Ok(None);
    };
    let width = spec.payload.components.len();
    let components = opened
        .components
        .get(group * width..(group + 1) * width)
        .ok_or(misuse)?;
    let mut identities = opened.count;
    for (component, value) in spec.payload.components.iter().zip(components) {
        let count = match component.kind {
            ComponentKind::Sum(_) => continue,
            _ if private => u64::try_from(*value).unwrap_or(0),
            _ => {
                u64::try_from(*value).map_err(|_| broken("a count or sum of squares below zero"))?
            }
        };
        if component.kind == ComponentKind::Identities {
            identities = count;
        }
    }
    if !private && identities > spec.matches_max(size) {
        return Err(broken("more identities than are registered"));
    }
    Ok(Some(Block {
        identities,
        components,
    }))
}

impl ReleasedCell<'_> {
    /// A component of the payload of `owner`.
    pub(super) fn component(&self, owner: Party, kind: ComponentKind) -> Option<i64> {
        self.blocks
            .iter()
            .filter(|(of, _)| of.sender == owner)
            .find_map(|(of, values)| values.get(of.spec.payload.find(kind)?).copied())
    }

    /// A component of whichever payload has it.
    pub(super) fn any_component(&self, kind: ComponentKind) -> Option<i64> {
        PARTIES
            .into_iter()
            .find_map(|owner| self.component(owner, kind))
    }
}
