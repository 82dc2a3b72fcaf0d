//! `psi-node tables`: the tables that the running node serves, and a section for another file.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{self, Format, Table};
use super::section::Named;
use super::{Common, ConfigArg};
use crate::api::types::NodeInfo;
use crate::config::NodeConfig;
use crate::durable_file;
use crate::error::UserError;
use crate::exit::Exit;
use crate::printable;
use crate::threads::block_on;

/// The bits of a mode that say who may do what.
const PERMISSIONS: u32 = 0o777;

/// The commands of `tables`.
#[derive(Debug, Subcommand)]
pub enum TablesCommand {
    /// List the tables of the running node, and why some are not served
    #[command(after_help = "Example:\n  psi-node tables list --config /srv/glovebox/node.toml")]
    List(Common),
    /// Print a section of the configuration for a file, or add it with --write
    #[command(
        after_help = "Example:\n  psi-node tables add orders=/srv/data/orders.csv --write --config /srv/glovebox/node.toml"
    )]
    Add(AddArgs),
}

/// Arguments of `tables add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The table's name, and its CSV, TSV or Parquet file or a folder of them
    #[arg(value_name = "NAME=FILE")]
    pub table: String,
    /// Add the section to the end of the configuration file
    #[arg(long)]
    pub write: bool,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] by command.
pub fn run(command: TablesCommand) -> Result<Exit, UserError> {
    match command {
        TablesCommand::List(args) => list(&args),
        TablesCommand::Add(args) => add(&args),
    }
}

fn list(args: &Common) -> Result<Exit, UserError> {
    let node = block_on(args.config.client()?.node())?;
    match args.format {
        Format::Json => output::print_json(&document(&node))?,
        Format::Table => output::print(&text(&node))?,
    }
    Ok(Exit::Released)
}

fn text(node: &NodeInfo) -> String {
    if node.tables.is_empty() && node.not_served.is_empty() {
        return "This node has no table: describe one with `psi-node tables add`, then run `psi-node \
                reload`.\n"
            .to_owned();
    }
    let mut table = Table::new(&["TABLE", "SERVED", "KEYS", "FILTER", "MINIMUM"]);
    for served in &node.tables {
        let keys = served.keys.iter().map(|key| key.columns.join(" and "));
        let filter = served.filter.join(", ");
        table.row([
            served.name.as_str(),
            "yes",
            &keys.collect::<Vec<_>>().join(", "),
            if filter.is_empty() { "-" } else { &filter },
            &served.minimum.to_string(),
        ]);
    }
    for failed in &node.not_served {
        table.row([failed.name.as_str(), "NO", "-", "-", "-"]);
    }
    let mut text = table.render();
    for failed in &node.not_served {
        for problem in &failed.problems {
            // Writing into a String cannot fail.
            let _ = writeln!(
                text,
                "{} is not served: {}: {}\nhelp: {}",
                printable::line(&failed.name),
                printable::line(&problem.place),
                printable::lines(&problem.what),
                printable::line(&problem.remedy)
            );
        }
    }
    text
}

fn document(node: &NodeInfo) -> Value {
    let served = node.tables.iter().map(|table| {
        json!({
            "name": table.name,
            "served": true,
            "minimum": table.minimum,
            "filter": table.filter,
            "keys": table.keys,
            "problems": [],
        })
    });
    let failed = node.not_served.iter().map(|table| {
        json!({
            "name": table.name,
            "served": false,
            "minimum": null,
            "filter": [],
            "keys": [],
            "problems": table.problems,
        })
    });
    json!({ "tables": served.chain(failed).collect::<Vec<_>>() })
}

fn add(args: &AddArgs) -> Result<Exit, UserError> {
    let config = args.config.load()?;
    let named = Named::read(&args.table, "tables add")?;
    let mut known = config.table.keys();
    if let Some(known) = known.find(|known| known.to_lowercase() == named.name.to_lowercase()) {
        return Err(UserError::bad_input(
            format!("{} has a table {known} already", config.file.display()),
            "choose another name, or change its section",
        ));
    }
    let section = named.section(&config.base_dir)?;
    if args.write {
        append(&config, &section.text)?;
        output::print(&format!(
            "Added a section for {name} to {file}; nobody may ask about it yet.\nNext: read it, name who \
             may ask under allowed_requesters, and run `psi-node check`; then `psi-node reload`, if the \
             node runs.\n",
            name = named.name,
            file = config.file.display(),
        ))?;
    } else {
        output::print(&section.text)?;
    }
    if let Some(remark) = named.remark(&section) {
        output::print_note(&remark);
    }
    Ok(Exit::Released)
}

/// Adds a section to the end of the configuration file, which is replaced as a whole.
fn append(config: &NodeConfig, section: &str) -> Result<(), UserError> {
    let failed = |e| UserError::machine(format!("cannot write {}", config.file.display()), e);
    // The file itself, where the name is a link to it.
    let file = fs::canonicalize(&config.file).map_err(failed)?;
    let before = fs::read_to_string(&file).map_err(failed)?;
    let text = format!("{}\n\n{section}", before.trim_end());
    NodeConfig::parse(&text, &config.file).map_err(|error| {
        UserError::internal(format!(
            "with the new section the file does not read: {error}"
        ))
    })?;
    let mode = fs::metadata(&file).map_err(failed)?.permissions().mode() & PERMISSIONS;
    durable_file::replace(&file, text.as_bytes(), mode).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{KeyInfo, NotServedInfo, ProblemInfo, TableInfo};

    fn node() -> NodeInfo {
        NodeInfo {
            name: "brand".into(),
            id: "00".into(),
            version: "1".into(),
            listen: "127.0.0.1:1".into(),
            jobs_running: 0,
            jobs_max: 8,
            tables: vec![TableInfo {
                name: "customers".into(),
                minimum: 10,
                filter: vec!["since".into(), "region".into()],
                keys: vec![KeyInfo {
                    columns: vec!["name".into(), "zip".into()],
                    kinds: vec!["text".into(), "text".into()],
                    unique: true,
                    identities: 5,
                }],
                section: String::new(),
            }],
            not_served: vec![NotServedInfo {
                name: "orders".into(),
                problems: vec![ProblemInfo {
                    place: "table.orders.source".into(),
                    what: "there is no file".into(),
                    remedy: "put it there".into(),
                }],
                section: String::new(),
            }],
        }
    }

    #[test]
    fn what_is_served_and_what_is_not_and_why_is_told_in_text_and_json() {
        let text = text(&node());
        assert_eq!(
            text,
            "TABLE      SERVED  KEYS          FILTER         MINIMUM\n\
             customers  yes     name and zip  since, region  10\n\
             orders     NO      -             -              -\n\
             orders is not served: table.orders.source: there is no file\n\
             help: put it there\n"
        );
        let document = document(&node());
        assert_eq!(document["tables"][0]["served"], true);
        assert_eq!(
            document["tables"][1]["problems"][0]["what"],
            "there is no file"
        );
    }

    #[test]
    fn a_section_is_added_behind_what_is_there_and_a_name_that_is_taken_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.toml");
        let before = "name = \"b\" # ours\nlisten = \"127.0.0.1:1\"\n";
        fs::write(&file, before).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(folder.path().join("t.csv"), "email\na@example.com\n").unwrap();
        let args = AddArgs {
            table: format!("people={}", folder.path().join("t.csv").display()),
            write: true,
            config: ConfigArg {
                config: file.clone(),
            },
        };
        add(&args).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with(before) && text.contains("source = \"t.csv\""),
            "{text}"
        );
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert!(
            NodeConfig::load(&file)
                .unwrap()
                .table
                .contains_key("people")
        );
        let error = add(&args).unwrap_err();
        assert!(error.what.contains("people already"), "{}", error.what);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}
