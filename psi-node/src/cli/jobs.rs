//! `psi-node jobs`: what this node was asked and asked itself.

use clap::{Args, Subcommand};

use super::ConfigArg;
use super::output::Format;
use crate::error::UserError;
use crate::exit::Exit;

/// The commands of `jobs`.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List jobs, the newest first
    List(ListArgs),
    /// Show one job
    Show(JobArgs),
    /// Cancel a running job; needs the daemon
    Cancel(JobArgs),
}

/// Arguments of `jobs list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How many at most
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `jobs show` and `jobs cancel`.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job: its local id, its job id, or the first digits of either
    #[arg(value_name = "JOB")]
    pub job: String,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl JobsCommand {
    /// The format that was asked for.
    #[must_use]
    pub const fn format(&self) -> Option<Format> {
        match self {
            Self::List(args) => Some(args.format),
            Self::Show(args) | Self::Cancel(args) => Some(args.format),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] by command.
pub fn run(_command: JobsCommand) -> Result<Exit, UserError> {
    Err(UserError::internal("not built yet"))
}
