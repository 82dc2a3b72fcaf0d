//! The public half of a node's identity (Spec 01 §6): the key under which its signatures verify.
//!
//! Read from collaboration documents and written into them. The private half is the node's business
//! and not in this package.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The public key of a node, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub [u8; 32]);

/// Why a text is not a node id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeIdError {
    /// Wrong length or digits.
    #[error("a node id is 64 hexadecimal digits")]
    Form,
    /// No key, or one for which signatures prove nothing.
    #[error("these digits are not a valid ed25519 public key")]
    Key,
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NodeIdError::Form)?;
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(bytes)),
            _ => Err(NodeIdError::Key),
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeId, NodeIdError};

    #[test]
    fn node_ids_round_trip_and_weak_or_malformed_ones_are_refused() {
        let id = NodeId(crate::collab::tests::key(1).verifying_key().to_bytes());
        assert_eq!(id.to_string().parse::<NodeId>(), Ok(id));
        assert_eq!("12".parse::<NodeId>(), Err(NodeIdError::Form));
        assert_eq!("zz".repeat(32).parse::<NodeId>(), Err(NodeIdError::Form));
        // The identity point: anyone can make signatures that verify under it.
        let identity = format!("01{}", "00".repeat(31));
        assert_eq!(identity.parse::<NodeId>(), Err(NodeIdError::Key));
    }
}
