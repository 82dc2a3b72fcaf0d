//! A second evaluator, written from the table of Spec 10 §5 and from nothing else: it reads the
//! TOML untyped and the question as a description, never the tree of a parsed query.
//!
//! Each row of the table is one function. A row that refuses says every refusal it could give,
//! because the table does not say which of several columns is looked at first.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::generate::{Asked, Condition, Constant};

/// A question before the rules of a table.
pub(super) struct Case<'a> {
    pub(super) table: Option<&'a Table>,
    pub(super) asked: &'a Asked,
    pub(super) requester: &'a str,
    pub(super) both: bool,
    /// The table's templates: description, and digest.
    pub(super) templates: &'a [(Asked, String)],
}

/// Code and rule of a refusal.
pub(super) type No = (&'static str, String);

/// What the table says: the rules that allowed it, or every refusal that would be right.
pub(super) fn verdict(case: &Case<'_>) -> Result<BTreeSet<String>, BTreeSet<No>> {
    let rows = [
        listed, requester, recipients, form, key, template, filters, shown, groups, functions,
    ];
    let mut allowed = BTreeSet::new();
    for row in rows {
        let mut said = Said::default();
        row(case, &mut said);
        if !said.no.is_empty() {
            return Err(said.no);
        }
        allowed.append(&mut said.yes);
    }
    Ok(allowed)
}

#[derive(Default)]
struct Said {
    yes: BTreeSet<String>,
    no: BTreeSet<No>,
}

impl Said {
    fn check(&mut self, holds: bool, code: &'static str, rule: &str) {
        if !holds {
            self.no.insert((code, format!("table.t.{rule}")));
        }
    }

    fn by(&mut self, rule: &str) {
        self.yes.insert(format!("table.t.{rule}"));
    }
}

impl<'a> Case<'a> {
    fn get(&self, setting: &str) -> Option<&'a Value> {
        self.table.and_then(|table| table.get(setting))
    }

    fn rule(&self) -> &'a str {
        self.get("rule")
            .and_then(Value::as_str)
            .unwrap_or("aggregation")
    }

    /// The words of a list, in lower case.
    fn words(&self, setting: &str) -> Option<Vec<String>> {
        self.get(setting).map(words)
    }

    fn section(&self, setting: &str, column: &str) -> Option<(&'a str, &'a Value)> {
        let table = self.get(setting)?.as_table()?;
        let mut entries = table
            .iter()
            .filter(|(name, _)| name.to_lowercase() == column);
        entries.next().map(|(name, value)| (name.as_str(), value))
    }
}

fn words(value: &Value) -> Vec<String> {
    let items = value.as_array().unwrap().iter();
    items
        .map(|item| item.as_str().unwrap().to_lowercase())
        .collect()
}

fn listed(case: &Case<'_>, said: &mut Said) {
    if case.table.is_none() {
        said.no.insert(("table_not_offered", "table".to_owned()));
    }
}

fn requester(case: &Case<'_>, said: &mut Said) {
    if let Some(members) = case.words("allowed_requesters") {
        let holds = members.iter().any(|member| member == case.requester);
        said.check(holds, "requester_not_allowed", "allowed_requesters");
        said.by("allowed_requesters");
    }
}

fn recipients(case: &Case<'_>, said: &mut Said) {
    if let Some(members) = case.words("allowed_recipients") {
        let may = |member: &str| members.iter().any(|other| other == member);
        let holds = if case.both {
            may("brand") && may("snowy")
        } else {
            may(case.requester)
        };
        said.check(holds, "recipient_not_allowed", "allowed_recipients");
        said.by("allowed_recipients");
        if !holds {
            return;
        }
    }
    if case.both {
        let result = case.get("result").and_then(Value::as_str);
        said.check(result == Some("both"), "recipient_not_allowed", "result");
        said.by("result");
    }
}

fn form(case: &Case<'_>, said: &mut Said) {
    let holds = match case.rule() {
        "list" => case.asked.list.is_some(),
        _ => case.asked.list.is_none(),
    };
    said.check(holds, "form_not_allowed", "rule");
    if case.rule() != "aggregation" {
        said.by("rule");
    }
}

fn key(case: &Case<'_>, said: &mut Said) {
    let asked: BTreeSet<String> = case.asked.key.iter().map(|c| (*c).to_owned()).collect();
    let keys = case.get("key").and_then(Value::as_array);
    let mut keys = keys.into_iter().flatten();
    let found =
        keys.position(|key| words(&key["columns"]).into_iter().collect::<BTreeSet<_>>() == asked);
    match found {
        Some(number) => said.by(&format!("key[{}]", number + 1)),
        None => said.check(false, "key_not_allowed", "key"),
    }
}

fn template(case: &Case<'_>, said: &mut Said) {
    if case.rule() != "custom" {
        return;
    }
    let approved = case.words("approved_templates").unwrap_or_default();
    let hidden = case.requester == "snowy";
    let mut templates = case.templates.iter();
    let holds = templates
        .any(|(text, digest)| approved.contains(digest) && fills(text, case.asked, hidden));
    said.check(holds, "template_not_approved", "approved_templates");
    said.by("approved_templates");
}

/// Whether `asked` is `text` with values for its parameters.
fn fills(text: &Asked, asked: &Asked, hidden: bool) -> bool {
    let (mut text, mut asked) = (text.clone(), asked.clone());
    let mut values = Vec::new();
    let own = asked.conditions.iter_mut();
    let peer = asked.peer_conditions.iter_mut();
    for (condition, is_peer) in own.map(|c| (c, false)).chain(peer.map(|c| (c, true))) {
        constants(condition, &mut |value| {
            values.push((value.clone(), is_peer && hidden));
        });
    }
    let mut given: Vec<(String, Constant)> = Vec::new();
    let mut fits = true;
    let mut next = 0;
    let holes = text.conditions.iter_mut().chain(&mut text.peer_conditions);
    for condition in holes {
        constants(condition, &mut |hole| {
            let Some((value, hidden)) = values.get(next) else {
                fits = false;
                return;
            };
            next += 1;
            match hole {
                _ if *hidden => *hole = value.clone(),
                Constant::Parameter(name, kind) => {
                    fits &= value.types().contains(kind);
                    fits &= given.iter().all(|(n, v)| n != name || v == value);
                    given.push((name.clone(), value.clone()));
                    *hole = value.clone();
                }
                _ => {}
            }
        });
    }
    fits && next == values.len() && text == asked
}

fn constants(condition: &mut Condition, visit: &mut dyn FnMut(&mut Constant)) {
    match condition {
        Condition::Constant(_, _, value) | Condition::Like(_, _, value) => visit(value),
        Condition::Between(_, _, low, high) => [low, high].into_iter().for_each(visit),
        Condition::In(_, _, list) => list.iter_mut().for_each(visit),
        Condition::Not(inner) => constants(inner, visit),
        Condition::Or(parts) => parts.iter_mut().for_each(|part| constants(part, visit)),
        Condition::Column(..) | Condition::Null(..) => {}
    }
}

fn filters(case: &Case<'_>, said: &mut Said) {
    if case.rule() == "custom" {
        return;
    }
    let mut uses = Vec::new();
    case.asked
        .conditions
        .iter()
        .for_each(|c| compared(c, &mut uses));
    for (column, operator, with) in uses {
        let (setting, operators, compare) = match case.get("filter") {
            Some(Value::Array(_)) => {
                let listed = case.words("filter").unwrap();
                let setting = listed.into_iter().find(|listed| listed == column);
                (setting, None, "any")
            }
            _ => match case.section("filter", column) {
                None => (None, None, "any"),
                Some((name, section)) => (
                    Some(name.to_owned()),
                    section.get("operators").map(words),
                    section
                        .get("compare")
                        .map_or("any", |v| v.as_str().unwrap()),
                ),
            },
        };
        let Some(setting) = setting else {
            said.check(false, "filter_not_allowed", "filter");
            continue;
        };
        let code = "comparison_not_allowed";
        let listed = operators
            .as_ref()
            .is_none_or(|o| o.iter().any(|o| o == operator));
        said.check(listed, code, &format!("filter.{setting}.operators"));
        let holds = with.is_empty() || compare == "any" || compare == with;
        if listed {
            said.check(holds, code, &format!("filter.{setting}.compare"));
        }
        if operators.is_none() && compare == "any" {
            said.by("filter");
        } else {
            said.by(&format!("filter.{setting}"));
        }
    }
}

/// Column, operator, and what it is compared with.
fn compared<'a>(condition: &'a Condition, uses: &mut Vec<(&'a str, &'a str, &'a str)>) {
    match condition {
        Condition::Constant(column, operator, _) => uses.push((column, operator, "literals")),
        Condition::Column(left, operator, right) => {
            uses.push((left, operator, "columns"));
            let turned = match *operator {
                "<" => ">",
                "<=" => ">=",
                ">" => "<",
                ">=" => "<=",
                same => same,
            };
            uses.push((right, turned, "columns"));
        }
        Condition::Between(column, ..) => uses.push((column, "between", "literals")),
        Condition::In(column, ..) => uses.push((column, "in", "literals")),
        Condition::Like(column, ..) => uses.push((column, "like", "literals")),
        Condition::Null(column, _) => uses.push((column, "is null", "")),
        Condition::Not(inner) => compared(inner, uses),
        Condition::Or(parts) => parts.iter().for_each(|part| compared(part, uses)),
    }
}

fn shown(case: &Case<'_>, said: &mut Said) {
    let never = case.words("disallowed_outputs").unwrap_or_default();
    let listed = match case.asked.list {
        Some(true) => case.asked.key.clone(),
        _ => Vec::new(),
    };
    for column in listed {
        let holds = never.iter().all(|never| never != column);
        said.check(holds, "output_not_allowed", "disallowed_outputs");
    }
}

fn groups(case: &Case<'_>, said: &mut Said) {
    let never = case.words("disallowed_outputs").unwrap_or_default();
    for (part, column) in &case.asked.groups {
        if never.iter().any(|never| never == column) {
            said.check(false, "output_not_allowed", "disallowed_outputs");
            continue;
        }
        let names: Vec<String> = match part {
            None => vec![(*column).to_owned()],
            Some(part) => {
                let part = part.to_lowercase();
                vec![
                    format!("{part}({column})"),
                    format!("extract({part} from {column})"),
                ]
            }
        };
        let mut sections = names
            .iter()
            .filter_map(|name| case.section("dimension", name));
        let Some((setting, _)) = sections.next() else {
            said.check(false, "group_not_allowed", "dimension");
            continue;
        };
        if let (Some(part), Some(allowed)) = (part, case.words("scalar_functions")) {
            let holds = allowed.contains(&part.to_lowercase());
            said.check(holds, "function_not_allowed", "scalar_functions");
            said.by("scalar_functions");
        }
        said.by(&format!("dimension.{setting:?}"));
    }
}

fn functions(case: &Case<'_>, said: &mut Said) {
    for (function, columns) in &case.asked.functions {
        let word = match *function {
            "VAR_POP" => "var".to_owned(),
            other => other.to_lowercase(),
        };
        for column in columns {
            let section = case.section("aggregate", column);
            let listed = section.is_some_and(|(_, s)| words(&s["functions"]).contains(&word));
            let rule = format!("aggregate.{column}.functions");
            said.check(listed, "function_not_allowed", &rule);
            let Some((setting, section)) = section.filter(|_| listed) else {
                continue;
            };
            let arithmetic = section
                .get("expressions")
                .is_none_or(|v| v.as_bool().unwrap());
            let rule = format!("aggregate.{setting}.expressions");
            said.check(
                columns.len() == 1 || arithmetic,
                "expression_not_allowed",
                &rule,
            );
            said.by(&format!("aggregate.{setting}.functions"));
        }
    }
}
