//! `psi-node collab`: make, sign and join collaborations.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfigArg;
use super::output::Format;
use crate::error::UserError;
use crate::exit::Exit;

/// The commands of `collab`.
#[derive(Debug, Subcommand)]
pub enum CollabCommand {
    /// Write a new, unsigned collaboration document
    New(NewArgs),
    /// Add this node's signature to a document
    Sign(FileArgs),
    /// Check all signatures and take the collaboration into this node's state
    Join(FileArgs),
    /// List the collaborations this node has joined
    List(ListArgs),
    /// Show one collaboration this node has joined
    Show(ShowArgs),
}

/// Arguments of `collab new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The collaboration's name
    #[arg(long)]
    pub name: String,
    /// A member; give two. ADDRESS is where its node is reached (IP:PORT or HOST:PORT)
    #[arg(long = "member", value_name = "NAME=ID@ADDRESS", required = true)]
    pub members: Vec<String>,
    /// A member that may not ask questions (repeatable)
    #[arg(long, value_name = "NAME")]
    pub no_query: Vec<String>,
    /// A member that may not receive results (repeatable)
    #[arg(long, value_name = "NAME")]
    pub no_receive: Vec<String>,
    /// Where to write the document
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Arguments of `collab sign` and `collab join`.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The collaboration document
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Arguments of `collab list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `collab show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The collaboration's name
    pub name: String,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl CollabCommand {
    /// The format that was asked for, if the command has one.
    #[must_use]
    pub const fn format(&self) -> Option<Format> {
        match self {
            Self::List(args) => Some(args.format),
            Self::Show(args) => Some(args.format),
            Self::New(_) | Self::Sign(_) | Self::Join(_) => None,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] by command.
pub fn run(_command: CollabCommand) -> Result<Exit, UserError> {
    Err(UserError::internal("not built yet"))
}
