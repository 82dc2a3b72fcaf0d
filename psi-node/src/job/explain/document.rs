//! What an explanation says: the JSON of `explain`, documented in `docs/operating/queries.md`.

use serde::{Deserialize, Serialize};

use super::budget::BudgetOutline;
use super::cost::Cost;
use super::learns::Learns;
use super::rate::Rate;
use crate::job::outcome::privacy::PrivacyDocument;

/// What a query would be as a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The collaboration's name.
    pub collab: String,
    /// The revision in force.
    pub revision: u32,
    /// `exact` or `dp`.
    pub mode: String,
    /// The canonical query, as the other side would see it.
    pub query: String,
    /// Literals that the other side would not see.
    pub hidden_literals: usize,
    /// This node's side.
    pub own: OwnSide,
    /// The other side.
    pub peer: PeerSide,
    /// What of the question is probably a slip, such as a text that is nearly a listed group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slips: Vec<String>,
    /// What follows from both; absent where the other side's facts are not known.
    pub job: Option<JobOutline>,
}

/// This node's side of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSide {
    /// The member's name.
    pub member: String,
    /// Its table.
    pub table: String,
    /// The rules that allow the query.
    pub rules: Vec<String>,
    /// Whether the owner approves each run.
    pub approval: bool,
    /// The registered number of identities.
    pub identities: u64,
    /// Fewest identities that a row of the answer may rest on.
    pub minimum: u64,
}

/// What is known of the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSide {
    /// The member's name.
    pub member: String,
    /// Its table.
    pub table: String,
    /// Where its facts are from.
    pub facts: FactsSource,
    /// Whether its rules allow the query; known only if it was asked.
    pub allowed: Option<bool>,
    /// Whether its owner approves each run; known only if it was asked.
    pub approval: Option<bool>,
    /// The registered number of identities.
    pub identities: Option<u64>,
    /// Fewest identities that a row of the answer may rest on.
    pub minimum: Option<u64>,
}

/// Where the other side's facts are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactsSource {
    /// It was asked just now.
    Asked,
    /// A receipt of an earlier job.
    EarlierJob,
    /// What the other member said of its tables: the registered size; the rest is supposed.
    Told,
    /// Supposed: as many identities as this side has, a unique key.
    Supposed,
    /// Not known, and not to be supposed.
    Unknown,
}

/// What follows from both sides' facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobOutline {
    /// Fewest identities that a row of the answer may rest on: the stricter side's.
    pub minimum: u64,
    /// One, or two with the roles swapped.
    pub matches: Vec<MatchOutline>,
    /// Combinations of all groups: the rows of the answer before HAVING and LIMIT.
    pub cells: u64,
    /// What each side would learn, this side first.
    pub learns: Vec<Learns>,
    /// In mode `dp`: what it would cost in privacy, and how far its numbers would stray.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<PrivacyDocument>,
    /// In mode `dp`: what that would do to the budget of this table's population.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetOutline>,
    /// What it would cost in bytes and time.
    pub cost: Cost,
    /// From which the time follows.
    pub rate: Rate,
}

/// One match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchOutline {
    /// The member that is Receiver.
    pub receiver: String,
    /// Points that it sends, over all parts.
    pub receiver_size: u64,
    /// Parts of its list.
    pub parts: u64,
    /// Dummies of each part, whose marked ones are the noise of its count; 0 in mode `exact`.
    #[serde(default)]
    pub dummies: u64,
    /// Tags that the Sender sends.
    pub sender_size: u64,
    /// Numbers that the Sender attaches to each position.
    pub numbers_per_position: u64,
}
