//! Who may ask about a table, in which form, how often, and with whose consent.
//!
//! Spec 10 §1 and §5. Values and checks of values; [`crate::policy`] judges questions by them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, de};

use super::{TableConfig, check_name};
use crate::error::Problem;
use crate::sql::ast::DatePart;
use crate::sql::parameter::ParameterType;

/// What the text of a template's digest begins with.
pub(crate) const DIGEST_PREFIX: &str = "sha512:";

/// Which form of query a table answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// Aggregates over the listed columns.
    #[default]
    Aggregation,
    /// Approved templates and nothing else.
    Custom,
    /// Lists of the identifiers that match, and nothing else.
    List,
}

impl RuleKind {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aggregation => "aggregation",
            Self::Custom => "custom",
            Self::List => "list",
        }
    }
}

/// How a query of aggregates puts this table and the other together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryForm {
    #[default]
    /// `JOIN … ON`: rows of both tables with equal keys.
    Join,
    /// `EXISTS` or `IN (SELECT …)`: rows of one table whose key the other has.
    Semi,
}

impl QueryForm {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Semi => "semi",
        }
    }

    /// How SQL writes it.
    #[must_use]
    pub const fn written(self) -> &'static str {
        match self {
            Self::Join => "a JOIN",
            Self::Semi => "EXISTS or IN (SELECT …)",
        }
    }
}

/// What a member is told of the table before it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatalogueLevel {
    /// Nothing, not even that it is there.
    #[default]
    None,
    /// The names that a question is made of.
    Names,
    /// Those, and the values, sizes and limits that bound it.
    Full,
}

/// A function of single values that a query may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScalarFunction {
    /// The year of a date.
    Year,
    /// The quarter of a date.
    Quarter,
    /// The month of a date.
    Month,
    /// The day of the month of a date.
    Day,
}

impl ScalarFunction {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Day => "day",
        }
    }
}

impl From<DatePart> for ScalarFunction {
    fn from(part: DatePart) -> Self {
        match part {
            DatePart::Year => Self::Year,
            DatePart::Quarter => Self::Quarter,
            DatePart::Month => Self::Month,
            DatePart::Day => Self::Day,
        }
    }
}

/// Whether a person has to consent to each job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// What the rules allow runs.
    #[default]
    Auto,
    /// What the rules allow waits until the owner approves it.
    Manual,
}

impl Approval {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
        }
    }
}

/// One `[table.NAME.template.TEMPLATE]` section: a query with typed parameters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateConfig {
    /// The query; a parameter is written `:name`, in any place where a constant may be.
    pub sql: String,
    /// The type of each parameter.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterType>,
}

/// `join_required`: a query without a join is not in the accepted SQL, so it can only be true.
pub(super) fn only_true<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    if bool::deserialize(d)? {
        return Ok(true);
    }
    Err(de::Error::custom(
        "every query joins two members' tables, so join_required cannot be false; leave it out",
    ))
}

/// Checks the rules of table `name`.
pub(super) fn check(name: &str, table: &TableConfig) -> Result<(), Problem> {
    let place = |setting: &str| format!("table.{name}.{setting}");
    if table.forms.is_empty() {
        return Err(Problem::new(
            place("forms"),
            "without a form of query the table answers nothing",
            "list \"join\", \"semi\" or both, or leave it out: that is [\"join\"]",
        ));
    }
    let lists = [
        ("allowed_requesters", "member", &table.allowed_requesters),
        ("allowed_recipients", "member", &table.allowed_recipients),
    ];
    for (setting, what, names) in lists {
        for listed in names.iter().flatten() {
            check_name(listed, &place(setting), what)?;
        }
    }
    for column in &table.disallowed_outputs {
        check_name(column, &place("disallowed_outputs"), "column")?;
    }
    if let Some(population) = &table.population {
        check_name(population, &place("population"), "population")?;
    }
    check_kind(name, table)?;
    check_template_names(name, table)
}

/// Settings that the table's rule would silently ignore are errors.
fn check_kind(name: &str, table: &TableConfig) -> Result<(), Problem> {
    let custom = table.rule == RuleKind::Custom;
    let list = table.rule == RuleKind::List;
    let ignored = [
        ("filter", custom && !table.filter.is_empty()),
        (
            "approved_templates",
            !custom && !table.approved_templates.is_empty(),
        ),
        ("forms", list && table.forms != super::default_forms()),
        ("dimension", list && !table.dimension.is_empty()),
        ("aggregate", list && !table.aggregate.is_empty()),
    ];
    match ignored.into_iter().find(|(_, ignored)| *ignored) {
        None => Ok(()),
        Some((setting, _)) => Err(Problem::new(
            format!("table.{name}.{setting}"),
            format!(
                "the setting has no effect, because the table's rule is {:?}",
                table.rule.as_str()
            ),
            "remove it, or choose another rule",
        )),
    }
}

/// Names of templates, and the form of the digests that are approved.
fn check_template_names(name: &str, table: &TableConfig) -> Result<(), Problem> {
    for template in table.template.keys() {
        let place = format!("table.{name}.template.{template}");
        check_name(template, &place, "template")?;
    }
    let mut seen = BTreeSet::new();
    for digest in &table.approved_templates {
        let place = format!("table.{name}.approved_templates");
        let is_digest = digest.strip_prefix(DIGEST_PREFIX).is_some_and(|digits| {
            digits.len() == 128
                && digits
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if !is_digest {
            return Err(Problem::new(
                place,
                format!("{digest:?} is not the digest of a template"),
                "write what `psi-node policy template-digest` prints",
            ));
        }
        if !seen.insert(digest) {
            return Err(Problem::new(
                place,
                "a digest appears twice",
                "list each once",
            ));
        }
    }
    Ok(())
}
