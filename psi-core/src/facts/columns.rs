//! Facts about the columns that a query groups by or aggregates.
//!
//! Spec 03 §2.1. Labels of groups are the owner's public domain; bounds say how much one identity
//! can contribute, so that no sum of a whole list can exceed 63 bits.

use std::collections::BTreeSet;

use bincode::{Decode, Encode};

use super::check_size;
use crate::error::{Code, Error};
use crate::limits;

/// The largest bound of one identity's contribution; sums are signed 64-bit numbers.
pub(super) const BOUND_MAX: u64 = i64::MAX as u64;

/// The label of the group for every value that is not listed.
const OTHER: &str = "other";

/// How the labels of a group expression are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum LabelKind {
    /// Text, unchanged.
    Text,
    /// A whole number of 64 bits, in plain decimals.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// An ISO date.
    Date,
}

/// The public domain of one expression of GROUP BY. Every value that is not listed, NULL included,
/// falls into one more group, `other`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GroupFacts {
    /// How the labels are read.
    pub labels: LabelKind,
    /// The listed values, as labels, each once.
    pub values: Vec<String>,
    /// The registered number of identities of each listed value and, last, of `other`. Empty if the
    /// rows of one identity can fall into different groups: this expression then cannot cut its
    /// owner's list into parts.
    pub identities: Vec<u64>,
}

impl GroupFacts {
    /// The number of groups, `other` included.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "there is always the group `other`"
    )]
    pub const fn len(&self) -> usize {
        self.values.len() + 1
    }

    /// Whether every row of an identity falls into one group.
    #[must_use]
    pub const fn is_constant(&self) -> bool {
        !self.identities.is_empty()
    }
}

/// What the table's owner declares about one aggregated expression.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ValueFacts {
    /// Whether SQL calls the values whole numbers, whose division is cut.
    pub whole: bool,
    /// The decimal scale at which values become integers.
    pub decimals: u8,
    /// Whether the unfiltered table holds NULLs, so that the other rows have to be counted.
    pub nullable: bool,
    /// The bounds between which one identity's sum within one group is clamped, if it is.
    pub clamp: Option<Clamp>,
    /// No identity's sum exceeds this amount, in units of the scale; at least 1.
    pub sum_bound: u64,
    /// No identity's sum of squares exceeds this amount; at least 1, and 1 where no squares are
    /// asked for.
    pub squares_bound: u64,
}

/// Declared bounds of one identity's sum within one group, in units of the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Clamp {
    /// No sum is lower.
    pub low: i64,
    /// No sum is higher.
    pub high: i64,
}

impl Clamp {
    /// The largest amount between the bounds, and at least 1: what one identity can add to a sum or
    /// take from it.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.low.unsigned_abs().max(self.high.unsigned_abs()).max(1)
    }
}

impl ValueFacts {
    /// Whether the clamp, if present, has its bounds in order and within the bound of sums.
    fn clamp_holds(&self) -> bool {
        self.clamp
            .is_none_or(|clamp| clamp.low <= clamp.high && self.sum_bound <= clamp.amount())
    }
}

/// Checks the bounds of one side's groups and values.
pub(super) fn validate(groups: &[GroupFacts], values: &[ValueFacts]) -> Result<(), Error> {
    let malformed = |detail| Err(Error::misbehaved(Code::MalformedMessage, detail));
    if groups.len() > limits::GROUP_COLUMNS_MAX {
        return malformed("the number of group columns");
    }
    let labels: usize = groups.iter().map(GroupFacts::len).sum();
    let texts = groups.iter().flat_map(|group| &group.values);
    let bytes: usize = texts.map(String::len).sum();
    if labels > limits::GROUP_VALUES_MAX || bytes > limits::GROUP_LABEL_BYTES_MAX {
        return malformed("the domain of a group column");
    }
    for group in groups {
        if !group.identities.is_empty() && group.identities.len() != group.len() {
            return malformed("the number of group sizes");
        }
        for size in &group.identities {
            check_size(*size)?;
        }
        let distinct: BTreeSet<&String> = group.values.iter().collect();
        if distinct.len() != group.values.len() {
            return malformed("a group label that appears twice");
        }
        if !group.values.iter().all(|label| fits(group.labels, label)) {
            return malformed("a group label");
        }
    }
    if values.len() > limits::VALUES_MAX {
        return malformed("the number of aggregated expressions");
    }
    for value in values {
        let bounds = [value.sum_bound, value.squares_bound];
        if bounds.iter().any(|bound| *bound == 0 || *bound > BOUND_MAX)
            || value.decimals > limits::DECIMALS_MAX
        {
            return malformed("the bounds of an aggregated expression");
        }
        if !value.clamp_holds() {
            return malformed("the clamp of an aggregated expression");
        }
    }
    Ok(())
}

/// Whether a person sees all characters of `label`, in their order. That excludes control
/// characters, characters without width, and those that turn the direction of writing.
#[must_use]
pub fn is_shown_as_it_is(label: &str) -> bool {
    let hides = |c: char| {
        c.is_control()
            || matches!(c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}')
    };
    !label.chars().any(hides)
}

/// Whether a label has the form of its kind and is displayed unchanged. No owner may list `other`.
fn fits(kind: LabelKind, label: &str) -> bool {
    if label.len() > limits::NAME_BYTES_MAX || label == OTHER || !is_shown_as_it_is(label) {
        return false;
    }
    match kind {
        LabelKind::Text => true,
        LabelKind::Integer => label
            .parse::<i64>()
            .is_ok_and(|number| number.to_string() == label),
        LabelKind::Boolean => ["true", "false"].contains(&label),
        LabelKind::Date => {
            label.len() == 10
                && label.bytes().enumerate().all(|(i, byte)| match i {
                    4 | 7 => byte == b'-',
                    _ => byte.is_ascii_digit(),
                })
        }
    }
}
