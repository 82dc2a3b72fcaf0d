//! A peer that joined honestly and then breaks the protocol, over real QUIC: every defect ends in
//! its documented code, the node lives, and its job with another member is unharmed.
//!
//! The defects of single lists are files in `psi-core/testdata/hostile`, fed to the sessions there;
//! here are those that need a real node behind them.

use std::sync::Arc;
use std::time::Duration;

use psi_core::Code;
use psi_core::facts::TableFacts;
use psi_core::identifier::IdentifierKind;
use psi_core::kernel::Kernel as _;
use psi_core::kernel::portable::Portable;
use psi_core::list::{RecordCodec as _, Rice};
use psi_core::messages::frame::{ListId, RowsHeader};
use psi_core::messages::{Control, EntryMessage, Proposal, SettleState};
use psi_core::receipt::{Body, Entry, agreement_text, entry_hash, signing_text};
use psi_core::seed::{JobSeed, Purpose};
use psi_core::spec::{Agreement, Half, JobSpec, PROTOCOL_VERSION, Party, Recipients, Shape};
use psi_node::identity::{NodeId, NodeKey};
use psi_node::net::{
    ConnectError, Endpoint, Frame, FrameReceiver, FrameSender, NetError, NetLimits, PeerConnection,
};
use serde_json::json;

use crate::harness::{
    COUNT, Node, World, free_address, people, people_csv, people_table, psi_node,
};

pub(crate) const PEOPLE: u64 = 100;

/// The world of one test: anna is the victim, bert's daemon never runs because the test plays him,
/// carl is an honest third.
pub(crate) struct Stage {
    pub(crate) world: World,
    carl: Node,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let table = people_table("text", PEOPLE, 1, "");
        Self::with(&table, &people_csv(&people(0..100)))
    }

    /// With this table `people` at each of the three, over this file.
    pub(crate) fn with(table: &str, csv: &str) -> Self {
        let mut world = World::new(table, table);
        let mut carl = Node::init(world.dir.path(), "carl", table);
        for node in [&world.a, &world.b, &carl] {
            node.write("people.csv", csv);
        }
        let file = world.dir.path().join("other.toml");
        let file = file.to_str().unwrap();
        let member = |node: &Node| format!("{}={}@{}", node.name, node.id(), node.address);
        let (anna, third) = (member(&world.a), member(&carl));
        let new = [
            "collab", "new", "--name", "other", "--member", &anna, "--member", &third,
        ];
        psi_node(&[&new[..], &["-o", file]].concat()).expect(0);
        for step in ["sign", "join"] {
            for node in [&world.a, &carl] {
                node.run(&["collab", step, file]).expect(0);
            }
        }
        world.a.serve();
        carl.serve();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Self {
            world,
            carl,
            runtime,
        }
    }

    /// Anna answers carl as if nothing had happened.
    #[track_caller]
    pub(crate) fn anna_is_well(&mut self) {
        assert!(self.world.a.is_running(), "{}", self.world.a.log());
        let sql = "SELECT COUNT(*) FROM carl.people c JOIN anna.people a ON c.name = a.name";
        let ran = self
            .carl
            .run(&["query", "--collab", "other", "--format", "json", sql]);
        assert_eq!(ran.expect(0).json()["rows"], json!([[PEOPLE]]));
        let log = self.world.a.log();
        assert!(!log.contains("panicked"), "{log}");
    }

    fn victim(&self) -> NodeId {
        self.world.a.id().parse().unwrap()
    }

    pub(crate) fn endpoint(&self, key: &Arc<NodeKey>, listen: &str) -> Endpoint {
        let _runtime = self.runtime.enter();
        let limits = NetLimits::with_peer_timeout(Duration::from_secs(20));
        Endpoint::bind(listen.parse().unwrap(), key, Arc::new(|_| true), limits).unwrap()
    }

    pub(crate) fn bert(&self) -> Bert {
        self.bert_asking(QUERY, Shape::count_rows())
    }

    /// A bert who will propose this query.
    pub(crate) fn bert_asking(&self, query: &'static str, shape: Shape) -> Bert {
        let key = Arc::new(NodeKey::load(&self.world.b.dir.join("node.key")).unwrap());
        let endpoint = self.endpoint(&key, &free_address());
        let address = self.world.a.address.parse().unwrap();
        let connecting = endpoint.connect(address, self.victim(), Duration::from_secs(20));
        let conn = self.runtime.block_on(connecting).unwrap();
        let file = self.world.collab_file();
        let (collab, _) =
            psi_node::collab::Collaboration::read(std::path::Path::new(&file)).unwrap();
        Bert {
            key,
            conn,
            collab_id: collab.id(),
            revision: collab.revision_hash(),
            victim: self.victim(),
            query,
            shape,
            _endpoint: endpoint,
        }
    }
}

/// A member that speaks the protocol by hand.
pub(crate) struct Bert {
    key: Arc<NodeKey>,
    conn: PeerConnection,
    collab_id: [u8; 32],
    revision: [u8; 32],
    victim: NodeId,
    query: &'static str,
    shape: Shape,
    _endpoint: Endpoint,
}

pub(crate) type Wire = (FrameSender, FrameReceiver);

impl Bert {
    pub(crate) async fn open(&self) -> Wire {
        self.conn.open_stream().await.unwrap().split()
    }

    fn half(&self) -> Half {
        let facts = TableFacts {
            member: "bert".into(),
            table: "people".into(),
            key_columns: vec!["name".into()],
            key_kinds: vec![IdentifierKind::Text],
            key_unique: true,
            identities: PEOPLE,
            minimum: 1,
            prefer_receiver: true,
            owner_may_receive: false,
            result_to_both: true,
            rows_bound: 1,
            groups: Vec::new(),
            values: Vec::new(),
        };
        Half {
            node_id: self.key.id().0,
            nonce: [9; 32],
            facts,
        }
    }

    fn proposal(&self) -> Proposal {
        Proposal {
            version: PROTOCOL_VERSION,
            collab_id: self.collab_id,
            revision: self.revision,
            query: self.query.into(),
            hidden: Vec::new(),
            recipients: Recipients::Requester,
            half: self.half(),
        }
    }

    /// Proposes honestly and derives the specification from anna's answer.
    async fn agree(&self, (send, receive): &mut Wire) -> (JobSpec, [[u8; 64]; 2]) {
        send.control(&Control::Propose(self.proposal()))
            .await
            .unwrap();
        let Control::Accept { half, signature } = control(receive).await.unwrap() else {
            panic!("anna does not accept");
        };
        let agreement = Agreement {
            collab_id: self.collab_id,
            revision: self.revision,
            query: self.query.into(),
            hidden: Vec::new(),
            shape: self.shape.clone(),
            recipients: Recipients::Requester,
            requester_may_receive: true,
            responder_may_receive: true,
        };
        let spec = JobSpec::assemble(agreement, self.half(), half).unwrap();
        assert_eq!(spec.receiver, Party::Requester);
        let own = self.key.sign(&agreement_text(&spec.job_id()));
        send.control(&Control::Agree { signature: own })
            .await
            .unwrap();
        (spec, [own, signature])
    }

    /// Goes on honestly until the opened entry bears both signatures.
    pub(crate) async fn open_job(&self, wire: &mut Wire) -> JobSpec {
        let (spec, agreements) = self.agree(wire).await;
        let (send, receive) = wire;
        send.control(&Control::Commitment([3; 64])).await.unwrap();
        let Control::Commitment(theirs) = control(receive).await.unwrap() else {
            panic!("no commitment");
        };
        let commitments = [[3; 64], theirs];
        let body = Body::Opened {
            spec: spec.encode(),
            agreements,
            commitments,
        };
        first_entry(
            (send, receive),
            &self.key,
            self.victim,
            self.collab_id,
            body,
        )
        .await;
        spec
    }
}

const QUERY: &str =
    "SELECT COUNT(*) FROM bert.people JOIN anna.people ON bert.people.name = anna.people.name";

pub(crate) async fn control(receive: &mut FrameReceiver) -> Result<Control, NetError> {
    loop {
        if let Frame::Control(message) = receive.next().await? {
            return Ok(message);
        }
    }
}

/// The code with which anna ends the stream, whatever she sends before.
pub(crate) async fn ending(receive: &mut FrameReceiver) -> Code {
    loop {
        match control(receive).await {
            Ok(Control::Abort(code) | Control::Refuse(code)) => return code,
            Ok(_) => {}
            Err(error) => return error.code(),
        }
    }
}

pub(crate) const fn blinded() -> RowsHeader {
    RowsHeader {
        list: ListId::Blinded,
        match_index: 0,
        part: 0,
    }
}

/// What a peer changes in an honest proposal.
type Tamper = Box<dyn Fn(&mut Proposal)>;

#[test]
fn first_messages_that_may_not_be_sent_are_refused_by_their_codes() {
    let mut stage = Stage::new();
    let bert = stage.bert();
    let tamper: Vec<(Code, Tamper)> = vec![
        (Code::VersionUnsupported, Box::new(|p| p.version = 2)),
        (
            Code::UnknownCollaboration,
            Box::new(|p| p.collab_id = [8; 32]),
        ),
        (Code::RevisionDiffers, Box::new(|p| p.revision = [8; 32])),
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
            Box::new(|p| p.hidden = vec![[0; 64]]),
        ),
        (Code::SpecMismatch, Box::new(|p| p.half.node_id = [1; 32])),
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
            Control::Settled,
            Control::Commitment([0; 64]),
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
                send.control(&Control::Countersign { signature: [0; 64] })
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
        (Code::MalformedMessage, Box::new(|p| p.half.nonce = [1; 32])),
        (
            Code::MalformedMessage,
            Box::new(|p| p.hidden = vec![[1; 64]]),
        ),
        (Code::VersionUnsupported, Box::new(|p| p.version = 2)),
        (Code::RevisionDiffers, Box::new(|p| p.revision = [8; 32])),
        (
            Code::QueryNotAccepted,
            Box::new(|p| p.query = "(".repeat(16_000)),
        ),
        (Code::SpecMismatch, Box::new(|p| p.half.node_id = [1; 32])),
        (
            Code::RecipientNotAllowed,
            Box::new(|p| p.recipients = Recipients::Both),
        ),
    ];
    stage.runtime.block_on(async {
        let inquiry = || {
            let mut proposal = bert.proposal();
            proposal.half.nonce = [0; 32];
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
        send.control(&Control::Agree { signature: [5; 64] })
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

/// The code of ascending records.
pub(crate) fn code(width: usize, records: &[u8]) -> Vec<u8> {
    let count = (records.len() / width) as u64;
    let mut encoder = Rice.encoder(width, count).unwrap();
    let mut bytes = Vec::new();
    encoder.encode(records, &mut bytes).unwrap();
    encoder.finish(&mut bytes).unwrap();
    bytes
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
    let address = stage.world.a.address.parse().unwrap();
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

/// Answers one job as Sender: all right but for the reply, which is of points of its own.
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

/// A valid key, ascending tags, and as many valid points as the reply has: no canary is among
/// them.
pub(crate) fn own_lists(spec: &JobSpec) -> ([u8; 32], Vec<u8>, Vec<u8>) {
    let mut stream = JobSeed::new([6; 32]).stream(Purpose::Filler, 0, 0);
    let scalars: Vec<_> = (0..=spec.receiver_size())
        .map(|_| stream.scalar())
        .collect();
    let mut points = vec![[0; 32]; scalars.len()];
    Portable.base_mul_encode(&scalars, &mut points);
    let key = points.pop().unwrap();
    points.sort_unstable();
    let width = usize::from(spec.tag_bytes);
    let tags = (0..u32::try_from(spec.sender_size).unwrap()).flat_map(|n| {
        let mut tag = vec![0; width];
        tag[width - 4..].copy_from_slice(&n.to_be_bytes());
        tag
    });
    (key, tags.collect(), points.as_flattened().to_vec())
}

/// Accepts anna's connection, settles two empty logs, and answers her job honestly until it is
/// opened on both sides.
pub(crate) async fn answer_until_match(endpoint: &Endpoint, key: &NodeKey) -> (Wire, JobSpec) {
    let conn = endpoint.accept().await.unwrap();
    loop {
        let (mut send, mut receive) = conn.accept_stream().await.unwrap().split();
        match control(&mut receive).await.unwrap() {
            Control::Propose(proposal) => {
                let mut wire = (send, receive);
                let spec = answer_job(&mut wire, key, conn.peer, proposal).await;
                // The connection stays open for as long as the test needs it.
                std::mem::forget(conn);
                return (wire, spec);
            }
            Control::Settle(mut state) => {
                state.live.clear();
                send.control(&Control::Settle(state)).await.unwrap();
                assert_eq!(control(&mut receive).await.unwrap(), Control::Settled);
            }
            Control::SettleRequest { collab_id } => {
                let state = SettleState {
                    collab_id,
                    entries: 0,
                    head: [0; 64],
                    signature: None,
                    live: Vec::new(),
                    statement: None,
                };
                send.control(&Control::Settle(state)).await.unwrap();
                control(&mut receive).await.unwrap();
                send.control(&Control::Settled).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
        send.finish();
        send.delivered().await;
    }
}

async fn answer_job(
    (send, receive): &mut Wire,
    key: &NodeKey,
    peer: NodeId,
    proposal: Proposal,
) -> JobSpec {
    let mut half = proposal.half.clone();
    half.node_id = key.id().0;
    half.facts.member = "bert".into();
    let agreement = Agreement {
        collab_id: proposal.collab_id,
        revision: proposal.revision,
        query: proposal.query,
        hidden: proposal.hidden,
        shape: Shape::count_rows(),
        recipients: Recipients::Requester,
        requester_may_receive: true,
        responder_may_receive: true,
    };
    let spec = JobSpec::assemble(agreement, proposal.half, half.clone()).unwrap();
    assert_eq!(spec.receiver, Party::Requester);
    let own = key.sign(&agreement_text(&spec.job_id()));
    send.control(&Control::Accept {
        half,
        signature: own,
    })
    .await
    .unwrap();
    let Control::Agree { signature } = control(receive).await.unwrap() else {
        panic!("no Agree")
    };
    let Control::Commitment(theirs) = control(receive).await.unwrap() else {
        panic!("no commitment")
    };
    send.control(&Control::Commitment([4; 64])).await.unwrap();
    let agreements = [signature, own];
    let body = Body::Opened {
        spec: spec.encode(),
        agreements,
        commitments: [theirs, [4; 64]],
    };
    first_entry((send, receive), key, peer, spec.collab_id, body).await;
    spec
}

/// Puts the first entry on both logs, whichever side sequences.
async fn first_entry(
    (send, receive): (&mut FrameSender, &mut FrameReceiver),
    key: &NodeKey,
    peer: NodeId,
    collab_id: [u8; 32],
    body: Body,
) {
    let sign = |entry: &[u8]| key.sign(&signing_text(&entry_hash(entry)));
    if key.id().0 < peer.0 {
        let entry = Entry {
            collab_id,
            seq: 0,
            previous: [0; 64],
            body,
        }
        .encode();
        let signatures = [Some(sign(&entry)), None];
        send.control(&Control::Entry(EntryMessage { entry, signatures }))
            .await
            .unwrap();
        let answer = control(receive).await.unwrap();
        assert!(matches!(answer, Control::Countersign { .. }), "{answer:?}");
    } else {
        let Control::Entry(message) = control(receive).await.unwrap() else {
            panic!("no entry")
        };
        let signature = sign(&message.entry);
        send.control(&Control::Countersign { signature })
            .await
            .unwrap();
    }
}
