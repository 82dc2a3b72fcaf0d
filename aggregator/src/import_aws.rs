//! A policy from an analysis rule of AWS Clean Rooms.
//!
//! Called by psi-node for `policy import-aws`. Reads the JSON that `GetConfiguredTableAnalysisRule`
//! answers and writes a `[table.NAME]` section. A setting without a counterpart is listed with the
//! reason. Nothing is dropped silently, not even fields that this module does not know; a field
//! that occurs twice is refused. It speaks to no service. The policy is never wider than the rule
//! was, with one exception: every table of aggregates allows counts of joined rows and of keys.
//! Where the rule did not allow them, a note says so.

mod json;
mod repeated;
mod rules;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use json::Object;

use crate::config::TableConfigs;
use crate::error::Problem;

/// What an analysis rule became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The section, as text for `node.toml`; parses, and passes every check that needs no data.
    pub toml: String,
    /// What has no counterpart, or another one than it seems.
    pub notes: Vec<ImportNote>,
}

/// A part of the rule that the policy does not say, or says differently.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImportNote {
    /// Where it is in the JSON.
    pub place: String,
    /// Why, and what to do.
    pub why: String,
}

const REMEDY: &str = "give what `aws cleanrooms get-configured-table-analysis-rule` prints";

/// Makes the section of table `name` from an analysis rule; `source` is where its rows are.
///
/// # Errors
/// [`Problem`] with line and column, or the place in the JSON.
pub fn import_aws(text: &str, name: &str, source: &str) -> Result<Imported, Problem> {
    let value = serde_json::from_str(text).map_err(|error| Problem {
        place: format!("line {}, column {}", error.line(), error.column()),
        what: format!("this is not JSON: {error}"),
        remedy: REMEDY.to_owned(),
    })?;
    repeated::refuse(text)?;
    let mut notes = Vec::new();
    let mut root = Object::new(value, String::new())?;
    let mut rule = match root.object("analysisRule")? {
        Some(rule) => {
            root.leftovers(&mut notes);
            rule
        }
        // Also the inner object alone.
        None => root,
    };
    let told: Vec<String> = [
        "configuredTableArn",
        "configuredTableId",
        "createTime",
        "updateTime",
    ]
    .into_iter()
    .filter_map(|key| Some(format!("# {key}: {}", rule.scalar(key)?)))
    .collect();
    let kind = rule.string("type")?;
    let mut policy = rule.needed("policy")?;
    let mut version = policy.needed("v1")?;
    let mut section = Section::new(name, source);
    let mut found = Vec::new();
    let known: [(&str, rules::Import); 3] = [
        ("aggregation", rules::aggregation),
        ("list", rules::list_form),
        ("custom", rules::custom),
    ];
    for (form, import) in known {
        if let Some(mut object) = version.object(form)? {
            found.push(form);
            import(&mut object, &mut section, &mut notes)?;
            object.leftovers(&mut notes);
        }
    }
    let [form] = found.as_slice() else {
        return Err(version.error(
            "",
            "it has none, or several, of aggregation, list and custom",
        ));
    };
    if kind
        .as_ref()
        .is_some_and(|kind| !kind.eq_ignore_ascii_case(form))
    {
        return Err(rule.error("type", "it is not the form of the policy"));
    }
    for object in [version, policy, rule] {
        object.leftovers(&mut notes);
    }
    let toml = section.write(&told, &notes);
    check(&toml)?;
    Ok(Imported { toml, notes })
}

/// The section has to be one that a node accepts.
fn check(toml: &str) -> Result<(), Problem> {
    #[derive(serde::Deserialize)]
    struct Config {
        table: TableConfigs,
    }
    let refused = |what: String, remedy: String| Problem {
        place: "the policy made of it".to_owned(),
        what,
        remedy,
    };
    let parsed: Config = toml::from_str(toml)
        .map_err(|error| refused(error.message().to_owned(), "report this".to_owned()))?;
    crate::policy::validate(&parsed.table).map_err(|e| refused(e.to_string(), e.remedy.clone()))
}

/// The section as it is collected.
struct Section<'a> {
    name: &'a str,
    source: &'a str,
    rule: &'static str,
    /// Settings in the order in which they are written, as TOML.
    settings: Vec<(&'static str, String)>,
    keys: Vec<String>,
    /// Columns that would be dimensions if their values were known.
    dimensions: Vec<String>,
    aggregates: BTreeMap<String, Vec<&'static str>>,
}

impl<'a> Section<'a> {
    const fn new(name: &'a str, source: &'a str) -> Self {
        Self {
            name,
            source,
            rule: "aggregation",
            settings: Vec::new(),
            keys: Vec::new(),
            dimensions: Vec::new(),
            aggregates: BTreeMap::new(),
        }
    }

    fn write(&self, told: &[String], notes: &[ImportNote]) -> String {
        let name = bare(self.name);
        let mut text = "# Made from an analysis rule of AWS Clean Rooms.\n".to_owned();
        for line in told {
            text.push_str(&comment(line));
        }
        if !notes.is_empty() {
            text.push_str("#\n# Without counterpart, or with another one:\n");
        }
        for note in notes {
            text.push_str(&comment(&format!("# - {}: {}", note.place, note.why)));
        }
        // Writing into a String cannot fail.
        let _ = writeln!(text, "\n[table.{name}]\nsource = {}", quoted(self.source));
        let _ = writeln!(text, "rule = {}", quoted(self.rule));
        for (setting, value) in &self.settings {
            let _ = writeln!(text, "{setting} = {value}");
        }
        for key in &self.keys {
            let _ = writeln!(
                text,
                "\n[[table.{name}.key]]\ncolumns = {}\nkinds = [\"text\"]  # or email, phone, hex, \
                 int: what both members agree on\n# unique = true\n# identities = …  # a public \
                 size; without it, derived from the data",
                list(std::slice::from_ref(key))
            );
        }
        if !self.dimensions.is_empty() {
            let _ = writeln!(text, "\n[table.{name}.dimension]");
            for column in &self.dimensions {
                text.push_str(&comment(&format!(
                    "# {} = [\"…\"]  # its public values",
                    bare(column)
                )));
            }
        }
        for (column, functions) in &self.aggregates {
            let functions: Vec<String> = functions.iter().map(|f| (*f).to_owned()).collect();
            let _ = writeln!(
                text,
                "\n[table.{name}.aggregate.{}]\nfunctions = {}\nexpressions = false\n# decimals = \
                 …  # needed for doubles\n# clamp = [0, …]",
                bare(column),
                list(&functions)
            );
        }
        text
    }
}

/// A line of a comment: what the JSON says stays inside it.
fn comment(line: &str) -> String {
    let line: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line + "\n"
}

/// A TOML key, without quotes where it needs none.
fn bare(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !name.is_empty() && name.bytes().all(plain) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

#[cfg(test)]
mod tests;
