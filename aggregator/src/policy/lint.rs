//! Advice about a policy: what is allowed more widely than its owner may want, and what has no
//! effect.
//!
//! Called by psi-node for `policy check`. Looks at the configuration alone, never at data, and
//! changes nothing: advice never causes a refusal.

mod lists;

use std::collections::{BTreeMap, BTreeSet};

use super::same_name;
use super::template::Template;
use crate::config::{
    AggregateFunction, Approval, Compare, Operator, RuleKind, TableConfig, TableConfigs,
};
use crate::error::Problem;
use crate::sql::dimension::DimensionName;

/// How much a piece of advice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The setting does not do what it seems to.
    NoEffect,
    /// More may leave than has to.
    Wide,
    /// Worth a thought.
    Note,
}

impl Weight {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoEffect => "no effect",
            Self::Wide => "wide",
            Self::Note => "note",
        }
    }
}

/// Something about a setting, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The setting.
    pub place: String,
    /// How much it matters.
    pub weight: Weight,
    /// What it leads to.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

/// The least `minimum` that is not remarked on.
const MINIMUM_ADVISED: u64 = 10;

/// Looks at all tables of `member`.
///
/// # Errors
/// [`Problem`] if a configured value makes no sense whatever the data.
pub fn lint(member: &str, tables: &TableConfigs) -> Result<Vec<Advice>, Problem> {
    super::validate(tables)?;
    let mut advice = Vec::new();
    let templates = digests(tables);
    for (name, table) in tables {
        let mut linter = Linter {
            member,
            name,
            table,
            advice: &mut advice,
        };
        linter.who();
        linter.counts();
        linter.filters();
        linter.outputs();
        linter.aggregates();
        linter.templates(&templates);
        linter.lists();
    }
    Ok(advice)
}

/// The digests of all templates that can be read, with the section that has each.
fn digests(tables: &TableConfigs) -> BTreeMap<String, String> {
    let mut digests = BTreeMap::new();
    for (name, table) in tables {
        for (template, config) in &table.template {
            if let Ok(read) = Template::read(config) {
                digests.insert(read.digest(), format!("table.{name}.template.{template}"));
            }
        }
    }
    digests
}

struct Linter<'a> {
    member: &'a str,
    name: &'a str,
    table: &'a TableConfig,
    advice: &'a mut Vec<Advice>,
}

impl Linter<'_> {
    fn say(
        &mut self,
        weight: Weight,
        setting: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.advice.push(Advice {
            place: format!("table.{}.{setting}", self.name),
            weight,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    fn who(&mut self) {
        match &self.table.allowed_requesters {
            None => self.say(
                if self.answers_lists() {
                    Weight::Wide
                } else {
                    Weight::Note
                },
                "allowed_requesters",
                "every member of every collaboration that this node joins may ask about the table",
                "list the members that should",
            ),
            Some(members) if members.is_empty() => self.say(
                Weight::NoEffect,
                "allowed_requesters",
                "nobody may ask about the table, its owner included",
                "list a member, or remove the table",
            ),
            Some(members) if members.iter().all(|member| same_name(member, self.member)) => self.say(
                Weight::Note,
                "allowed_requesters",
                "this node alone may ask about the table, so every question of another member is \
                 refused",
                "name the other member, if it is to ask",
            ),
            Some(_) => {}
        }
        let (asks, receives) = (
            &self.table.allowed_requesters,
            &self.table.allowed_recipients,
        );
        if let (Some(asks), Some(receives)) = (asks, receives) {
            let missing = asks
                .iter()
                .find(|m| !receives.iter().any(|other| same_name(other, m)));
            if let Some(member) = missing {
                self.say(
                    Weight::NoEffect,
                    "allowed_recipients",
                    format!("{member} may ask but not receive, and the member that asks receives"),
                    format!("list {member:?} in both, or in neither"),
                );
            }
        }
        if self.table.owner_may_receive {
            self.say(
                Weight::Wide,
                "owner_may_receive",
                "a member that receives sums of its own column can put a person's mark into that \
                 column and read whether the person is in this table",
                "set it to false unless the other member's analyst needs these sums",
            );
        }
    }

    fn counts(&mut self) {
        if self.table.minimum < MINIMUM_ADVISED {
            self.say(
                Weight::Wide,
                "minimum",
                format!(
                    "answers may rest on {} identities; small groups say much about each person",
                    self.table.minimum
                ),
                format!("set it to {MINIMUM_ADVISED} or more"),
            );
        }
        let unlimited = self.table.runs.limits().next().is_none();
        if unlimited && self.table.approval == Approval::Auto {
            let what = if self.answers_lists() {
                "there is no limit to the number of questions, and each can try other persons"
            } else {
                "there is no limit to the number of questions; answers to two that differ in one \
                 person can be subtracted"
            };
            self.say(
                Weight::Wide,
                "runs",
                what,
                "set runs, for example { day = 10, lifetime = 500 }, leave it out for 50 a day, or set \
                 approval = \"manual\"",
            );
        }
        for (number, key) in self.table.key.iter().enumerate() {
            if key.identities.is_none() {
                self.say(
                    Weight::Wide,
                    &format!("key[{}].identities", number + 1),
                    "the public size is derived from the data, so it tells the size of the table \
                     to two digits, and how it grows",
                    "register a round number above what the table will have",
                );
            }
        }
        if !self.answers_lists() {
            for name in self.table.dimension.keys() {
                let same = DimensionName::parse(name).ok();
                let mut sizes = self.table.group_identities.keys();
                if !sizes.any(|other| same.is_some() && DimensionName::parse(other).ok() == same) {
                    self.say(
                        Weight::Note,
                        &format!("group_identities.{name:?}"),
                        "the public sizes of the groups are derived from the data where the \
                         dimension is constant per identity",
                        "register round numbers for its values and `other`",
                    );
                }
            }
        }
    }

    fn filters(&mut self) {
        let mut keys = self.table.key.iter().flat_map(|key| &key.columns);
        let keys: BTreeSet<String> = keys.by_ref().map(|c| c.to_lowercase()).collect();
        for (column, config) in self.table.filter.iter() {
            if keys.contains(&column.to_lowercase()) {
                self.say(
                    Weight::Wide,
                    &format!("filter.{column}"),
                    "a question can name single identities by a column of a join key; only the \
                     minimum protects against that",
                    "take it off the list",
                );
            }
            let only_literals = |operators: &BTreeSet<Operator>| {
                operators
                    .iter()
                    .all(|o| matches!(o, Operator::Between | Operator::In | Operator::Like))
            };
            if config.compare == Compare::Columns
                && config.operators.as_ref().is_some_and(only_literals)
            {
                self.say(
                    Weight::NoEffect,
                    &format!("filter.{column}"),
                    "between, in and like compare with constants, and compare is \"columns\"",
                    "list =, <, or the like, or set compare to \"literals\"",
                );
            }
        }
    }

    fn outputs(&mut self) {
        let allowed = self.table.scalar_functions.as_ref();
        for name in self.table.dimension.keys() {
            let Ok(dimension) = DimensionName::parse(name) else {
                continue;
            };
            let place = format!("dimension.{name:?}");
            let mut never = self.table.disallowed_outputs.iter();
            if never.any(|column| same_name(column, &dimension.column)) {
                self.say(
                    Weight::NoEffect,
                    &place,
                    "its column is in disallowed_outputs, so nothing can be grouped by it",
                    "remove it from one of the two",
                );
            }
            let part = dimension.part.map(Into::into);
            if let (Some(part), Some(allowed)) = (part, allowed)
                && !allowed.contains(&part)
            {
                self.say(
                    Weight::NoEffect,
                    &place,
                    format!("scalar_functions does not allow {}", part.as_str()),
                    format!("list {:?} there, or remove the dimension", part.as_str()),
                );
            }
        }
    }

    fn aggregates(&mut self) {
        for (column, config) in &self.table.aggregate {
            let place = format!("aggregate.{column}");
            let sums = [AggregateFunction::Sum, AggregateFunction::Avg];
            let sums = config.functions.iter().any(|f| sums.contains(f));
            if sums && config.clamp.is_none() {
                self.say(
                    Weight::Wide,
                    &format!("{place}.clamp"),
                    "one identity with an extreme value shows in a sum",
                    "set clamp to the range that one identity's sum usually has",
                );
            }
            if config.expressions && sums {
                self.say(
                    Weight::Note,
                    &format!("{place}.expressions"),
                    "questions may compute with the column inside an aggregate",
                    "set it to false unless that is needed",
                );
            }
            if config.functions.contains(&AggregateFunction::Count)
                && config.functions.len() == 1
                && config.clamp.is_some()
            {
                self.say(
                    Weight::NoEffect,
                    &format!("{place}.clamp"),
                    "a clamp bounds sums, and only count is allowed",
                    "remove it",
                );
            }
        }
    }

    fn templates(&mut self, known: &BTreeMap<String, String>) {
        let own: BTreeSet<String> = self
            .table
            .template
            .values()
            .filter_map(|config| Some(Template::read(config).ok()?.digest()))
            .collect();
        for (name, config) in &self.table.template {
            let Ok(template) = Template::read(config) else {
                continue;
            };
            let is_own = |(member, table): &(String, String)| {
                same_name(member, self.member) && same_name(table, self.name)
            };
            if !template.tables().iter().any(is_own) {
                self.say(
                    Weight::NoEffect,
                    &format!("template.{name}"),
                    format!("the template does not use {}.{}", self.member, self.name),
                    "move it to the table that it uses",
                );
            }
        }
        if self.table.rule != RuleKind::Custom {
            return;
        }
        for digest in &self.table.approved_templates {
            if own.contains(digest) {
                continue;
            }
            let short: String = digest.chars().take(20).collect();
            let remedy = match known.get(digest) {
                Some(place) => format!("move {place} to this table"),
                None => format!("add its text as a [table.{}.template.…] section", self.name),
            };
            self.say(
                Weight::NoEffect,
                "approved_templates",
                format!("the table has no template with the digest {short}…"),
                remedy,
            );
        }
        if !self
            .table
            .approved_templates
            .iter()
            .any(|d| own.contains(d))
        {
            self.say(
                Weight::NoEffect,
                "rule",
                "no template is approved, so the table answers nothing",
                "approve a template by its digest",
            );
        }
    }
}

#[cfg(test)]
mod tests;
