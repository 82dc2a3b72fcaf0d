//! The canonical bytes of a specification: its name, tampering, arbitrary bytes.

use proptest::prelude::*;

use super::{agreement, half, spec};
use crate::error::{Code, Error};
use crate::facts::TableFacts;
use crate::identifier::IdentifierKind;
use crate::messages::codec;
use crate::spec::{
    Agreement, AskedMode, CollabId, Component, ComponentKind, Half, JobSpec, LiteralCommitment,
    NodeId, Nonce, PROTOCOL_VERSION, PartSize, Party, Recipients, RevisionHash, Shape,
};

type Change = fn(&mut JobSpec);

/// One change to every field that the sides bring, at every depth.
fn changes() -> Vec<(&'static str, Change)> {
    vec![
        ("collab_id", |spec| spec.collab_id.0[31] ^= 1),
        ("revision", |spec| spec.revision.0[31] ^= 1),
        ("query", |spec| spec.query.push(' ')),
        ("hidden", |spec| spec.hidden[0].0[63] ^= 1),
        ("number of hidden", |spec| {
            spec.hidden.push(LiteralCommitment([2; 64]));
        }),
        ("shape", |spec| spec.shape = Shape::count_identities()),
        ("recipients", |spec| spec.recipients = Recipients::Requester),
        ("requester.node_id", |spec| spec.requester.node_id.0[0] ^= 1),
        ("requester.nonce", |spec| spec.requester.nonce.0[0] ^= 1),
        ("responder.node_id", |spec| spec.responder.node_id.0[0] ^= 1),
        ("responder.nonce", |spec| spec.responder.nonce.0[0] ^= 1),
        ("facts.member", |spec| spec.requester.facts.member.push('x')),
        ("facts.table", |spec| spec.responder.facts.table.push('x')),
        ("facts.key_columns", |spec| {
            spec.responder.facts.key_columns[0].push('x');
        }),
        ("facts.key_kinds", |spec| {
            spec.requester.facts.key_kinds[0] = IdentifierKind::Text;
            spec.responder.facts.key_kinds[0] = IdentifierKind::Text;
        }),
        ("facts.key_unique", |spec| {
            spec.shape = Shape::count_identities();
            spec.requester.facts.key_unique = false;
        }),
        ("facts.identities", |spec| {
            spec.requester.facts.identities += 1;
        }),
        ("facts.minimum", |spec| spec.responder.facts.minimum -= 1),
        ("facts.prefer_receiver", |spec| {
            spec.requester.facts.prefer_receiver = true;
        }),
        ("facts.owner_may_receive", |spec| {
            spec.requester.facts.owner_may_receive = true;
        }),
        ("facts.result_to_both", |spec| {
            spec.recipients = Recipients::Requester;
            spec.responder.facts.result_to_both = false;
        }),
        ("facts.rows_bound", |spec| {
            spec.responder.facts.rows_bound = 2;
        }),
        ("facts.groups", |spec| {
            spec.responder.facts.groups = vec![super::aggregates::group(&["a"], &[5, 6])];
        }),
        ("facts.values", |spec| {
            spec.responder.facts.values = vec![super::aggregates::value()];
        }),
        ("sides", |spec| {
            std::mem::swap(&mut spec.requester, &mut spec.responder);
        }),
    ]
}

/// One change to every field that follows from the others.
fn derived_changes() -> Vec<(&'static str, Change)> {
    vec![
        ("version", |spec| spec.version = PROTOCOL_VERSION + 1),
        ("version 0", |spec| spec.version = 0),
        ("receiver", |spec| spec.receiver = spec.receiver.other()),
        ("smaller minimum", |spec| spec.minimum -= 1),
        ("larger minimum", |spec| spec.minimum += 1),
        ("no parts", |spec| spec.parts.clear()),
        ("two parts", |spec| spec.parts.push(spec.parts[0])),
        ("part.identities", |spec| spec.parts[0].identities += 1),
        ("part.canaries", |spec| spec.parts[0].canaries -= 1),
        ("part.dummies", |spec| spec.parts[0].dummies += 2),
        ("sums that overflow", |spec| {
            let all = u64::MAX;
            spec.parts = vec![
                PartSize {
                    identities: all,
                    canaries: all,
                    dummies: all
                };
                2
            ];
        }),
        ("sender_size", |spec| spec.sender_size -= 1),
        ("tag_bytes", |spec| spec.tag_bytes -= 1),
        ("tag_bytes 0", |spec| spec.tag_bytes = 0),
        ("tag_bytes 255", |spec| spec.tag_bytes = 255),
        ("payload.groups", |spec| spec.payload.groups = 2),
        ("payload.components", |spec| {
            spec.payload.components.push(Component {
                kind: ComponentKind::Identities,
                bound: 1,
            });
        }),
        ("second", |spec| spec.second = spec.matches().pop()),
    ]
}

fn base() -> JobSpec {
    spec(half(1, 500), half(2, 700))
}

#[test]
fn every_field_changes_the_name_of_the_job() {
    let mut names = vec![("nothing", base().job_id())];
    for (what, change) in changes().into_iter().chain(derived_changes()) {
        let mut changed = base();
        change(&mut changed);
        let name = changed.job_id();
        for (earlier, other) in &names {
            assert_ne!(name, *other, "{what} and {earlier}");
        }
        names.push((what, name));
    }
}

#[test]
fn the_name_is_the_labelled_hash_of_the_bytes() {
    use sha2::{Digest as _, Sha512};
    let spec = base();
    let text = [b"psi/v1/job".as_slice(), &spec.encode()].concat();
    assert_eq!(
        spec.job_id().as_bytes().as_slice(),
        Sha512::digest(text).as_slice()
    );
}

#[test]
fn a_derived_field_that_does_not_follow_is_refused() {
    for (what, change) in derived_changes() {
        let mut changed = base();
        change(&mut changed);
        let error = JobSpec::decode(&changed.encode()).unwrap_err();
        assert_eq!(error.code(), Code::SpecMismatch, "{what}");
        assert!(matches!(error, Error::PeerMisbehaved { .. }), "{what}");
    }
}

#[test]
fn a_job_of_the_first_version_is_read_as_it_was_signed() {
    let mut first = base();
    first.version = 1;
    assert_eq!(JobSpec::decode(&first.encode()).unwrap(), first);
    assert_ne!(first.job_id(), base().job_id());
}

#[test]
fn a_reader_holds_the_bounds_that_a_node_holds() {
    let cases: [(&str, Code, Change); 6] = [
        ("no query", Code::MalformedMessage, |spec| {
            spec.query.clear();
        }),
        ("no member", Code::MalformedMessage, |spec| {
            spec.requester.facts.member.clear();
        }),
        ("no identities", Code::SizeNotServed, |spec| {
            spec.responder.facts.identities = 0;
        }),
        ("no minimum", Code::SizeNotServed, |spec| {
            spec.responder.facts.minimum = 0;
        }),
        ("kinds differ", Code::KindsDiffer, |spec| {
            spec.responder.facts.key_kinds[0] = IdentifierKind::Int;
        }),
        ("a key that repeats", Code::KeyNotUnique, |spec| {
            spec.requester.facts.key_unique = false;
            spec.responder.facts.key_unique = false;
        }),
    ];
    for (what, code, change) in cases {
        let mut changed = base();
        change(&mut changed);
        let error = JobSpec::decode(&changed.encode()).unwrap_err();
        assert_eq!(error.code(), code, "{what}");
    }
}

#[test]
fn a_reader_accepts_either_permission_of_the_responder() {
    // The larger list receives: possible only if the responder may not.
    let forced = Agreement {
        recipients: Recipients::Requester,
        responder_may_receive: false,
        ..agreement()
    };
    let spec = JobSpec::assemble(forced, half(1, 700), half(2, 500)).unwrap();
    assert_eq!(spec.receiver, Party::Requester);
    assert_eq!(JobSpec::decode(&spec.encode()).unwrap(), spec);
    // No collaboration with both as recipients allows this.
    let mut both = spec;
    both.recipients = Recipients::Both;
    assert_eq!(
        JobSpec::decode(&both.encode()).unwrap_err().code(),
        Code::SpecMismatch
    );
}

fn kind() -> impl Strategy<Value = IdentifierKind> {
    prop_oneof![
        Just(IdentifierKind::Text),
        Just(IdentifierKind::Trim),
        Just(IdentifierKind::Lower),
        Just(IdentifierKind::Email),
        Just(IdentifierKind::Phone),
        Just(IdentifierKind::Hex),
        Just(IdentifierKind::Int),
    ]
}

fn any_half(kinds: Vec<IdentifierKind>) -> impl Strategy<Value = Half> {
    let columns = prop::collection::vec("\\PC{1,20}", kinds.len());
    let flags = (any::<bool>(), any::<bool>());
    let sizes = (1_u64..1 << 36, 1_u64..1000);
    let bytes = (any::<[u8; 32]>(), any::<[u8; 32]>());
    (bytes, "\\PC{1,20}", "\\PC{1,20}", columns, flags, sizes).prop_map(
        move |((node_id, nonce), member, table, key_columns, flags, sizes)| Half {
            node_id: NodeId(node_id),
            nonce: Nonce(nonce),
            facts: TableFacts {
                member,
                table,
                key_columns,
                key_kinds: kinds.clone(),
                key_unique: flags.0,
                identities: sizes.0,
                minimum: sizes.1,
                prefer_receiver: flags.1,
                owner_may_receive: false,
                result_to_both: true,
                rows_bound: 1,
                groups: Vec::new(),
                values: Vec::new(),
                privacy: None,
            },
        },
    )
}

fn any_spec() -> impl Strategy<Value = JobSpec> {
    let halves = prop::collection::vec(kind(), 1..=8)
        .prop_flat_map(|kinds| (any_half(kinds.clone()), any_half(kinds)));
    let hidden = prop::collection::vec(
        any::<[u8; 32]>().prop_map(|half| {
            let mut whole = [0; 64];
            whole[32..].copy_from_slice(&half);
            whole
        }),
        0..5,
    );
    (
        halves,
        "\\PC{1,200}",
        hidden,
        any::<(bool, bool)>(),
        any::<[u8; 32]>(),
    )
        .prop_map(
            |((requester, responder), query, hidden, (may, both), collab_id)| {
                // With both as recipients, a side that repeats would receive what it owns.
                let unique = requester.facts.key_unique && responder.facts.key_unique;
                let agreement = Agreement {
                    collab_id: CollabId(collab_id),
                    revision: RevisionHash(collab_id),
                    query,
                    hidden: hidden.into_iter().map(LiteralCommitment).collect(),
                    shape: if unique {
                        Shape::count_rows()
                    } else {
                        Shape::count_identities()
                    },
                    recipients: if may && both {
                        Recipients::Both
                    } else {
                        Recipients::Requester
                    },
                    mode: AskedMode::Exact,
                    requester_may_receive: true,
                    responder_may_receive: may,
                };
                JobSpec::assemble(agreement, requester, responder).unwrap()
            },
        )
}

proptest! {
    #[test]
    fn what_was_assembled_reads_back(spec in any_spec()) {
        prop_assert_eq!(JobSpec::decode(&spec.encode()).unwrap(), spec);
    }

    #[test]
    fn a_flipped_bit_never_leaves_the_same_specification(
        spec in any_spec(),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let mut bytes = spec.encode();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(other) = JobSpec::decode(&bytes) {
            prop_assert_ne!(other.job_id(), spec.job_id());
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn a_specification_cut_short_is_refused(
        spec in any_spec(),
        place in any::<prop::sample::Index>(),
    ) {
        let bytes = spec.encode();
        let cut = &bytes[..place.index(bytes.len())];
        prop_assert_eq!(JobSpec::decode(cut).unwrap_err().code(), Code::MalformedMessage);
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(JobSpec::decode(&bytes).is_err());
        // The fields alone, without what must follow from what.
        if let Ok(spec) = codec::decode::<JobSpec>(&bytes) {
            prop_assert_eq!(spec.encode(), bytes);
        }
    }
}
