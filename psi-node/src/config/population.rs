//! Whether tables and populations of `node.toml` fit together: names, and what a table refers to.
//!
//! Called by [`NodeConfig::parse`]. It reads the text a second time to say where a name occurs.

use std::collections::BTreeMap;
use std::path::Path;

use psi_audit::name::{NAME_REMEDY, check_name};
use psi_audit::text_file::place_of;
use serde::Deserialize;
use toml::Spanned;

use super::NodeConfig;
use crate::error::UserError;

/// The names alone, with their places in the text.
#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    population: BTreeMap<Spanned<String>, toml::Table>,
    #[serde(default)]
    table: BTreeMap<String, Table>,
}

#[derive(Deserialize)]
struct Table {
    population: Option<Spanned<String>>,
}

/// Checks the names of populations, and that tables refer to populations that exist.
pub(super) fn check(config: &NodeConfig, text: &str, path: &Path) -> Result<(), UserError> {
    let names: Names = toml::from_str(text)
        .map_err(|e| UserError::internal(format!("a configuration that was read: {e}")))?;
    for name in names.population.keys() {
        check_name(name.get_ref()).map_err(|what| {
            let place = place_of(path, text, name.span().start);
            UserError::bad_input(format!("{place}: population: {what}"), NAME_REMEDY)
        })?;
    }
    for (table, section) in &names.table {
        let Some(name) = &section.population else {
            continue;
        };
        if !config.population.contains_key(name.get_ref()) {
            let place = place_of(path, text, name.span().start);
            return Err(UserError::bad_input(
                format!(
                    "{place}: table `{table}` names the population {:?}, which does not exist",
                    name.get_ref()
                ),
                "write a [population.NAME] section with its epsilon and delta, or correct the name",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::NodeConfig;

    fn parse(lines: &str) -> Result<NodeConfig, crate::error::UserError> {
        let text = format!("name = \"b\"\nlisten = \"127.0.0.1:1\"\n{lines}");
        NodeConfig::parse(&text, Path::new("node.toml"))
    }

    #[test]
    fn a_table_belongs_to_a_population_that_has_a_budget() {
        let table = "[table.t]\nsource = \"t.csv\"\npopulation = \"people\"\n\
                     runs = { day = 10, week = 20, month = 40, lifetime = 1000 }\n";
        let people = "[population.people]\nepsilon = 10.0\ndelta = 1e-6\nrefresh = \"month\"\n";
        let config = parse(&format!("{table}{people}")).unwrap();
        assert_eq!(config.table["t"].population.as_deref(), Some("people"));
        let error = parse(table).unwrap_err();
        assert!(error.what.starts_with("node.toml:5:14: "), "{}", error.what);
        assert!(error.what.contains("\"people\""), "{}", error.what);
    }

    #[test]
    fn errors_in_budgets_and_runs_name_their_line_and_column() {
        for (lines, at) in [
            (
                "[population.People]\nepsilon = 1\ndelta = 1e-6\n",
                ":3:13: ",
            ),
            ("[population.p]\nepsilon = 0.0\ndelta = 1e-6\n", ":4:11: "),
            ("[population.p]\nepsilon = 1.0\ndelta = 2.0\n", ":5:9: "),
            (
                "[population.p]\nepsilon = 1.0\ndelta = 1e-6\nrefresh = \"hour\"\n",
                ":6:11: ",
            ),
            ("[table.t]\nsource = \"t\"\nruns = { day = 0 }\n", ":5:16: "),
            (
                "[table.t]\nsource = \"t\"\nruns = { year = 9 }\n",
                ":5:10: ",
            ),
        ] {
            let error = parse(lines).unwrap_err();
            assert!(error.what.contains(at), "{lines}: {}", error.what);
        }
    }
}
