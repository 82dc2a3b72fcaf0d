//! Roles, sizes, permissions and names of job specifications.

mod aggregates;
mod bytes;
mod privacy;
mod semi_joins;

use super::{Agreement, AskedMode, Half, JobSpec, Mode, PartSize, Party, Recipients, Shape};
use crate::error::{Code, Error};
use crate::facts::TableFacts;
use crate::facts_fixture::facts;
use crate::identifier::IdentifierKind;
use crate::limits;
use crate::messages::{Control, Proposal, codec};
use crate::receipt::{Body, Entry};
use crate::spec::{CollabId, LiteralCommitment, RevisionHash};

fn agreement() -> Agreement {
    Agreement {
        collab_id: CollabId([1; 32]),
        revision: RevisionHash([5; 32]),
        query: "SELECT COUNT(*) FROM a.t JOIN b.t ON a.t.k = b.t.k WHERE a.t.c > $1".into(),
        hidden: vec![LiteralCommitment([2; 64])],
        shape: Shape::count_rows(),
        recipients: Recipients::Both,
        mode: AskedMode::Exact,
        requester_may_receive: true,
        responder_may_receive: true,
    }
}

fn half(node: u8, identities: u64) -> Half {
    Half {
        node_id: [node; 32].into(),
        nonce: [node + 100; 32].into(),
        facts: TableFacts {
            key_columns: vec!["email".into()],
            key_kinds: vec![IdentifierKind::Email],
            ..facts(&format!("member{node}"), identities, 10)
        },
    }
}

fn spec(requester: Half, responder: Half) -> JobSpec {
    JobSpec::assemble(agreement(), requester, responder).unwrap()
}

fn receiver(change: impl FnOnce(&mut Agreement, &mut TableFacts, &mut TableFacts)) -> Party {
    let mut agreement = Agreement {
        recipients: Recipients::Requester,
        ..agreement()
    };
    let (mut asking, mut asked) = (half(1, 1000), half(2, 1000));
    change(&mut agreement, &mut asking.facts, &mut asked.facts);
    let spec = JobSpec::assemble(agreement, asking, asked).unwrap();
    assert_eq!(JobSpec::decode(&spec.encode()).unwrap(), spec);
    spec.receiver
}

#[test]
fn a_tie_makes_the_requester_receiver() {
    assert_eq!(receiver(|_, _, _| ()), Party::Requester);
    assert_eq!(
        receiver(|_, asking, asked| {
            asking.prefer_receiver = true;
            asked.prefer_receiver = true;
        }),
        Party::Requester
    );
}

#[test]
fn the_smaller_registered_list_makes_the_receiver() {
    assert_eq!(
        receiver(|_, asking, _| asking.identities = 1001),
        Party::Responder
    );
    assert_eq!(
        receiver(|_, _, asked| asked.identities = 1001),
        Party::Requester
    );
}

#[test]
fn the_side_that_alone_prefers_it_is_receiver_whatever_the_sizes() {
    assert_eq!(
        receiver(|_, asking, _| {
            asking.identities = 9000;
            asking.prefer_receiver = true;
        }),
        Party::Requester
    );
    assert_eq!(
        receiver(|_, _, asked| {
            asked.identities = 9000;
            asked.prefer_receiver = true;
        }),
        Party::Responder
    );
}

#[test]
fn two_preferences_leave_the_choice_to_the_sizes() {
    assert_eq!(
        receiver(|_, asking, asked| {
            asking.prefer_receiver = true;
            asked.prefer_receiver = true;
            asked.identities = 10;
        }),
        Party::Responder
    );
}

#[test]
fn a_responder_that_may_not_receive_is_never_receiver() {
    assert_eq!(
        receiver(|agreement, asking, asked| {
            agreement.responder_may_receive = false;
            asking.identities = 9000;
            asked.prefer_receiver = true;
        }),
        Party::Requester
    );
}

#[test]
fn canaries_are_as_many_as_identities_within_their_bounds() {
    for (identities, canaries) in [
        (1, 64),
        (63, 64),
        (64, 64),
        (65, 65),
        (1023, 1023),
        (1024, 1024),
        (1025, 1024),
        (limits::IDENTITIES_MAX, 1024),
    ] {
        let part = PartSize::for_identities(identities);
        assert_eq!(
            part,
            PartSize {
                identities,
                canaries,
                dummies: 0
            }
        );
        assert_eq!(part.points(), identities + canaries);
    }
}

#[test]
fn sizes_come_from_the_role_not_from_who_asks() {
    for (asking, asked) in [(200, 3000), (3000, 200)] {
        let spec = spec(half(1, asking), half(2, asked));
        assert_eq!(
            spec.parts,
            [PartSize {
                identities: 200,
                canaries: 200,
                dummies: 0
            }]
        );
        assert_eq!(spec.receiver_size(), 400);
        assert_eq!(spec.sender_size, 3000);
        assert_eq!(spec.half(spec.receiver).facts.identities, 200);
    }
}

#[test]
fn tags_are_as_long_as_the_sizes_ask() {
    // ceil((40 + bitlen(N2) + bitlen(max(N1, N2))) / 8), N1 = identities + canaries.
    for (receiver, sender, bytes) in [
        (1, 1, 6),              // 40 + 1 + 7
        (4, 4, 7),              // 40 + 3 + 7
        (1000, 1000, 8),        // 40 + 10 + 11
        (1 << 20, 1 << 20, 11), // 40 + 21 + 21
        (1 << 36, 1 << 36, 15), // 40 + 37 + 37
        (1, 1 << 36, 15),
    ] {
        let spec = spec(half(1, receiver), half(2, sender));
        assert_eq!(spec.receiver, Party::Requester);
        assert_eq!(spec.tag_bytes, bytes, "{receiver} and {sender}");
    }
}

#[test]
fn the_larger_minimum_holds() {
    let mut strict = half(2, 1000);
    strict.facts.minimum = 77;
    assert_eq!(spec(half(1, 1000), strict.clone()).minimum, 77);
    assert_eq!(spec(strict, half(1, 1000)).minimum, 77);
}

fn refused(change: impl FnOnce(&mut Agreement, &mut TableFacts, &mut TableFacts)) -> Error {
    let mut agreement = agreement();
    let (mut asking, mut asked) = (half(1, 1000), half(2, 1000));
    change(&mut agreement, &mut asking.facts, &mut asked.facts);
    JobSpec::assemble(agreement, asking, asked).unwrap_err()
}

fn incompatible(change: impl FnOnce(&mut Agreement, &mut TableFacts, &mut TableFacts)) -> Code {
    match refused(change) {
        Error::PeerIncompatible { code, .. } => code,
        other => panic!("{other}"),
    }
}

#[test]
fn a_job_of_one_node_with_itself_is_refused() {
    let error = JobSpec::assemble(agreement(), half(1, 1000), half(1, 1000)).unwrap_err();
    assert_eq!(error.code(), Code::SpecMismatch);
}

#[test]
fn different_kinds_do_not_fit_together() {
    assert_eq!(
        incompatible(|_, asking, _| asking.key_kinds = vec![IdentifierKind::Lower]),
        Code::KindsDiffer
    );
    let two = |facts: &mut TableFacts, kinds: [IdentifierKind; 2]| {
        facts.key_columns = vec!["a".into(), "b".into()];
        facts.key_kinds = kinds.to_vec();
    };
    let (email, int) = (IdentifierKind::Email, IdentifierKind::Int);
    assert_eq!(
        incompatible(|_, asking, _| two(asking, [email, int])),
        Code::KindsDiffer
    );
    assert_eq!(
        incompatible(|_, asking, asked| {
            two(asking, [email, int]);
            two(asked, [int, email]);
        }),
        Code::KindsDiffer
    );
}

#[test]
fn rows_are_not_counted_where_both_keys_repeat() {
    let repeat = |_: &mut Agreement, asking: &mut TableFacts, asked: &mut TableFacts| {
        asking.key_unique = false;
        asked.key_unique = false;
    };
    assert_eq!(incompatible(repeat), Code::KeyNotUnique);
    let identities = Agreement {
        shape: Shape::count_identities(),
        ..agreement()
    };
    let (mut asking, mut asked) = (half(1, 10), half(2, 10));
    asking.facts.key_unique = false;
    asked.facts.key_unique = false;
    assert!(JobSpec::assemble(identities, asking, asked).is_ok());
}

#[test]
fn nobody_receives_who_may_not() {
    let code = Code::RecipientNotAllowed;
    assert_eq!(
        incompatible(|agreement, _, _| agreement.responder_may_receive = false),
        code
    );
    assert_eq!(
        incompatible(|agreement, _, _| agreement.requester_may_receive = false),
        code
    );
    assert_eq!(
        incompatible(|agreement, _, _| {
            agreement.requester_may_receive = false;
            agreement.recipients = Recipients::Requester;
        }),
        code
    );
}

#[test]
fn recipients_include_whom_they_name() {
    assert!(Recipients::Requester.include(Party::Requester));
    assert!(!Recipients::Requester.include(Party::Responder));
    assert!(Recipients::Both.include(Party::Requester));
    assert!(Recipients::Both.include(Party::Responder));
    assert_eq!(Party::Requester.other(), Party::Responder);
    assert_eq!(Party::Responder.other(), Party::Requester);
}

#[test]
fn what_is_out_of_bounds_is_malformed() {
    type Change = fn(&mut Agreement, &mut TableFacts, &mut TableFacts);
    let changes: [(&str, Change); 11] = [
        ("no query", |agreement, _, _| agreement.query.clear()),
        ("a long query", |agreement, _, _| {
            agreement.query = "x".repeat(limits::QUERY_BYTES_MAX + 1);
        }),
        ("many literals", |agreement, _, _| {
            agreement.hidden = vec![LiteralCommitment([0; 64]); limits::HIDDEN_LITERALS_MAX + 1];
        }),
        ("no member", |_, asking, _| asking.member.clear()),
        ("no table", |_, _, asked| asked.table.clear()),
        ("a long table", |_, asking, _| {
            asking.table = "t".repeat(limits::NAME_BYTES_MAX + 1);
        }),
        ("no column's name", |_, asking, _| {
            asking.key_columns[0].clear();
        }),
        ("a long column", |_, _, asked| {
            asked.key_columns[0] = "c".repeat(limits::NAME_BYTES_MAX + 1);
        }),
        ("no columns", |_, asking, asked| {
            for facts in [asking, asked] {
                facts.key_columns.clear();
                facts.key_kinds.clear();
            }
        }),
        ("many columns", |_, asking, asked| {
            for facts in [asking, asked] {
                facts.key_columns = vec!["c".into(); limits::KEY_COLUMNS_MAX + 1];
                facts.key_kinds = vec![IdentifierKind::Text; limits::KEY_COLUMNS_MAX + 1];
            }
        }),
        ("columns without kinds", |_, asking, _| {
            asking.key_columns.push("c".into());
        }),
    ];
    for (what, change) in changes {
        assert_eq!(refused(change).code(), Code::MalformedMessage, "{what}");
    }
}

#[test]
fn sizes_out_of_bounds_are_not_served() {
    for size in [0, limits::IDENTITIES_MAX + 1, u64::MAX] {
        assert_eq!(
            refused(|_, asking, _| asking.identities = size).code(),
            Code::SizeNotServed
        );
        assert_eq!(
            refused(|_, _, asked| asked.identities = size).code(),
            Code::SizeNotServed
        );
        assert_eq!(
            refused(|_, asking, _| asking.minimum = size).code(),
            Code::SizeNotServed
        );
        assert_eq!(
            refused(|_, _, asked| asked.minimum = size).code(),
            Code::SizeNotServed
        );
    }
}

/// The largest specification that passes every bound.
fn largest() -> JobSpec {
    let name = "n".repeat(limits::NAME_BYTES_MAX);
    let big = |node| {
        let mut half = half(node, limits::IDENTITIES_MAX);
        half.facts.member.clone_from(&name);
        half.facts.table.clone_from(&name);
        half.facts.key_columns = vec![name.clone(); limits::KEY_COLUMNS_MAX];
        half.facts.key_kinds = vec![IdentifierKind::Email; limits::KEY_COLUMNS_MAX];
        half.facts.minimum = limits::IDENTITIES_MAX;
        half.facts.owner_may_receive = true;
        half.facts.groups = aggregates::largest_groups();
        half.facts.values = vec![privacy::clamped(); limits::VALUES_MAX];
        half.facts.privacy = Some(privacy::facts());
        half
    };
    let mut shape = Shape::count_rows();
    for side in [&mut shape.requester, &mut shape.responder] {
        side.groups = u32::try_from(limits::GROUP_COLUMNS_MAX).unwrap();
        side.values = vec![aggregates::sum(); limits::VALUES_MAX];
    }
    let agreement = Agreement {
        query: "q".repeat(limits::QUERY_BYTES_MAX),
        hidden: vec![LiteralCommitment([3; 64]); limits::HIDDEN_LITERALS_MAX],
        shape,
        ..agreement()
    };
    // More parts and components than are served, but as many bytes as halves can have.
    let mut spec = JobSpec::assemble(counting(&agreement), half(1, 1000), half(2, 1000)).unwrap();
    spec.shape = agreement.shape;
    (spec.requester, spec.responder) = (big(1), big(2));
    let size = PartSize::for_identities(limits::IDENTITIES_MAX);
    spec.parts = vec![size; usize::try_from(limits::PARTS_MAX).unwrap()];
    let mut matches = spec.matches();
    let mut second = matches.remove(0);
    let component = super::Component {
        kind: super::ComponentKind::Squares(u32::MAX),
        bound: u64::MAX,
    };
    second.payload.components = vec![component; 3 * limits::VALUES_MAX + 2];
    spec.payload = second.payload.clone();
    spec.mode = Mode::Dp(privacy::largest_terms(spec.payload.components.len()));
    spec.second = Some(second);
    spec
}

fn counting(agreement: &Agreement) -> Agreement {
    Agreement {
        shape: Shape::count_rows(),
        ..agreement.clone()
    }
}

#[test]
fn the_largest_specification_fits_every_message_and_entry() {
    let spec = largest();
    assert_eq!(codec::decode::<JobSpec>(&spec.encode()).unwrap(), spec);
    spec.requester.facts.validate().unwrap();
    let entry = Entry {
        collab_id: spec.collab_id,
        seq: u64::MAX,
        previous: [0xff; 64].into(),
        body: Body::Opened {
            spec: spec.encode(),
            agreements: [[0; 64].into(); 2],
            commitments: [[0; 64].into(); 2],
            policies: [[0; 64].into(); 2],
            charges: [crate::dp::Amount::default(); 2],
        },
    };
    assert!(entry.encode().len() <= limits::ENTRY_BYTES_MAX);
    let proposal = Control::Propose(Proposal {
        version: spec.version,
        collab_id: spec.collab_id,
        revision: spec.revision,
        query: spec.query.clone(),
        hidden: spec.hidden.clone(),
        recipients: spec.recipients,
        mode: spec.mode.asked(),
        half: spec.requester,
    });
    let bytes = codec::encode(&proposal);
    assert!(bytes.len() <= limits::CONTROL_BYTES_MAX);
    assert_eq!(codec::decode::<Control>(&bytes).unwrap(), proposal);
}
