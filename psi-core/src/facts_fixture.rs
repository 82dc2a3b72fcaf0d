//! Facts and agreements for tests, in which each changes what it is about.
//!
//! The tests of `psi-node` and the fuzz targets take this file in by its path.

use psi_core::facts::TableFacts;
use psi_core::identifier::IdentifierKind;
use psi_core::spec::{Agreement, AskedMode, CollabId, Recipients, RevisionHash, Shape};

/// Facts of a table that answers counts over one key of text.
pub(crate) fn facts(member: &str, identities: u64, minimum: u64) -> TableFacts {
    TableFacts {
        member: member.into(),
        table: "customers".into(),
        key_columns: vec!["name".into()],
        key_kinds: vec![IdentifierKind::Text],
        key_unique: true,
        identities,
        minimum,
        prefer_receiver: false,
        owner_may_receive: false,
        result_to_both: true,
        rows_bound: 1,
        groups: Vec::new(),
        values: Vec::new(),
        privacy: None,
    }
}

/// A question of this shape, whose answer the requester alone receives.
pub(crate) fn agreement(collab_id: CollabId, query: &str, shape: Shape) -> Agreement {
    Agreement {
        collab_id,
        revision: RevisionHash([5; 32]),
        query: query.into(),
        hidden: Vec::new(),
        shape,
        recipients: Recipients::Requester,
        mode: AskedMode::Exact,
        requester_may_receive: true,
        responder_may_receive: true,
    }
}
