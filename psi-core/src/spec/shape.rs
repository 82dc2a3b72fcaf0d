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
    /// How the query puts the two tables together.
    pub form: Form,
    /// What is asked of the requester's table.
    pub requester: SideShape,
    /// What is asked of the responder's table.
    pub responder: SideShape,
}

/// How a query puts the two tables together.
///
/// One byte: 0 join, 1 list, 2 and 3 semi-join whose outer table is the requester's or the
/// responder's. The first two are the bytes of the flag that was here before semi-joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Rows of both tables whose keys are equal.
    #[default]
    Join,
    /// Which of the requester's own identifiers match.
    List,
    /// The rows of `outer`'s table whose key the other table has, each once (`EXISTS`).
    Semi {
        /// Whose rows are counted.
        outer: Party,
    },
}

impl Form {
    /// Whose table is only looked into, if one is.
    #[must_use]
    pub const fn inner(self) -> Option<Party> {
        match self {
            Self::Semi { outer } => Some(outer.other()),
            Self::Join | Self::List => None,
        }
    }

    const ALL: [Self; 4] = [
        Self::Join,
        Self::List,
        Self::Semi {
            outer: Party::Requester,
        },
        Self::Semi {
            outer: Party::Responder,
        },
    ];

    const fn number(self) -> u8 {
        match self {
            Self::Join => 0,
            Self::List => 1,
            Self::Semi {
                outer: Party::Requester,
            } => 2,
            Self::Semi {
                outer: Party::Responder,
            } => 3,
        }
    }
}

impl Encode for Form {
    fn encode<E: bincode::enc::Encoder>(
        &self,
        encoder: &mut E,
    ) -> Result<(), bincode::error::EncodeError> {
        self.number().encode(encoder)
    }
}

impl<Context> Decode<Context> for Form {
    fn decode<D: bincode::de::Decoder<Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        let number = u8::decode(decoder)?;
        Self::ALL
            .into_iter()
            .find(|form| form.number() == number)
            .ok_or(bincode::error::DecodeError::Other(
                "a form that does not exist",
            ))
    }
}

bincode::impl_borrow_decode!(Form);

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
            form: Form::List,
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
        self.requester.is_empty() && self.responder.is_empty()
    }

    /// Whether the query asks for a count without groups and for nothing else.
    #[must_use]
    pub fn is_single_count(&self) -> bool {
        !self.is_list() && self.is_of_identities_alone()
    }

    /// Whether the query asks for a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.form == Form::List
    }

    /// Whether an identity of `party`, whose table has `facts`, counts as one row: its key is
    /// unique, or it is the inner table of a semi-join, whose repetitions count once.
    pub(super) fn counts_once(&self, party: Party, facts: &TableFacts) -> bool {
        facts.key_unique || self.form.inner() == Some(party)
    }

    /// Checks that a query asks for nothing that its form does not have.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_list() && (self.rows || !self.is_of_identities_alone()) {
            return Err(Error::misbehaved(
                Code::MalformedMessage,
                "a list with something beside it",
            ));
        }
        if self
            .form
            .inner()
            .is_some_and(|party| !self.side(party).is_empty())
        {
            return Err(Error::misbehaved(
                Code::MalformedMessage,
                "groups or aggregates of the inner table of a semi-join",
            ));
        }
        Ok(())
    }
}

impl SideShape {
    /// Whether nothing is asked of the table but its key.
    fn is_empty(&self) -> bool {
        self.groups == 0 && self.values.is_empty()
    }

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
