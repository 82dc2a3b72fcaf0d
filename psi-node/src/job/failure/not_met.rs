//! What to do where the two nodes did not come together: no connection, or a member that has not
//! joined.
//!
//! Part of [`super::Failure`]. Sentences for the person who asked.

use crate::net::ConnectError;

/// What the other person has to type.
pub(super) fn not_joined(member: &str, collab: &str, awaited: bool) -> String {
    if awaited {
        return format!(
            "the owner of {member} runs `psi-node collab accept` with this node's reply, which \
             `psi-node collab show {collab} --reply` prints"
        );
    }
    format!(
        "the owner of {member} runs `psi-node collab accept` with the invite, also where it took that \
         back; or `psi-node collab join FILE` with the document that `psi-node collab show {collab} \
         --document` prints here, also where the invite has expired there; or `psi-node collab resume \
         {collab}` if it was suspended there"
    )
}

/// What to do where the other node could not be connected to.
pub(super) const fn connecting(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::WrongPeer { .. } => {
            "check the address and the id of the other member in the collaboration"
        }
        ConnectError::KeyRefused { .. } => {
            "ask the other member to run `psi-node collab join`, or `psi-node collab resume` if it \
             suspended the collaboration"
        }
        ConnectError::OtherProtocol { .. } => {
            "check the address, and install the same version of Glovebox on both nodes"
        }
        ConnectError::NoSuchName { .. } => {
            "check the name in the collaboration and this machine's name server; a name that has \
             changed is a revision of the collaboration (`psi-node collab revise`)"
        }
        ConnectError::NoRoute { .. } => {
            "check this machine's network, and that `listen` in node.toml is an address from which \
             the other node can be reached, such as 0.0.0.0 or [::]"
        }
        ConnectError::NoAddress => {
            "let the other member ask; or give its node an address with `psi-node collab revise`"
        }
        ConnectError::Unreachable { .. } | ConnectError::Local(_) => {
            "check that the other node is running, that its address in the collaboration is right, \
             and that no firewall blocks UDP between the two nodes"
        }
    }
}
