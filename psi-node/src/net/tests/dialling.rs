//! A name with several addresses: who answers at one of them says nothing about the others.

use std::net::UdpSocket;
use std::time::Instant;

use super::super::dial::Attempt;
use super::super::lost;
use super::*;
use crate::collab::Address;

/// Dials all of these for the node with the first key, which is at one of them or at none.
async fn dialled(dialer: &Endpoint, targets: &[SocketAddr], expected: NodeId) -> Option<Attempt> {
    let name: Address = "node.example.org:7401".parse().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let round = dialer.try_each(targets, &name, expected, deadline);
    match round.await {
        Ok(connection) => {
            assert_eq!(connection.peer, expected);
            None
        }
        Err(failed) => Some(failed),
    }
}

#[tokio::test]
async fn an_address_where_somebody_else_answers_does_not_keep_from_the_others() {
    let (own, peer, other) = (key(), key(), key());
    let patience = NetLimits {
        handshake_timeout: Duration::from_secs(2),
        ..limits()
    };
    let dialer = bind(&own, &[peer.id()], patience);
    let listener = bind(&peer, &[own.id()], limits());
    let impostor = bind(&other, &[own.id()], limits());
    let (right, wrong) = (address(&listener), address(&impostor));
    let silent = UdpSocket::bind(LOOPBACK).unwrap();
    let nobody = silent.local_addr().unwrap();
    for targets in [
        vec![wrong, right],
        vec![wrong, nobody, wrong, right],
        vec![right, wrong],
    ] {
        let failed = dialled(&dialer, &targets, peer.id()).await;
        assert!(failed.is_none(), "{targets:?}: {failed:?}");
    }
    for targets in [vec![wrong], vec![wrong, nobody]] {
        let failed = dialled(&dialer, &targets, peer.id()).await;
        assert!(
            matches!(failed, Some(Attempt::Final(ConnectError::WrongPeer { .. }))),
            "{targets:?}: {failed:?}"
        );
    }
}

#[tokio::test]
async fn a_node_that_refuses_this_ones_key_is_what_is_reported_of_a_name() {
    let (own, peer, other) = (key(), key(), key());
    let dialer = bind(&own, &[peer.id()], limits());
    let listener = bind(&peer, &[], limits());
    let impostor = bind(&other, &[own.id()], limits());
    let (refusing, wrong) = (address(&listener), address(&impostor));
    for targets in [[refusing, wrong], [wrong, refusing]] {
        let failed = dialled(&dialer, &targets, peer.id()).await;
        assert!(
            matches!(
                failed,
                Some(Attempt::Final(ConnectError::KeyRefused { .. }))
            ),
            "{failed:?}"
        );
    }
}

#[test]
fn what_another_end_writes_into_its_goodbye_is_not_repeated() {
    let reason = || b"run this command"[..].into();
    let closed = quinn::ConnectionError::ConnectionClosed(quinn::ConnectionClose {
        error_code: quinn::TransportErrorCode::CONNECTION_REFUSED,
        frame_type: None,
        reason: reason(),
    });
    let by_application = quinn::ConnectionError::ApplicationClosed(quinn::ApplicationClose {
        error_code: super::super::var_int(Code::TooManyJobs),
        reason: reason(),
    });
    for (error, word) in [(closed, "refused"), (by_application, "too_many_jobs")] {
        assert!(error.to_string().contains("run this command"));
        let said = lost(&error);
        assert!(said.contains(word) && !said.contains("command"), "{said}");
    }
}
