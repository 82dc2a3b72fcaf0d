//! A completion script for a shell, on standard output. Called by both programs.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::error::UserError;
use crate::exit::Exit;
use crate::output;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script for the program `P`.
///
/// # Errors
/// [`UserError`] if standard output cannot be written.
pub fn run<P: CommandFactory>(args: &CompletionsArgs) -> Result<Exit, UserError> {
    let mut program = P::command();
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Released)
}
