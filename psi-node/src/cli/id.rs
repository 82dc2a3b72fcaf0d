//! `psi-node id`: prints the node's id, which members exchange to make a collaboration.

use clap::Args;

use super::{ConfigArg, output};
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::NodeKey;

/// Arguments of `id`.
#[derive(Debug, Args)]
pub struct IdArgs {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if configuration or key cannot be read.
pub fn run(args: &IdArgs) -> Result<Exit, UserError> {
    let key = NodeKey::load(&args.config.load()?.key_path())?;
    output::print(&format!("{}\n", key.id()))?;
    Ok(Exit::Released)
}
