//! `psi-node demo`: two real nodes on this machine over sample data.

use clap::Args;

use crate::error::UserError;
use crate::exit::Exit;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the demo cannot run.
pub fn run(_args: DemoArgs) -> Result<Exit, UserError> {
    Err(UserError::internal("not built yet"))
}
