//! From a query to this side's half of a job.
//!
//! Spec 10 §3 and §5. The requester's node plans the analyst's text; the responder's node plans
//! the canonical text that the peer sent. Both derive everything from that one text and their own
//! configuration. No verdict, size or fact depends on a literal of the requester's own side: the
//! responder does not have them.

mod columns;
mod half;
mod output;
mod privacy;
mod request;
mod response;
mod side;

use std::sync::Arc;

use psi_core::facts::TableFacts;
use psi_core::identifier::IdentifierKind;
use zeroize::Zeroizing;

pub use self::output::OutputPlan;
pub(crate) use self::output::{Measure, Program, Shown};
pub(crate) use self::request::{own_table, request};
pub(crate) use self::response::response;

use crate::domain::Domain;
use crate::error::Refusal;
use crate::policy::Question;
use crate::policy::compared::Compared;
use crate::sql::ast::Predicate;
use crate::tables::table::LoadedTable;
use crate::value::ValueProgram;

/// The names of the two members in their collaboration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberNames<'a> {
    /// This side.
    pub own: &'a str,
    /// The peer.
    pub peer: &'a str,
}

/// The requester's half of a job.
pub struct RequestPlan {
    /// The text that both nodes bind into the job.
    pub canonical: String,
    /// The literals of this side that the text hides, in the order of their numbers.
    pub hidden: Vec<HiddenLiteral>,
    /// Which rows of this side's table answer.
    pub side: SidePlan,
    /// The public facts of this side's table, for a job in exact mode.
    pub facts: TableFacts,
    /// The same for a job with differential privacy, or why the table takes part in none.
    pub private_facts: Result<TableFacts, Refusal>,
    /// What comes out.
    pub output: OutputPlan,
    /// The peer's table, as the text names it.
    pub peer_table: String,
    /// The peer's key columns, in the order of the ON clause, as the text names them.
    pub peer_key_columns: Vec<String>,
    /// What the query asks of the peer's table, as the text names its columns.
    pub peer_question: Question,
    /// What the query compares columns of the peer's table with.
    pub peer_compared: Vec<Compared>,
    /// What of the query is probably a slip, by what this side's configuration lists; for the person
    /// who asks, since it quotes literals.
    pub slips: Vec<String>,
}

/// The responder's half of a job.
pub struct ResponsePlan {
    /// Which rows of this side's table answer.
    pub side: SidePlan,
    /// The public facts of this side's table, for a job in exact mode.
    pub facts: TableFacts,
    /// The same for a job with differential privacy, or why the table takes part in none.
    pub private_facts: Result<TableFacts, Refusal>,
    /// What comes out.
    pub output: OutputPlan,
    /// The requester's table, as the text names it.
    pub peer_table: String,
    /// The requester's key columns, in the order of the ON clause, as the text names them.
    pub peer_key_columns: Vec<String>,
}

/// Which rows of one table answer, and by which key.
///
/// # Security
/// Holds the owner's literals, and therefore has no `Debug`.
#[derive(Clone)]
pub struct SidePlan {
    pub(crate) table: String,
    /// The table as it was loaded when its facts were given: no other may answer.
    pub(crate) loaded: Arc<LoadedTable>,
    pub(crate) key_columns: Vec<String>,
    pub(crate) key_kinds: Vec<IdentifierKind>,
    /// This side's key columns of a list, in the order in which the query names them.
    pub(crate) listed: Vec<String>,
    pub(crate) predicates: Vec<Predicate>,
    /// This side's expressions of GROUP BY, in the order of the query.
    pub(crate) groups: Vec<SideGroup>,
    /// This side's aggregated expressions, in the order of the query.
    pub(crate) values: Vec<SideValue>,
    pub(crate) rules: Vec<String>,
    pub(crate) template: Option<String>,
}

/// An own expression of GROUP BY.
#[derive(Clone, Debug)]
pub(crate) struct SideGroup {
    /// The column, as the source writes it.
    pub(crate) column: String,
    pub(crate) domain: Arc<Domain>,
}

/// An own aggregated expression.
#[derive(Clone, Debug)]
pub(crate) struct SideValue {
    pub(crate) kind: SideValueKind,
    /// Bounds on one identity's sum within one group.
    pub(crate) clamp: Option<(i64, i64)>,
}

/// What is needed of an aggregated expression.
#[derive(Clone, Debug)]
pub(crate) enum SideValueKind {
    /// Whether none of these columns is NULL.
    Presence(Vec<String>),
    /// Its value.
    Number(ValueProgram),
}

impl SidePlan {
    /// The table's name in the configuration.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The rules of the owner's policy that allowed the question.
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// The digest of the approved template that the query is an instance of, if the table answers
    /// templates only.
    pub fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }
}

/// A literal of the requester's own side. The peer gets a commitment to it, never the literal.
///
/// # Security
/// No Debug; wiped when dropped.
pub struct HiddenLiteral(Zeroizing<String>);

impl HiddenLiteral {
    pub(crate) fn new(typed: String) -> Self {
        Self(Zeroizing::new(typed))
    }

    /// Its SQL text, which says its type: to commit to it ([`LiteralSalt::commit`]), and for the
    /// owner's own records.
    ///
    /// [`LiteralSalt::commit`]: psi_core::spec::LiteralSalt::commit
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
