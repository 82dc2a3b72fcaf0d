//! Which collaboration a command is about that does not name one: the only one there is.
//!
//! Called by the commands that the daemon answers.

use crate::api::client::Client;
use crate::error::UserError;

/// The collaboration that was named, or else the only one in which this node takes part.
///
/// # Errors
/// [`UserError`] if there is none, or more than one.
pub(super) async fn sole_collab(
    client: &Client,
    given: Option<String>,
) -> Result<String, UserError> {
    if let Some(name) = given {
        return Ok(name);
    }
    let all = client.collaborations().await?.collaborations.into_iter();
    let open = all.filter(|collab| matches!(collab.standing.as_str(), "in_force" | "awaited"));
    let names: Vec<String> = open.map(|collab| collab.name).collect();
    match <[String; 1]>::try_from(names) {
        Ok([only]) => Ok(only),
        Err(names) if names.is_empty() => Err(UserError::bad_input(
            "this node takes part in no collaboration",
            "make one with `psi-node collab invite`, or accept one with `psi-node collab accept`",
        )),
        Err(names) => Err(UserError::bad_input(
            format!(
                "this node takes part in several collaborations: {}",
                names.join(", ")
            ),
            "name one of them",
        )),
    }
}
