//! Two nodes in one process, over loopback: both sides of a job from the question to its closed entry,
//! and what is left on both when there is none.

use std::sync::Arc;
use std::time::Duration;

use psi_core::Code;
use psi_core::dp::Amount;
use psi_core::receipt::log::{Append, OwnOpening, StoredEntry};
use psi_core::receipt::{Body, ClosedStatus, Entry, agreement_text};
use psi_core::spec::{Agreement, Half, JobSpec, Recipients, Shape};
use serde_json::json;
use tempfile::TempDir;

use super::context::fixture;
use super::explain::{FactsSource, explain};
use super::log::chain::Chain;
use super::log::settlements;
use super::outcome::Ended;
use super::{
    Current, Failure, JobContext, JobRequest, Spend, contact, membership, request, standing,
};
use crate::collab::{Collaboration, Member};
use crate::exit::Exit;
use crate::facts_fixture::{agreement, facts};
use crate::identity::NodeKey;
use crate::places::Whose;
use crate::state::{ApprovalState, CollabStanding, JobState, now_unix};

const COUNT: &str = "SELECT COUNT(*) FROM brand.people a JOIN snowy.people b ON a.name = b.name";

/// Brand asks, snowy answers. Brand's key is the smaller one, so it orders the entries.
struct Nodes {
    brand: Arc<JobContext>,
    snowy: Arc<JobContext>,
    collab: Collaboration,
    _folders: [TempDir; 2],
}

/// Both serve a table of ten persons; `of_snowy` is what snowy's says beside its key.
async fn nodes(of_snowy: &str) -> Nodes {
    let mut keys = [NodeKey::generate().unwrap(), NodeKey::generate().unwrap()];
    keys.sort_by_key(NodeKey::id);
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let persons: Vec<String> = (0..10).map(|number| format!("person-{number}")).collect();
    let people = format!("name\n{}\n", persons.join("\n"));
    let mut nodes = Vec::new();
    let sides = ["brand", "snowy"].into_iter().zip(["", of_snowy]);
    for ((name, more), (key, folder)) in sides.zip(keys.into_iter().zip(&folders)) {
        std::fs::write(folder.path().join("people.csv"), &people).unwrap();
        let text = format!(
            "name = \"{name}\"\nlisten = \"127.0.0.1:0\"\n\
             [table.people]\nsource = \"people.csv\"\nminimum = 2\n{more}\n\
             [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nunique = true\n\
             identities = 20\n"
        );
        nodes.push(fixture::context(folder.path(), &text, key).await);
    }
    let [brand, snowy] = <[_; 2]>::try_from(nodes).ok().unwrap();
    let collab = signed("summer", [&brand, &snowy]);
    for node in [&brand, &snowy] {
        node.state.collab_join(&collab).unwrap();
        membership::admit_members(node);
        let node = Arc::clone(node);
        tokio::spawn(async move {
            while let Some(conn) = node.endpoint.accept().await {
                tokio::spawn(super::serve_connection(
                    Current::new(Arc::clone(&node)),
                    conn,
                ));
            }
        });
    }
    Nodes {
        brand,
        snowy,
        collab,
        _folders: folders,
    }
}

/// A collaboration of the two nodes where they listen, with both signatures.
fn signed(name: &str, nodes: [&JobContext; 2]) -> Collaboration {
    let members = nodes.map(|node| Member {
        name: node.config.name.clone(),
        id: node.key.id(),
        address: node.endpoint.local_addr().unwrap().into(),
        may_query: true,
        may_receive: true,
    });
    let mut collab = Collaboration::new(name, members).unwrap();
    for node in nodes {
        let signature = node.key.sign_collab(&collab).unwrap();
        collab.add_signature(&node.config.name, signature).unwrap();
    }
    collab
}

fn asked(sql: &str) -> JobRequest {
    JobRequest {
        collab: "summer".into(),
        sql: sql.into(),
        recipients: Recipients::Requester,
        spend: Spend {
            epsilon: None,
            delta: None,
        },
        output: None,
    }
}

impl Nodes {
    /// Brand asks, and waits for the end.
    async fn ask(&self, sql: &str) -> Ended {
        let job = self.brand.registry.begin(Whose::Owner).unwrap();
        request(Arc::clone(&self.brand), job, asked(sql)).await
    }

    /// What a node's log says; every entry has both signatures.
    fn bodies(&self, node: &JobContext) -> Vec<Body> {
        let entries = node.state.entries(&self.collab.id(), 0, 99).unwrap();
        assert!(entries.iter().all(StoredEntry::is_complete));
        let body = |entry: &[u8]| Entry::decode(entry).unwrap().body;
        entries.iter().map(|stored| body(&stored.entry)).collect()
    }

    /// What both logs say.
    fn log(&self) -> Vec<Body> {
        let bodies = self.bodies(&self.brand);
        assert_eq!(self.bodies(&self.snowy), bodies);
        bodies
    }

    /// A job that brand asks for, as both have signed it, and its opened entry.
    fn opened(&self) -> (JobSpec, Body) {
        let half = |node: &JobContext, nonce: u8| Half {
            node_id: node.key.id(),
            nonce: [nonce; 32].into(),
            facts: facts(&node.config.name, 20, 2),
        };
        let agreement = Agreement {
            revision: self.collab.revision_hash(),
            ..agreement(self.collab.id(), "SELECT COUNT(*)", Shape::count_rows())
        };
        let halves = (half(&self.brand, 1), half(&self.snowy, 2));
        let spec = JobSpec::assemble(agreement, halves.0, halves.1).unwrap();
        let text = agreement_text(&spec.job_id());
        let body = Body::Opened {
            spec: spec.encode(),
            agreements: [&self.brand, &self.snowy].map(|node| node.key.sign(&text)),
            commitments: [[1; 64].into(), [2; 64].into()],
            policies: [[6; 64].into(), [7; 64].into()],
            charges: [Amount::ZERO; 2],
        };
        (spec, body)
    }
}

/// Waits for what a task of a node does behind the answer.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_released_to_who_asked_and_both_logs_hold_the_same_two_entries() {
    let nodes = nodes("").await;
    let ended = nodes.ask(COUNT).await;
    let document = &ended.document;
    assert_eq!(ended.exit, Exit::Released.number(), "{document:?}");
    assert_eq!(document.rows, [[json!(10)]]);
    let log = nodes.log();
    let [
        Body::Opened { spec, .. },
        Body::Closed { job_id, status, .. },
    ] = log.as_slice()
    else {
        panic!("{log:?}")
    };
    assert_eq!(JobSpec::decode(spec).unwrap().job_id(), *job_id);
    assert_eq!(*status, ClosedStatus::Completed);
    assert_eq!(document.job_id, Some(job_id.to_string()));
    for (node, state) in [
        (&nodes.brand, JobState::Released),
        (&nodes.snowy, JobState::Completed),
    ] {
        until(|| node.live.of(&nodes.collab.id()).is_empty()).await;
        until(|| node.state.jobs(9).unwrap()[0].state == state).await;
        assert_eq!(node.state.budget_history(9).unwrap().len(), 1);
    }
    // A receipt of this job tells what the next question to the same table would be.
    let explained = explain(&nodes.brand, &asked(COUNT), false).await.unwrap();
    assert_eq!(explained.peer.facts, FactsSource::EarlierJob);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_the_peers_rules_refuse_is_an_entry_of_both_logs_and_costs_nothing() {
    let nodes = nodes("").await;
    let ended = nodes.ask(&format!("{COUNT} WHERE b.name <> 'x'")).await;
    assert_eq!(ended.exit, Exit::RefusedByPeer.number());
    assert_eq!(
        ended.document.reason.as_deref(),
        Some(Code::FilterNotAllowed.as_str())
    );
    until(|| nodes.bodies(&nodes.snowy).len() == 1).await;
    let log = nodes.log();
    let [
        Body::Refused {
            code, requester, ..
        },
    ] = log.as_slice()
    else {
        panic!("{log:?}")
    };
    assert_eq!(
        (*code, *requester),
        (Code::FilterNotAllowed, nodes.brand.key.id())
    );
    for node in [&nodes.brand, &nodes.snowy] {
        assert!(node.state.budget_history(9).unwrap().is_empty());
        assert_eq!(node.state.notes().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_the_peers_owner_is_for_one_run_of_the_question() {
    let nodes = nodes("approval = \"manual\"").await;
    let state = &nodes.snowy.state;
    let requests = || state.approvals(9, now_unix()).unwrap();
    for times in 1..=2 {
        let ended = nodes.ask(COUNT).await;
        let pending = Some(Code::ApprovalPending.as_str());
        assert_eq!(ended.document.reason.as_deref(), pending);
        let requests = requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(
            (requests[0].state, requests[0].asked),
            (ApprovalState::Pending, times)
        );
    }
    assert!(nodes.log().is_empty(), "a question that waits is no entry");
    let id = requests()[0].id.clone();
    state.approval_decide(&id, Ok(()), now_unix(), 60).unwrap();
    let ended = nodes.ask(COUNT).await;
    assert_eq!(ended.document.rows, [[json!(10)]]);
    let used = state.approval(&id, now_unix()).unwrap();
    assert_eq!(used.state, ApprovalState::Used);
    assert_eq!(used.job_id.map(|id| id.to_string()), ended.document.job_id);
    nodes.ask(COUNT).await;
    assert_eq!(requests().len(), 2, "the next run is another request");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inquiry_brings_the_peers_facts_and_leaves_a_note_with_it_alone() {
    let nodes = nodes("").await;
    let explained = explain(&nodes.brand, &asked(COUNT), true).await.unwrap();
    assert_eq!(explained.peer.facts, FactsSource::Asked);
    assert_eq!(explained.peer.identities, Some(20));
    assert!(nodes.log().is_empty());
    assert_eq!(nodes.snowy.state.notes().unwrap().len(), 1);
    assert!(nodes.brand.state.notes().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_whose_sending_failed_is_settled_and_its_job_closed_on_both_logs() {
    let nodes = nodes("").await;
    let (id, snowy) = (nodes.collab.id(), nodes.snowy.key.id());
    let (spec, body) = nodes.opened();
    let opening = OwnOpening {
        commitment: [2; 64].into(),
        policy: [7; 64].into(),
    };
    let awaits = &nodes.snowy.state;
    awaits.await_opening(&id, &spec.job_id(), &opening).unwrap();
    // Brand stores the entry, and its process ends before it is sent.
    let chain = Chain::new(&nodes.brand, &nodes.collab, snowy);
    let step = chain.with_member(|member| Append::start(member, body.clone()));
    chain
        .store(step.map_err(Failure::from).unwrap().store)
        .unwrap();
    assert!(settlements::is_open(&chain).unwrap());

    let address = nodes.snowy.endpoint.local_addr().unwrap();
    let patience = Duration::from_secs(30);
    let conn = nodes.brand.endpoint.connect(address, snowy, patience).await;
    let conn = conn.unwrap();
    settlements::over(&nodes.brand, &conn, &nodes.collab)
        .await
        .unwrap();
    assert!(!settlements::is_open(&chain).unwrap());
    let log = nodes.log();
    let [opened, Body::Closed { job_id, code, .. }] = log.as_slice() else {
        panic!("{log:?}")
    };
    assert_eq!(*opened, body);
    assert_eq!((*job_id, *code), (spec.job_id(), Some(Code::Interrupted)));
    for node in [&nodes.brand, &nodes.snowy] {
        // Whatever became of it, the job is charged.
        assert_eq!(node.state.budget_history(9).unwrap().len(), 1);
        assert!(node.state.open_jobs(&id).unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_its_owner_cancels_ends_and_leaves_nothing_on_either_log() {
    let nodes = nodes("").await;
    let job = nodes.brand.registry.begin(Whose::Owner).unwrap();
    assert!(nodes.brand.registry.cancel(&job.id));
    let ended = request(Arc::clone(&nodes.brand), job, asked(COUNT)).await;
    assert_eq!(ended.exit, Exit::Interrupted.number());
    assert_eq!(ended.document.reason.as_deref(), Some("cancelled"));
    assert!(nodes.log().is_empty());
    assert_eq!(nodes.brand.registry.running(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_takes_no_part_any_more_asks_nothing_and_admits_nobody_until_it_resumes() {
    let nodes = nodes("").await;
    let snowy = nodes.snowy.key.id();
    standing::change(&nodes.brand, &nodes.collab, CollabStanding::Suspended).unwrap();
    assert!(!nodes.brand.known.is_member(&snowy));
    let ended = nodes.ask(COUNT).await;
    assert_eq!(ended.exit, Exit::BadInput.number());
    assert!(
        nodes.brand.state.jobs(9).unwrap().is_empty(),
        "no job began"
    );
    standing::change(&nodes.brand, &nodes.collab, CollabStanding::InForce).unwrap();
    assert!(nodes.brand.known.is_member(&snowy));
    assert_eq!(nodes.ask(COUNT).await.document.rows, [[json!(10)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_tells_a_member_that_has_joined_from_one_that_has_not() {
    let nodes = nodes("").await;
    let pong = contact::ping(&nodes.brand, "summer").await.unwrap();
    assert!(pong.joined && pong.same_revision);
    assert_eq!((pong.member.as_str(), pong.revision), ("snowy", 1));
    // A document that snowy has signed, and not joined.
    let autumn = signed("autumn", [&nodes.brand, &nodes.snowy]);
    nodes.brand.state.collab_join(&autumn).unwrap();
    match contact::ping(&nodes.brand, "autumn").await {
        Err(Failure::NotJoined { member, collab, .. }) => {
            assert_eq!((member.as_str(), collab.as_str()), ("snowy", "autumn"));
        }
        Err(other) => panic!("{other}"),
        Ok(pong) => panic!("{pong:?}"),
    }
}
