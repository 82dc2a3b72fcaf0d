//! From a query to this side's half of a job.
//!
//! Spec 10 §3 and §5. The requester's node plans the analyst's text; the responder's node plans
//! the canonical text that the peer sent. Both derive everything from that one text and their own
//! configuration. No verdict, size or fact depends on a literal of the requester's own side: the
//! responder does not have them.

mod own;
mod side;

use psi_core::facts::TableFacts;
use psi_core::identifier::IdentifierKind;
pub use psi_core::spec::CountKind;
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

pub(crate) use self::own::{request, response};
pub(crate) use self::side::condition;

use crate::sql::ast::Predicate;

/// The requester's half of a job.
pub struct RequestPlan {
    /// The text that both nodes bind into the job.
    pub canonical: String,
    /// The own-side literals that the text hides, in the order of their numbers.
    pub hidden: Vec<HiddenLiteral>,
    /// Which rows of the own table answer.
    pub side: SidePlan,
    /// The own table's public facts.
    pub facts: TableFacts,
    /// What comes out.
    pub output: OutputPlan,
    /// The peer's table, as the text names it.
    pub peer_table: String,
    /// The peer's key columns, in the order of the ON clause, as the text names them.
    pub peer_key_columns: Vec<String>,
}

/// The responder's half of a job.
pub struct ResponsePlan {
    /// Which rows of the own table answer.
    pub side: SidePlan,
    /// The own table's public facts.
    pub facts: TableFacts,
    /// What comes out.
    pub output: OutputPlan,
    /// The requester's table, as the text names it.
    pub peer_table: String,
    /// The requester's key columns, in the order of the ON clause, as the text names them.
    pub peer_key_columns: Vec<String>,
}

/// The output columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPlan {
    /// Their names.
    pub columns: Vec<String>,
    /// What is counted.
    pub aggregate: CountKind,
}

/// Which rows of one table answer, and by which key.
///
/// # Security
/// Holds the owner's literals, so there is no Debug.
#[derive(Clone)]
pub struct SidePlan {
    pub(crate) table: String,
    pub(crate) key_columns: Vec<String>,
    pub(crate) key_kinds: Vec<IdentifierKind>,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) rules: Vec<String>,
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

    /// `SHA-512(salt || typed literal)` (Spec 10 §3.3). The typed literal is its SQL text, which
    /// says its type: `5`, `'5'`, `DATE '2025-01-31'`.
    ///
    /// # Security
    /// The salt is drawn from the job seed for this literal alone; with a guessable literal and a
    /// known salt the commitment hides nothing.
    #[must_use]
    pub fn commitment(&self, salt: &[u8; 32]) -> [u8; 64] {
        Sha512::new()
            .chain_update(salt)
            .chain_update(self.0.as_bytes())
            .finalize()
            .into()
    }

    /// The typed literal, for the owner's own records and for opening it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
