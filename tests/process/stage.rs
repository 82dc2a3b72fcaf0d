//! A victim, an honest third, and a member that the test plays by hand over real QUIC: for
//! [`crate::hostile`] and its fellows.

mod lists;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use psi_core::Code;
use psi_core::dp::Amount;
use psi_core::facts::{PrivacyFacts, TableFacts, ValueFacts};
use psi_core::identifier::IdentifierKind;
use psi_core::messages::{Control, Proposal};
use psi_core::receipt::{Body, Signature, agreement_text};
use psi_core::spec::{
    Agreement, AskedMode, CollabId, Half, JobSpec, PROTOCOL_VERSION, Party, Recipients,
    RevisionHash, Shape,
};
use psi_node::identity::{NodeId, NodeKey, parse_node_id};
use psi_node::net::{
    Endpoint, Frame, FrameReceiver, FrameSender, Known, NetError, NetLimits, PeerConnection,
};
use serde_json::{Value, json};

use crate::harness::{
    Node, World, eventually, free_address, people, people_csv, people_table, psi_node,
};

pub(crate) use lists::{blinded, code, first_entry, own_lists};

pub(crate) const PEOPLE: u64 = 100;

/// The world of one test: anna is the victim, bert's daemon never runs because the test plays him,
/// carl is an honest third.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) carl: Node,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let table = people_table("text", PEOPLE, 1, "");
        Self::with(&table, &people_csv(&people(0..100)))
    }

    /// On which anna has these settings in her configuration.
    pub(crate) fn configured(settings: &str) -> Self {
        Self::configured_with(settings, "")
    }

    /// The same with `more` in everybody's table.
    pub(crate) fn configured_with(settings: &str, more: &str) -> Self {
        let table = people_table("text", PEOPLE, 1, more);
        let world = World::new(&table, &table);
        world.a.configure(settings, &table);
        Self::of(world, &table, &people_csv(&people(0..100)))
    }

    /// With this table `people` at each of the three, over this file.
    pub(crate) fn with(table: &str, csv: &str) -> Self {
        Self::of(World::new(table, table), table, csv)
    }

    /// [`Self::with`] for nodes that have joined their collaboration; the third joins one of its
    /// own with anna.
    pub(crate) fn of(mut world: World, table: &str, csv: &str) -> Self {
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

    /// Waits until anna runs no job any more.
    #[track_caller]
    pub(crate) fn idle(&self) {
        eventually("anna has given the job up", || {
            let listed = self.world.a.run(&["jobs", "list", "--format", "json"]);
            !listed.expect(0).stdout.contains("\"running\"")
        });
    }

    /// Anna's debits, the newest first: what became of the amount, and whether the job is a run.
    pub(crate) fn debits(&self) -> Vec<(String, String)> {
        let ran = self.world.a.run(&["budget", "history", "--format", "json"]);
        let debits = ran.expect(0).json();
        let text = |debit: &Value, field: &str| debit[field].as_str().unwrap().to_owned();
        let debits = debits.as_array().unwrap().iter();
        debits
            .map(|debit| (text(debit, "state"), text(debit, "run")))
            .collect()
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

    pub(crate) fn victim(&self) -> NodeId {
        parse_node_id(&self.world.a.id()).unwrap()
    }

    pub(crate) fn endpoint(&self, key: &Arc<NodeKey>, listen: &str) -> Endpoint {
        let _runtime = self.runtime.enter();
        // Far more than anna's, so that it is she who gives up.
        let limits = NetLimits::with_peer_timeout(Duration::from_mins(2));
        let listen: SocketAddr = listen.parse().unwrap();
        let known = Known::of([(self.victim(), listen.into())]);
        Endpoint::bind(listen, key, known, limits).unwrap()
    }

    pub(crate) fn bert(&self) -> Bert {
        self.bert_asking(Asking::new(QUERY, Shape::count_rows()))
    }

    /// A bert who will propose this.
    pub(crate) fn bert_asking(&self, asking: Asking) -> Bert {
        let key = Arc::new(NodeKey::load(&self.world.b.dir.join("node.key")).unwrap());
        let endpoint = self.endpoint(&key, &free_address());
        let address: SocketAddr = self.world.a.address.parse().unwrap();
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
            asking,
            _endpoint: endpoint,
        }
    }
}

/// What bert proposes, as an honest node would of the same table.
pub(crate) struct Asking {
    query: &'static str,
    shape: Shape,
    pub(crate) mode: AskedMode,
    pub(crate) recipients: Recipients,
    pub(crate) values: Vec<ValueFacts>,
}

impl Asking {
    pub(crate) const fn new(query: &'static str, shape: Shape) -> Self {
        Self {
            query,
            shape,
            mode: AskedMode::Exact,
            recipients: Recipients::Requester,
            values: Vec::new(),
        }
    }
}

impl Asking {
    /// What bert's table would declare for noise, if he asks for some.
    fn privacy(&self) -> Option<PrivacyFacts> {
        (self.mode != AskedMode::Exact).then_some(PrivacyFacts {
            sizes_configured: true,
            max_rows_per_identity: None,
            max_groups_per_identity: 1,
            epsilon_max: 1_000_000,
            delta_max: u64::MAX,
        })
    }
}

/// A member that speaks the protocol by hand.
pub(crate) struct Bert {
    pub(crate) key: Arc<NodeKey>,
    conn: PeerConnection,
    pub(crate) collab_id: CollabId,
    revision: RevisionHash,
    pub(crate) victim: NodeId,
    asking: Asking,
    _endpoint: Endpoint,
}

pub(crate) type Wire = (FrameSender, FrameReceiver);

impl Bert {
    pub(crate) async fn open(&self) -> Wire {
        self.conn.open_stream().await.unwrap().split()
    }

    pub(crate) fn half(&self) -> Half {
        let facts = TableFacts {
            member: "bert".into(),
            table: "people".into(),
            key_columns: vec!["name".into()],
            key_kinds: vec![IdentifierKind::Text],
            key_unique: true,
            identities: PEOPLE,
            minimum: 1,
            prefer_receiver: true,
            owner_may_receive: self.asking.recipients == Recipients::Both,
            result_to_both: true,
            rows_bound: 1,
            groups: Vec::new(),
            values: self.asking.values.clone(),
            privacy: self.asking.privacy(),
        };
        Half {
            node_id: self.key.id(),
            nonce: [9; 32].into(),
            facts,
        }
    }

    pub(crate) fn proposal(&self) -> Proposal {
        Proposal {
            version: PROTOCOL_VERSION,
            collab_id: self.collab_id,
            revision: self.revision,
            query: self.asking.query.into(),
            hidden: Vec::new(),
            recipients: self.asking.recipients,
            mode: self.asking.mode,
            half: self.half(),
        }
    }

    /// Proposes honestly, and returns what anna says to it.
    pub(crate) async fn propose(&self, (send, receive): &mut Wire) -> Control {
        send.control(&Control::Propose(self.proposal()))
            .await
            .unwrap();
        control(receive).await.unwrap()
    }

    /// The specification that follows from anna's half.
    pub(crate) fn spec(&self, half: Half) -> JobSpec {
        let agreement = Agreement {
            collab_id: self.collab_id,
            revision: self.revision,
            query: self.asking.query.into(),
            hidden: Vec::new(),
            shape: self.asking.shape.clone(),
            recipients: self.asking.recipients,
            mode: self.asking.mode,
            requester_may_receive: true,
            responder_may_receive: true,
        };
        JobSpec::assemble(agreement, self.half(), half).unwrap()
    }

    /// Proposes honestly and signs what follows from anna's answer.
    pub(crate) async fn agree(&self, wire: &mut Wire) -> (JobSpec, [Signature; 2]) {
        let answer = self.propose(wire).await;
        let Control::Accept { half, signature } = answer else {
            panic!("anna does not accept: {answer:?}");
        };
        let (send, _) = wire;
        let spec = self.spec(half);
        let own = self.key.sign(&agreement_text(&spec.job_id()));
        send.control(&Control::Agree { signature: own })
            .await
            .unwrap();
        (spec, [own, signature])
    }

    /// Goes on honestly until anna has read her rows, and then breaks off. Returns bert's signature
    /// over the job.
    pub(crate) async fn agree_and_break_off(&self) -> Signature {
        let mut wire = self.open().await;
        let (_, [own, _]) = self.agree(&mut wire).await;
        let message = control(&mut wire.1).await.unwrap();
        assert!(matches!(message, Control::Commitment { .. }), "{message:?}");
        own
    }

    /// Goes on honestly until both have committed; returns what an opened entry would say.
    pub(crate) async fn commit(&self, wire: &mut Wire) -> (JobSpec, Body) {
        let (spec, agreements) = self.agree(wire).await;
        let (send, receive) = wire;
        let (mut message, mut own_charge) = (commitment([3; 64]), Amount::ZERO);
        if let Some(debit) = spec.debit(Party::Requester)
            && let Control::Commitment { charge, .. } = &mut message
        {
            *charge = debit;
            own_charge = debit;
        }
        send.control(&message).await.unwrap();
        let Control::Commitment {
            commitment: theirs,
            policy,
            charge,
        } = control(receive).await.unwrap()
        else {
            panic!("no commitment");
        };
        let commitments = [[3; 64].into(), theirs];
        let body = Body::Opened {
            spec: spec.encode(),
            agreements,
            commitments,
            policies: [[0; 64].into(), policy],
            charges: [own_charge, charge],
        };
        (spec, body)
    }

    /// Goes on honestly until the opened entry bears both signatures.
    pub(crate) async fn open_job(&self, wire: &mut Wire) -> JobSpec {
        let (spec, body) = self.commit(wire).await;
        let (send, receive) = wire;
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

/// What the impostor puts on the opened entry.
pub(crate) fn commitment(commitment: [u8; 64]) -> Control {
    Control::Commitment {
        commitment: commitment.into(),
        policy: [0; 64].into(),
        charge: Amount::ZERO,
    }
}

pub(crate) const QUERY: &str =
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
            Ok(Control::Abort(code) | Control::Refuse { code, .. }) => return code,
            Ok(_) => {}
            Err(error) => return error.code(),
        }
    }
}
