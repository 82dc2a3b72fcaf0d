//! The files of this node that the SQL of tables may name: `[source.NAME]`.
//!
//! Spec 10 §1 and §2.9. Sources are nobody's tables: no question names them and no rule is about them.
//! Values only; whether there are such files shows when a table is loaded.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::text_files::{self, CsvConfig};
use super::types::ColumnType;
use super::{TableConfig, TableConfigs, address_problem, check_name, default_null_words};
use crate::error::Problem;

/// All sources of one node, by name.
pub type SourceConfigs = BTreeMap<String, SourceConfig>;

/// One `[source.NAME]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// A `.csv`, `.tsv` or `.parquet` file, or a folder of one of them, relative to `node.toml`.
    pub path: String,
    /// Of CSV files and of folders `key=value`: values that mean NULL.
    #[serde(default = "default_null_words")]
    pub null: Vec<String>,
    /// Of CSV files and of folders `key=value`: the types of columns, whatever single values look like.
    #[serde(default)]
    pub types: BTreeMap<String, ColumnType>,
    /// Of text files: how they are written.
    #[serde(default)]
    pub csv: CsvConfig,
}

/// Checks the sources and that each table says where its rows are, and gives the sources to each table
/// with SQL.
///
/// # Errors
/// [`Problem`] names the setting and what to write instead.
pub fn attach_sources(tables: &mut TableConfigs, sources: &SourceConfigs) -> Result<(), Problem> {
    for (name, source) in sources {
        let place = format!("source.{name}");
        check_name(name, &place, "source")?;
        let folded = name.to_lowercase();
        if sources
            .keys()
            .any(|other| other != name && other.to_lowercase() == folded)
        {
            return Err(Problem::new(
                place,
                "two sources have this name up to upper and lower case",
                "rename one of them",
            ));
        }
        if source.path.is_empty() {
            return Err(Problem::new(
                format!("{place}.path"),
                "the path is empty",
                "name a .csv, .tsv or .parquet file, or a folder of them",
            ));
        }
        address_problem(&format!("{place}.path"), &source.path)?;
        text_files::check_csv(&place, &source.csv)?;
    }
    for (name, table) in tables {
        check(name, table)?;
        if table.sql.is_some() {
            table.sources.clone_from(sources);
        }
    }
    Ok(())
}

impl TableConfig {
    /// The sources that the table's text names.
    pub(crate) fn named_sources(&self) -> impl Iterator<Item = (&String, &SourceConfig)> {
        let sql = self.sql.as_deref().unwrap_or_default();
        let sources = self.sources.iter();
        sources.filter(move |(name, _)| is_named(sql, name))
    }

    /// Everything that decides which rows the table has, as a text to compare with another.
    #[must_use]
    pub fn rows_text(&self) -> String {
        let sources: Vec<_> = self.named_sources().collect();
        format!("{:?} {:?} {sources:?}", self.source, self.sql)
    }
}

/// Whether a text may name a source. Names too many at worst, such as one in a comment: then the table
/// is made again for nothing.
fn is_named(sql: &str, source: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let (sql, source) = (sql.to_lowercase(), source.to_lowercase());
    sql.match_indices(&source).any(|(at, _)| {
        let before = sql.get(..at).and_then(|text| text.chars().next_back());
        let after = sql.get(at + source.len()..);
        let after = after.and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Checks where a table's rows come from: files, or SQL over sources.
pub(super) fn check(name: &str, table: &TableConfig) -> Result<(), Problem> {
    let place = |setting: &str| format!("table.{name}.{setting}");
    let Some(sql) = &table.sql else {
        if table.source.is_empty() {
            return Err(Problem::new(
                place("source"),
                "the table says neither by `source` nor by `sql` where its rows are",
                "name a .csv, .tsv or .parquet file, or a folder of them",
            ));
        }
        return address_problem(&place("source"), &table.source);
    };
    let problem = |setting: &str, what: &str, remedy: String| {
        Err(Problem::new(place(setting), what.to_owned(), remedy))
    };
    if !table.source.is_empty() {
        return problem(
            "sql",
            "the table has both a `source` and `sql`",
            "keep one of them; the files that the SQL reads are sections of their own, such as \
             [source.orders]"
                .to_owned(),
        );
    }
    if sql.trim().is_empty() {
        return problem(
            "sql",
            "there is no text",
            "write one SELECT over the sources of this file".to_owned(),
        );
    }
    let of_files = [
        ("csv", table.csv != CsvConfig::default()),
        ("null", table.null != default_null_words()),
    ];
    for (setting, is_set) in of_files {
        if is_set {
            return problem(
                setting,
                "it says how files are written, and SQL makes this table's file",
                format!(
                    "move it to the section of the source, such as [source.orders], as `{setting}`"
                ),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SourceConfigs, attach_sources, is_named};
    use crate::config::{TableConfigs, validate};
    use crate::error::Problem;

    #[derive(serde::Deserialize)]
    struct Sections {
        #[serde(default)]
        source: SourceConfigs,
        table: TableConfigs,
    }

    fn checked(text: &str) -> Result<TableConfigs, Problem> {
        let mut sections: Sections = toml::from_str(text).unwrap();
        attach_sources(&mut sections.table, &sections.source)?;
        validate(&sections.table)?;
        Ok(sections.table)
    }

    #[test]
    fn a_table_is_made_of_the_sources_that_its_text_names() {
        let tables = checked(
            "[source.orders]\npath = \"orders\"\n[source.people]\npath = \"people.csv\"\n\
             [source.other]\npath = \"other.csv\"\n\
             [table.t]\nsql = \"SELECT * FROM orders JOIN People USING (id)\"\n\
             [table.plain]\nsource = \"orders.csv\"\n",
        )
        .unwrap();
        let names: Vec<_> = tables["t"].named_sources().map(|(name, _)| name).collect();
        assert_eq!(names, ["orders", "people"]);
        assert_eq!(tables["plain"].named_sources().count(), 0);
    }

    #[test]
    fn what_makes_no_sense_is_refused_at_its_place() {
        let source = "[source.a]\npath = \"a.csv\"\n";
        for (text, place) in [
            (
                "[source.a]\npath = \"\"\n[table.t]\nsql = \"x\"\n",
                "source.a.path",
            ),
            (
                "[source.a]\npath = \"s3://bucket/a\"\n[table.t]\nsql = \"x\"\n",
                "source.a.path",
            ),
            (
                "[source.a]\npath = \"a\"\n[source.A]\npath = \"b\"\n[table.t]\nsql = \"x\"\n",
                "source.A",
            ),
            (
                "[source.a]\npath = \"a\"\ncsv = { decimal = \";\" }\n[table.t]\nsql = \"x\"\n",
                "source.a.csv.decimal",
            ),
            (&format!("{source}[table.t]\n"), "table.t.source"),
            (&format!("{source}[table.t]\nsql = \" \"\n"), "table.t.sql"),
            (
                &format!("{source}[table.t]\nsql = \"x\"\nsource = \"a.csv\"\n"),
                "table.t.sql",
            ),
            (
                &format!("{source}[table.t]\nsql = \"x\"\nnull = [\"-\"]\n"),
                "table.t.null",
            ),
            (
                &format!("{source}[table.t]\nsql = \"x\"\ncsv = {{ delimiter = \";\" }}\n"),
                "table.t.csv",
            ),
        ] {
            assert_eq!(checked(text).unwrap_err().place, place, "{text}");
        }
    }

    #[test]
    fn a_source_is_named_by_the_whole_of_its_name() {
        let sql = "SELECT * FROM orders AS o JOIN \"my file\" USING (id)";
        assert!(is_named(sql, "orders"));
        assert!(is_named(sql, "Orders"));
        assert!(is_named(sql, "my file"));
        for other in ["order", "rders", "o1", "customers", "file2"] {
            assert!(!is_named(sql, other), "{other}");
        }
        assert!(is_named("SELECT 1 FROM ordersx, orders", "orders"));
    }
}
