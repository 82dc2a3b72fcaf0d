//! The owner's rules, and the pure function that judges a question by them.
//!
//! Spec 10 §5. Default deny: only listed tables, keys and filter columns. The verdict depends on
//! configuration and the question's text alone, never on rows, and names the rule that decided.
//! Both the requester's and the responder's node judge their own half with this function.

use psi_core::Code;

use crate::config::TableConfig;
use crate::error::Refusal;

/// What a query asks of one table. Columns are written as the configuration writes them where
/// they exist, so that the rules compare equal strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The table, as the query names it.
    pub table: String,
    /// The columns of the join key, in the order of the ON clause.
    pub key_columns: Vec<String>,
    /// The columns that the WHERE clause uses.
    pub filter_columns: Vec<String>,
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
    Ok(Allowed { key, rules })
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
    use crate::config::{KeyConfig, TableConfig};
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
        }
    }

    fn question(keys: &[&str], filters: &[&str]) -> Question {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Question {
            table: "t".to_owned(),
            key_columns: owned(keys),
            filter_columns: owned(filters),
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
