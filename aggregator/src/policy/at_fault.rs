//! Which part of an analyst's own query a refusal of the peer is about, as far as this side can tell.
//!
//! A refusal crosses the wire as a code and nothing else (Spec 09 §1). The asker's node knows its own
//! query, so it names the columns that the code can mean; where the peer has said what its tables
//! offer (Spec 14 §4), it names those that are not offered, and the nearest that are. Called by
//! psi-node for the person who asked. Sends nothing, and learns nothing that was not told before.

use std::collections::BTreeSet;

use psi_core::Code;
use psi_core::contact::Offer;
use psi_core::contact::offer::OfferedTable;

use super::question::ComparedWith;
use super::{Question, answers, same_name};
use crate::config::{Operator, RuleKind};

/// How far a name may be from the one that was meant, in characters for each three of its own.
const CHARACTERS_FOR_ONE: usize = 3;

/// Names of an offer that are listed where none is near.
const OFFERED_MAX: usize = 8;

/// One sentence about the part of the query that `code` refuses, of a question about a table of
/// `member`; nothing where the code says all that is known.
#[must_use]
pub fn at_fault(
    code: Code,
    member: &str,
    question: &Question,
    offer: Option<&Offer>,
) -> Option<String> {
    let named = format!("{member}.{}", question.table);
    let of_name = |table: &&OfferedTable| same_name(&table.name, &question.table);
    let table = offer.and_then(|offer| offer.tables.iter().find(of_name));
    if code == Code::TableNotOffered {
        let known = offer.iter().flat_map(|offer| &offer.tables);
        let nearest = nearest(&question.table, known.map(|table| table.name.as_str()));
        return Some(match nearest {
            Some(nearest) => format!("You ask about {named}; did you mean {member}.{nearest}?"),
            None => format!("You ask about {named}."),
        });
    }
    if code == Code::FormNotAllowed {
        return form(&named, question, table?);
    }
    let used: Vec<Used> = match code {
        Code::KeyNotAllowed | Code::KindsDiffer => keys(question, table),
        Code::FilterNotAllowed | Code::ComparisonNotAllowed => filters(question, table),
        Code::GroupNotAllowed | Code::OutputNotAllowed | Code::GroupNotConstant => {
            groups(question, table)
        }
        Code::FunctionNotAllowed | Code::ExpressionNotAllowed | Code::ColumnClamped => {
            functions(question, table)
        }
        _ => return None,
    };
    // What was told may be old by now: where it excludes nothing, everything may be meant.
    let excluded = used.iter().any(|used| !used.offered);
    let meant = used.iter().filter(|used| !excluded || !used.offered);
    let texts: BTreeSet<String> = meant.clone().map(|used| used.text.clone()).collect();
    if texts.is_empty() {
        return None;
    }
    let texts: Vec<String> = texts.into_iter().collect();
    let suggested: BTreeSet<&str> = meant.filter_map(|used| used.nearest.as_deref()).collect();
    let suggested: Vec<&str> = suggested.into_iter().collect();
    let known = table.filter(|_| excluded).map(|table| offered(code, table));
    let end = match known.as_deref() {
        _ if !suggested.is_empty() => format!("; did you mean {}?", suggested.join(" or ")),
        Some([]) => "; it offers none.".to_owned(),
        Some(known) if known.len() <= OFFERED_MAX => format!("; it offers {}.", known.join(", ")),
        _ => ".".to_owned(),
    };
    Some(format!(
        "Your query uses {} of {named}{end}",
        texts.join(", ")
    ))
}

/// What the table answers, if what it has said excludes the question.
fn form(named: &str, question: &Question, table: &OfferedTable) -> Option<String> {
    let rules = [RuleKind::Aggregation, RuleKind::List, RuleKind::Custom];
    let rule = rules.into_iter().find(|rule| table.rule == rule.as_str())?;
    let asked = if question.is_list {
        "a list"
    } else {
        "aggregates"
    };
    let is_excluded = question.is_list != (rule == RuleKind::List);
    is_excluded.then(|| {
        format!(
            "You ask {named} for {asked}, and it answers {} alone.",
            answers(rule)
        )
    })
}

/// What a table offers of the kind that `code` is about.
fn offered(code: Code, table: &OfferedTable) -> Vec<String> {
    match code {
        Code::KeyNotAllowed | Code::KindsDiffer => {
            let keys = table.keys.iter().map(|key| {
                let columns = key.columns.iter().map(|column| column.name.as_str());
                columns.collect::<Vec<_>>().join(" and ")
            });
            keys.collect()
        }
        Code::FilterNotAllowed | Code::ComparisonNotAllowed => {
            let filters = table.filters.iter().map(|filter| {
                if filter.operators.len() == Operator::ALL.len() {
                    return filter.column.clone();
                }
                format!("{} with {}", filter.column, filter.operators.join(" or "))
            });
            filters.collect()
        }
        Code::FunctionNotAllowed | Code::ExpressionNotAllowed | Code::ColumnClamped => {
            let aggregates = table.aggregates.iter();
            let of =
                aggregates.map(|one| format!("{} of {}", one.functions.join(" or "), one.column));
            of.collect()
        }
        _ => {
            let dimensions = table.dimensions.iter();
            dimensions.map(|dimension| dimension.name.clone()).collect()
        }
    }
}

/// One use of a column in the query.
struct Used {
    text: String,
    /// Whether the other side offers it; not if it has told nothing.
    offered: bool,
    nearest: Option<String>,
}

impl Used {
    fn new<'a>(
        text: String,
        name: &str,
        offered: bool,
        names: impl Iterator<Item = &'a str>,
    ) -> Self {
        let nearest = if offered { None } else { nearest(name, names) };
        Self {
            text,
            offered,
            nearest,
        }
    }
}

fn keys(question: &Question, table: Option<&OfferedTable>) -> Vec<Used> {
    let asked = &question.key_columns;
    let keys = || table.iter().flat_map(|table| &table.keys);
    let is_asked = keys().any(|key| {
        key.columns.len() == asked.len()
            && asked
                .iter()
                .all(|asked| key.columns.iter().any(|key| same_name(&key.name, asked)))
    });
    let names = || keys().flat_map(|key| key.columns.iter().map(|column| column.name.as_str()));
    let mut uses = asked.iter().map(|column| {
        let text = format!("{column:?} as a key");
        Used::new(text, column, is_asked, names())
    });
    // A key of several columns is one key.
    match asked.len() {
        0 | 1 => uses.collect(),
        _ => {
            let nearest = uses.find_map(|used| used.nearest);
            vec![Used {
                text: format!("{} together as a key", listed(asked)),
                offered: is_asked,
                nearest,
            }]
        }
    }
}

fn filters(question: &Question, table: Option<&OfferedTable>) -> Vec<Used> {
    let offered = || table.iter().flat_map(|table| &table.filters);
    let one = |used: &super::FilterUse| {
        let operator = used.operator.as_str();
        let allowed = offered().any(|filter| {
            let with = match used.with {
                ComparedWith::Literals => filter.compare != "columns",
                ComparedWith::Column => filter.compare != "literals",
                ComparedWith::Nothing => true,
            };
            let mut operators = filter.operators.iter();
            same_name(&filter.column, &used.column) && with && operators.any(|o| o == operator)
        });
        let text = format!("{:?} with {operator:?} as a filter", used.column);
        // Another comparison of the same column is not another spelling.
        let known = offered().any(|filter| same_name(&filter.column, &used.column));
        let names = offered().map(|filter| filter.column.as_str());
        Used::new(text, &used.column, allowed, names.filter(|_| !known))
    };
    question.filters.iter().map(one).collect()
}

fn groups(question: &Question, table: Option<&OfferedTable>) -> Vec<Used> {
    let names = || {
        let dimensions = table.iter().flat_map(|table| &table.dimensions);
        dimensions.map(|dimension| dimension.name.as_str())
    };
    let one = |group: &String| {
        let offered = names().any(|name| same_name(name, group));
        Used::new(format!("{group:?} as a group"), group, offered, names())
    };
    question.groups.iter().map(one).collect()
}

fn functions(question: &Question, table: Option<&OfferedTable>) -> Vec<Used> {
    let offered = || table.iter().flat_map(|table| &table.aggregates);
    let one = |used: &super::FunctionUse| {
        let function = used.function.as_str();
        let mut columns = offered().filter(|column| same_name(&column.column, &used.column));
        let allowed = columns.any(|column| {
            column.functions.iter().any(|f| f == function)
                && (column.expressions || !used.in_expression)
        });
        let known = offered().any(|column| same_name(&column.column, &used.column));
        let within = if used.in_expression {
            " in an expression"
        } else {
            ""
        };
        let text = format!("{function} of {:?}{within}", used.column);
        let names = offered().map(|column| column.column.as_str());
        Used::new(text, &used.column, allowed, names.filter(|_| !known))
    };
    question.functions.iter().map(one).collect()
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    names.join(" and ")
}

/// The name that was probably meant, if one is near enough.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    let most = (name.chars().count() / CHARACTERS_FOR_ONE).max(1);
    let near = known.filter_map(|known| {
        let distance = strsim::osa_distance(&name, &known.to_lowercase());
        (1..=most).contains(&distance).then_some((distance, known))
    });
    near.min().map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AggregateFunction;
    use crate::policy::offer::of_configuration;
    use crate::policy::{FilterUse, FunctionUse};

    fn offer() -> Offer {
        let tables = toml::from_str(
            r#"
            [customers]
            source = "c.csv"
            catalogue = "names"
            filter = { age = { operators = ["between"] }, segment = {} }
            dimension = { region = ["north"] }
            [[customers.key]]
            columns = ["email"]
            kinds = ["email"]
            [customers.aggregate.amount]
            functions = ["sum"]
            "#,
        );
        of_configuration(&tables.unwrap(), None).unwrap()
    }

    fn question() -> Question {
        let filter = |column: &str, operator| FilterUse {
            column: column.into(),
            operator,
            with: ComparedWith::Literals,
        };
        Question {
            table: "customers".into(),
            key_columns: vec!["e_mail".into()],
            filters: [filter("segmnet", Operator::Eq), filter("age", Operator::Eq)].into(),
            groups: vec!["regoin".into()],
            functions: [FunctionUse {
                column: "amount".into(),
                function: AggregateFunction::Avg,
                in_expression: false,
            }]
            .into(),
            ..Question::default()
        }
    }

    #[test]
    fn a_refusal_names_what_of_the_query_it_can_mean_and_what_was_probably_meant() {
        let mut question = question();
        let offer = offer();
        let told =
            |code, question: &Question| at_fault(code, "bert", question, Some(&offer)).unwrap();
        for (code, expected) in [
            (
                Code::KeyNotAllowed,
                "Your query uses \"e_mail\" as a key of bert.customers; did you mean email?",
            ),
            (
                Code::FilterNotAllowed,
                "Your query uses \"age\" with \"=\" as a filter, \"segmnet\" with \"=\" as a filter \
                 of bert.customers; did you mean segment?",
            ),
            (
                Code::GroupNotAllowed,
                "Your query uses \"regoin\" as a group of bert.customers; did you mean region?",
            ),
            (
                Code::FunctionNotAllowed,
                "Your query uses avg of \"amount\" of bert.customers; it offers sum of amount.",
            ),
        ] {
            assert_eq!(told(code, &question), expected);
        }
        assert_eq!(
            at_fault(Code::FormNotAllowed, "bert", &question, Some(&offer)),
            None
        );
        question.is_list = true;
        assert_eq!(
            told(Code::FormNotAllowed, &question),
            "You ask bert.customers for a list, and it answers aggregates (SELECT COUNT(*) …) alone."
        );
        question.filters = [FilterUse {
            column: "country".into(),
            operator: Operator::Eq,
            with: ComparedWith::Literals,
        }]
        .into();
        assert_eq!(
            told(Code::FilterNotAllowed, &question),
            "Your query uses \"country\" with \"=\" as a filter of bert.customers; it offers age with \
             between, segment."
        );
        question.table = "custmers".into();
        let table = told(Code::TableNotOffered, &question);
        assert!(table.ends_with("did you mean bert.customers?"), "{table}");
    }

    #[test]
    fn without_an_offer_every_use_may_be_meant_and_a_code_about_none_says_nothing() {
        let told = at_fault(Code::FilterNotAllowed, "bert", &question(), None).unwrap();
        assert!(told.contains("age") && told.contains("segmnet"), "{told}");
        assert!(!told.contains("did you mean"), "{told}");
        assert_eq!(at_fault(Code::TooManyJobs, "bert", &question(), None), None);
        let nothing = Question::default();
        assert_eq!(
            at_fault(Code::GroupNotAllowed, "bert", &nothing, None),
            None
        );
    }
}
