//! `psi-node serve`: the daemon.

use clap::Args;

use super::ConfigArg;
use crate::error::UserError;
use crate::exit::Exit;

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the node cannot start.
pub fn run(_args: ServeArgs) -> Result<Exit, UserError> {
    Err(UserError::internal("not built yet"))
}
