//! What a peer gets that asks while something else of it is going on, or too late.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use psi_core::messages::Ping;
use tempfile::TempDir;

use super::*;
use crate::fixture::{signed, unsigned};
use crate::identity::NodeKey;
use crate::job::context::fixture::context;
use crate::job::link::Link;
use crate::net::{Endpoint, Known, NetLimits};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Far longer than any step takes that does not wait for something which never happens.
const PATIENCE: Duration = Duration::from_secs(30);

/// Brand's node in `folder`.
async fn brand(folder: &Path, key: NodeKey) -> Arc<JobContext> {
    let text = "name = \"brand\"\nlisten = \"127.0.0.1:0\"\n";
    context(folder, text, key).await
}

/// Two ends between which streams are opened. Which members they are, a test says.
struct Wire {
    ends: [Endpoint; 2],
    connections: [PeerConnection; 2],
}

impl Wire {
    async fn new() -> Self {
        let keys = [(); 2].map(|()| Arc::new(NodeKey::generate().unwrap()));
        let bind = |key: &Arc<NodeKey>| {
            let known = Known::of(keys.iter().map(|key| (key.id(), LOOPBACK.into())));
            Endpoint::bind(LOOPBACK, key, known, NetLimits::default()).unwrap()
        };
        let ends = [bind(&keys[0]), bind(&keys[1])];
        let there = ends[1].local_addr().unwrap();
        let dialling = ends[0].connect(there, keys[1].id(), PATIENCE);
        let (out, inbound) = tokio::join!(dialling, ends[1].accept());
        Self {
            ends,
            connections: [out.unwrap(), inbound.unwrap()],
        }
    }

    /// A stream on which the asker has sent `question`, and the answerer has read it.
    async fn ask(&self, question: &Control) -> [Link; 2] {
        let [out, inbound] = &self.connections;
        let mut asker = Link::new(out.open_stream().await.unwrap());
        asker.send(question).await.unwrap();
        let mut answerer = Link::new(inbound.accept_stream().await.unwrap());
        assert_eq!(answerer.control().await.unwrap(), *question);
        [asker, answerer]
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for end in &self.ends {
            end.close(Code::Interrupted);
        }
    }
}

fn ping_of(collab: &Collaboration, key: &NodeKey) -> Ping {
    Ping {
        version: PROTOCOL_VERSION,
        collab_id: collab.id(),
        revision: collab.revision_hash(),
        signature: key.sign_collab(collab).unwrap(),
    }
}

#[tokio::test]
async fn a_settlement_in_which_a_peer_is_silent_gives_way_to_its_ping_and_its_question() {
    let (collab, [own, peer]) = signed();
    let folder = TempDir::new().unwrap();
    let ctx = brand(folder.path(), own).await;
    ctx.state.collab_join(&collab).unwrap();
    let wire = Wire::new().await;
    let (id, collab_id, version) = (peer.id(), collab.id(), PROTOCOL_VERSION);
    let ping = ping_of(&collab, &peer);
    for question in [
        Control::Ping(ping),
        Control::AskOffer { version, collab_id },
    ] {
        // What a settlement holds, and lets go of once something waits for the peer.
        let settling = ctx.settle_doors.of(id).await;
        let [mut asker, link] = wire.ask(&question).await;
        let answering = {
            let ctx = Arc::clone(&ctx);
            let question = question.clone();
            tokio::spawn(async move {
                match question {
                    Control::Ping(ping) => answer_ping(&ctx, id, link, ping).await,
                    _ => answer_offer(&ctx, id, link, version, collab_id).await,
                }
            })
        };
        let wanted = tokio::time::timeout(PATIENCE, ctx.chains.wanted(id)).await;
        assert!(wanted.is_ok(), "the settlement is not told: {question:?}");
        drop(settling);
        let answer = asker.control().await.unwrap();
        assert!(
            matches!(answer, Control::Pong(_) | Control::Offered(_)),
            "{answer:?}"
        );
        answering.await.unwrap();
        let nobody = tokio::time::timeout(Duration::from_millis(20), ctx.chains.wanted(id));
        assert!(nobody.await.is_err(), "nothing waits any more");
    }
}

/// An invite to `summer` that brand has accepted.
fn accepted(keys: &[NodeKey; 2], expires_unix: i64) -> AwaitedCollab {
    let mut collab = unsigned("summer", keys);
    let signature = keys[0].sign_collab(&collab).unwrap();
    collab.add_signature("brand", signature).unwrap();
    AwaitedCollab {
        collab,
        reply: String::new(),
        expires_unix,
    }
}

#[tokio::test]
async fn an_inviter_hears_the_same_of_an_invite_that_expired_or_was_taken_back_as_of_none() {
    for (expires_unix, taken_back) in [(1, false), (i64::MAX, true), (i64::MAX, false)] {
        let (_, keys) = signed();
        let awaited = accepted(&keys, expires_unix);
        let collab = awaited.collab.clone();
        let [own, inviter] = keys;
        let folder = TempDir::new().unwrap();
        let ctx = brand(folder.path(), own).await;
        ctx.state.awaited_insert(&awaited).unwrap();
        if taken_back {
            ctx.state.awaited_take_back(&collab.id()).unwrap();
        }
        let in_force = expires_unix == i64::MAX && !taken_back;
        let wire = Wire::new().await;
        let ping = ping_of(&collab, &inviter);
        let [mut asker, link] = wire.ask(&Control::Ping(ping)).await;
        let answering = answer_ping(&ctx, inviter.id(), link, ping);
        let (answer, ()) = tokio::join!(asker.control(), answering);
        match answer.unwrap() {
            Control::Pong(_) => assert!(in_force),
            refused => {
                let code = Code::UnknownCollaboration;
                let recorded = false;
                assert_eq!(refused, Control::Refuse { code, recorded });
                assert!(!in_force);
            }
        }
        let joined = ctx.state.collab_by_id(&collab.id()).unwrap();
        assert_eq!(joined.is_some(), in_force);
    }
}

#[tokio::test]
async fn nobody_is_dialled_for_an_invite_that_has_expired_and_the_owner_is_told() {
    let (_, keys) = signed();
    let awaited = accepted(&keys, 1);
    let [own, _] = keys;
    let folder = TempDir::new().unwrap();
    let ctx = brand(folder.path(), own).await;
    ctx.state.awaited_insert(&awaited).unwrap();
    let failure = ping(&ctx, "summer").await.unwrap_err();
    assert!(
        matches!(&failure, Failure::Input { what, remedy }
            if what.contains("was valid until 1970-01-01") && remedy.contains("--for-good")),
        "{failure:?}"
    );
}
