//! The public half of a node's identity (Spec 01 §6): the key under which its signatures verify.
//!
//! A [`NodeId`] is any 32 bytes. What a collaboration names must also be a key, which is checked
//! here. Called wherever a document, a command or an invite brings one. The private half is the
//! node's business and not in this package.

use ed25519_dalek::VerifyingKey;
pub use psi_core::spec::NodeId;
use serde::{Deserialize as _, Deserializer, de::Error as _};

/// Why a text or 32 bytes are not the key of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeIdError {
    /// Wrong length or digits.
    #[error("a node id is 64 hexadecimal digits")]
    Form,
    /// No key, or one for which signatures prove nothing.
    #[error("these digits are not a valid ed25519 public key")]
    Key,
}

/// The node id, if it is a key under which a signature proves something.
///
/// # Errors
/// [`NodeIdError::Key`].
pub fn check_node_id(id: NodeId) -> Result<NodeId, NodeIdError> {
    match VerifyingKey::from_bytes(id.as_bytes()) {
        Ok(key) if !key.is_weak() => Ok(id),
        _ => Err(NodeIdError::Key),
    }
}

/// Reads 64 hexadecimal digits.
///
/// # Errors
/// [`NodeIdError`].
pub fn parse_node_id(text: &str) -> Result<NodeId, NodeIdError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| NodeIdError::Form)?;
    check_node_id(NodeId(bytes))
}

/// Reads the field of a document, for `#[serde(deserialize_with)]`.
///
/// # Errors
/// The deserializer's, with a [`NodeIdError`].
pub(crate) fn node_id_field<'de, D: Deserializer<'de>>(from: D) -> Result<NodeId, D::Error> {
    parse_node_id(&String::deserialize(from)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_round_trip_and_weak_or_malformed_ones_are_refused() {
        let id = NodeId(crate::collab::tests::key(1).verifying_key().to_bytes());
        assert_eq!(parse_node_id(&id.to_string()), Ok(id));
        assert_eq!(parse_node_id("12"), Err(NodeIdError::Form));
        assert_eq!(parse_node_id(&"zz".repeat(32)), Err(NodeIdError::Form));
        // The identity point: anyone can make signatures that verify under it.
        let identity = format!("01{}", "00".repeat(31));
        assert_eq!(parse_node_id(&identity), Err(NodeIdError::Key));
    }
}
