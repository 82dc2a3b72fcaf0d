//! What a query asks of the two tables, without its text.
//!
//! Spec 03 §3. This crate does not read SQL. Each node derives the shape from the canonical query;
//! unless both arrive at the same one, the job does not start. With the facts of both halves, which
//! follow the same order, everything else follows from it.

use bincode::{Decode, Encode};

use super::Party;
use crate::error::{Code, Error};
use crate::facts::TableFacts;

/// What a query asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Shape {
    /// Joined rows are asked for, by `COUNT(*)`.
    pub rows: bool,
    /// A list is asked for: which of the requester's own identifiers match.
    pub list: bool,
    /// What is asked of the requester's table.
    pub requester: SideShape,
    /// What is asked of the responder's table.
    pub responder: SideShape,
}

/// What a query asks of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SideShape {
    /// The number of its expressions in GROUP BY.
    pub groups: u32,
    /// Its aggregated expressions, each once, in the order of the query.
    pub values: Vec<ValueShape>,
}

/// What one aggregated expression needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct ValueShape {
    /// The number of its rows that are not NULL.
    pub count: bool,
    /// Their sum.
    pub sum: bool,
    /// The sum of their squares.
    pub squares: bool,
}

impl Shape {
    /// `COUNT(*)` alone.
    #[must_use]
    pub fn count_rows() -> Self {
        Self {
            rows: true,
            ..Self::default()
        }
    }

    /// `COUNT(DISTINCT key)` alone.
    #[must_use]
    pub fn count_identities() -> Self {
        Self::default()
    }

    /// A list of the requester's own identifiers that match.
    #[must_use]
    pub fn list() -> Self {
        Self {
            list: true,
            ..Self::default()
        }
    }

    /// What is asked of the table of `party`.
    #[must_use]
    pub const fn side(&self, party: Party) -> &SideShape {
        match party {
            Party::Requester => &self.requester,
            Party::Responder => &self.responder,
        }
    }

    /// Whether the query asks for a count without groups, or for a list, and for nothing else.
    fn is_of_identities_alone(&self) -> bool {
        [&self.requester, &self.responder]
            .iter()
            .all(|side| side.groups == 0 && side.values.is_empty())
    }

    /// Whether the query asks for a count without groups and for nothing else.
    #[must_use]
    pub fn is_single_count(&self) -> bool {
        !self.list && self.is_of_identities_alone()
    }

    /// Checks that a query for a list asks for nothing else.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !self.list || !self.rows && self.is_of_identities_alone() {
            return Ok(());
        }
        Err(Error::misbehaved(
            Code::MalformedMessage,
            "a list with something beside it",
        ))
    }
}

impl SideShape {
    /// Checks that a half brings facts about exactly what is asked.
    pub(super) fn check(&self, facts: &TableFacts) -> Result<(), Error> {
        let asked = self.values.iter().all(|value| {
            (value.count || value.sum) && (!value.squares || value.sum && value.count)
        });
        if !asked {
            return Err(Error::misbehaved(
                Code::MalformedMessage,
                "an aggregated expression of which nothing is asked",
            ));
        }
        let fits = facts.groups.len() as u64 == u64::from(self.groups)
            && facts.values.len() == self.values.len();
        if fits {
            return Ok(());
        }
        Err(Error::misbehaved(
            Code::SpecMismatch,
            "facts about other columns than the query uses",
        ))
    }
}
