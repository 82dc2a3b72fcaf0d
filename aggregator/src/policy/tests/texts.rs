//! What an owner reads when the rules refuse a question.

use std::fmt::Write as _;

use super::super::question::Parties;
use super::{FROM, KEYS, table};
use crate::golden;
use crate::policy::{Question, evaluate};
use crate::sql::ast::Side;
use crate::sql::parse::{self, Author};

#[test]
fn refusals_of_the_rules_are_those_of_the_golden_file() {
    let aggregate = |what: &str| format!("SELECT {what} {FROM}");
    let count = aggregate("COUNT(*)");
    let filter = |condition: &str| format!("{count} WHERE {condition}");
    let group = |group: &str| format!("{count} GROUP BY {group}");
    let filtered = "filter = { age = { operators = ['='], compare = 'literals' } }\n";
    let of_dates = "scalar_functions = ['month']\ndimension = { 'year(day)' = [2025] }\n";
    let mut texts = String::new();
    for (rules, sql, other_recipient) in [
        ("allowed_requesters = []\n", count.clone(), None),
        ("allowed_recipients = []\n", count.clone(), None),
        ("", count.clone(), Some("brand")),
        ("rule = 'list'\n", count.clone(), None),
        ("", aggregate("s.email"), None),
        ("", count.replace(".email", ".phone"), None),
        ("rule = 'custom'\n", count.clone(), None),
        ("", filter("b.age = 1"), None),
        (filtered, filter("b.age > 1"), None),
        (filtered, filter("b.age = b.other"), None),
        ("", group("b.region"), None),
        (of_dates, group("year(b.day)"), None),
        ("disallowed_outputs = ['region']\n", group("b.region"), None),
        ("", aggregate("SUM(b.amount)"), None),
        (
            "aggregate.amount = { functions = ['sum'], expressions = false }\n",
            aggregate("SUM(b.amount * 2)"),
            None,
        ),
    ] {
        let config = table(&format!("{rules}{KEYS}"));
        let query = parse::read(&sql, Author::Peer).unwrap();
        let parties = Parties {
            requester: "snowy",
            other_recipient,
        };
        let question = Question::of(
            &query,
            Side::Second,
            parties,
            "t",
            Some(&config),
            &|column| column.name.0.clone(),
        );
        let refusal = evaluate(&question, Some(("t", &config))).unwrap_err();
        let _ = write!(
            texts,
            "{rules}{sql}\n    {refusal}\n    {}\n\n",
            refusal.remedy
        );
    }
    let refusal = evaluate(&Question::default(), None).unwrap_err();
    let _ = write!(
        texts,
        "no such table\n    {refusal}\n    {}\n",
        refusal.remedy
    );
    golden::check("refusals-rules.txt", &texts);
}
