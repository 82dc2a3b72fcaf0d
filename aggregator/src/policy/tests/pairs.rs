//! The evaluator against the reference, over generated policies and queries.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};

use toml::Table;

use super::generate::{self, Asked, Dice};
use super::reference::{self, Case};
use super::rules;
use crate::config::{TableConfig, TableConfigs};
use crate::policy::question::Parties;
use crate::policy::template::Template;
use crate::policy::{Question, evaluate};
use crate::sql::ast::Side;
use crate::sql::parse::{self, Author};

const POLICIES: usize = 1000;
const QUERIES: usize = 110;

/// A policy as both evaluators read it.
struct Policy {
    text: String,
    config: TableConfig,
    untyped: Table,
    templates: Vec<(Asked, String)>,
}

#[derive(serde::Deserialize)]
struct Config {
    table: TableConfigs,
}

fn policy(dice: &mut Dice) -> Policy {
    let rule = dice.pick(&["aggregation", "aggregation", "custom", "list"]);
    let mut text = rules::policy(dice, rule);
    let mut templates = Vec::new();
    for number in 0..dice.below(4) {
        let (asked, parameters) = generate::template(dice);
        let parameters: Vec<String> = parameters
            .iter()
            .map(|(name, kind)| format!("{name} = '{kind}'"))
            .collect();
        let _ = writeln!(
            text,
            "[table.t.template.t{number}]\nsql = \"\"\"{}\"\"\"\nparameters = {{ {} }}",
            asked.sql(false),
            parameters.join(", ")
        );
        templates.push(asked);
    }
    let without = text.replace("%APPROVED%", "");
    let config: Config = toml::from_str(&without).unwrap_or_else(|e| panic!("{without}\n{e}"));
    let digests = config.table["t"].template.values();
    let digests: Vec<String> = digests
        .map(|t| Template::read(t).unwrap().digest())
        .collect();
    let approved: BTreeSet<&String> = digests.iter().filter(|_| dice.chance(70)).collect();
    let line = match rule {
        "custom" => format!("approved_templates = {approved:?}").replace(['{', '}'], "#"),
        _ => String::new(),
    };
    let line = line.replacen('#', "[", 1).replacen('#', "]", 1);
    let text = text.replace("%APPROVED%", &line);
    let config: Config = toml::from_str(&text).unwrap_or_else(|e| panic!("{text}\n{e}"));
    crate::policy::validate(&config.table).unwrap_or_else(|e| panic!("{text}\n{e}"));
    let untyped: Table = toml::from_str(&text).unwrap();
    Policy {
        text,
        config: config.table["t"].clone(),
        untyped: untyped["table"]["t"].as_table().unwrap().clone(),
        templates: templates.into_iter().zip(digests).collect(),
    }
}

#[test]
fn the_evaluator_and_the_reference_agree_on_every_pair() {
    let seed = std::env::var("POLICY_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0_u8));
    let mut dice = Dice(seed);
    let mut decided: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..POLICIES {
        let policy = policy(&mut dice);
        for _ in 0..QUERIES {
            let near = !policy.templates.is_empty() && dice.chance(40);
            let asked = if near {
                let number = dice.below(policy.templates.len());
                generate::instance(&policy.templates[number].0, &mut dice)
            } else {
                Asked::random(&mut dice)
            };
            let own_asks = dice.chance(50);
            let both = dice.chance(30);
            let outcome = compare(&policy, &asked, own_asks, both)
                .unwrap_or_else(|what| panic!("POLICY_SEED={seed}\n{what}"));
            *decided.entry(outcome).or_default() += 1;
        }
    }
    println!("POLICY_SEED={seed}: {decided:?}");
    // Each row of the table decided often enough to mean something.
    for code in [
        "allowed",
        "template",
        "table_not_offered",
        "requester_not_allowed",
        "recipient_not_allowed",
        "form_not_allowed",
        "key_not_allowed",
        "template_not_approved",
        "filter_not_allowed",
        "comparison_not_allowed",
        "output_not_allowed",
        "group_not_allowed",
        "function_not_allowed",
        "expression_not_allowed",
    ] {
        let times = decided.get(code).copied().unwrap_or_default();
        assert!(times >= 100, "{code} decided {times} times; {decided:?}");
    }
}

/// The common outcome, or what differs.
fn compare(
    policy: &Policy,
    asked: &Asked,
    own_asks: bool,
    both: bool,
) -> Result<&'static str, String> {
    let author = if own_asks { Author::Own } else { Author::Peer };
    let sql = asked.sql(!own_asks);
    let query = parse::read(&sql, author).map_err(|err| format!("{sql}: {err}"))?;
    let side = if asked.own_first {
        Side::First
    } else {
        Side::Second
    };
    let (requester, other) = if own_asks {
        ("brand", "snowy")
    } else {
        ("snowy", "brand")
    };
    let parties = Parties {
        requester,
        other_recipient: both.then_some(other),
    };
    let offered = side.of(&query.tables).table.is("t");
    let table = ("t", &policy.config);
    let question = Question::of(&query, side, parties, table.0, Some(table.1), &|column| {
        column.name.0.clone()
    });
    let found = evaluate(&question, offered.then_some(table));
    let expected = reference::verdict(&Case {
        table: offered.then_some(&policy.untyped),
        asked,
        requester,
        both,
        templates: &policy.templates,
    });
    let describe = || format!("{sql}\n{requester} asks, both: {both}\n{}", policy.text);
    match (found, expected) {
        (Ok(allowed), Ok(rules)) => {
            let found: BTreeSet<String> = allowed.rules.into_iter().collect();
            let approved = allowed.template.is_some();
            if found == rules && approved == rules.contains("table.t.approved_templates") {
                return Ok(if approved { "template" } else { "allowed" });
            }
            Err(format!(
                "rules {found:?}, reference {rules:?}\n{}",
                describe()
            ))
        }
        (Err(refusal), Err(refusals)) => {
            let said = (refusal.code.as_str(), refusal.rule);
            if refusals.contains(&said) {
                return Ok(said.0);
            }
            Err(format!("{said:?}, reference {refusals:?}\n{}", describe()))
        }
        (found, expected) => Err(format!("{found:?}, reference {expected:?}\n{}", describe())),
    }
}
