//! `psi-node policy`: advice about the rules of the tables, the rules in words, rules made from
//! those of AWS Clean Rooms, and digests of templates.
//!
//! Reads the configuration alone; `psi-node check` is the command that looks at data.

use std::fmt::Write as _;
use std::path::PathBuf;

use aggregator::import_aws::import_aws;
use aggregator::policy::explain::{Topic, explain};
use aggregator::policy::lint::{Advice, lint};
use aggregator::policy::template::Template;
use aggregator::{TableConfig, TemplateConfig};
use clap::{Args, Subcommand};
use psi_audit::text_file::{read_text, toml_error};
use serde_json::json;

use super::Common;
use super::candidates;
use super::output::{self, Format, counted};
use super::preview::{self, PreviewArgs};
use crate::config::NodeConfig;
use crate::error::UserError;
use crate::exit::Exit;
use crate::printable;

/// Larger than any analysis rule or template.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The commands of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Look for rules that allow more than they have to, or that have no effect
    #[command(after_help = "Example:\n  psi-node policy check")]
    Check(Common),
    /// Say in words what a table's rules allow, and what leaves this node
    #[command(after_help = "Example:\n  psi-node policy explain customers")]
    Explain(ExplainArgs),
    /// Make a table section from an analysis rule of AWS Clean Rooms (JSON of its API)
    #[command(after_help = "Example:\n  psi-node policy import-aws rule.json --table customers")]
    ImportAws(ImportArgs),
    /// Print the digest by which a template is approved
    #[command(after_help = "Example:\n  psi-node policy template-digest overlap.toml")]
    TemplateDigest(DigestArgs),
    /// Say what a question with noise would cost, and how wide the noise would be
    #[command(
        after_help = "Example:\n  psi-node policy preview --collab summer --epsilon 0.5 \"SELECT COUNT(DISTINCT s.email) FROM snowy.customers s JOIN brand.customers b ON s.email = b.email\""
    )]
    Preview(PreviewArgs),
}

/// Arguments of `policy explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The table's name in the configuration
    #[arg(value_name = "TABLE", add = candidates::tables())]
    pub table: String,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `policy import-aws`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// What `aws cleanrooms get-configured-table-analysis-rule` printed
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What the table is to be called
    #[arg(long, value_name = "NAME")]
    pub table: String,
    /// Where its rows are, relative to node.toml; `NAME.parquet` without it
    #[arg(long, value_name = "PATH")]
    pub source: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `policy template-digest`.
#[derive(Debug, Args)]
pub struct DigestArgs {
    /// A TOML file with `sql` and `parameters`, as in a template's section
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if a file cannot be read or its content makes no sense.
pub fn run(command: PolicyCommand) -> Result<Exit, UserError> {
    match command {
        PolicyCommand::Check(args) => check(&args),
        PolicyCommand::Explain(args) => explain_table(&args),
        PolicyCommand::ImportAws(args) => import(&args),
        PolicyCommand::TemplateDigest(args) => digest(&args),
        PolicyCommand::Preview(args) => return preview::run(args),
    }?;
    Ok(Exit::Released)
}

fn check(args: &Common) -> Result<(), UserError> {
    let config = args.config.load()?;
    let advice = lint(&config.name, &config.table)
        .map_err(|error| UserError::bad_input(error.to_string(), error.remedy))?;
    if args.format == Format::Json {
        let advice: Vec<_> = advice
            .iter()
            .map(|advice| {
                json!({
                    "place": advice.place,
                    "weight": advice.weight.as_str(),
                    "what": advice.what,
                    "remedy": advice.remedy,
                })
            })
            .collect();
        return output::print_json(&json!({"name": config.name, "advice": advice}));
    }
    output::print(&advice_text(&config, &advice))
}

fn advice_text(config: &NodeConfig, advice: &[Advice]) -> String {
    let mut text = String::new();
    for Advice {
        place,
        weight,
        what,
        remedy,
    } in advice
    {
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "{place}: {}: {what}\n  help: {remedy}",
            weight.as_str()
        );
    }
    for (name, table) in &config.table {
        for (template, digest, approved) in templates(table) {
            let approved = if approved { "approved" } else { "not approved" };
            let _ = writeln!(
                text,
                "table.{name}.template.{template}: {approved}\n  {digest}"
            );
        }
    }
    let remarks = counted(advice.len(), "remark", "remarks");
    let tables = counted(config.table.len(), "table", "tables");
    let _ = writeln!(text, "{remarks} on {tables}.");
    printable::lines(&text)
}

/// The table's templates: name, digest, and whether it is approved.
fn templates(table: &TableConfig) -> impl Iterator<Item = (&str, String, bool)> {
    table.template.iter().filter_map(|(name, config)| {
        let digest = Template::read(config).ok()?.digest();
        let approved = table.approved_templates.contains(&digest);
        Some((name.as_str(), digest, approved))
    })
}

fn explain_table(args: &ExplainArgs) -> Result<(), UserError> {
    let config = args.common.config.load()?;
    // Only what makes sense is explained.
    lint(&config.name, &config.table)
        .map_err(|error| UserError::bad_input(error.to_string(), error.remedy))?;
    let Some(table) = config.table.get(&args.table) else {
        let known: Vec<&str> = config.table.keys().map(String::as_str).collect();
        return Err(UserError::bad_input(
            format!("there is no table `{}` in the configuration", args.table),
            if known.is_empty() {
                "none is configured".to_owned()
            } else {
                format!("its tables are {}", known.join(", "))
            },
        ));
    };
    let topics = explain(&config.name, &args.table, table);
    if args.common.format == Format::Json {
        let topics: Vec<_> = topics
            .iter()
            .map(|topic| json!({"topic": topic.name, "title": topic.title, "says": topic.says}))
            .collect();
        let table = format!("{}.{}", config.name, args.table);
        return output::print_json(&json!({"table": table, "topics": topics}));
    }
    let mut text = format!("Table {}.{}\n", config.name, args.table);
    for Topic { title, says, .. } in topics {
        let _ = writeln!(text, "\n{title}");
        for sentence in says {
            let _ = writeln!(text, "  {sentence}");
        }
    }
    output::print(&printable::lines(&text))
}

fn import(args: &ImportArgs) -> Result<(), UserError> {
    let text = read_text(&args.file, FILE_BYTES_MAX, || {
        "save what `aws cleanrooms get-configured-table-analysis-rule` prints".to_owned()
    })?;
    let source = args.source.clone();
    let source = source.unwrap_or_else(|| format!("{}.parquet", args.table));
    let imported = import_aws(&text, &args.table, &source).map_err(|error| {
        let what = format!("{}: {error}", args.file.display());
        UserError::bad_input(what, error.remedy)
    })?;
    if args.format == Format::Json {
        let notes: Vec<_> = imported
            .notes
            .iter()
            .map(|note| json!({"place": note.place, "why": note.why}))
            .collect();
        return output::print_json(&json!({"toml": imported.toml, "notes": notes}));
    }
    output::print(&imported.toml)?;
    for note in &imported.notes {
        output::print_note(&format!("{}: {}", note.place, note.why));
    }
    Ok(())
}

fn digest(args: &DigestArgs) -> Result<(), UserError> {
    let text = read_text(&args.file, FILE_BYTES_MAX, || {
        "write one with `sql` and `parameters`".to_owned()
    })?;
    let config: TemplateConfig = toml::from_str(&text).map_err(|error| {
        let remedy = "write `sql = \"…\"` and `parameters = { name = \"DATE\" }`";
        toml_error(&args.file, &text, &error, remedy)
    })?;
    let template = Template::read(&config).map_err(|error| {
        let what = format!("{}: sql: {error}", args.file.display());
        UserError::bad_input(what, error.remedy())
    })?;
    let (digest, canonical) = (template.digest(), template.canonical());
    if args.format == Format::Json {
        return output::print_json(&json!({"digest": digest, "canonical": canonical}));
    }
    output::print(&format!("{digest}\n\n{}\n", printable::lines(&canonical)))
}
