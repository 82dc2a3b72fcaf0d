//! The owner's rules, and the pure function that judges a question by them.
//!
//! Spec 10 §5. Default deny: what a table does not list is not allowed. The verdict depends on
//! configuration and the question's text alone, never on rows, and names the rules that decided.
//! Both the requester's and the responder's node judge their own half with this function; a job
//! needs both, so the stricter holds.

pub mod at_fault;
mod columns;
pub mod compared;
pub mod explain;
pub mod lint;
pub mod offer;
pub mod question;
pub mod template;

use std::collections::BTreeSet;

use psi_core::Code;

pub use question::{ComparedWith, FilterUse, FunctionUse, Question};

use crate::config::{self, QueryForm, ResultTo, RuleKind, TableConfig, TableConfigs};
use crate::error::{Problem, Refusal};

/// What was allowed, and by which rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The index of the matching key in the table's configuration.
    pub key: usize,
    /// The digest of the approved template that the query is an instance of, under rule `custom`.
    pub template: Option<String>,
    /// The deciding rules, for example `table.customers.key[1]`.
    pub rules: Vec<String>,
}

/// Checks everything in a configuration that can be judged without looking at any data: the
/// settings, and that every template can be read.
///
/// # Errors
/// [`Problem`] names the setting and what to write instead.
pub(crate) fn validate(tables: &TableConfigs) -> Result<(), Problem> {
    config::validate(tables)?;
    template::check(tables)
}

/// Judges `question` by the rules of the table it names; `None` if this node has no such table.
///
/// # Errors
/// [`Refusal`] with the code for the peer, and for the owner the deciding rule, what happened and
/// what to change.
pub fn evaluate(
    question: &Question,
    table: Option<(&str, &TableConfig)>,
) -> Result<Allowed, Refusal> {
    let Some((name, config)) = table else {
        return Err(Refusal {
            code: Code::TableNotOffered,
            rule: "table".to_owned(),
            sentence: format!(
                "the query uses the table {:?}, which is not listed",
                question.table
            ),
            remedy: format!(
                "add a [table.…] section to node.toml to offer it, if there is none{THEN}"
            ),
        });
    };
    let mut judge = Judge {
        question,
        name,
        config,
        rules: Vec::new(),
    };
    judge.requester()?;
    judge.recipients()?;
    judge.form()?;
    let key = judge.key()?;
    let template = if config.rule == RuleKind::Custom {
        Some(judge.template()?)
    } else {
        judge.filters()?;
        None
    };
    judge.listed()?;
    judge.groups()?;
    judge.functions()?;
    Ok(Allowed {
        key,
        template,
        rules: judge.rules,
    })
}

/// A node goes by the rules that it has read.
const THEN: &str = "; then run `psi-node reload`";

/// One question before one table's rules.
struct Judge<'a> {
    question: &'a Question,
    name: &'a str,
    config: &'a TableConfig,
    rules: Vec<String>,
}

impl Judge<'_> {
    fn requester(&mut self) -> Result<(), Refusal> {
        let Some(allowed) = &self.config.allowed_requesters else {
            return Ok(());
        };
        let requester = &self.question.requester;
        if allowed.iter().any(|member| same_name(member, requester)) {
            self.decided("allowed_requesters");
            return Ok(());
        }
        Err(self.refusal(
            Code::RequesterNotAllowed,
            "allowed_requesters",
            format!(
                "{requester} asks about the table {}, and allowed_requesters does not list it",
                self.name
            ),
            format!(
                "add {requester:?} to table.{}.allowed_requesters to let it ask",
                self.name
            ),
        ))
    }

    fn recipients(&mut self) -> Result<(), Refusal> {
        let question = self.question;
        let others = question.other_recipients.iter();
        if let Some(allowed) = &self.config.allowed_recipients {
            let is_listed = |name: &str| allowed.iter().any(|member| same_name(member, name));
            let unlisted = std::iter::once(&question.requester)
                .chain(others)
                .find(|recipient| !is_listed(recipient));
            if let Some(recipient) = unlisted {
                return Err(self.refusal(
                    Code::RecipientNotAllowed,
                    "allowed_recipients",
                    format!(
                        "{recipient} would get a result about the table {}, and \
                         allowed_recipients does not list it",
                        self.name
                    ),
                    format!(
                        "add {recipient:?} to table.{}.allowed_recipients to let it receive",
                        self.name
                    ),
                ));
            }
            self.decided("allowed_recipients");
        }
        if question.other_recipients.is_empty() {
            return Ok(());
        }
        if self.config.result != ResultTo::Both {
            return Err(self.refusal(
                Code::RecipientNotAllowed,
                "result",
                format!(
                    "the table {} does not let both members receive a result",
                    self.name
                ),
                format!(
                    "set `result = \"both\"` in [table.{}], or let the member that asks receive \
                     alone",
                    self.name
                ),
            ));
        }
        self.decided("result");
        Ok(())
    }

    /// Whether the table answers this form of query at all.
    fn form(&mut self) -> Result<(), Refusal> {
        let rule = self.config.rule;
        if self.question.is_list != (rule == RuleKind::List) {
            let asked = if self.question.is_list {
                "a list of the identifiers that match"
            } else {
                "aggregates"
            };
            return Err(self.refusal(
                Code::FormNotAllowed,
                "rule",
                format!(
                    "the query asks {} for {asked}, and the table answers {} alone, by its rule {:?}",
                    self.name,
                    answers(rule),
                    rule.as_str()
                ),
                format!(
                    "ask for what it answers, or set table.{}.rule to another rule",
                    self.name
                ),
            ));
        }
        if rule != RuleKind::Aggregation {
            self.decided("rule");
        }
        let form = self.question.form;
        if !self.config.forms.contains(&form) {
            return Err(self.refusal(
                Code::FormNotAllowed,
                "forms",
                format!(
                    "the query is written with {}, and the table {} does not answer such queries",
                    form.written(),
                    self.name
                ),
                format!(
                    "write `forms = [{}]` in [table.{}] to allow it",
                    allowing(&self.config.forms, form),
                    self.name
                ),
            ));
        }
        if form != QueryForm::Join {
            self.decided("forms");
        }
        Ok(())
    }

    fn key(&mut self) -> Result<usize, Refusal> {
        let asked = &self.question.key_columns;
        let key = self.config.key.iter();
        match key
            .into_iter()
            .position(|k| same_columns(&k.columns, asked))
        {
            Some(key) => {
                self.decided(&format!("key[{}]", key + 1));
                Ok(key)
            }
            None => Err(self.refusal(
                Code::KeyNotAllowed,
                "key",
                format!(
                    "the query joins {} on ({}), which is not a listed key",
                    self.name,
                    asked.join(", ")
                ),
                format!(
                    "add a [[table.{}.key]] section with these columns to allow it",
                    self.name
                ),
            )),
        }
    }

    /// The approved template that the query is an instance of.
    fn template(&mut self) -> Result<String, Refusal> {
        let approved = &self.config.approved_templates;
        let mut instances = self.question.templates.iter();
        match instances.find(|digest| approved.contains(digest)) {
            Some(digest) => {
                self.decided("approved_templates");
                Ok(digest.clone())
            }
            None => Err(self.refusal(
                Code::TemplateNotApproved,
                "approved_templates",
                match self.question.templates.first() {
                    None => format!(
                        "the query is not an instance of a template of {}",
                        self.name
                    ),
                    Some(digest) => {
                        format!("the query uses the template {digest}, which is not approved")
                    }
                },
                format!(
                    "add the template to [table.{0}.template] and its digest to \
                     table.{0}.approved_templates to answer it",
                    self.name
                ),
            )),
        }
    }

    /// Notes a rule that allowed something, once.
    fn decided(&mut self, setting: &str) {
        let rule = format!("table.{}.{setting}", self.name);
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
    }

    fn refusal(
        &self,
        code: Code,
        setting: &str,
        sentence: String,
        remedy: impl Into<String>,
    ) -> Refusal {
        let remedy: String = remedy.into();
        Refusal {
            code,
            rule: format!("table.{}.{setting}", self.name),
            sentence,
            remedy: remedy + THEN,
        }
    }
}

/// What a table of this rule answers, with how it is asked for.
pub(crate) const fn answers(rule: RuleKind) -> &'static str {
    match rule {
        RuleKind::Aggregation => "aggregates (SELECT COUNT(*) …)",
        RuleKind::List => "lists (SELECT and your own key columns)",
        RuleKind::Custom => "instances of approved templates",
    }
}

/// The words of `forms` with one more, as the configuration writes a list of them.
fn allowing(forms: &BTreeSet<QueryForm>, more: QueryForm) -> String {
    let all: BTreeSet<QueryForm> = forms.iter().copied().chain([more]).collect();
    let words: Vec<String> = all
        .iter()
        .map(|form| format!("{:?}", form.as_str()))
        .collect();
    words.join(", ")
}

/// Whether two names mean the same, upper and lower case aside.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Whether two keys have the same columns in any order.
fn same_columns(listed: &[String], asked: &[String]) -> bool {
    listed.len() == asked.len()
        && listed
            .iter()
            .all(|column| asked.iter().any(|other| same_name(column, other)))
}

#[cfg(test)]
mod tests;
