//! `psi-node receipts`: show, export, verify and repair the logs that both members countersign.

mod show;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use psi_core::limits::STATEMENT_BYTES_MAX;
use serde_json::{Value, json};

use super::ConfigArg;
use super::output::{self, Format, counted};
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::NodeKey;
use crate::printable;
use crate::receipts::export::export;
use crate::receipts::verify::{compare, verify};
use crate::state::{State, StateError};

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
    /// List this node's own signed log instead: attempts that left no shared entry
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
        ReceiptsCommand::List(args) if args.local => show::list_local(&args),
        ReceiptsCommand::List(args) => show::list(&args),
        ReceiptsCommand::Show(args) => show::show(&args),
        ReceiptsCommand::Export(args) => export_log(&args),
        ReceiptsCommand::Verify(args) => verify_file(&args),
        ReceiptsCommand::Repair(args) => repair(&args),
    }?;
    Ok(Exit::Released)
}

/// The named collaboration, or the only one.
fn find_collab(state: &State, name: Option<&str>) -> Result<Collaboration, UserError> {
    if let Some(name) = name {
        return Ok(state
            .collab_by_name(name)?
            .ok_or(StateError::UnknownCollab)?);
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

fn export_log(args: &ExportArgs) -> Result<(), UserError> {
    let config = args.config.load()?;
    let key = NodeKey::load(&config.key_path())?;
    let state = State::open(&config.state_dir())?;
    let collab = find_collab(&state, args.collab.as_deref())?;
    let entries = export(&state, &collab, &key, &args.output)?;
    output::print(&format!(
        "Wrote {} of {} to {}.\n",
        counted(entries, "entry", "entries"),
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
            "refused": summary.refused,
            "unsigned": summary.unsigned,
        }));
    }
    let mut text = format!(
        "The log of {} verifies: {}; {} opened, {} completed, {} aborted; {} refused.\n\
         Exported by {}. Compare these ids with the members':\n",
        collab.name(),
        counted(summary.entries, "entry", "entries"),
        counted(summary.opened, "job", "jobs"),
        summary.completed,
        summary.aborted,
        counted(summary.refused, "question", "questions"),
        log.member,
    );
    for member in collab.members() {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "  {}  {}", member.id, member.name);
    }
    for name in &summary.unsigned {
        let _ = writeln!(
            text,
            "The last entry lacks the signature of {name}; it is added when the nodes next connect."
        );
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
        "The log of {} could not be continued: {}\nYour statement is recorded. When the nodes \
         next connect, missing entries are fetched from the other member and the statement is put \
         on both logs.\n",
        collab.name(),
        printable::line(&why)
    ))
}
