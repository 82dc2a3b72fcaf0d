//! What the local API says of this node and of its tables.
//!
//! Spec 10 §2.7. Why a table is not served is for its owner alone; whoever reaches the socket is
//! the owner.

use aggregator::NotServed;
use serde::{Deserialize, Serialize};

/// `GET /v1/node`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The member's name.
    pub name: String,
    /// The node id.
    pub id: String,
    /// The program's version.
    pub version: String,
    /// Where peers connect.
    pub listen: String,
    /// Jobs that are running.
    pub jobs_running: usize,
    /// Jobs that may run at once.
    pub jobs_max: usize,
    /// The tables that queries may use.
    pub tables: Vec<TableInfo>,
    /// The tables that are configured and that no query may use now.
    #[serde(default)]
    pub not_served: Vec<NotServedInfo>,
}

/// A table that is not served. It is tried again when its files change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotServedInfo {
    /// Its name.
    pub name: String,
    /// Why.
    pub problems: Vec<ProblemInfo>,
    /// As in [`TableInfo::section`].
    #[serde(default)]
    pub section: String,
}

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemInfo {
    /// The setting.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl NotServedInfo {
    /// The same with the digest of the table's section.
    #[must_use]
    pub fn new(table: NotServed, section: String) -> Self {
        let problems = table.problems.into_iter().map(|problem| ProblemInfo {
            place: problem.place,
            what: problem.what,
            remedy: problem.remedy,
        });
        Self {
            name: table.name,
            problems: problems.collect(),
            section,
        }
    }
}

/// A table of this node, as its own owner may see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// The fewest distinct identities that an output row may rest on.
    pub minimum: u64,
    /// Columns that a WHERE clause may use.
    pub filter: Vec<String>,
    /// Its join keys.
    pub keys: Vec<KeyInfo>,
    /// A digest of its section of node.toml as the node has read it.
    #[serde(default)]
    pub section: String,
}

impl NodeInfo {
    /// The digest of the section of a table as the node has read it, if it knows the table and says so.
    #[must_use]
    pub fn section_of(&self, table: &str) -> Option<&str> {
        let served = self
            .tables
            .iter()
            .map(|table| (&table.name, &table.section));
        let others = self.not_served.iter();
        let others = others.map(|table| (&table.name, &table.section));
        let mut all = served.chain(others);
        let (_, section) = all.find(|(name, _)| *name == table)?;
        Some(section.as_str()).filter(|section| !section.is_empty())
    }
}

/// A join key of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Its columns.
    pub columns: Vec<String>,
    /// The identifier kind of each column.
    pub kinds: Vec<String>,
    /// Whether it is declared unique.
    pub unique: bool,
    /// The registered, public number of identities.
    pub identities: u64,
}
