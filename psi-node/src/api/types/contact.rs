//! What members know of each other, as JSON: what tables offer, and the answer to a ping.
//!
//! Spec 14. The same documents are printed by `collab tables` and `collab ping`.

use psi_core::contact::Offer;
use psi_core::contact::offer::{OfferedRules, OfferedTable};
use serde::{Deserialize, Serialize};

/// `GET` and `POST /v1/collaborations/{name}/tables`: what the other member's tables offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablesInfo {
    /// The collaboration.
    pub collab: String,
    /// The other member.
    pub member: String,
    /// When it said so, in seconds since 1970.
    pub told_unix: i64,
    /// The tables; null if its owner tells nothing.
    pub offer: Option<OfferInfo>,
}

/// The tables that a member offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferInfo {
    /// In the order of their names.
    pub tables: Vec<OfferedTableInfo>,
    /// Tables for which there was no room.
    pub left_out: u32,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedTableInfo {
    /// Its name.
    pub name: String,
    /// `aggregation`, `custom` or `list`.
    pub rule: String,
    /// How queries of aggregates may be written: `join`, `semi`.
    pub forms: Vec<String>,
    /// The join keys.
    pub keys: Vec<OfferedKeyInfo>,
    /// The columns of a WHERE clause.
    pub filters: Vec<OfferedFilterInfo>,
    /// What a GROUP BY may use.
    pub dimensions: Vec<OfferedDimensionInfo>,
    /// What may be aggregated.
    pub aggregates: Vec<OfferedAggregateInfo>,
    /// Templates, by name.
    pub templates: Vec<String>,
    /// What else bounds a question; null if the owner does not tell.
    pub rules: Option<OfferedRulesInfo>,
}

/// A join key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedKeyInfo {
    /// Its columns.
    pub columns: Vec<String>,
    /// The kind of each.
    pub kinds: Vec<String>,
    /// Whether no value repeats; null if the owner does not tell.
    pub unique: Option<bool>,
    /// The registered size; null if the owner does not tell.
    pub identities: Option<u64>,
}

/// A column of a WHERE clause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedFilterInfo {
    /// Its name.
    pub column: String,
    /// The allowed comparisons.
    pub operators: Vec<String>,
    /// `any`, `literals` or `columns`.
    pub compare: String,
}

/// What a GROUP BY may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedDimensionInfo {
    /// A column, or a part of a date.
    pub name: String,
    /// Its groups; null if the owner does not tell.
    pub values: Option<Vec<String>>,
}

/// What may be aggregated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedAggregateInfo {
    /// The column.
    pub column: String,
    /// The allowed functions.
    pub functions: Vec<String>,
    /// Whether arithmetic is allowed.
    pub expressions: bool,
}

/// What else bounds a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedRulesInfo {
    /// The fewest identities of an answer.
    pub minimum: u64,
    /// Whether the owner approves each run.
    pub approval: bool,
    /// Whether both members may receive.
    pub both_may_receive: bool,
    /// Whether the other member may receive aggregates of its own columns.
    pub owner_may_receive: bool,
    /// Jobs per day, week, month and in all; null where there is no limit.
    pub runs: RunsInfo,
    /// The largest epsilon of one job, in millionths; null if there is none.
    pub micro_epsilon_max: Option<u64>,
}

/// How many jobs may run with one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunsInfo {
    /// In a day.
    pub day: Option<u64>,
    /// In a week.
    pub week: Option<u64>,
    /// In a month.
    pub month: Option<u64>,
    /// In all.
    pub lifetime: Option<u64>,
}

/// `POST /v1/collaborations/{name}/ping`: what the other node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingInfo {
    /// The collaboration.
    pub collab: String,
    /// The other member.
    pub member: String,
    /// Its node id, which it has proved.
    pub id: String,
    /// Where it answered.
    pub address: String,
    /// Whether it has joined the collaboration.
    pub joined: bool,
    /// The number of the revision that it has joined.
    pub revision: u32,
    /// The number of the revision that this node has joined.
    pub own_revision: u32,
    /// Whether both are the same document.
    pub same_revision: bool,
    /// The mode of its revision.
    pub mode: String,
    /// The version of its program.
    pub version: String,
    /// The version of this one.
    pub own_version: String,
    /// Its clock less this node's, in milliseconds; as exact as the answer is quick.
    pub clock_difference_ms: i64,
    /// How long the answer took over the open connection, in milliseconds.
    pub answer_ms: u64,
}

impl From<&Offer> for OfferInfo {
    fn from(offer: &Offer) -> Self {
        Self {
            tables: offer.tables.iter().map(OfferedTableInfo::from).collect(),
            left_out: offer.left_out,
        }
    }
}

impl From<&OfferedTable> for OfferedTableInfo {
    fn from(table: &OfferedTable) -> Self {
        let keys = table.keys.iter().map(|key| OfferedKeyInfo {
            columns: key.columns.iter().map(|c| c.name.clone()).collect(),
            kinds: key.columns.iter().map(|c| c.kind.clone()).collect(),
            unique: key.size.map(|size| size.unique),
            identities: key.size.map(|size| size.identities),
        });
        let filters = table.filters.iter().map(|filter| OfferedFilterInfo {
            column: filter.column.clone(),
            operators: filter.operators.clone(),
            compare: filter.compare.clone(),
        });
        let dimensions = table.dimensions.iter();
        let dimensions = dimensions.map(|dimension| OfferedDimensionInfo {
            name: dimension.name.clone(),
            values: dimension.values.clone(),
        });
        let aggregates = table.aggregates.iter();
        let aggregates = aggregates.map(|aggregate| OfferedAggregateInfo {
            column: aggregate.column.clone(),
            functions: aggregate.functions.clone(),
            expressions: aggregate.expressions,
        });
        Self {
            name: table.name.clone(),
            rule: table.rule.clone(),
            forms: table.forms.clone(),
            keys: keys.collect(),
            filters: filters.collect(),
            dimensions: dimensions.collect(),
            aggregates: aggregates.collect(),
            templates: table.templates.clone(),
            rules: table.rules.as_ref().map(OfferedRulesInfo::from),
        }
    }
}

impl From<&OfferedRules> for OfferedRulesInfo {
    fn from(rules: &OfferedRules) -> Self {
        let [day, week, month, lifetime] = rules.runs;
        Self {
            minimum: rules.minimum,
            approval: rules.approval,
            both_may_receive: rules.both_may_receive,
            owner_may_receive: rules.owner_may_receive,
            runs: RunsInfo {
                day,
                week,
                month,
                lifetime,
            },
            micro_epsilon_max: rules.micro_epsilon_max,
        }
    }
}
