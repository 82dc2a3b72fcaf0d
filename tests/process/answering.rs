//! A member that the test plays by hand where an honest one asks: for [`crate::hostile`] and
//! [`crate::secrets`]. The one that asks by hand is in [`crate::stage`].

use psi_core::dp::Amount;
use psi_core::messages::{Control, Proposal, SettleState};
use psi_core::receipt::{Body, agreement_text};
use psi_core::spec::{Agreement, AskedMode, JobSpec, Party, Recipients, Shape};
use psi_node::identity::{NodeId, NodeKey};
use psi_node::net::Endpoint;

use crate::stage::{Wire, commitment, control, first_entry};

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
                let settled = control(&mut receive).await.unwrap();
                assert_eq!(settled, Control::Settled { live: Vec::new() });
            }
            Control::SettleRequest { collab_id } => {
                let state = SettleState {
                    collab_id,
                    entries: 0,
                    head: [0; 64].into(),
                    signature: None,
                    live: Vec::new(),
                    statement: None,
                };
                send.control(&Control::Settle(state)).await.unwrap();
                control(&mut receive).await.unwrap();
                send.control(&Control::Settled { live: Vec::new() })
                    .await
                    .unwrap();
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
    half.node_id = key.id();
    half.facts.member = "bert".into();
    let agreement = Agreement {
        collab_id: proposal.collab_id,
        revision: proposal.revision,
        query: proposal.query,
        hidden: proposal.hidden,
        shape: Shape::count_rows(),
        recipients: Recipients::Requester,
        mode: AskedMode::Exact,
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
    let Control::Commitment {
        commitment: theirs,
        policy,
        charge,
    } = control(receive).await.unwrap()
    else {
        panic!("no commitment")
    };
    send.control(&commitment([4; 64])).await.unwrap();
    let agreements = [signature, own];
    let body = Body::Opened {
        spec: spec.encode(),
        agreements,
        commitments: [theirs, [4; 64].into()],
        policies: [policy, [0; 64].into()],
        charges: [charge, Amount::ZERO],
    };
    first_entry((send, receive), key, peer, spec.collab_id, body).await;
    spec
}
