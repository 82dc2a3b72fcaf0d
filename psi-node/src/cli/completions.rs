//! `psi-node completions`: a completion script for a shell, on standard output.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, output};
use crate::error::UserError;
use crate::exit::Exit;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if standard output cannot be written.
pub fn run(args: &CompletionsArgs) -> Result<Exit, UserError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "psi-node", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Released)
}
