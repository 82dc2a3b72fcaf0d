//! `psi-node receipts`: show, export, verify and repair the logs that both members countersign.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfigArg;
use super::output::Format;
use crate::error::UserError;
use crate::exit::Exit;

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
pub fn run(_command: ReceiptsCommand) -> Result<Exit, UserError> {
    Err(UserError::internal("not built yet"))
}
