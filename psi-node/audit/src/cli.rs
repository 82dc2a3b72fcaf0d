//! The command line of `psi-audit`: what an auditor runs, on a machine that has no node.
//!
//! `psi-node receipts verify` and `psi-node audit replay` call the same modules.

pub mod completions;
pub mod program;
pub mod replay;
pub mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::UserError;
use crate::exit::Exit;
use crate::process;

/// Checks exported receipts of Glovebox, and jobs by the records that a node kept of them.
///
/// Needs no node, no data and no network.
#[derive(Debug, Parser)]
#[command(name = "psi-audit", version, about, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 everything holds, 1 internal error or the machine failed, 2 bad input, 10 receipts or \
the record do not verify.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Verify an exported log of receipts
    Verify(verify::VerifyArgs),
    /// Run one side's half of a job again from its record, and compare it with the receipt
    Replay(replay::ReplayArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// What the user is told; the caller prints it.
    fn run(&self) -> Result<Exit, UserError> {
        match self {
            Self::Verify(args) => verify::run(args).map(|()| Exit::Released),
            Self::Replay(args) => {
                // From here on the process holds the auditor's key and the seed of a job.
                process::hide_memory()?;
                replay::run(args)
            }
            Self::Completions(args) => completions::run::<Cli>(args),
        }
    }
}

/// Parses the arguments, runs the command, prints its error if there is one.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    program::main(arguments, program::error_style, |cli: Cli| {
        cli.command.run()
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }
}
