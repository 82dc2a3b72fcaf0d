//! A signed collaboration, for the tests of this crate.

use std::net::SocketAddr;

use crate::collab::{Collaboration, Member};
use crate::identity::NodeKey;

/// A signed collaboration named `summer` between `brand` and `snowy`, and their keys in the order
/// of [`Collaboration::members`].
pub(crate) fn signed() -> (Collaboration, [NodeKey; 2]) {
    signed_as("summer")
}

/// [`signed`] under another name.
pub(crate) fn signed_as(name: &str) -> (Collaboration, [NodeKey; 2]) {
    let mut keys = [NodeKey::generate().unwrap(), NodeKey::generate().unwrap()];
    keys.sort_by_key(NodeKey::id);
    let collab = sign_all(unsigned(name, &keys), &keys);
    (collab, keys)
}

/// `collab` with the signatures of both keys.
pub(crate) fn sign_all(mut collab: Collaboration, keys: &[NodeKey; 2]) -> Collaboration {
    for key in keys {
        let name = collab.member_by_id(&key.id()).unwrap().name.clone();
        let signature = key.sign_collab(&collab).unwrap();
        collab.add_signature(&name, signature).unwrap();
    }
    collab
}

/// An unsigned collaboration between `brand` (the first key) and `snowy`.
pub(crate) fn unsigned(name: &str, keys: &[NodeKey; 2]) -> Collaboration {
    let member = |name: &str, key: &NodeKey, port| Member {
        name: name.into(),
        id: key.id(),
        address: SocketAddr::from(([127, 0, 0, 1], port)).into(),
        may_query: true,
        may_receive: true,
    };
    Collaboration::new(
        name,
        [
            member("brand", &keys[0], 7402),
            member("snowy", &keys[1], 7401),
        ],
    )
    .unwrap()
}
