//! `psi-node id`: prints the node's id, which members exchange to make a collaboration.

use super::{ConfigArg, output};
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::NodeKey;

/// Runs the command.
///
/// # Errors
/// [`UserError`] if configuration or key cannot be read.
pub fn run(config: &ConfigArg) -> Result<Exit, UserError> {
    let key = NodeKey::load(&config.load()?.key_path())?;
    output::print(&format!("{}\n", key.id()))?;
    Ok(Exit::Released)
}
