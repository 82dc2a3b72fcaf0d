//! `psi-node receipts`: show, export, verify and repair the logs that both members countersign.

mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
pub use psi_audit::cli::verify::VerifyArgs;
use psi_core::limits::STATEMENT_BYTES_MAX;

use super::candidates;
use super::output::{self, counted};
use super::{Common, ConfigArg};
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::NodeKey;
use crate::printable;
use crate::receipts::export::export;
use crate::state::{State, StateError};

/// The commands of `receipts`.
#[derive(Debug, Subcommand)]
pub enum ReceiptsCommand {
    /// List the entries of a collaboration's log, or of this node's own log
    #[command(after_help = "Example:\n  psi-node receipts list --collab summer")]
    List(ListArgs),
    /// Show one entry in full
    #[command(after_help = "Example:\n  psi-node receipts show 0")]
    Show(ShowArgs),
    /// Write a collaboration's log to a file that others can verify
    #[command(after_help = "Example:\n  psi-node receipts export --collab summer -o summer.jsonl")]
    Export(ExportArgs),
    /// Verify an exported log; needs no node, no data and no network
    #[command(after_help = "Example:\n  psi-node receipts verify summer.jsonl")]
    Verify(VerifyArgs),
    /// Accept the peer's log after this node's own was rolled back, and record why
    #[command(
        after_help = "Example:\n  psi-node receipts repair --collab summer --statement \"state restored from the backup of Monday\""
    )]
    Repair(RepairArgs),
}

/// Arguments of `receipts list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The collaboration; may be left out if there is only one
    #[arg(long, value_name = "NAME", add = candidates::collabs())]
    pub collab: Option<String>,
    /// List this node's own signed log instead: attempts that left no shared entry
    #[arg(long, conflicts_with = "collab")]
    pub local: bool,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `receipts show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The entry's number
    #[arg(value_name = "SEQ")]
    pub seq: u64,
    /// The collaboration; may be left out if there is only one
    #[arg(long, value_name = "NAME", add = candidates::collabs())]
    pub collab: Option<String>,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `receipts export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The collaboration; may be left out if there is only one
    #[arg(long, value_name = "NAME", add = candidates::collabs())]
    pub collab: Option<String>,
    /// Where to write the log (JSON Lines)
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Arguments of `receipts repair`.
#[derive(Debug, Args)]
pub struct RepairArgs {
    /// The collaboration; may be left out if there is only one
    #[arg(long, value_name = "NAME", add = candidates::collabs())]
    pub collab: Option<String>,
    /// What happened, in your words; both members' logs will hold it
    #[arg(long, value_name = "TEXT")]
    pub statement: String,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
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
        ReceiptsCommand::Verify(args) => psi_audit::cli::verify::run(&args),
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

/// What the owner says happened, if a log can hold it.
pub(super) fn checked_statement<'a>(words: &'a str, about: &str) -> Result<&'a str, UserError> {
    let words = words.trim();
    if words.is_empty() || words.len() > STATEMENT_BYTES_MAX {
        return Err(UserError::bad_input(
            format!("the statement has {} bytes", words.len()),
            format!("say in 1 to {STATEMENT_BYTES_MAX} bytes what happened to the {about}"),
        ));
    }
    Ok(words)
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

fn repair(args: &RepairArgs) -> Result<(), UserError> {
    let statement = checked_statement(&args.statement, "log")?;
    let state = args.config.state()?;
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
