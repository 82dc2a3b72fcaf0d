//! The canonical text of a table's policy. Opened entries hold its salted digest.
//!
//! Spec 07 §10. Made from `node.toml` when it is read; the digest and its salt are kept in the
//! state. Says nothing about whether the rules make sense: that is the aggregator's check.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use toml::Value as Toml;

/// Settings of a table that are not rules: where its rows are.
const NO_RULES: [&str; 2] = ["source", "sql"];

/// The canonical text of every `[table.NAME]` section of a configuration that parses.
#[must_use]
pub fn of_tables(config: &str) -> BTreeMap<String, String> {
    let parsed: toml::Table = toml::from_str(config).unwrap_or_default();
    let tables = parsed.get("table").and_then(Toml::as_table);
    let tables = tables.into_iter().flatten();
    tables
        .map(|(name, section)| (name.clone(), of_table(section)))
        .collect()
}

fn of_table(section: &Toml) -> String {
    let mut canonical = canonical(section);
    if let Some(fields) = canonical.as_object_mut() {
        for name in NO_RULES {
            fields.remove(name);
        }
    }
    canonical.to_string()
}

/// The value as JSON, with the keys of every table in the order of their bytes.
fn canonical(value: &Toml) -> Value {
    match value {
        Toml::String(text) => Value::from(text.as_str()),
        Toml::Integer(number) => Value::from(*number),
        Toml::Float(number) => Value::from(*number),
        Toml::Boolean(truth) => Value::from(*truth),
        Toml::Datetime(time) => Value::from(time.to_string()),
        Toml::Array(items) => items.iter().map(canonical).collect(),
        Toml::Table(fields) => {
            let sorted: BTreeMap<&String, &Toml> = fields.iter().collect();
            let fields = sorted.into_iter();
            Value::Object(
                fields
                    .map(|(name, value)| (name.clone(), canonical(value)))
                    .collect::<Map<_, _>>(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::of_tables;

    const WRITTEN: &str = "name = \"brand\"\n[table.customers]\nsource = \"a.csv\"\nminimum = 20\n\
                           filter = [\"age\", \"city\"]\n\
                           [[table.customers.key]]\nkinds = [\"hex\"]\ncolumns = [\"email\"]\n";

    #[test]
    fn order_spacing_comments_and_the_source_do_not_matter_and_rules_do() {
        let text = |config: &str| of_tables(config).remove("customers").unwrap();
        let canonical = "{\"filter\":[\"age\",\"city\"],\
                         \"key\":[{\"columns\":[\"email\"],\"kinds\":[\"hex\"]}],\"minimum\":20}";
        assert_eq!(text(WRITTEN), canonical);
        let other = "[table.customers]\n# a comment\nfilter   = [ \"age\",\"city\" ]\n\
                     minimum=20\nsource = \"b.csv\"\n\
                     key = [{ columns = [\"email\"], kinds = [\"hex\"] }]\n";
        assert_eq!(text(other), canonical);
        let made = WRITTEN.replace("source = \"a.csv\"", "sql = \"SELECT 1\"");
        assert_eq!(text(&made), canonical);
        assert_ne!(text(&WRITTEN.replace("20", "21")), canonical);
        let reordered = WRITTEN.replace("\"age\", \"city\"", "\"city\", \"age\"");
        assert_ne!(text(&reordered), canonical);
    }

    #[test]
    fn a_configuration_without_tables_has_no_policies() {
        assert!(of_tables("name = \"brand\"\n").is_empty());
        assert!(of_tables("not a configuration").is_empty());
    }
}
