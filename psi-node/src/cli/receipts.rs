//! `psi-node receipts`: show, export, verify and repair the logs that both members countersign.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use psi_core::limits::STATEMENT_BYTES_MAX;
use psi_core::receipt::{Body, Entry};
use serde_json::{Value, json};

use super::ConfigArg;
use super::output::{self, Format, Table};
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::NodeKey;
use crate::receipts::export::export;
use crate::receipts::verify::{compare, verify};
use crate::receipts;
use crate::state::{LocalEntry, State, StateError, StoredEntry, local_first_wrong};

/// The commands of `receipts`.
#[derive(Debug, Subcommand)]
pub enum ReceiptsCommand {
    /// List the entries of a collaboration's log, or of this node's own log
    List(ListArgs),
    /// Show one entry in full
    Show(ShowArgs),
    /// Write a collaboration's log to a file that others can verify
    Export(ExportArgs),
    /// Verify an exported log; needs no node, no data and no network
    Verify(VerifyArgs),
    /// Accept the peer's log after this node's own was rolled back, and record why
    Repair(RepairArgs),
}

/// Arguments of `receipts list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The collaboration; may be left out if there is only one
    #[arg(long, value_name = "NAME")]
    pub collab: Option<String>,
    /// List this node's own signed log instead: own refusals and unreachable peers
    #[arg(long, conflicts_with = "collab")]
    pub local: bool,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `receipts show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The entry's number
    #[arg(value_name = "SEQ")]
    pub seq: u64,
    /// The collaboration; may be left out if there is only one
    #[arg(long, value_name = "NAME")]
    pub collab: Option<String>,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `receipts export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The collaboration; may be left out if there is only one
    #[arg(long, value_name = "NAME")]
    pub collab: Option<String>,
    /// Where to write the log (JSON Lines)
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Arguments of `receipts verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The exported log
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The other member's export of the same log, to compare with
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// The signed collaboration document, if you hold it; else the one in the log is taken
    #[arg(long, value_name = "FILE")]
    pub collab_file: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `receipts repair`.
#[derive(Debug, Args)]
pub struct RepairArgs {
    /// The collaboration; may be left out if there is only one
    #[arg(long, value_name = "NAME")]
    pub collab: Option<String>,
    /// What happened, in your words; both members' logs will hold it
    #[arg(long, value_name = "TEXT")]
    pub statement: String,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

impl ReceiptsCommand {
    /// The format that was asked for, if the command has one.
    #[must_use]
    pub const fn format(&self) -> Option<Format> {
        match self {
            Self::List(args) => Some(args.format),
            Self::Show(args) => Some(args.format),
            Self::Verify(args) => Some(args.format),
            Self::Export(_) | Self::Repair(_) => None,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] by command.
pub fn run(command: ReceiptsCommand) -> Result<Exit, UserError> {
    match command {
        ReceiptsCommand::List(args) if args.local => list_local(&args),
        ReceiptsCommand::List(args) => list(&args),
        ReceiptsCommand::Show(args) => show(&args),
        ReceiptsCommand::Export(args) => export_log(&args),
        ReceiptsCommand::Verify(args) => verify_file(&args),
        ReceiptsCommand::Repair(args) => repair(&args),
    }?;
    Ok(Exit::Released)
}

/// The named collaboration, or the only one.
fn find_collab(state: &State, name: Option<&str>) -> Result<Collaboration, UserError> {
    if let Some(name) = name {
        return Ok(state.collab_by_name(name)?.ok_or(StateError::UnknownCollab)?);
    }
    let mut collabs = state.collabs()?.into_iter();
    match (collabs.next(), collabs.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(UserError::bad_input(
            "this node has not joined any collaboration",
            "join one with `psi-node collab join`",
        )),
        (Some(_), Some(_)) => Err(UserError::bad_input(
            "this node has joined several collaborations",
            "name one with --collab; `psi-node collab list` lists them",
        )),
    }
}

/// All entries with their lines, oldest first.
fn all_lines(state: &State, collab: &Collaboration) -> Result<Vec<(Entry, Value)>, UserError> {
    let mut lines = Vec::new();
    loop {
        let batch = state.entries(&collab.id(), lines.len() as u64, 256)?;
        if batch.is_empty() {
            return Ok(lines);
        }
        for stored in &batch {
            let entry = decode(stored)?;
            let line = receipts::entry_line(collab, stored, &entry);
            lines.push((entry, line));
        }
    }
}

fn decode(stored: &StoredEntry) -> Result<Entry, StateError> {
    Entry::decode(&stored.entry)
        .map_err(|_| StateError::Damaged(format!("receipt entry {} is not well-formed", stored.seq)))
}

fn list(args: &ListArgs) -> Result<(), UserError> {
    let state = State::open(&args.config.load()?.state_dir())?;
    let collab = find_collab(&state, args.collab.as_deref())?;
    let lines = all_lines(&state, &collab)?;
    if args.format == Format::Json {
        return output::print_json(&lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>());
    }
    let mut table = Table::new(&["SEQ", "KIND", "JOB", "SIGNED BY", "DETAIL"]);
    for (entry, line) in &lines {
        let signed = line["signatures"].as_object().into_iter().flatten();
        let signed: Vec<&str> =
            signed.filter(|(_, s)| !s.is_null()).map(|(name, _)| name.as_str()).collect();
        let (kind, job, detail) = summary(entry, &line["says"]);
        table.row([&entry.seq.to_string(), kind, &job, &signed.join(", "), &detail]);
    }
    output::print(&table.render())?;
    if let Some(why) = state.chain_broken(&collab.id())? {
        output::print(&format!("The log cannot be continued: {why}\n"))?;
    }
    Ok(())
}

fn summary(entry: &Entry, says: &Value) -> (&'static str, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let job = |value: &Value| text(value).chars().take(16).collect::<String>();
    match &entry.body {
        Body::Opened { .. } => ("opened", job(&says["job"]["job_id"]), text(&says["job"]["query"])),
        Body::Closed { status, code, .. } => {
            let why = code.map_or(String::new(), |code| format!(": {code}"));
            ("closed", job(&says["job_id"]), format!("{}{why}", status.as_str()))
        }
        Body::Statement { text: words, .. } => {
            ("statement", "-".into(), format!("{}: {words}", text(&says["by"])))
        }
    }
}

fn list_local(args: &ListArgs) -> Result<(), UserError> {
    let config = args.config.load()?;
    let id = NodeKey::load(&config.key_path())?.id();
    let entries = State::open(&config.state_dir())?.local_entries()?;
    match args.format {
        Format::Json => {
            let line = |entry: &LocalEntry| {
                json!({
                    "seq": entry.seq,
                    "unix": entry.unix,
                    "kind": entry.kind,
                    "text": entry.text,
                    "hash": hex::encode(entry.hash()),
                    "signature": hex::encode(entry.signature),
                })
            };
            output::print_json(&entries.iter().map(line).collect::<Vec<_>>())?;
        }
        Format::Table => {
            let mut table = Table::new(&["SEQ", "TIME", "KIND", "TEXT"]);
            for entry in &entries {
                table.row([
                    &entry.seq.to_string(),
                    &output::utc(entry.unix),
                    &entry.kind,
                    &entry.text,
                ]);
            }
            output::print(&table.render())?;
        }
    }
    match local_first_wrong(&entries, &id) {
        None => Ok(()),
        Some(seq) => Err(UserError::new(
            Exit::ReceiptsWrong,
            format!("entry {seq} of the node's own log is not what this node signed there"),
            "the state was edited or its end was lost; restore it from a backup",
        )),
    }
}

fn show(args: &ShowArgs) -> Result<(), UserError> {
    let state = State::open(&args.config.load()?.state_dir())?;
    let collab = find_collab(&state, args.collab.as_deref())?;
    let stored = state.entry(&collab.id(), args.seq)?.ok_or_else(|| {
        UserError::bad_input(
            format!("the log of {} has no entry {}", collab.name(), args.seq),
            "list the entries with `psi-node receipts list`",
        )
    })?;
    let line = receipts::entry_line(&collab, &stored, &decode(&stored)?);
    match args.format {
        Format::Json => output::print_json(&line),
        Format::Table => {
            let mut table = Table::new(&["FIELD", "VALUE"]);
            flatten(&mut table, "", &line);
            output::print(&table.render())
        }
    }
}

/// One row per leaf of a document, its path written with dots.
fn flatten(table: &mut Table, path: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(table, &path, value);
            }
        }
        Value::String(text) => table.row([path, text]),
        Value::Null => table.row([path, "-"]),
        other => table.row([path, &other.to_string()]),
    }
}

fn export_log(args: &ExportArgs) -> Result<(), UserError> {
    let config = args.config.load()?;
    let key = NodeKey::load(&config.key_path())?;
    let state = State::open(&config.state_dir())?;
    let collab = find_collab(&state, args.collab.as_deref())?;
    let entries = export(&state, &collab, &key, &args.output)?;
    output::print(&format!(
        "Wrote {entries} entries of {} to {}.\n",
        collab.name(),
        args.output.display()
    ))
}

fn verify_file(args: &VerifyArgs) -> Result<(), UserError> {
    let expected = match &args.collab_file {
        None => None,
        Some(path) => {
            let (collab, _) = Collaboration::read(path)?;
            collab.verify().map_err(|e| e.at(path))?;
            Some(collab)
        }
    };
    let log = verify(&args.file, expected.as_ref())?;
    if let Some(other) = &args.against {
        compare(&log, &verify(other, expected.as_ref())?)?;
    }
    let (collab, summary) = (&log.collab, &log.summary);
    if args.format == Format::Json {
        let members: Vec<Value> = collab
            .members()
            .iter()
            .map(|member| json!({"name": member.name, "id": member.id}))
            .collect();
        return output::print_json(&json!({
            "verified": true,
            "compared": args.against.is_some(),
            "collab": collab.name(),
            "collab_id": hex::encode(collab.id()),
            "members": members,
            "exported_by": log.member,
            "entries": summary.entries,
            "opened": summary.opened,
            "completed": summary.completed,
            "aborted": summary.aborted,
            "unsigned": summary.unsigned,
        }));
    }
    let mut text = format!(
        "The log of {} verifies: {} entries; {} jobs opened, {} completed, {} aborted.\n\
         Exported by {}. Compare these ids with the members':\n",
        collab.name(),
        summary.entries,
        summary.opened,
        summary.completed,
        summary.aborted,
        log.member,
    );
    for member in collab.members() {
        text.push_str(&format!("  {}  {}\n", member.id, member.name));
    }
    for name in &summary.unsigned {
        text.push_str(&format!(
            "The last entry lacks the signature of {name}; it is added when the nodes next connect.\n"
        ));
    }
    if args.against.is_some() {
        text.push_str("Both logs hold the same entries.\n");
    }
    output::print(&text)
}

fn repair(args: &RepairArgs) -> Result<(), UserError> {
    let statement = args.statement.trim();
    if statement.is_empty() || statement.len() > STATEMENT_BYTES_MAX {
        return Err(UserError::bad_input(
            format!("the statement has {} bytes", statement.len()),
            format!("say in 1 to {STATEMENT_BYTES_MAX} bytes what happened to the log"),
        ));
    }
    let state = State::open(&args.config.load()?.state_dir())?;
    let collab = find_collab(&state, args.collab.as_deref())?;
    let Some(why) = state.chain_broken(&collab.id())? else {
        return Err(UserError::bad_input(
            format!("the log of {} is not known to need repair", collab.name()),
            "nothing to do; a log that does not agree with the peer's is noticed when they connect",
        ));
    };
    state.chain_repair(&collab.id(), statement)?;
    output::print(&format!(
        "The log of {} could not be continued: {why}\nYour statement is recorded. When the nodes \
         next connect, missing entries are fetched from the other member and the statement is put \
         on both logs.\n",
        collab.name()
    ))
}
