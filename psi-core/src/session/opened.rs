//! What recipients hold at the end of a job: the cells that are released, and nothing else.
//!
//! Spec 05 §6.1, Spec 12 §6. `session::opening` makes it, for the code that evaluates the query's
//! outputs. A cell below the minimum never leaves this module.

use std::fmt;

use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use super::{BATCH_RECORDS, SharedList};
use crate::messages::PartCount;
use crate::ot::opening::Sums;
use crate::receipt::{Cell, OutputSalt};
use crate::spec::{ComponentKind, JobSpec, MatchSpec};
use crate::store::{RecordList, StoreError};

/// Cells of a list beside its count.
pub const LIST_CELLS: usize = 8;

/// What is released of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// For each match, in the order of the specification.
    pub matches: Vec<OpenedMatch>,
    /// What the receipt commits to: every cell, in the order of Spec 05 §6.1.
    pub cells: Vec<Cell>,
    /// The salt of that commitment.
    pub salt: OutputSalt,
    /// Whether a block held numbers that no table gives, and was suppressed for that. For this
    /// node's log alone.
    pub implausible: bool,
}

/// Which of the Receiver's own identifiers match, in a list that is released.
///
/// # Security
/// `Debug` shows nothing of it.
#[derive(Clone)]
pub struct MatchedList(SharedList);

impl MatchedList {
    pub(super) const fn new(digests: SharedList) -> Self {
        Self(digests)
    }

    /// Digests of the identifiers, ascending and distinct.
    #[must_use]
    pub fn digests(&self) -> &dyn RecordList {
        self.0.as_ref()
    }

    /// The eight numbers by which the output commitment binds the list (Spec 05 §6.3):
    /// `SHA-512("psi/v1/matched" || number of digests || digests)`.
    ///
    /// # Errors
    /// Those of the store.
    pub fn cells(&self) -> Result<[Cell; LIST_CELLS], StoreError> {
        let mut hash = Sha512::new()
            .chain_update(b"psi/v1/matched")
            .chain_update(self.0.len().to_be_bytes());
        let mut reader = self.0.reader()?;
        let mut batch = Zeroizing::new(Vec::new());
        loop {
            reader.next_batch(&mut batch, BATCH_RECORDS)?;
            if batch.is_empty() {
                break;
            }
            hash.update(batch.as_slice());
        }
        let hash: [u8; 64] = hash.finalize().into();
        let mut cells = [None; LIST_CELLS];
        for (cell, bytes) in cells.iter_mut().zip(hash.as_chunks::<8>().0) {
            *cell = Some(u64::from_be_bytes(*bytes));
        }
        Ok(cells)
    }
}

impl fmt::Debug for MatchedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MatchedList")
    }
}

/// What is released of one match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedMatch {
    /// For each part, in the order of the specification; `None` if it has too few matches.
    pub parts: Vec<Option<OpenedPart>>,
}

/// What is released of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedPart {
    /// The number of matches, read from match bits, with noise in mode `dp`; 0 where the payload
    /// counts identities, because the Sender has groups.
    pub count: u64,
    /// The sums of the payload's components over the matching positions, block by block. A block
    /// with too few identities is all zero. With noise, any of them may be below zero.
    pub components: Vec<i64>,
}

impl OpenedMatch {
    /// Joins the counts of each part with its sums, before blocks are suppressed.
    pub(super) fn new(counts: &[PartCount], components: u16, sums: Option<&Sums>) -> Self {
        let part = |(number, known): (u16, &PartCount)| {
            let sum = |component| sums.and_then(|sums| sums.get(number, component));
            known.released.then(|| OpenedPart {
                count: known.count,
                components: (0..usize::from(components))
                    .map(|component| sum(component).unwrap_or(0))
                    .collect(),
            })
        };
        Self {
            parts: (0..).zip(counts).map(part).collect(),
        }
    }
}

impl Opened {
    /// Suppresses every block that rests on too few identities, or that holds numbers no table
    /// gives, and lists the cells.
    ///
    /// # Discussion
    /// Impossible numbers do not end the job. A Sender chooses its payload, and need not be a
    /// recipient: if it put minus one as the identities of one person, an abort would tell it
    /// whether that person matched.
    pub(super) fn new(spec: &JobSpec, mut matches: Vec<OpenedMatch>, salt: OutputSalt) -> Self {
        let specs = spec.matches();
        let mut implausible = false;
        let mut judged: Vec<Vec<Option<u64>>> = specs
            .iter()
            .zip(&matches)
            .map(|(of, opened)| judge(spec, of, opened, &mut implausible))
            .collect();
        if let ([first, _], [known, swapped]) = (specs.as_slice(), judged.as_mut_slice()) {
            implausible |= !agree(known, swapped, first.parts.len());
        }
        let mut cells = Vec::new();
        for ((of, opened), blocks) in specs.iter().zip(&mut matches).zip(&judged) {
            release(of, opened, blocks, &mut cells);
        }
        Self {
            matches,
            cells,
            salt,
            implausible,
        }
    }
}

/// Blocks of each part, and components of each block.
fn dimensions(of: &MatchSpec) -> (usize, usize) {
    let groups = usize::try_from(of.payload.groups).unwrap_or(usize::MAX);
    (groups, of.payload.components.len())
}

/// The identities of each block, part by part; `None` for those that are suppressed.
fn judge(
    spec: &JobSpec,
    of: &MatchSpec,
    opened: &OpenedMatch,
    implausible: &mut bool,
) -> Vec<Option<u64>> {
    let (groups, width) = dimensions(of);
    let mut all = Vec::new();
    for (size, part) in of.parts.iter().zip(&opened.parts) {
        let range = Range::new(spec, of, of.matches_max(size));
        for group in 0..groups {
            let Some(part) = part else {
                all.push(None);
                continue;
            };
            let block = part.components.iter().skip(group * width).take(width);
            let identities = range.identities(part.count, block);
            *implausible |= identities.is_none();
            let identities = identities.and_then(|count| u64::try_from(count).ok());
            all.push(identities.filter(|count| *count >= spec.minimum));
        }
    }
    all
}

/// The numbers that a block can hold for some table, with whatever noise was drawn.
struct Range<'a> {
    spec: &'a JobSpec,
    of: &'a MatchSpec,
    /// The most identities that match.
    most: u64,
}

impl<'a> Range<'a> {
    const fn new(spec: &'a JobSpec, of: &'a MatchSpec, most: u64) -> Self {
        Self { spec, of, most }
    }

    /// The identities of a block; `None` if no table gives one of its counts.
    fn identities<'b>(&self, count: u64, block: impl Iterator<Item = &'b i64>) -> Option<i128> {
        let receiver = self.of.receiver;
        let reach = self.spec.dp().map_or(0, |terms| {
            terms.count_reach(self.spec.recipients.include(receiver.other()))
        });
        let mut identities = within(count.into(), Some(self.most), reach)?;
        for (number, (component, value)) in (0..).zip(self.of.payload.components.iter().zip(block))
        {
            let (value, noise) = (i128::from(*value), self.noise(number));
            match component.kind {
                ComponentKind::Sum(_) => {}
                ComponentKind::Identities => identities = within(value, Some(self.most), noise)?,
                ComponentKind::Rows | ComponentKind::Count(_) | ComponentKind::Squares(_) => {
                    within(value, None, noise)?;
                }
            }
        }
        Some(identities)
    }

    /// How far all noise can move a component.
    fn noise(&self, component: usize) -> u64 {
        let terms = self.spec.dp();
        let of = terms.and_then(|terms| terms.components.get(component));
        of.map_or(0, |of| of.bound_of_all(self.spec.recipients))
    }
}

/// The number, if it is from zero to `most`, give or take the noise.
fn within(number: i128, most: Option<u64>, noise: u64) -> Option<i128> {
    let noise = i128::from(noise);
    let most = most.map_or(i128::MAX, |most| i128::from(most) + noise);
    (-noise..=most).contains(&number).then_some(number)
}

/// Suppresses the blocks on which two matches with swapped roles do not agree: block `b` of part
/// `a` in one is block `a` of part `b` in the other. Returns whether all agree.
fn agree(first: &mut [Option<u64>], second: &mut [Option<u64>], first_parts: usize) -> bool {
    let groups = first.len() / first_parts.max(1);
    let mut all = true;
    for (place, block) in first.iter_mut().enumerate() {
        let (part, group) = (place / groups.max(1), place % groups.max(1));
        let other = second.get_mut(group * first_parts + part);
        if let Some(other) = other
            && *other != *block
        {
            (*block, *other) = (None, None);
            all = false;
        }
    }
    all
}

/// Blanks suppressed blocks and appends all cells of a match.
fn release(
    of: &MatchSpec,
    opened: &mut OpenedMatch,
    blocks: &[Option<u64>],
    cells: &mut Vec<Cell>,
) {
    let (groups, width) = dimensions(of);
    let identities_at = of.payload.find(ComponentKind::Identities);
    for (part, blocks) in opened.parts.iter_mut().zip(blocks.chunks(groups.max(1))) {
        for (group, identities) in blocks.iter().enumerate() {
            cells.push(*identities);
            let values = part.iter_mut().flat_map(|part| &mut part.components);
            let mut values = values.skip(group * width).take(width);
            for component in 0..width {
                let value = values.next();
                let shown = match (identities, value) {
                    (Some(_), Some(value)) => Some(value.cast_unsigned()),
                    (None, Some(value)) => {
                        *value = 0;
                        None
                    }
                    (_, None) => None,
                };
                if identities_at != Some(component) {
                    cells.push(shown);
                }
            }
        }
        // Without a component that counts identities, the part is its only block.
        if identities_at.is_none() && blocks.iter().all(Option::is_none) {
            *part = None;
        }
    }
}
