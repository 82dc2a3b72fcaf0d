//! What the Sender attaches to each position: the components of the payload, and their bounds.
//!
//! Spec 03 §6. The payload has one block of components for each of the Sender's groups, all blocks
//! alike. Whatever match bits already show needs no component.

use bincode::{Decode, Encode};

use super::Party;
use super::shape::Shape;
use crate::error::{Code, Error};
use crate::facts::TableFacts;
use crate::limits;
use crate::ot::bounds::{ComponentBound, check_components};

/// The components at every position of the Sender.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Payload {
    /// Blocks: combinations of the Sender's groups, 1 without group columns.
    pub groups: u64,
    /// The components of one block; empty if match bits show everything.
    pub components: Vec<Component>,
}

/// One component of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Component {
    /// What it sums.
    pub kind: ComponentKind,
    /// The most that one identity contributes, as an amount.
    pub bound: u64,
}

/// What a component sums over an identity's rows in one group. Numbers are indices into the
/// Sender's [`TableFacts::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ComponentKind {
    /// 1 if the identity has a row in the group.
    Identities,
    /// Rows.
    Rows,
    /// Rows in which the expression is not NULL.
    Count(u32),
    /// The expression.
    Sum(u32),
    /// The square of the expression.
    Squares(u32),
}

impl Payload {
    /// Components at one position, `L`.
    #[must_use]
    pub fn width(&self) -> u64 {
        self.groups.saturating_mul(self.components.len() as u64)
    }

    /// The index of a component within a block.
    #[must_use]
    pub fn find(&self, kind: ComponentKind) -> Option<usize> {
        self.components
            .iter()
            .position(|component| component.kind == kind)
    }

    /// The payload of a Sender.
    pub(super) fn derive(shape: &Shape, party: Party, sender: &TableFacts) -> Self {
        let components = components(shape, party, sender);
        let groups = if components.is_empty() {
            1
        } else {
            sender.group_count()
        };
        Self { groups, components }
    }
}

fn components(shape: &Shape, party: Party, sender: &TableFacts) -> Vec<Component> {
    let side = shape.side(party);
    let mut components = Vec::new();
    let mut add = |kind, bound| components.push(Component { kind, bound });
    // Without groups of the Sender, a part's identities are its match count.
    if !sender.groups.is_empty() {
        add(ComponentKind::Identities, 1);
    }
    // Where an identity of the Sender counts as one row, rows are identities.
    let counts_rows = shape.rows
        || side
            .values
            .iter()
            .zip(&sender.values)
            .any(|(asked, facts)| asked.count && !facts.nullable);
    if counts_rows && !shape.counts_once(party, sender) {
        add(ComponentKind::Rows, sender.rows_bound);
    }
    for (index, (asked, facts)) in (0..).zip(side.values.iter().zip(&sender.values)) {
        // A sum over NULLs alone is NULL, so the rows that are not NULL are counted beside it.
        if facts.nullable {
            add(ComponentKind::Count(index), sender.rows_bound);
        }
        if asked.sum {
            add(ComponentKind::Sum(index), facts.sum_bound);
        }
        if asked.squares {
            add(ComponentKind::Squares(index), facts.squares_bound);
        }
    }
    components
}

/// Checks that no sum over a list of `sender_size` positions can leave 63 bits, with noise of at
/// most `noise` on each number of a component (Spec 11 §9).
pub(super) fn check_sums(
    sender_size: u64,
    payload: &Payload,
    noise: impl Fn(usize) -> u64,
) -> Result<(), Error> {
    let bounds = payload.components.iter().enumerate();
    let bounds = bounds.map(|(number, component)| ComponentBound {
        per_identity: component.bound,
        noise: noise(number),
    });
    let bounds: Vec<ComponentBound> = bounds.collect();
    check_components(sender_size, &bounds).map_err(|overflow| Error::Beyond {
        code: Code::SumTooLarge,
        what: "a sum over the whole list, with its noise",
        value: u64::try_from(overflow.reach).unwrap_or(u64::MAX),
        limit: i64::MAX as u64,
    })
}

/// Checks that a match opens no more numbers than are served.
pub(super) fn check_cells(parts: u64, payload: &Payload) -> Result<(), Error> {
    let width = payload.width();
    for (what, value, limit) in [
        ("parts of the Receiver's list", parts, limits::PARTS_MAX),
        (
            "payload components at one position",
            width,
            limits::COMPONENTS_MAX,
        ),
        (
            "parts times payload components",
            parts.saturating_mul(width),
            limits::CELLS_MAX,
        ),
    ] {
        check_limit(Code::TooManyCells, what, value, limit)?;
    }
    Ok(())
}

/// Checks that a match transfers no more rows than are served. A match without payload transfers
/// nothing.
pub(super) fn check_rows(parts: u64, sender_size: u64, payload: &Payload) -> Result<(), Error> {
    if payload.components.is_empty() {
        return Ok(());
    }
    check_limit(
        Code::SizeNotServed,
        "parts times the Sender's positions, where sums are transferred",
        parts.saturating_mul(sender_size),
        limits::TRANSFER_ROWS_MAX,
    )
}

const fn check_limit(code: Code, what: &'static str, value: u64, limit: u64) -> Result<(), Error> {
    if value > limit {
        return Err(Error::Beyond {
            code,
            what,
            value,
            limit,
        });
    }
    Ok(())
}
