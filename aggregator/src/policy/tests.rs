mod generate;
mod pairs;
mod reference;
mod rules;
mod texts;

use std::collections::BTreeSet;
use std::path::Path;

use psi_core::Code;

use super::lint::{Weight, lint};
use super::question::Parties;
use super::{Allowed, Question, evaluate};
use crate::config::{TableConfig, TableConfigs};
use crate::error::Refusal;
use crate::sql::ast::Side;
use crate::sql::parse::{self, Author};

/// The rules of `[table.t]` with these lines.
pub(super) fn table(rules: &str) -> TableConfig {
    #[derive(serde::Deserialize)]
    struct Config {
        table: TableConfigs,
    }
    let text = format!("[table.t]\nsource = 't.csv'\n{rules}");
    let config: Config = toml::from_str(&text).unwrap_or_else(|err| panic!("{text}\n{err}"));
    crate::policy::validate(&config.table).unwrap_or_else(|err| panic!("{text}\n{err}"));
    config.table["t"].clone()
}

const KEYS: &str = "
[[table.t.key]]
columns = ['email']
kinds = ['text']
[[table.t.key]]
columns = ['first', 'last']
kinds = ['text', 'text']
";

const FROM: &str = "FROM snowy.p AS s JOIN brand.t AS b ON s.email = b.email";

/// Puts `snowy`'s query to the rules of `brand.t`.
fn judge(rules: &str, sql: &str) -> Result<Allowed, Refusal> {
    let config = table(&format!("{rules}{KEYS}"));
    let query = parse::read(sql, Author::Peer).unwrap_or_else(|err| panic!("{sql}: {err}"));
    let parties = Parties {
        requester: "snowy",
        other_recipient: None,
    };
    let question = Question::of(
        &query,
        Side::Second,
        parties,
        "t",
        Some(&config),
        &|column| column.name.0.clone(),
    );
    evaluate(&question, Some(("t", &config)))
}

fn refused(rules: &str, sql: &str) -> (Code, String) {
    match judge(rules, sql) {
        Err(refusal) => {
            assert!(!refusal.sentence.is_empty() && !refusal.remedy.is_empty());
            (refusal.code, refusal.rule)
        }
        Ok(allowed) => panic!("{sql}: allowed by {:?}", allowed.rules),
    }
}

fn asked(condition: &str) -> String {
    format!("SELECT COUNT(*) {FROM} WHERE {condition}")
}

#[test]
fn what_is_not_listed_is_refused_and_the_rule_is_named() {
    let rules = "filter = ['region']\n";
    let count = format!("SELECT COUNT(*) {FROM}");
    for (sql, code, rule) in [
        (
            count.replace(".email", ".phone"),
            Code::KeyNotAllowed,
            "table.t.key",
        ),
        (
            count.replace(".email", ".first"),
            Code::KeyNotAllowed,
            "table.t.key",
        ),
        (asked("b.age = 1"), Code::FilterNotAllowed, "table.t.filter"),
        // A key column may be filtered only if it is listed as a filter column.
        (
            asked("b.email = 'a'"),
            Code::FilterNotAllowed,
            "table.t.filter",
        ),
        (
            format!("SELECT SUM(b.region) {FROM}"),
            Code::FunctionNotAllowed,
            "table.t.aggregate.region.functions",
        ),
        (
            format!("SELECT COUNT(*) {FROM} GROUP BY b.region"),
            Code::GroupNotAllowed,
            "table.t.dimension",
        ),
    ] {
        assert_eq!(refused(rules, &sql), (code, rule.to_owned()), "{sql}");
    }
    let refusal = evaluate(&Question::default(), None).unwrap_err();
    assert_eq!(refusal.code, Code::TableNotOffered);
}

#[test]
fn listed_keys_match_in_any_order_and_filters_in_any_case() {
    let sql = "SELECT COUNT(*) FROM snowy.p AS s JOIN brand.t AS b \
               ON s.l = b.last AND s.f = b.first WHERE b.\"REGION\" = 'north'";
    let allowed = judge("filter = ['region']\n", sql).unwrap();
    assert_eq!(allowed.key, 1);
    assert_eq!(allowed.rules, ["table.t.key[2]", "table.t.filter"]);
    assert_eq!(allowed.template, None);
}

#[test]
fn a_filter_column_may_be_open_to_some_comparisons_only() {
    let rules = "[table.t.filter]\nregion = {}\nother = {}\n[table.t.filter.age]\n\
                 operators = ['=', 'between']\ncompare = 'literals'\n\
                 [table.t.filter.low]\ncompare = 'columns'\n";
    for condition in [
        "b.age = 1",
        "NOT (b.age = 1)",
        "b.age NOT BETWEEN 1 AND 2",
        "b.region < b.other AND b.region LIKE 'a%'",
        "b.low < b.region",
        "b.low IS NULL",
    ] {
        let allowed = judge(rules, &asked(condition));
        assert!(allowed.is_ok(), "{condition}: {allowed:?}");
    }
    for (condition, setting) in [
        ("b.age > 1", "filter.age.operators"),
        ("b.age <> 1", "filter.age.operators"),
        ("b.age IN (1)", "filter.age.operators"),
        ("b.age IS NULL", "filter.age.operators"),
        ("b.age = b.region", "filter.age.compare"),
        ("b.region = b.age", "filter.age.compare"),
        ("b.low = 1", "filter.low.compare"),
        ("b.low BETWEEN 1 AND 2", "filter.low.compare"),
        // The comparison is turned round for the column on the right.
        ("b.region < b.age", "filter.age.operators"),
    ] {
        let (code, rule) = refused(rules, &asked(condition));
        assert_eq!(code, Code::ComparisonNotAllowed, "{condition}");
        assert_eq!(rule, format!("table.t.{setting}"), "{condition}");
    }
    let allowed = judge(rules, &asked("b.age = 1 AND b.region = 'x'")).unwrap();
    let rules: BTreeSet<&str> = allowed.rules.iter().map(String::as_str).collect();
    assert!(rules.contains("table.t.filter.age") && rules.contains("table.t.filter"));
}

#[test]
fn arithmetic_parts_of_dates_and_shown_columns_have_rules_of_their_own() {
    let rules = "scalar_functions = ['month']\ndisallowed_outputs = ['Region']\n\
                 dimension = { region = ['n'], 'month(day)' = [1], 'year(day)' = [2025] }\n\
                 aggregate.amount = { functions = ['sum'], expressions = false }\n\
                 aggregate.price = { functions = ['sum'] }\n";
    let select = |what: &str, group: &str| format!("SELECT {what} {FROM}{group}");
    assert!(judge(rules, &select("SUM(b.amount)", " GROUP BY month(b.day)")).is_ok());
    assert!(judge(rules, &select("SUM(b.price * 2)", "")).is_ok());
    for (sql, code, setting) in [
        (
            select("SUM(b.amount * 2)", ""),
            Code::ExpressionNotAllowed,
            "aggregate.amount.expressions",
        ),
        (
            select("SUM(b.price + b.amount)", ""),
            Code::ExpressionNotAllowed,
            "aggregate.amount.expressions",
        ),
        (
            select("COUNT(*)", " GROUP BY year(b.day)"),
            Code::FunctionNotAllowed,
            "scalar_functions",
        ),
        (
            select("COUNT(*)", " GROUP BY b.region"),
            Code::OutputNotAllowed,
            "disallowed_outputs",
        ),
    ] {
        assert_eq!(refused(rules, &sql), (code, format!("table.t.{setting}")));
    }
}

#[test]
fn a_table_of_lists_answers_lists_alone_and_other_tables_none() {
    let list = format!("SELECT s.email {FROM}");
    let count = format!("SELECT COUNT(*) {FROM}");
    let form = (Code::FormNotAllowed, "table.t.rule".to_owned());
    assert_eq!(refused("", &list), form);
    assert_eq!(refused("rule = 'custom'\n", &list), form);
    assert_eq!(refused("rule = 'list'\n", &count), form);
    let allowed = judge("rule = 'list'\n", &list).unwrap();
    assert_eq!(allowed.rules, ["table.t.rule", "table.t.key[1]"]);
}

#[test]
fn members_that_are_not_listed_neither_ask_nor_receive() {
    let count = format!("SELECT COUNT(*) {FROM}");
    assert!(judge("allowed_requesters = ['Snowy']\n", &count).is_ok());
    for (rules, code, setting) in [
        (
            "allowed_requesters = []\n",
            Code::RequesterNotAllowed,
            "allowed_requesters",
        ),
        (
            "allowed_requesters = ['brand']\n",
            Code::RequesterNotAllowed,
            "allowed_requesters",
        ),
        (
            "allowed_recipients = ['brand']\n",
            Code::RecipientNotAllowed,
            "allowed_recipients",
        ),
    ] {
        assert_eq!(refused(rules, &count), (code, format!("table.t.{setting}")));
    }
}

#[test]
fn the_sample_policies_of_the_book_are_accepted_and_have_effect() {
    #[derive(serde::Deserialize)]
    struct Config {
        table: TableConfigs,
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating/policy.md");
    let page = std::fs::read_to_string(page).unwrap();
    let samples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(samples.len() >= 4, "{} samples", samples.len());
    for sample in samples {
        let config: Config = toml::from_str(sample).unwrap_or_else(|e| panic!("{sample}\n{e}"));
        let advice = lint("brand", &config.table).unwrap_or_else(|e| panic!("{sample}\n{e}"));
        let useless = advice.iter().find(|a| a.weight == Weight::NoEffect);
        assert_eq!(useless, None, "{sample}");
    }
}
