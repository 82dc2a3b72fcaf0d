//! `psi-node check`: the configuration and the data against each other, without a peer.

use clap::Args;

use super::ConfigArg;
use super::output::Format;
use crate::error::UserError;
use crate::exit::Exit;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the configuration makes no sense.
pub fn run(_args: &CheckArgs) -> Result<Exit, UserError> {
    Err(UserError::internal("not built yet"))
}
