//! The owner's rules, and the pure function that judges a question by them.
//!
//! Spec 10 §5. Default deny: only listed tables, keys, filter columns, groups and functions. The verdict depends on
//! configuration and the question's text alone, never on rows, and names the rule that decided.
//! Both the requester's and the responder's node judge their own half with this function.

use psi_core::Code;

use crate::config::{AggregateFunction, TableConfig};
use crate::error::Refusal;
use crate::sql::dimension::DimensionName;

/// What a query asks of one table. Columns are written as the configuration writes them where
/// they exist, so that the rules compare equal strings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The table, as the query names it.
    pub table: String,
    /// The columns of the join key, in the order of the ON clause.
    pub key_columns: Vec<String>,
    /// The columns that the WHERE clause uses.
    pub filter_columns: Vec<String>,
    /// The expressions of GROUP BY, a column or a part of a date such as `month(day)`.
    pub groups: Vec<String>,
    /// The aggregated columns, each with a function that is computed of it.
    pub functions: Vec<(String, AggregateFunction)>,
}

/// What was allowed, and by which rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The index of the matching key in the table's configuration.
    pub key: usize,
    /// The deciding rules, for example `table.customers.key[1]`.
    pub rules: Vec<String>,
}

/// Judges `question` by the rules of the table it names; `None` if there is no such table.
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
            remedy: "add a [table.…] section to node.toml to offer it".to_owned(),
        });
    };
    let key = config
        .key
        .iter()
        .position(|key| same_columns(&key.columns, &question.key_columns))
        .ok_or_else(|| Refusal {
            code: Code::KeyNotAllowed,
            rule: format!("table.{name}.key"),
            sentence: format!(
                "the query joins {name} on ({}), which is not a listed key",
                question.key_columns.join(", ")
            ),
            remedy: format!("add a [[table.{name}.key]] section with these columns to allow it"),
        })?;
    for column in &question.filter_columns {
        if !config
            .filter
            .iter()
            .any(|allowed| same_name(allowed, column))
        {
            return Err(Refusal {
                code: Code::FilterNotAllowed,
                rule: format!("table.{name}.filter"),
                sentence: format!(
                    "the query filters {name} by {column:?}, which is not a listed filter column"
                ),
                remedy: format!("add {column:?} to table.{name}.filter to allow it"),
            });
        }
    }
    let mut rules = vec![format!("table.{name}.key[{}]", key + 1)];
    if !question.filter_columns.is_empty() {
        rules.push(format!("table.{name}.filter"));
    }
    check_groups(question, name, config, &mut rules)?;
    check_functions(question, name, config, &mut rules)?;
    Ok(Allowed { key, rules })
}

fn check_groups(
    question: &Question,
    name: &str,
    config: &TableConfig,
    rules: &mut Vec<String>,
) -> Result<(), Refusal> {
    for group in &question.groups {
        let asked = DimensionName::parse(group).ok();
        let is_listed =
            |setting: &&String| asked.is_some() && DimensionName::parse(setting).ok() == asked;
        let Some(setting) = config.dimension.keys().find(is_listed) else {
            return Err(Refusal {
                code: Code::GroupNotAllowed,
                rule: format!("table.{name}.dimension"),
                sentence: format!("the query groups {name} by {group}, which is no dimension"),
                remedy: format!("list {group:?} with its values in table.{name}.dimension"),
            });
        };
        rules.push(format!("table.{name}.dimension.{setting:?}"));
    }
    Ok(())
}

fn check_functions(
    question: &Question,
    name: &str,
    config: &TableConfig,
    rules: &mut Vec<String>,
) -> Result<(), Refusal> {
    for (column, function) in &question.functions {
        let mut sections = config.aggregate.iter();
        let section = sections.find(|(listed, _)| same_name(listed, column));
        let allowed = section.filter(|(_, section)| section.functions.contains(function));
        let Some((setting, _)) = allowed else {
            let function = function.as_str();
            return Err(Refusal {
                code: Code::FunctionNotAllowed,
                rule: format!("table.{name}.aggregate.{column}.functions"),
                sentence: format!("the query asks {name} for {function} of {column:?}"),
                remedy: format!("list {function:?} there to allow it"),
            });
        };
        let rule = format!("table.{name}.aggregate.{setting}.functions");
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    Ok(())
}

fn same_name(a: &str, b: &str) -> bool {
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
mod tests {
    use super::{Question, evaluate};
    use std::collections::BTreeMap;

    use crate::config::{KeyConfig, ResultTo, TableConfig};
    use psi_core::Code;
    use psi_core::identifier::IdentifierKind;

    fn table() -> TableConfig {
        let key = |columns: &[&str]| KeyConfig {
            columns: columns.iter().map(ToString::to_string).collect(),
            kinds: vec![IdentifierKind::Text; columns.len()],
            unique: false,
            identities: None,
        };
        TableConfig {
            source: "t.csv".to_owned(),
            filter: vec!["region".to_owned()],
            row_filter: None,
            minimum: 10,
            prefer_receiver: false,
            null: vec![String::new()],
            key: vec![key(&["email"]), key(&["first", "last"])],
            dimension: BTreeMap::new(),
            group_identities: BTreeMap::new(),
            aggregate: BTreeMap::new(),
            owner_may_receive: false,
            result: ResultTo::Requester,
            max_rows_per_identity: None,
            max_groups_per_identity: 1,
            epsilon_max: None,
            delta_max: None,
        }
    }

    fn question(keys: &[&str], filters: &[&str]) -> Question {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Question {
            table: "t".to_owned(),
            key_columns: owned(keys),
            filter_columns: owned(filters),
            ..Question::default()
        }
    }

    #[test]
    fn what_is_not_listed_is_refused_and_the_rule_is_named() {
        let table = table();
        for (question, code, rule) in [
            (
                question(&["phone"], &[]),
                Code::KeyNotAllowed,
                "table.t.key",
            ),
            (
                question(&["first"], &[]),
                Code::KeyNotAllowed,
                "table.t.key",
            ),
            (
                question(&["email", "first"], &[]),
                Code::KeyNotAllowed,
                "table.t.key",
            ),
            (
                question(&["email"], &["age"]),
                Code::FilterNotAllowed,
                "table.t.filter",
            ),
            // A key column is no filter column unless it is listed as one.
            (
                question(&["email"], &["email"]),
                Code::FilterNotAllowed,
                "table.t.filter",
            ),
        ] {
            let refusal = evaluate(&question, Some(("t", &table))).unwrap_err();
            assert_eq!((refusal.code, refusal.rule.as_str()), (code, rule));
        }
        let refusal = evaluate(&question(&["email"], &[]), None).unwrap_err();
        assert_eq!(refusal.code, Code::TableNotOffered);
    }

    #[test]
    fn listed_keys_match_in_any_order_and_filters_in_any_case() {
        let table = table();
        let allowed = evaluate(
            &question(&["last", "first"], &["REGION"]),
            Some(("t", &table)),
        )
        .unwrap();
        assert_eq!(allowed.key, 1);
        assert_eq!(allowed.rules, ["table.t.key[2]", "table.t.filter"]);
    }
}
