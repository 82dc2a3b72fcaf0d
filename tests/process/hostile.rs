//! A peer that joined honestly and then breaks the protocol, over real QUIC: every defect ends in
//! its documented code, the node lives, and its job with another member is unharmed.
//!
//! The defects of single lists are files in `psi-core/testdata/hostile`, fed to the sessions there;
//! here are those that need a real node behind them.

use std::sync::Arc;
use std::time::Duration;

use psi_core::Code;
use psi_core::identifier::IdentifierKind;
use psi_core::messages::frame::{ListId, RowsHeader};
use psi_core::messages::{Control, Proposal};
use psi_core::spec::{CollabId, JobSpec, LiteralCommitment, Nonce, Recipients, RevisionHash};
use psi_node::identity::NodeKey;
use psi_node::net::{ConnectError, Endpoint};
use serde_json::json;

use crate::answering::answer_until_match;
use crate::harness::{COUNT, free_address};
use crate::stage::{PEOPLE, QUERY, Stage, blinded, code, commitment, control, ending, own_lists};

/// What a peer changes in an honest proposal.
type Tamper = Box<dyn Fn(&mut Proposal)>;

#[test]
fn first_messages_that_may_not_be_sent_are_refused_by_their_codes() {
    let mut stage = Stage::new();
    let bert = stage.bert();
    let tamper: Vec<(Code, Tamper)> = vec![
        // An older node has other forms of identifiers.
        (Code::VersionUnsupported, Box::new(|p| p.version = 1)),
        (
            Code::UnknownCollaboration,
            Box::new(|p| p.collab_id = CollabId([8; 32])),
        ),
        (
            Code::RevisionDiffers,
            Box::new(|p| p.revision = RevisionHash([8; 32])),
        ),
        (
            Code::RecipientNotAllowed,
            Box::new(|p| p.recipients = Recipients::Both),
        ),
        (
            Code::QueryNotAccepted,
            Box::new(|p| p.query = "SELECT 1".into()),
        ),
        (
            Code::QueryNotAccepted,
            Box::new(|p| p.query = QUERY.to_lowercase()),
        ),
        (
            Code::QueryNotAccepted,
            Box::new(|p| p.query = "(".repeat(16_000)),
        ),
        (
            Code::QueryNotAccepted,
            Box::new(|p| p.hidden = vec![LiteralCommitment([0; 64])]),
        ),
        (
            Code::SpecMismatch,
            Box::new(|p| p.half.node_id = [1; 32].into()),
        ),
        (
            Code::SpecMismatch,
            Box::new(|p| p.half.facts.table = "staff".into()),
        ),
        (
            Code::SpecMismatch,
            Box::new(|p| p.half.facts.member = "anna".into()),
        ),
        (
            Code::KindsDiffer,
            Box::new(|p| p.half.facts.key_kinds = vec![IdentifierKind::Email]),
        ),
        // Then bert's rows are what is counted, and he would receive a count of his own.
        (
            Code::OwnerNotAllowed,
            Box::new(|p| p.half.facts.key_unique = false),
        ),
        (
            Code::SizeNotServed,
            Box::new(|p| p.half.facts.identities = 1 << 40),
        ),
        (
            Code::SizeNotServed,
            Box::new(|p| p.half.facts.identities = 1 << 36),
        ),
    ];
    stage.runtime.block_on(async {
        for (n, (code, tamper)) in tamper.iter().enumerate() {
            let (mut send, mut receive) = bert.open().await;
            let mut proposal = bert.proposal();
            tamper(&mut proposal);
            send.control(&Control::Propose(proposal)).await.unwrap();
            assert_eq!(ending(&mut receive).await, *code, "proposal {n}");
        }
        for (n, message) in [
            Control::Working,
            Control::ReadyToClose,
            commitment([0; 64]),
            Control::SenderKey {
                match_index: 0,
                point: [1; 32],
            },
        ]
        .iter()
        .enumerate()
        {
            let (mut send, mut receive) = bert.open().await;
            send.control(message).await.unwrap();
            if matches!(message, Control::Working) {
                send.control(&Control::Countersign {
                    signature: [0; 64].into(),
                })
                .await
                .unwrap();
            }
            assert_eq!(
                ending(&mut receive).await,
                Code::UnexpectedMessage,
                "message {n}"
            );
        }
        let (mut send, mut receive) = bert.open().await;
        send.rows(blinded(), &[1; 32]).await.unwrap();
        assert_eq!(
            ending(&mut receive).await,
            Code::UnexpectedMessage,
            "rows first"
        );
    });
    stage.anna_is_well();
}

#[test]
fn an_inquiry_is_held_to_the_rules_of_a_proposal_and_commits_to_nothing() {
    let mut stage = Stage::new();
    let bert = stage.bert();
    let tamper: Vec<(Code, Tamper)> = vec![
        (
            Code::MalformedMessage,
            Box::new(|p| p.half.nonce = [1; 32].into()),
        ),
        (
            Code::MalformedMessage,
            Box::new(|p| p.hidden = vec![LiteralCommitment([1; 64])]),
        ),
        // An older node has other forms of identifiers.
        (Code::VersionUnsupported, Box::new(|p| p.version = 1)),
        (
            Code::RevisionDiffers,
            Box::new(|p| p.revision = RevisionHash([8; 32])),
        ),
        (
            Code::QueryNotAccepted,
            Box::new(|p| p.query = "(".repeat(16_000)),
        ),
        (
            Code::SpecMismatch,
            Box::new(|p| p.half.node_id = [1; 32].into()),
        ),
        (
            Code::RecipientNotAllowed,
            Box::new(|p| p.recipients = Recipients::Both),
        ),
    ];
    stage.runtime.block_on(async {
        let inquiry = || {
            let mut proposal = bert.proposal();
            proposal.half.nonce = Nonce::ZERO;
            proposal
        };
        for (n, (code, change)) in tamper.iter().enumerate() {
            let (mut send, mut receive) = bert.open().await;
            let mut proposal = inquiry();
            change(&mut proposal);
            send.control(&Control::Inquire(proposal)).await.unwrap();
            assert_eq!(ending(&mut receive).await, *code, "inquiry {n}");
        }
        let (mut send, mut receive) = bert.open().await;
        send.control(&Control::Inquire(inquiry())).await.unwrap();
        let answer = control(&mut receive).await.unwrap();
        let Control::Facts { facts, approval } = answer else {
            panic!("{answer:?}")
        };
        assert_eq!((facts.identities, approval), (PEOPLE, false));
        // An answer begins no stream.
        let (mut send, mut receive) = bert.open().await;
        send.control(&Control::Facts { facts, approval })
            .await
            .unwrap();
        assert_eq!(ending(&mut receive).await, Code::UnexpectedMessage);
    });
    stage.anna_is_well();
    assert!(!stage.world.a.export().contains("\"opened\""));
}

#[test]
fn a_wrong_signature_over_the_job_ends_it_before_anything_is_opened() {
    let mut stage = Stage::new();
    let bert = stage.bert();
    stage.runtime.block_on(async {
        let (mut send, mut receive) = bert.open().await;
        send.control(&Control::Propose(bert.proposal()))
            .await
            .unwrap();
        control(&mut receive).await.unwrap();
        send.control(&Control::Agree {
            signature: [5; 64].into(),
        })
        .await
        .unwrap();
        assert_eq!(ending(&mut receive).await, Code::SignatureInvalid);
    });
    stage.anna_is_well();
    assert!(!stage.world.a.export().contains("\"opened\""));
}

/// Opens a job honestly, sends `frames` as the blinded list and expects `code`.
#[track_caller]
fn blinded_list_ends_in(code: Code, frames: impl FnOnce(&JobSpec) -> Vec<Vec<u8>>) {
    let mut stage = Stage::new();
    let bert = stage.bert();
    let ended = stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        let spec = bert.open_job(&mut wire).await;
        for frame in frames(&spec) {
            // Anna may end the stream in the middle.
            if wire.0.rows(blinded(), &frame).await.is_err() {
                break;
            }
        }
        ending(&mut wire.1).await
    });
    assert_eq!(ended, code);
    stage.anna_is_well();
    crate::harness::eventually("anna reports the job aborted", || {
        let jobs = stage
            .world
            .a
            .run(&["jobs", "list", "--format", "json"])
            .expect(0)
            .stdout;
        jobs.contains(code.as_str())
    });
}

/// As many ascending records as the list has, none of them an element.
fn junk(spec: &JobSpec) -> Vec<u8> {
    let records = (1..=spec.receiver_size()).flat_map(|n| {
        let mut record = [0xf0; 32];
        record[..8].copy_from_slice(&n.to_be_bytes());
        record
    });
    records.collect()
}

#[test]
fn points_that_are_no_elements_end_the_job() {
    blinded_list_ends_in(Code::NonCanonicalElement, |spec| {
        vec![code(32, &junk(spec))]
    });
}

#[test]
fn the_identity_among_the_points_ends_the_job() {
    blinded_list_ends_in(Code::IdentityElement, |spec| {
        let mut records = junk(spec);
        records[..32].fill(0);
        vec![code(32, &records)]
    });
}

#[test]
fn bits_that_are_the_code_of_no_list_end_the_job() {
    blinded_list_ends_in(Code::MalformedMessage, |_| vec![vec![0; 1000]]);
}

#[test]
fn bytes_after_the_last_point_end_the_job() {
    blinded_list_ends_in(Code::WrongCount, |spec| {
        let mut bytes = code(32, &junk(spec));
        bytes.push(0);
        vec![bytes]
    });
}

#[test]
fn a_list_cut_into_single_bytes_is_taken_up_to_its_defect() {
    blinded_list_ends_in(Code::NonCanonicalElement, |spec| {
        code(32, &junk(spec))
            .chunks(1)
            .map(<[u8]>::to_vec)
            .collect()
    });
}

#[test]
fn a_peer_that_falls_silent_is_given_up_after_the_time_limit() {
    let mut stage = Stage::new();
    let bert = stage.bert();
    stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        bert.open_job(&mut wire).await;
        // The harness gives a peer ten seconds.
        assert_eq!(ending(&mut wire.1).await, Code::TimedOut);
    });
    stage.anna_is_well();
}

#[test]
fn a_key_that_no_collaboration_names_gets_no_connection() {
    let mut stage = Stage::new();
    let key = Arc::new(NodeKey::generate().unwrap());
    let endpoint = stage.endpoint(&key, &free_address());
    let address: std::net::SocketAddr = stage.world.a.address.parse().unwrap();
    let victim = stage.victim();
    let result = stage
        .runtime
        .block_on(endpoint.connect(address, victim, Duration::from_secs(5)));
    let error = result.err().expect("a stranger is not admitted");
    assert!(
        !matches!(error, ConnectError::Unreachable { .. }),
        "{error}"
    );
    stage.anna_is_well();
}

#[test]
fn a_responder_that_drops_a_canary_is_found_out_by_the_requester() {
    let mut stage = Stage::new();
    // Anna asks; the test listens at bert's address and answers.
    let key = Arc::new(NodeKey::load(&stage.world.b.dir.join("node.key")).unwrap());
    let endpoint = stage.endpoint(&key, &stage.world.b.address);
    let bert = std::thread::scope(|scope| {
        let answering = scope.spawn(|| stage.runtime.block_on(answer_badly(&endpoint, &key)));
        let ran = stage.world.a.query(COUNT).expect(7);
        assert_eq!(
            ran.json()["reason"],
            json!("canary_missing"),
            "{}",
            ran.stdout
        );
        answering.join().unwrap()
    });
    assert_eq!(bert, Code::CanaryMissing);
    drop(endpoint);
    stage.anna_is_well();
}

/// Answers one job as Sender. Everything is right except the reply, which consists of its own
/// points.
async fn answer_badly(endpoint: &Endpoint, key: &NodeKey) -> Code {
    let ((mut send, mut receive), spec) = answer_until_match(endpoint, key).await;
    let (key, tags, points) = own_lists(&spec);
    send.control(&Control::SenderKey {
        match_index: 0,
        point: key,
    })
    .await
    .unwrap();
    let header = |list| RowsHeader {
        list,
        match_index: 0,
        part: 0,
    };
    let tags = code(usize::from(spec.tag_bytes), &tags);
    send.rows(header(ListId::Tags), &tags).await.unwrap();
    let points = code(32, &points);
    send.rows(header(ListId::Evaluated), &points).await.unwrap();
    ending(&mut receive).await
}
