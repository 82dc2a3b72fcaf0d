//! Which columns a WHERE clause may use, and how.
//!
//! Spec 10 §1. Two forms: a list of columns, each of which may be compared in every way, or a table
//! that says for each column which comparisons. Values only; whether columns exist is checked when
//! the table is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::check_name;
use crate::error::Problem;
use crate::sql::ast::CompareOp;

/// The filter columns of a table, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterConfigs(BTreeMap<String, FilterConfig>);

/// One `[table.NAME.filter.COLUMN]` section: how a WHERE clause may use the column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterConfig {
    /// The comparisons that are allowed; all of them where left out. NOT does not count.
    #[serde(default)]
    pub operators: Option<BTreeSet<Operator>>,
    /// What the column may be compared with.
    #[serde(default)]
    pub compare: Compare,
}

/// A comparison that an owner can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Operator {
    /// `=`.
    #[serde(rename = "=")]
    Eq,
    /// `<>`.
    #[serde(rename = "<>")]
    NotEq,
    /// `<`.
    #[serde(rename = "<")]
    Lt,
    /// `<=`.
    #[serde(rename = "<=")]
    LtEq,
    /// `>`.
    #[serde(rename = ">")]
    Gt,
    /// `>=`.
    #[serde(rename = ">=")]
    GtEq,
    /// `BETWEEN` and `NOT BETWEEN`.
    #[serde(rename = "between")]
    Between,
    /// `IN` and `NOT IN`.
    #[serde(rename = "in")]
    In,
    /// `LIKE` and `NOT LIKE`.
    #[serde(rename = "like")]
    Like,
    /// `IS NULL` and `IS NOT NULL`.
    #[serde(rename = "is null")]
    IsNull,
}

/// What a column may be compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compare {
    /// Constants and other columns.
    #[default]
    Any,
    /// Constants only.
    Literals,
    /// Other columns of the table only.
    Columns,
}

impl Operator {
    /// Every comparison.
    pub const ALL: [Self; 10] = [
        Self::Eq,
        Self::NotEq,
        Self::Lt,
        Self::LtEq,
        Self::Gt,
        Self::GtEq,
        Self::Between,
        Self::In,
        Self::Like,
        Self::IsNull,
    ];

    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::NotEq => "<>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Between => "between",
            Self::In => "in",
            Self::Like => "like",
            Self::IsNull => "is null",
        }
    }
}

impl From<CompareOp> for Operator {
    fn from(op: CompareOp) -> Self {
        match op {
            CompareOp::Eq => Self::Eq,
            CompareOp::NotEq => Self::NotEq,
            CompareOp::Lt => Self::Lt,
            CompareOp::LtEq => Self::LtEq,
            CompareOp::Gt => Self::Gt,
            CompareOp::GtEq => Self::GtEq,
        }
    }
}

impl Compare {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Literals => "literals",
            Self::Columns => "columns",
        }
    }
}

impl FilterConfig {
    /// Whether the column may be compared in every way.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.operators.is_none() && self.compare == Compare::Any
    }
}

impl FilterConfigs {
    /// The columns with what is allowed of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FilterConfig)> {
        self.0
            .iter()
            .map(|(column, config)| (column.as_str(), config))
    }

    /// Whether no column is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for FilterConfigs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrTable)
    }
}

/// Reads either form. Not an untagged enum: that would lose the line and column of what is wrong.
struct ListOrTable;

impl<'de> Visitor<'de> for ListOrTable {
    type Value = FilterConfigs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of columns, or a table of columns with what is allowed of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut columns = BTreeMap::new();
        while let Some(column) = seq.next_element::<String>()? {
            columns.insert(column, FilterConfig::default());
        }
        Ok(FilterConfigs(columns))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        BTreeMap::deserialize(de::value::MapAccessDeserializer::new(map)).map(FilterConfigs)
    }
}

/// Checks the filter columns of table `name`.
pub(super) fn check(name: &str, filters: &FilterConfigs) -> Result<(), Problem> {
    let mut folded = BTreeSet::new();
    for (column, config) in filters.iter() {
        let place = format!("table.{name}.filter");
        check_name(column, &place, "column")?;
        if !folded.insert(column.to_lowercase()) {
            return Err(Problem::new(
                place,
                format!("the column {column:?} appears twice, up to upper and lower case"),
                "list each column once",
            ));
        }
        if config.operators.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(Problem::new(
                format!("{place}.{column}.operators"),
                "no comparison is listed",
                "list some, or remove the column",
            ));
        }
    }
    Ok(())
}
