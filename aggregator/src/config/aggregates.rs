//! What a table's owner allows to be grouped and aggregated.
//!
//! Spec 10 §1. Values only; whether columns exist and fit is checked when the table is loaded.

use std::collections::{BTreeMap, BTreeSet};

use psi_core::facts::is_shown_as_it_is;
use psi_core::limits;
use serde::{Deserialize, Deserializer};

use super::{TableConfig, check_name};
use crate::error::Problem;
use crate::sql::dimension::DimensionName;

/// The group of every value that a dimension does not list, NULL included.
pub(crate) const OTHER: &str = "other";

/// The largest decimal scale of one column.
pub(crate) const COLUMN_DECIMALS_MAX: u8 = 18;

/// One value of a dimension's public domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub enum DomainValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text, and dates as ISO texts.
    Text(String),
}

impl DomainValue {
    /// The value as a label of its group.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// One `[table.NAME.aggregate.COLUMN]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregateConfig {
    /// What may be computed of the column.
    pub functions: Vec<AggregateFunction>,
    /// Whether the column may be part of an arithmetic expression inside an aggregate.
    #[serde(default = "super::yes")]
    pub expressions: bool,
    /// The decimal scale at which doubles and decimals become integers.
    #[serde(default)]
    pub decimals: Option<u8>,
    /// Bounds on one identity's sum within one group, in the column's unit.
    #[serde(default, deserialize_with = "clamp_from_numbers")]
    pub clamp: Option<[String; 2]>,
}

/// A function that an owner can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AggregateFunction {
    /// `COUNT(column)`.
    Count,
    /// `SUM`.
    Sum,
    /// `AVG`.
    Avg,
    /// `VAR_SAMP` and `VAR_POP`.
    Var,
    /// `STDDEV_SAMP` and `STDDEV_POP`.
    Stddev,
}

impl AggregateFunction {
    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Var => "var",
            Self::Stddev => "stddev",
        }
    }
}

/// Who may get a result about the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultTo {
    /// The member that asks.
    #[default]
    Requester,
    /// Both members, if the one that asks wants it so.
    Both,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Integer(i64),
    Float(f64),
}

/// Two numbers as decimal digits: a double is taken as the shortest decimals that mean it.
fn clamp_from_numbers<'de, D: Deserializer<'de>>(d: D) -> Result<Option<[String; 2]>, D::Error> {
    let numbers = Option::<[Number; 2]>::deserialize(d)?;
    let text = |number| match number {
        Number::Integer(value) => value.to_string(),
        Number::Float(value) => value.to_string(),
    };
    Ok(numbers.map(|numbers| numbers.map(text)))
}

/// Checks the sections that are about groups and aggregates.
pub(super) fn check(name: &str, table: &TableConfig) -> Result<(), Problem> {
    let mut known = Vec::new();
    for (text, values) in &table.dimension {
        let place = format!("table.{name}.dimension.{text:?}");
        let dimension = DimensionName::parse(text)
            .map_err(|what| Problem::new(&place, what, "write a column, or month(column)"))?;
        check_name(&dimension.column, &place, "column")?;
        if known.iter().any(|(other, _)| *other == dimension) {
            return Err(Problem::new(
                place,
                "another dimension is the same",
                "keep one of the two",
            ));
        }
        check_domain(&place, values)?;
        known.push((dimension, values));
    }
    let mut sized = Vec::new();
    for (text, sizes) in &table.group_identities {
        let place = format!("table.{name}.group_identities.{text:?}");
        let dimension = DimensionName::parse(text).ok();
        if sized.contains(&dimension) {
            return Err(Problem::new(
                place,
                "another section gives sizes for the same dimension",
                "keep one of the two",
            ));
        }
        let Some((_, values)) = known
            .iter()
            .find(|(other, _)| dimension.as_ref() == Some(other))
        else {
            return Err(Problem::new(
                place,
                "there is no such dimension",
                format!("list it in table.{name}.dimension"),
            ));
        };
        check_sizes(&place, values, sizes)?;
        sized.push(dimension);
    }
    let mut folded = BTreeSet::new();
    for (column, aggregate) in &table.aggregate {
        let place = format!("table.{name}.aggregate.{column}");
        check_name(column, &place, "column")?;
        if !folded.insert(column.to_lowercase()) {
            return Err(Problem::new(
                place,
                "the column has another section, up to upper and lower case",
                "keep one of the two",
            ));
        }
        check_aggregate(&place, aggregate)?;
    }
    Ok(())
}

fn check_domain(place: &str, values: &[DomainValue]) -> Result<(), Problem> {
    if values.is_empty() || values.len() >= limits::GROUP_VALUES_MAX {
        return Err(Problem::new(
            place,
            format!("the domain has {} values", values.len()),
            format!("list 1 to {} values", limits::GROUP_VALUES_MAX - 1),
        ));
    }
    let kind = values.first().map(std::mem::discriminant);
    let mut seen = BTreeSet::new();
    for value in values {
        let label = value.label();
        if label.len() > limits::NAME_BYTES_MAX || !is_shown_as_it_is(&label) {
            return Err(Problem::new(
                place,
                format!("{label:?} is not a valid label for a group"),
                format!(
                    "use at most {} bytes without control or invisible characters",
                    limits::NAME_BYTES_MAX
                ),
            ));
        }
        if label == OTHER {
            return Err(Problem::new(
                place,
                "`other` is the group of all values that are not listed",
                "leave it out",
            ));
        }
        if Some(std::mem::discriminant(value)) != kind {
            return Err(Problem::new(
                place,
                format!("{label:?} is of another type than the first value"),
                "list values of one type: texts, whole numbers, or booleans",
            ));
        }
        if !seen.insert(label) {
            return Err(Problem::new(
                place,
                format!("{:?} appears twice", value.label()),
                "list each value once",
            ));
        }
    }
    Ok(())
}

fn check_sizes(
    place: &str,
    values: &[DomainValue],
    sizes: &BTreeMap<String, u64>,
) -> Result<(), Problem> {
    for (label, size) in sizes {
        if label != OTHER && !values.iter().any(|value| value.label() == *label) {
            return Err(Problem::new(
                place,
                format!("{label:?} is not in the dimension's domain"),
                "use the domain's values, and `other`",
            ));
        }
        if *size == 0 || *size > limits::IDENTITIES_MAX {
            return Err(Problem::new(
                place,
                format!("the registered size of {label:?} is {size}"),
                format!("write a number from 1 to {}", limits::IDENTITIES_MAX),
            ));
        }
    }
    Ok(())
}

fn check_aggregate(place: &str, aggregate: &AggregateConfig) -> Result<(), Problem> {
    if aggregate.functions.is_empty() {
        return Err(Problem::new(
            format!("{place}.functions"),
            "no function is listed",
            "list some of count, sum, avg, var, stddev, or remove the section",
        ));
    }
    match aggregate.decimals {
        Some(decimals) if decimals > COLUMN_DECIMALS_MAX => Err(Problem::new(
            format!("{place}.decimals"),
            format!("the decimal scale is {decimals}"),
            format!("write a number from 0 to {COLUMN_DECIMALS_MAX}"),
        )),
        _ => Ok(()),
    }
}
